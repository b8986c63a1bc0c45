"""Reading the arguments of a call before anything is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from modelyard.types.base import JsonObject

if TYPE_CHECKING:
    from modelyard.types.content import ToolCall

__all__ = ["AnyArguments", "ArgumentReader", "InvalidArgumentsError", "SchemaArguments"]

MAX_PROBLEMS = 5
"""Problems told to the model at once; more do not help it."""


class InvalidArgumentsError(ValueError):
    """The arguments do not fit; the text names each field, and is meant for the model."""


class ArgumentReader(Protocol):
    """Turns the arguments of a call into those of a Python function."""

    def read(self, call: ToolCall) -> dict[str, Any]:
        """The keyword arguments; raises ``InvalidArgumentsError``."""
        ...


class AnyArguments:
    """Takes arguments as they come, for tools whose own server checks them."""

    def read(self, call: ToolCall) -> dict[str, Any]:
        """The arguments as written."""
        return dict(call.arguments or {})


class SchemaArguments:
    """Checks arguments against a JSON Schema and hands them on as they are."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema

    def read(self, call: ToolCall) -> dict[str, Any]:
        """The arguments as written, once they fit the schema.

        References to other documents are not followed: a schema must not make the host fetch anything.
        """
        from jsonschema import Draft202012Validator
        from referencing import Registry

        arguments = dict(call.arguments or {})
        validator = Draft202012Validator(self._schema, registry=Registry())
        try:
            found = sorted(validator.iter_errors(arguments), key=lambda error: [str(step) for step in error.path])
        except Exception as error:  # a pattern that is none, a reference to nothing: whatever the library raises
            raise InvalidArgumentsError(f"The schema of the tool cannot be applied: {error}") from None
        if found:
            raise InvalidArgumentsError(list_problems([(list(error.path), error.message) for error in found]))
        return arguments


def list_problems(problems: list[tuple[list[str | int], str]]) -> str:
    """One line of ``(path, message)`` pairs, the first few of them."""
    lines = [f"{_path(path)}: {message}" if path else message for path, message in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "; ".join(lines)


def _path(path: list[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
