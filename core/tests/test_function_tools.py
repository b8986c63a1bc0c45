"""Tools made of Python functions: the schema, the arguments a function gets, and what the model gets back."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import functools
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from modelyard import (
    ConfigurationError,
    FilePart,
    FunctionTool,
    ImagePart,
    Message,
    Request,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    tool,
)
from modelyard.tools.arguments import InvalidArgumentsError
from modelyard.tools.results import error_result, to_result

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    """Where it is."""

    type: str
    title: str | None = None


def call_of(made: FunctionTool, /, **arguments: Any) -> ToolCall:
    return ToolCall(id="c1", name=made.name, arguments=arguments)


def read(made: FunctionTool, /, **arguments: Any) -> dict[str, Any]:
    return made.read(call_of(made, **arguments))


def google(city: str, days: int = 1) -> str:
    """Forecast the weather.

    For the next days.

    Args:
        city: Where to look.
        days: How many days.
    """
    return f"{city} {days}"


def numpy(city: str, days: int = 1) -> str:
    """Forecast the weather.

    For the next days.

    Parameters
    ----------
    city:
        Where to look.
    days : int
        How many days.
    """
    return f"{city} {days}"


def sphinx(city: str, days: int = 1) -> str:
    """Forecast the weather.

    For the next days.

    :param city: Where to look.
    :param days: How many days.
    """
    return f"{city} {days}"


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_signature_and_docstring_make_the_declaration(function: Callable[..., Any]) -> None:
    made = tool(function)
    assert made.name == function.__name__
    assert made.description == "Forecast the weather.\n\nFor the next days."
    assert made.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where to look."},
            "days": {"type": "integer", "description": "How many days.", "default": 1},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert made("Paris", days=2) == "Paris 2"


def test_a_function_tool_is_a_tool_and_declares_nothing_more() -> None:
    made = tool(name="look", description="Look.", strict=True, timeout=5, external=True, cache=True)(google)
    request = Request(model="m", messages=(Message.user("Hi"),), tools=(made,))
    assert request.tools[0] is made
    assert Tool.model_validate(request.model_dump(mode="json")["tools"][0]) == Tool(
        name="look", description="Look.", strict=True, cache=True, parameters=made.parameters
    )
    assert (made.timeout, made.is_external) == (5, True)


def test_a18_a_function_without_parameters_has_a_valid_empty_schema() -> None:
    @tool
    def now() -> str:
        """Say the time."""
        return "noon"

    assert now.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    for text in ("", "null", "{}", " "):
        assert now.read(ToolCall(id="c", name="now", arguments_text=text)) == {}


def test_every_kind_of_parameter_is_described_and_read() -> None:
    @tool
    def everything(
        *,
        type: Literal["a", "b"],
        title: str | None,
        place: Place,
        colour: Colour,
        day: dt.date | str,
        pair: tuple[int, int],
        schema: list[dict[str, float]],
        copy: Annotated[int, Field(ge=1, description="At least one.")] = 3,
        from_: Annotated[str, Field(alias="from")] = "here",
        limit: int = Field(default=4, le=9),
        anything: Any = None,
    ) -> None:
        pass

    properties = everything.parameters["properties"]
    assert list(properties) == [
        *("type", "title", "place", "colour", "day", "pair", "schema", "copy", "from", "limit", "anything")
    ]
    assert everything.parameters["required"] == ["type", "title", "place", "colour", "day", "pair", "schema"]
    assert properties["type"] == {"type": "string", "enum": ["a", "b"]}
    assert properties["place"] == {"$ref": "#/$defs/Place"}
    assert set(everything.parameters["$defs"]["Place"]["properties"]) == {"type", "title"}
    assert properties["copy"] == {"type": "integer", "minimum": 1, "default": 3, "description": "At least one."}
    jsonschema.Draft202012Validator.check_schema(everything.parameters)
    given = {
        "type": "a",
        "title": None,
        "place": {"type": "town"},
        "colour": "red",
        "day": "2026-11-25",
        "pair": [1, 2],
        "schema": [{"x": 1.5}],
        "from": "there",
    }
    values = read(everything, **given)
    assert values["place"] == Place(type="town")
    assert values["colour"] is Colour.RED
    assert values["day"] == dt.date(2026, 11, 25)
    assert values["pair"] == (1, 2)
    assert (values["from_"], values["limit"]) == ("there", 4)
    assert "copy" not in values, "the function's own default holds"


def test_wrong_arguments_are_named_field_by_field() -> None:
    made = tool(google)
    with pytest.raises(InvalidArgumentsError) as caught:
        read(made, days="many", city=None, town="Paris")
    message = str(caught.value)
    for field in ("city: ", "days: ", "town: "):
        assert field in message

    @tool
    def nested(places: list[Place]) -> None:
        pass

    with pytest.raises(InvalidArgumentsError, match=r"places\[1\]\.type: Field required"):
        read(nested, places=[{"type": "a"}, {}])


def test_plain_json_schema_is_checked_too() -> None:
    def sum_up(n: list[int]) -> int:
        return sum(n)

    schema = {
        "type": "object",
        "properties": {"n": {"type": "array", "items": {"type": "integer"}}},
        "required": ["n"],
    }
    made = tool(name="sum_up", parameters=schema)(sum_up)
    assert made.parameters == schema
    assert read(made, n=[1, 2]) == {"n": [1, 2]}
    with pytest.raises(InvalidArgumentsError, match=r"n\[1\]: 'x' is not of type 'integer'"):
        read(made, n=[1, "x"])
    with pytest.raises(InvalidArgumentsError, match="'n' is a required property"):
        read(made)


@pytest.mark.parametrize("broken", [{"$ref": "http://127.0.0.1:9/schema"}, {"type": "string", "pattern": "("}])
def test_a_schema_that_cannot_be_applied_executes_nothing_and_fetches_nothing(broken: dict[str, Any]) -> None:
    made = tool(name="look", parameters={"type": "object", "properties": {"n": broken}})(google)
    with pytest.raises(InvalidArgumentsError, match="schema of the tool cannot be applied"):
        read(made, n="x")


def test_a_parameter_for_the_call_is_no_argument() -> None:
    @tool
    def remember(text: str, call: ToolCall, same: ToolCall | None = None) -> str:
        assert same is call
        return f"{call.id} {text}"

    assert set(remember.parameters["properties"]) == {"text"}
    assert remember(**read(remember, text="x")) == "c1 x"


def test_keyword_arguments_leave_the_schema_open() -> None:
    @tool
    def anything(**fields: Any) -> dict[str, Any]:
        return fields

    assert anything.parameters == {"type": "object", "properties": {}}
    assert anything(**read(anything, copy=1, b=2)) == {"copy": 1, "b": 2}


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, n: int) -> int:
        """Add to the count."""
        self.count += n
        return self.count

    def __call__(self, n: int) -> int:
        """Call it."""
        return self.add(n)


def test_methods_partials_and_callable_objects() -> None:
    counter = Counter()
    assert tool(counter.add).description == "Add to the count."
    assert tool(name="count")(counter).description == "Call it."
    part = tool(name="two_days")(functools.partial(google, days=2))
    assert part.parameters["required"] == ["city"]
    assert part("Rome") == "Rome 2"
    with pytest.raises(ConfigurationError, match=r"method without its object.*tool\(thing\.method\)"):
        tool(Counter.add)


def test_a_function_that_no_json_object_can_fill_is_refused() -> None:
    def positional(a: int, /) -> None: ...
    def starred(*a: int) -> None: ...
    def strange(a: Iterator[Callable[[], None]], b: Counter) -> None: ...

    for function in (positional, starred):
        with pytest.raises(ConfigurationError, match="positional only"):
            tool(function)
    with pytest.raises(ConfigurationError, match="'strange' takes something JSON cannot express"):
        tool(strange)
    with pytest.raises(ConfigurationError, match="needs one"):
        tool(lambda a: a)
    with pytest.raises(ConfigurationError, match="not of int"):
        tool(3)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="timeout"):
        tool(timeout=-1)(google)


def test_an_annotation_that_cannot_be_read_is_named() -> None:
    def lost(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match="'lost' cannot be read.*Missing"):
        tool(lost)


def test_local_classes_in_annotations_are_found() -> None:
    class Local(BaseModel):
        n: int

    @tool
    def use(local: Local) -> int:
        return local.n

    @tool(name="use_again")
    def again(local: Local) -> int:
        return local.n

    assert read(use, local={"n": 1}) == read(again, local={"n": 1}) == {"local": Local(n=1)}


@dataclasses.dataclass
class Reading:
    day: dt.date
    degrees: float


CALL = ToolCall(id="c1", name="look", arguments={})


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (None, ()),
        ("sunny é 😀", (TextPart(text="sunny é 😀"),)),
        ("half \ud83d", (TextPart(text="half ?"),)),
        (3, (TextPart(text="3"),)),
        (True, (TextPart(text="true"),)),
        ({"a": [1, None]}, (TextPart(text='{"a":[1,null]}'),)),
        ([float("nan")], (TextPart(text="[null]"),)),
        (["a", "b"], (TextPart(text='["a","b"]'),)),
        (Place(type="é"), (TextPart(text='{"type":"é","title":null}'),)),
        ([Reading(dt.date(2026, 1, 2), 1.5)], (TextPart(text='[{"day":"2026-01-02","degrees":1.5}]'),)),
        (Colour.RED, (TextPart(text='"red"'),)),
        (b"plain", (TextPart(text="plain"),)),
        (PNG, (ImagePart(data=PNG),)),
        (b"%PDF-1.7", (FilePart(data=b"%PDF-1.7"),)),
        (b"\xff\x00", (FilePart(data=b"\xff\x00"),)),
        (ImagePart(data=PNG), (ImagePart(data=PNG),)),
        (["See:", ImagePart(data=PNG)], (TextPart(text="See:"), ImagePart(data=PNG))),
    ],
)
def test_what_a_tool_returns_becomes_content(value: Any, content: tuple[Any, ...]) -> None:
    result = to_result(CALL, value)
    assert result == ToolResult(tool_call_id="c1", name="look", content=content)


def test_a_tool_result_keeps_its_content_and_takes_the_id_of_the_call() -> None:
    given = ToolResult(tool_call_id="", content="No.", is_error=True)
    assert to_result(CALL, given) == ToolResult(tool_call_id="c1", name="look", content="No.", is_error=True)


def test_what_cannot_be_written_as_json_is_a_type_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (object(), loop):
        with pytest.raises(TypeError, match="cannot be written as JSON"):
            to_result(CALL, value)


def test_an_error_told_to_the_model_has_a_length() -> None:
    result = error_result(CALL, "x" * 10_000)
    assert result.is_error
    assert len(result.text) < 2_100


async def test_functions_of_both_colours_are_invoked_with_their_values() -> None:
    @tool
    async def slowly(day: dt.date) -> int:
        await asyncio.sleep(0)
        return day.year

    @tool
    def at_once(day: dt.date) -> int:
        return day.year

    for made in (slowly, at_once):
        assert await made.invoke(read(made, day="2026-01-01")) == 2026
