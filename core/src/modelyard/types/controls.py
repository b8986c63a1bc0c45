"""Controls of a request beside messages and tools: reasoning, the form of the answer, prompt caching."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import Field, field_validator, model_validator

from modelyard.types.base import Frozen, JsonObject
from modelyard.types.schema_check import check_schema

__all__ = ["Cache", "Effort", "OutputFormat", "ReasoningOptions", "Verbosity", "nearest_effort"]

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity: TypeAlias = Literal["low", "medium", "high"]
Cache: TypeAlias = bool | Literal["5m", "30m", "1h", "12h"]
"""A prompt-cache marker: ``True`` for the provider's usual lifetime, or the lifetime wanted."""


class ReasoningOptions(Frozen):
    """Options on how much a model reasons and what of it is shown; a plain effort word works too.

    ``effort`` is mapped to each model's own control. ``budget_tokens`` is for models with a token budget and
    wins over ``effort`` there. ``summary`` asks for reasoning summaries; ``none`` asks for none.
    """

    effort: Effort | None = None
    budget_tokens: int | None = Field(default=None, ge=0)
    summary: Literal["auto", "concise", "detailed", "none"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_effort(cls, value: Any) -> Any:
        return {"effort": value} if isinstance(value, str) else value


class OutputFormat(Frozen, populate_by_name=True, serialize_by_alias=True):
    """The form the answer must have: JSON of any shape, or JSON that fits a schema.

    Made from the word ``"json"``, from a JSON Schema, or from a pydantic model or any type pydantic knows.
    ``json_schema`` is the caller's own and is never changed; each plugin fits a copy to its provider.
    ``checked`` says that the answer will be validated anyway, as ``runtime.generate`` does: a constraint the
    provider does not hold it to is then noted, and neither logged nor an error.
    """

    kind: Literal["json", "json_schema"] = "json_schema"
    name: str = "output"
    description: str | None = None
    json_schema: JsonObject | None = Field(default=None, alias="schema")
    strict: bool = True
    checked: bool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_forms(cls, value: Any) -> Any:
        if value == "json":
            return {"kind": "json"}
        if isinstance(value, (str, bytes)):
            # pydantic takes text for the name of a type and evaluates it as Python code
            raise ValueError("the only text it can be is 'json'")  # noqa: TRY004  # pydantic reports this kind only
        if isinstance(value, dict):
            return (
                value
                if {"schema", "json_schema"} & value.keys() or value.get("kind") == "json"
                else _of_schema(value)
            )
        return value if isinstance(value, OutputFormat) else _of_type(value)

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: JsonObject | None) -> JsonObject | None:
        problem = check_schema(schema) if schema is not None else None
        if problem is not None:
            raise ValueError(f"broken JSON Schema: {problem}")
        return schema

    @model_validator(mode="after")
    def _schema_fits_kind(self) -> OutputFormat:
        if (self.json_schema is None) != (self.kind == "json"):
            raise ValueError("a schema belongs to kind 'json_schema', and to no other")
        return self


def _of_schema(schema: JsonObject) -> JsonObject:
    return {"schema": schema, "name": _name(schema.get("title"))}


def _of_type(kind: Any) -> JsonObject:
    """The format for a type: its schema, made by pydantic, under the type's name."""
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

    try:
        schema = TypeAdapter(kind).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise ValueError(f"output is no schema and no type pydantic knows: {error}") from None
    return {"schema": schema, "name": _name(getattr(kind, "__name__", None))}


def _name(title: object) -> str:
    """A name providers take: letters, digits, underscore and hyphen, 64 at most."""
    text = title if isinstance(title, str) else ""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text).strip("_")[:64] or "output"


_EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)


def nearest_effort(wanted: Effort, offered: Sequence[Effort]) -> Effort:
    """The effort of those a model offers that comes nearest: of two as near the lower, which never spends more.

    Only ``none`` gives way to the higher: whoever asks for a little reasoning wants reasoning. ``offered`` must
    hold something.
    """
    place = _EFFORTS.index(wanted)
    return min(
        offered,
        key=lambda effort: (abs(_EFFORTS.index(effort) - place), effort == "none", _EFFORTS.index(effort)),
    )
