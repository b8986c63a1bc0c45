"""Holding requests to the SDK's own types, which Anthropic generates from its API: the independent second opinion.

The types describe what callers may pass: sequences of any kind, and objects with fields the SDK would send along.
The API takes lists and refuses fields it does not know, so that is how the types are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.testing import require

if TYPE_CHECKING:
    from pydantic_core import ValidationError

__all__ = ["SdkTypes"]


class SdkTypes:
    """Validators made of the SDK's parameter types, each on first use; the SDK takes a second to import."""

    def __init__(self) -> None:
        self._validators: dict[tuple[str, bool], Any] = {}

    def check(self, kind: str, body: Mapping[str, Any], *, beta: bool) -> None:
        """Reject a body that does not fit ``kind``: ``create``, ``stream`` or ``count``; or its ``beta`` form."""
        from pydantic_core import ValidationError, to_json

        key = (kind, beta)
        if key not in self._validators:
            self._validators[key] = _make_validator(kind, beta=beta)
        problem = None
        try:
            self._validators[key].validate_json(to_json(body), strict=True)
        except ValidationError as error:
            problem = _explain(error)
        require(problem is None, f"{problem} (by the SDK's types)")


def _explain(error: ValidationError) -> str:
    """The one of many ways not to fit that got furthest: of the kinds in a union, that is the one meant."""
    found = max(error.errors(include_url=False), key=lambda one: len(one["loc"]))
    place = ".".join(str(step) for step in found["loc"] if not str(step).startswith(("list[", "union[")))
    return f"{place}: {found['msg']}"


def _make_validator(kind: str, *, beta: bool) -> Any:
    import pydantic
    from pydantic_core import SchemaValidator

    schema: Any = pydantic.TypeAdapter(_params(kind, beta=beta)).core_schema
    models = {entry["ref"] for entry in schema["definitions"] if entry["type"] == "model"}
    # Nothing refers to these any longer, once they have left the unions.
    kept = [entry for entry in schema["definitions"] if entry["ref"] not in models]
    return SchemaValidator(_strict({**schema, "definitions": kept}, models))


def _params(kind: str, *, beta: bool) -> Any:
    if beta:
        from anthropic.types.beta import message_count_tokens_params as count
        from anthropic.types.beta import message_create_params as create
    else:
        from anthropic.types import message_count_tokens_params as count  # type: ignore[no-redef]
        from anthropic.types import message_create_params as create  # type: ignore[no-redef]
    return {
        "create": create.MessageCreateParamsNonStreaming,
        "stream": create.MessageCreateParamsStreaming,
        "count": count.MessageCountTokensParams,
    }[kind]


def _strict(node: Any, models: set[str]) -> Any:
    """A schema in which sequences are lists, objects are closed, and objects of the SDK's do not count as JSON."""
    if isinstance(node, (list, tuple)):
        return type(node)(_strict(child, models) for child in node)
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value, models) for key, value in node.items()}
    kind = strict.get("type")
    if kind == "generator":
        strict["type"] = "list"
    elif kind == "typed-dict" and not _is_open(strict):
        strict["extra_behavior"] = "forbid"
    elif kind == "union":
        strict["choices"] = [choice for choice in strict["choices"] if not _is_model(choice, models)]
    return strict


def _is_open(schema: Any) -> bool:
    """Whether the SDK says itself that an object may have further fields, as JSON Schemas do."""
    configured = schema.get("config", {}).get("extra_fields_behavior")
    return "allow" in (configured, schema.get("extra_behavior")) or "extras_schema" in schema


def _is_model(choice: Any, models: set[str]) -> bool:
    schema = choice[0] if isinstance(choice, tuple) else choice
    if schema["type"] == "union":
        return not schema["choices"]
    return schema["type"] == "model" or schema.get("schema_ref") in models
