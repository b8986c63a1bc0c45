"""A copy of a request that a plugin may change without changing anything of the host's.

Requests are frozen, the JSON in them is not: schemas, arguments, metadata, options. Only that is copied, and only
where there is some; text of any length costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from modelyard.errors import InvalidRequestError
from modelyard.types.base import Frozen

if TYPE_CHECKING:
    from modelyard.types.content import Part
    from modelyard.types.messages import Message
    from modelyard.types.request import Request

__all__ = ["copied", "isolated"]

_NESTED = (dict, list, tuple)
F = TypeVar("F", bound=Frozen)


def copied(value: Any) -> Any:
    """Copy JSON data at every depth; whatever else stands in it stays the same object."""
    if isinstance(value, dict):
        return {key: copied(item) if isinstance(item, _NESTED) else item for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) if isinstance(item, _NESTED) else item for item in value]
    return tuple(copied(item) for item in value) if type(value) is tuple else value


def isolated(request: Request) -> Request:
    """Return the request with its JSON copied; the same object where it has none.

    Raises ``InvalidRequestError`` for JSON that is nested too deeply to be read.
    """
    try:
        changes = _changes(request)
    except RecursionError:
        raise InvalidRequestError("The request holds JSON that is nested too deeply.") from None
    return request.model_copy(update=changes) if changes else request


def _changes(request: Request) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if request.tools:
        changes["tools"] = tuple(_with(tool, "parameters", copied(tool.parameters)) for tool in request.tools)
    if request.output is not None and request.output.json_schema is not None:
        changes["output"] = _with(request.output, "json_schema", copied(request.output.json_schema))
    if request.metadata:
        changes["metadata"] = dict(request.metadata)
    if request.provider_options:
        changes["provider_options"] = copied(request.provider_options)
    changed = {at: _message(each) for at, each in enumerate(request.messages) if each.role == "assistant"}
    if any(new is not request.messages[at] for at, new in changed.items()):
        changes["messages"] = tuple(changed.get(at, each) for at, each in enumerate(request.messages))
    return changes


def _message(message: Message) -> Message:
    """A turn of the model's: what users and tools say is text and bytes."""
    changed = {at: _part(part) for at, part in enumerate(message.content) if _holds_json(part)}
    if not changed:
        return message
    content = tuple(changed.get(at, part) for at, part in enumerate(message.content))
    return _with(message, "content", content)


def _holds_json(part: Part) -> bool:
    fields = part.__dict__  # asking the model itself for a field it does not have costs ten times as much
    return bool(fields.get("arguments") or fields.get("opaque") or fields.get("raw"))


def _part(part: Part) -> Part:
    fields = part.__dict__
    for name in ("arguments", "raw"):
        if fields.get(name):
            part = _with(part, name, copied(fields[name]))
    opaque = fields.get("opaque")
    return part if opaque is None else _with(part, "opaque", _with(opaque, "data", copied(opaque.data)))


def _with(model: F, name: str, value: object) -> F:
    """A copy with one field replaced, without the checks of ``model_copy``, which cost as much as the copy."""
    new = model.__class__.__new__(model.__class__)
    object.__setattr__(new, "__dict__", {**model.__dict__, name: value})
    object.__setattr__(new, "__pydantic_fields_set__", model.__pydantic_fields_set__)
    object.__setattr__(new, "__pydantic_extra__", None)
    object.__setattr__(new, "__pydantic_private__", model.__pydantic_private__)
    return new
