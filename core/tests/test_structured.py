"""Generating objects: extraction, validation, repair, strategies, partial objects, typed failures."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from modelyard import (
    ContentFilterError,
    Generated,
    InvalidRequestError,
    InvalidResponseError,
    Message,
    ModelCard,
    OutputError,
    OutputValidationError,
    RateLimitError,
    RefusalError,
    Runtime,
    SyncRuntime,
    TruncatedOutputError,
)
from modelyard.structured.extract import DuplicateKeyError, extract_json, parse_partial
from modelyard.structured.target import InvalidOutput, OutputTarget
from modelyard.testing import Script
from modelyard.testing.scripted import ScriptedProvider

NATIVE = ModelCard(provider="acme", id="native", label="N", capabilities={"structured_output": "supported"})
JSON = ModelCard(
    provider="acme",
    id="json",
    label="J",
    capabilities={"structured_output": "unsupported", "json_mode": "supported"},
)
FORCED = ModelCard(
    provider="acme",
    id="forced",
    label="F",
    capabilities={"structured_output": "unsupported", "tools": "supported", "forced_tool_choice": "supported"},
)
PLAIN = ModelCard(
    provider="acme",
    id="plain",
    label="P",
    capabilities={"structured_output": "unsupported", "tools": "supported", "forced_tool_choice": "unsupported"},
)
CARDS = (NATIVE, JSON, FORCED, PLAIN)


class City(BaseModel):
    name: str
    people: int = Field(ge=0)
    note: str = "none"


GOOD = {"name": "Paris", "people": 2_000_000}


def provider(*scripts: Script) -> ScriptedProvider:
    return ScriptedProvider("acme", scripts, cards=CARDS)


def says(value: Any) -> Script:
    return Script().say(json.dumps(value))


async def generated(runtime: Runtime, *, stream: bool) -> Generated[Any]:
    """A city, asked for as a whole or in pieces."""
    if stream:
        return await runtime.generate_stream("acme:native", "Go.", output=City).collect()
    return await runtime.generate_completion("acme:native", "Go.", output=City)


async def test_a_model_class_gives_its_instance_and_a_schema_gives_plain_json() -> None:
    acme = provider(says(GOOD), says(GOOD))
    async with Runtime(plugins=[acme]) as runtime:
        city = await runtime.generate("acme:native", "Go.", output=City)
        plain = await runtime.generate("acme:native", "Go.", output=City.model_json_schema())
    assert city == City(name="Paris", people=2_000_000)
    assert plain == GOOD


@pytest.mark.parametrize(
    ("model", "strategy"), [("native", "native"), ("json", "json"), ("forced", "tool"), ("plain", "prompt")]
)
async def test_the_strategy_follows_the_card(model: str, strategy: str) -> None:
    acme = provider(Script().call("City", **GOOD) if strategy == "tool" else says(GOOD))
    async with Runtime(plugins=[acme]) as runtime:
        made = await runtime.generate_completion(f"acme:{model}", "Go.", output=City, system="Be brief.")
    assert made.output == City(**GOOD)
    assert made.strategy == strategy
    request = acme.requests[0]
    assert (request.output.kind if request.output else None) == {"native": "json_schema", "json": "json"}.get(
        strategy
    )
    assert [tool.name for tool in request.tools] == (["City"] if strategy == "tool" else [])
    assert ("JSON Schema" in request.messages[0].text) == (strategy in ("json", "prompt"))
    assert request.messages[0].text.startswith("Be brief.")


async def test_a_strategy_named_is_the_one_used() -> None:
    acme = provider(says(GOOD))
    async with Runtime(plugins=[acme]) as runtime:
        made = await runtime.generate_completion("acme:native", "Go.", output=City, strategy="prompt")
    assert made.strategy == "prompt"
    assert acme.requests[0].output is None


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Paris", "people": 5}',
        'Sure! Here it is:\n```json\n{"name": "Paris", "people": 5}\n```\nAnything else?',
        '```\n{"name": "Paris", "people": 5,}',
        'The answer [as asked] is {"name": "Paris", "people": 5}, I think.',
        '{"name": "Paris", "people": 5,\n}',
        '{"name": "Paris, {the} city", "people": 5} {"name": "Rome"}',
    ],
)
def test_c10_json_is_found_amid_fences_prose_and_commas(text: str) -> None:
    found = extract_json(text, want=dict)
    assert found["name"].startswith("Paris")
    assert found["people"] == 5


@pytest.mark.parametrize("stream", [False, True])
async def test_c10_an_invalid_answer_is_repaired_once_with_what_is_wrong_with_it(stream: bool) -> None:
    acme = provider(
        Script().say('{"name": "Paris", "people": -1}').using(input=10, output=5),
        says(GOOD).using(input=20, output=5),
    )
    async with Runtime(plugins=[acme]) as runtime:
        made = await generated(runtime, stream=stream)
    assert made.output == City(**GOOD)
    assert (made.usage.input_tokens, made.usage.output_tokens) == (30, 10)
    assert len(made.attempts) == len(made.completions) == 2
    assert made.report.about("output")[-1].action == "repaired"
    asked_again = acme.requests[1].messages
    assert [message.role for message in asked_again] == ["user", "assistant", "user"]
    assert "people: Input should be greater than or equal to 0" in asked_again[-1].text


async def test_c10_an_answer_that_stays_invalid_is_a_typed_failure_with_everything_on_it() -> None:
    acme = provider(says({"name": "Paris"}), says({"name": "Rome"}))
    async with Runtime(plugins=[acme]) as runtime:
        with pytest.raises(OutputValidationError, match="people: Field required") as caught:
            await runtime.generate("acme:native", "Go.", output=City)
    error = caught.value
    assert error.partial_output == {"name": "Rome"}
    assert error.partial is not None
    assert error.partial.text == '{"name": "Rome"}'
    assert error.usage is not None
    assert error.usage.output_tokens == 10
    assert len(error.attempts) == 2
    assert error.problems == ("people: Field required",)
    assert error.report is not None


async def test_repair_can_be_switched_off_or_allowed_more_often() -> None:
    bad = says({"name": "Paris"})
    async with Runtime(plugins=[provider(bad, says(GOOD))]) as runtime:
        with pytest.raises(OutputValidationError):
            await runtime.generate("acme:native", "Go.", output=City, repair=0)
    async with Runtime(plugins=[provider(bad, bad, bad, says(GOOD))]) as runtime:
        assert await runtime.generate("acme:native", "Go.", output=City, repair=3) == City(**GOOD)


async def test_a_bad_call_of_the_output_tool_is_answered_with_an_error_result() -> None:
    acme = provider(Script().call("City", name="Paris"), Script().call("City", **GOOD))
    async with Runtime(plugins=[acme]) as runtime:
        assert await runtime.generate("acme:forced", "Go.", output=City) == City(**GOOD)
    assert [message.role for message in acme.requests[1].messages] == ["user", "assistant", "tool"]


def test_c11_a_key_given_twice_is_refused_in_strict_mode() -> None:
    doubled = '{"name": "Paris", "people": 1, "people": 2}'
    with pytest.raises(DuplicateKeyError, match="'people'"):
        extract_json(doubled)
    with pytest.raises(InvalidOutput, match="given twice"):
        OutputTarget(City).read(doubled)
    lax = OutputTarget({"schema": City.model_json_schema(), "strict": False})
    assert lax.read(doubled)["people"] == 2
    assert OutputTarget({"type": "object"}).read('{"__proto__": {"a": 1}}') == {"__proto__": {"a": 1}}


@pytest.mark.parametrize("stream", [False, True])
async def test_c12_a_refusal_is_an_error_of_its_own(stream: bool) -> None:
    acme = provider(Script().say("I cannot.").finish("content_filter"))
    async with Runtime(plugins=[acme]) as runtime:
        with pytest.raises(RefusalError, match="I cannot"):
            await generated(runtime, stream=stream)
    assert len(acme.requests) == 1


async def test_an_answer_cut_off_carries_the_partial_object() -> None:
    acme = provider(Script().say('{"name": "Paris", "note": "The ci').finish("length"))
    async with Runtime(plugins=[acme]) as runtime:
        with pytest.raises(TruncatedOutputError) as caught:
            await runtime.generate("acme:native", "Go.", output=City)
    assert caught.value.partial_output == {"name": "Paris", "note": "The ci"}
    assert len(acme.requests) == 1


async def test_a_failing_repair_turn_keeps_what_was_paid_for() -> None:
    acme = provider(says({"name": "Paris"}), Script().fail("rate_limit"))
    async with Runtime(plugins=[acme], max_attempts=1) as runtime:
        with pytest.raises(RateLimitError) as caught:
            await runtime.generate("acme:native", "Go.", output=City)
    assert [attempt.outcome for attempt in caught.value.attempts] == ["ok", "error"]
    assert caught.value.partial is not None


async def test_an_answer_of_tool_calls_alone_is_told_from_a_bad_one() -> None:
    acme = provider(Script().call("look_up", city="Paris"))
    async with Runtime(plugins=[acme]) as runtime:
        with pytest.raises(OutputValidationError, match=r"runtime\.run"):
            await runtime.generate("acme:native", "Go.", output=City, tools=[{"name": "look_up"}])
    assert len(acme.requests) == 1


async def test_the_object_can_be_watched_as_it_grows() -> None:
    text = json.dumps({"name": "Paris", "people": 5, "note": "A long note about it."})
    acme = provider(Script().say(*text))
    async with (
        Runtime(plugins=[acme]) as runtime,
        runtime.generate_stream("acme:native", "Go.", output=City) as stream,
    ):
        seen = [partial async for partial in stream.partials()]
        assert stream.output == City(name="Paris", people=5, note="A long note about it.")
    assert {"name": "Par"} in seen
    assert seen[-1] == json.loads(text)
    assert all(one != other for one, other in itertools.pairwise(seen))


async def test_the_arguments_of_the_output_tool_are_watched_too() -> None:
    acme = provider(Script().say("One moment.").call("City", **GOOD))
    async with (
        Runtime(plugins=[acme]) as runtime,
        runtime.generate_stream("acme:forced", "Go.", output=City) as stream,
    ):
        seen = [partial async for partial in stream.partials()]
    assert seen[-1] == GOOD
    assert stream.output == City(**GOOD)


def test_the_synchronous_runtime_generates_too() -> None:
    with SyncRuntime(plugins=[provider(says(GOOD), says(GOOD))]) as runtime:
        assert runtime.generate("acme:native", "Go.", output=City) == City(**GOOD)
        with runtime.generate_stream("acme:native", "Go.", output=City) as stream:
            assert list(stream.partials())[-1] == GOOD
            assert stream.output == City(**GOOD)


def test_c04_texts_and_nulls_that_stand_for_something_else_are_put_back() -> None:
    schema = {
        "type": "object",
        "properties": {
            "level": {"enum": [1, 2]},
            "note": {"type": "string"},
            "kind": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Kind"}]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        },
        "required": ["level"],
        "$defs": {
            "Kind": {"type": "string"},
            "Line": {"type": "object", "properties": {"size": {"const": 3}, "text": {"type": "string"}}},
        },
    }
    text = '{"level": "2", "note": null, "kind": null, "lines": [{"size": "3", "text": null}]}'
    assert OutputTarget(schema).read(text) == {"level": 2, "kind": None, "lines": [{"size": 3}]}


def test_formats_are_checked_and_nothing_is_fetched() -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}
    with pytest.raises(InvalidOutput, match="day: 'soon' is not a 'date'"):
        OutputTarget(schema).read('{"day": "soon"}')
    when = {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}
    with pytest.raises(InvalidOutput, match="date-time"):
        OutputTarget(when).read('{"at": "2026-11-25"}')
    assert OutputTarget(when).read('{"at": "2026-11-25T09:30:00Z"}')


def test_what_is_no_type_and_no_schema_is_refused() -> None:
    for output in (object(), {"type": "strin"}, 3):
        with pytest.raises(InvalidRequestError, match="output"):
            OutputTarget(output)


def test_c13_a_long_answer_and_a_deep_schema_are_read() -> None:
    long = "x" * 5_000_000
    assert len(OutputTarget(City).read(json.dumps({"name": long, "people": 1})).name) == 5_000_000
    schema: dict[str, Any] = {"type": "string"}
    value: Any = "end"
    for _ in range(180):
        schema, value = {"type": "object", "properties": {"in": schema}, "required": ["in"]}, {"in": value}
    assert OutputTarget(schema).read(json.dumps(value)) == value


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "```json\n" * 100_000,
        "{" * 1_000_000,
        '"' * 1_000_001,
        "[{" * 300_000 + "```",
        '{"a": "' + "\\" * 1_000_001,
        "{" + ", " * 500_000 + "}",
        " " * 2_000_000 + "{",
        "," + " " * 1_000_000,
    ],
    ids=["fences", "braces", "quotes", "nested", "backslashes", "commas", "blanks", "a comma"],
)
def test_c13_hostile_text_is_refused_in_linear_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        extract_json(text, want=dict)
    parse_partial(text)


async def test_the_messages_of_the_caller_are_not_changed() -> None:
    acme = provider(says({"name": "Paris"}), says(GOOD))
    history = [Message.user("Go.")]
    async with Runtime(plugins=[acme]) as runtime:
        await runtime.generate("acme:native", history, output=City)
    assert history == [Message.user("Go.")]


def test_failures_of_an_output_are_output_errors_and_what_a_caller_may_catch_already() -> None:
    assert all(issubclass(RefusalError, kind) for kind in (OutputError, ContentFilterError))
    for error in (OutputValidationError, TruncatedOutputError):
        assert all(issubclass(error, kind) for kind in (OutputError, InvalidResponseError))
        assert not error("It broke.").retryable
