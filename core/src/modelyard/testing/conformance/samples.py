"""One sample value for each wish a request can hold, taken from the classes that define them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from modelyard.catalog.capability import CapabilityName
from modelyard.types.controls import ReasoningOptions
from modelyard.types.fields import CORE_FIELDS
from modelyard.types.request import Request
from modelyard.types.tools import Tool

__all__ = ["SAMPLES", "SAMPLE_TOOL", "Mark", "Sample", "samples_of"]

Mark: TypeAlias = str | int | float

SAMPLE_TOOL: Final = Tool(
    name="zq_tool",
    description="zq what it does",
    parameters={
        "type": "object",
        "properties": {"zq_argument": {"type": "string"}},
        "required": ["zq_argument"],
        "additionalProperties": False,
    },
)
_SCHEMA: Final = {
    "type": "object",
    "properties": {"zq_property": {"type": "string"}},
    "required": ["zq_property"],
    "additionalProperties": False,
}
_TOKENS: Final = 4321
"""A number of tokens that stands nowhere else, and that budgets and limits of most models allow."""

_VALUES: Final[Mapping[str, Any]] = {
    "effort": "high",
    "budget_tokens": _TOKENS,
    "summary": "auto",
    "max_output_tokens": _TOKENS,
    "service_tier": "priority",
}
"""Where any value of the type would not do: words that most providers know, numbers within most limits."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A wish: the options of a call that has it, and of the same call without it.

    Every one of ``marks`` must be on the wire; without any, the wish must change the body. The card must rule out
    none of ``needs``.
    """

    name: str
    asked: Mapping[str, Any]
    plain: Mapping[str, Any] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    needs: tuple[CapabilityName, ...] = ()

    @property
    def root(self) -> str:
        """The field of the request."""
        return self.name.partition(".")[0]


_TOOLS: Final = {"tools": [SAMPLE_TOOL]}
_SPECIAL: Final[Mapping[str, tuple[Sample, ...]]] = {
    "tools": (
        Sample("tools", _TOOLS, marks=("zq_tool", "zq what it does", "zq_argument"), needs=("tools",)),
        Sample(
            "tools.strict",
            {"tools": [SAMPLE_TOOL.model_copy(update={"strict": True})]},
            _TOOLS,
            needs=("tools", "strict_tools"),
        ),
    ),
    "tool_choice": (
        Sample(
            "tool_choice", {**_TOOLS, "tool_choice": "required"}, _TOOLS, needs=("tools", "forced_tool_choice")
        ),
        Sample(
            "tool_choice.name",
            {**_TOOLS, "tool_choice": SAMPLE_TOOL.name},
            _TOOLS,
            marks=(SAMPLE_TOOL.name,),
            needs=("tools", "forced_tool_choice"),
        ),
        Sample("tool_choice.none", {**_TOOLS, "tool_choice": "none"}, _TOOLS, needs=("tools",)),
    ),
    "parallel_tool_calls": (
        Sample("parallel_tool_calls", {**_TOOLS, "parallel_tool_calls": False}, _TOOLS, needs=("tools",)),
    ),
    "output": (
        Sample("output", {"output": _SCHEMA}, marks=("zq_property",), needs=("structured_output",)),
        Sample(
            "output.description",
            {"output": {"schema": _SCHEMA, "description": "zq what it is"}},
            marks=("zq what it is",),
            needs=("structured_output",),
        ),
    ),
}
"""Fields that mean something only beside others, or whose values have parts."""


def samples_of(kind: type[BaseModel]) -> Iterator[Sample]:
    """Make samples for every field of a request class but those that each plugin gets.

    Raises ``TypeError`` for a field of a type it knows no value of: then ``_SPECIAL`` needs one.
    """
    for name, info in kind.model_fields.items():
        if name in CORE_FIELDS:
            continue
        if name in _SPECIAL:
            yield from _SPECIAL[name]
        elif name == "reasoning":
            yield from _reasoning()
        else:
            value = _value(name, info)
            yield Sample(name, {name: value}, marks=tuple(_leaves(value)))


def _reasoning() -> Iterator[Sample]:
    for name, info in ReasoningOptions.model_fields.items():
        value = _value(name, info)
        marks = (value,) if name == "budget_tokens" else ()  # providers have words of their own for the others
        yield Sample(f"reasoning.{name}", {"reasoning": {name: value}}, marks=marks, needs=("reasoning",))


def _value(name: str, info: FieldInfo) -> Any:
    if name in _VALUES:
        return _VALUES[name]
    kind: Any = Annotated[(info.annotation, name, *info.metadata)]
    schema = TypeAdapter(kind).json_schema()
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    for option in options:
        value = _of_schema(name, option)
        if value is not None:
            return value
    raise TypeError(f"no sample value is known for {name} ({schema})")


def _of_schema(name: str, schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [_of_schema(name, schema["items"])]
    values = {
        "string": f"zq-{name.replace('_', '-')}",
        "integer": 3 if "maximum" in schema else 47,
        "number": 0.375,
        "boolean": True,
        "object": {"zq_key": "zq_value"},
    }
    return values.get(schema.get("type", ""))


def _leaves(value: Any) -> Iterator[Mark]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif not isinstance(value, bool):
        yield value


SAMPLES: Final = tuple(samples_of(Request))
"""One or more for each field of ``Request``; a field of tomorrow gets one by its type."""
