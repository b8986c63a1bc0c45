"""Tools made of Python functions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from pydantic import Field, PrivateAttr, ValidationError

from modelyard.errors import ConfigurationError
from modelyard.tools.arguments import ArgumentReader, SchemaArguments
from modelyard.types.base import JsonObject
from modelyard.types.content import ToolCall
from modelyard.types.tools import Tool

if TYPE_CHECKING:
    from modelyard.types.controls import Cache

__all__ = ["Approve", "FunctionTool", "tool"]

Approve: TypeAlias = Callable[[ToolCall], bool | str | Awaitable[bool | str]]
"""Decides on a call: ``True`` lets it through, ``False`` or a reason in words denies it. May be async."""


class FunctionTool(Tool):
    """A tool that knows the function behind it; calling it calls the function.

    It goes wherever a ``Tool`` goes. ``Runtime.complete`` and ``stream`` only declare it, ``run`` executes it.

    ``timeout`` is in seconds, ``None`` leaves it to the run. An ``external`` tool is never executed here: a call
    of it suspends the run until the host brings the result. ``approve`` is asked before each call.
    """

    timeout: float | None = Field(default=None, gt=0, strict=True, exclude=True)
    external: bool = Field(default=False, exclude=True)
    approve: Approve | None = Field(default=None, exclude=True, repr=False)
    _function: Callable[..., Any] | None = PrivateAttr(default=None)
    _arguments: ArgumentReader | None = PrivateAttr(default=None)

    @classmethod
    def of(
        cls, function: Callable[..., Any] | None, arguments: ArgumentReader | None = None, /, **fields: Any
    ) -> FunctionTool:
        """Make a tool of a function that takes what ``arguments`` reads: by default what the schema lets through.

        Raises ``ConfigurationError`` for fields that make no tool.
        """
        try:
            made = cls(**fields)
        except ValidationError as error:
            raise ConfigurationError(f"No tool can be made of this: {_explain(error)}") from None
        made._function = function
        made._arguments = arguments
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            raise ConfigurationError(f"The tool {self.name!r} has no function: the host executes it.")
        return self._function(*args, **kwargs)

    @property
    def is_external(self) -> bool:
        """True if the host executes it."""
        return self.external or self._function is None

    def read(self, call: ToolCall) -> dict[str, Any]:
        """The checked arguments of a call; raises ``InvalidArgumentsError``."""
        return (self._arguments or SchemaArguments(self.parameters)).read(call)

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function with checked arguments.

        One that is not async runs in a thread, so that it does not hold up the others; it cannot be stopped there,
        only left behind.
        """
        function = self._function
        assert function is not None
        if inspect.iscoroutinefunction(function):
            return await function(**arguments)
        value = await asyncio.to_thread(_in_thread, function, arguments)
        return await value if inspect.isawaitable(value) else value


def _in_thread(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return function(**arguments)
    except StopIteration as error:  # no future can carry it: who waits for it waits for ever
        raise RuntimeError(f"StopIteration: {error}") from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: JsonObject | None = None,
    strict: bool | None = None,
    cache: Cache = False,
    timeout: float | None = None,
    external: bool = False,
    approve: Approve | None = None,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None, /, **settings: Any
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function, async or not: ``@tool``, or ``@tool(timeout=10)``.

    Name, description and schema come from the function: its name, its docstring (Google, NumPy or Sphinx style)
    and its signature, through pydantic. Types, defaults, ``Annotated[..., Field(...)]`` and pydantic models
    count. A parameter annotated with ``ToolCall`` receives the call and is not shown to the model.

    ``name``, ``description`` and ``parameters`` (a JSON Schema, whose properties are passed by name) replace what
    the function says. ``strict`` asks the provider to hold arguments to the schema. ``timeout`` is in seconds.
    ``external`` leaves the execution to the host, ``approve`` asks before each call.

    What the function returns goes to the model as text, JSON, image or file (see ``docs/tools.md``); what it
    raises goes to the model as an error.

    Raises ``ConfigurationError`` for a function that cannot be called with a JSON object.
    """
    if function is not None:
        return _make(function, settings, _names_around())

    def decorate(function: Callable[..., Any]) -> FunctionTool:
        return _make(function, settings, _names_around())

    return decorate


def _names_around() -> Mapping[str, Any]:
    """The local names where ``tool`` is used."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame.f_back if frame is not None else None
    return frame.f_locals if frame is not None else {}


def _make(function: Callable[..., Any], settings: Mapping[str, Any], names: Mapping[str, Any]) -> FunctionTool:
    from modelyard.tools.signature import SignatureArguments, describe

    if not callable(function):
        raise ConfigurationError(f"A tool is made of a function, not of {type(function).__name__}.")
    given = {key: value for key, value in settings.items() if value is not None}
    name = given.pop("name", None) or getattr(function, "__name__", "")
    if not name.isidentifier() and "name" not in settings:
        raise ConfigurationError("A function without a name needs one: tool(name=...).")
    doc = describe(function)
    texts = (doc.short_description, doc.long_description)
    given.setdefault("description", "\n\n".join(text for text in texts if text))
    arguments: ArgumentReader | None = None
    if "parameters" not in given:
        arguments = signature = SignatureArguments(function, name, names, doc)
        given["parameters"] = signature.schema
    return FunctionTool.of(function, arguments, name=name, **given)
