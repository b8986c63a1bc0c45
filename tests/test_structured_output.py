"""A validated object from every provider: twenty real-life schemas, held to what each API takes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from modelyard import InvalidRequestError, RefusalError, Runtime, UnsupportedFeatureError
from modelyard.testing import Emulator, Script, load_dialects
from modelyard.testing.server import Received, Reply
from modelyard.types.base import JsonObject
from tests.real_life_schemas import CASES, Case

MODELS = {
    "claude": "claude:claude-sonnet-5-5",
    "openai": "openai:gpt-6.1-sol",
    "gemini": "gemini:gemini-3.8-flash",
    "mistral": "mistral:mistral-large-4",
}
each_provider = pytest.mark.parametrize("provider", sorted(MODELS))
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def wire_schema(provider: str, body: JsonObject) -> JsonObject | None:
    """The schema a request holds the answer to, ``None`` where it does in words alone."""
    if provider == "claude":
        return ((body.get("output_config") or {}).get("format") or {}).get("schema")
    if provider == "openai":
        return ((body.get("text") or {}).get("format") or {}).get("schema")
    if provider == "gemini":
        return (body.get("generationConfig") or {}).get("responseJsonSchema")
    return ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")


def conform(value: Any, schema: Any, root: JsonObject) -> Any:
    """The answer as a model held to the wire's schema writes it: null for a property it must not leave out."""
    if not isinstance(schema, dict):
        return value
    if "$ref" in schema:
        return conform(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        written = conform(value, branch, root)
        if Draft202012Validator({**branch, "$defs": root.get("$defs", {})}).is_valid(written):
            return written
    if isinstance(value, dict):
        known = schema.get("properties", {})
        missing = {name: None for name in schema.get("required", ()) if name not in value}
        return {name: conform(item, known.get(name), root) for name, item in {**value, **missing}.items()}
    if isinstance(value, list):
        return [conform(item, schema.get("items"), root) for item in value]
    return value


class Model:
    """Answers as a model would that is held to the schema in the request."""

    def __init__(self, provider: str, case: Case) -> None:
        self.provider = provider
        self.case = case
        self.schema: JsonObject | None = None

    def __call__(self, received: Received) -> Script:
        self.schema = wire_schema(self.provider, received.json)
        if self.schema is None:
            return Script().say(f"Sure:\n```json\n{json.dumps(self._answer())}\n```")
        answer = conform(self._answer(), self.schema, self.schema)
        Draft202012Validator(self.schema).validate(answer)
        return Script().say(json.dumps(answer))

    def _answer(self) -> Any:
        return {"value": self.case.answer} if _at_root(self.case) else self.case.answer


def _at_root(case: Case) -> bool:
    return case.name.endswith("at the root") or case.name == "a typed dict"


def expected(case: Case) -> Any:
    if isinstance(case.output, dict):
        return case.answer
    return TypeAdapter(case.output).validate_json(json.dumps(case.answer))


@contextlib.asynccontextmanager
async def asked(provider: str, case: Case) -> AsyncIterator[tuple[Runtime, Emulator, Model]]:
    """A runtime and the emulator it calls, which answers as a model held to the request's schema."""
    model = Model(provider, case)
    with Emulator(load_dialects([provider])[provider], default=model) as emulator:
        async with Runtime(providers={provider: emulator.settings()}, max_attempts=1) as runtime:
            yield runtime, emulator, model


@each_provider
@each_case
async def test_the_object_comes_back_or_a_typed_refusal_names_the_path(provider: str, case: Case) -> None:
    async with asked(provider, case) as (runtime, emulator, model):
        path = case.refusals.get(provider)
        if path is not None and provider != "openai":
            with pytest.raises(UnsupportedFeatureError, match="has no form") as caught:
                await runtime.generate(MODELS[provider], "Go.", output=case.output, strategy="native")
            assert path in caught.value.feature
            assert not emulator.requests
            return
        made = await runtime.generate_completion(MODELS[provider], "Go.", output=case.output, strategy="native")
        assert made.output == expected(case)
        assert model.schema is not None
        assert emulator.rejected == []
        if path is not None:
            assert path in "".join(note.reason for note in made.report.about("output"))


@each_provider
@each_case
async def test_without_a_strategy_of_its_own_every_schema_gives_its_object(provider: str, case: Case) -> None:
    async with asked(provider, case) as (runtime, emulator, _):
        made = await runtime.generate_completion(MODELS[provider], "Go.", output=case.output)
        assert made.output == expected(case)
        assert emulator.rejected == []
        refused = provider in case.refusals
        assert bool([n for n in made.report.about("output") if "asked for by" in n.reason]) == (
            refused and provider != "openai"
        )


TREE: JsonObject = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["children"],
    "additionalProperties": False,
}
OPEN: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
LOOKING: JsonObject = {
    "type": "object",
    "properties": {"a": {"type": "string", "pattern": "^(?!x)"}},
    "required": ["a"],
}
BESIDE: JsonObject = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/A", "description": "x"}},
    "$defs": {"A": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("provider", "schema"),
    [
        ("claude", TREE),
        ("claude", OPEN),
        ("claude", {**OPEN, "additionalProperties": False, "minProperties": 1}),
        ("openai", OPEN),
        ("openai", {**OPEN, "additionalProperties": False}),
        ("openai", {**LOOKING, "additionalProperties": False}),
        ("gemini", TREE),
        ("gemini", BESIDE),
        ("gemini", {**OPEN, "patternProperties": {}}),
        ("gemini", {"type": "string", "enum": ["", "a"]}),
    ],
)
async def test_the_emulators_refuse_a_schema_the_real_api_refuses(provider: str, schema: JsonObject) -> None:
    held: dict[str, JsonObject] = {
        "claude": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        "openai": {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": schema}}},
        "gemini": {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}},
    }
    async with asked(provider, CASES[0]) as (runtime, emulator, _):
        with pytest.raises(InvalidRequestError) as caught:
            await runtime.complete(MODELS[provider], "Go.", provider_options={provider: held[provider]})
    assert caught.value.status == 400
    assert len(emulator.rejected) == 1


async def test_c07_claude_is_asked_in_its_own_format_and_never_by_response_format() -> None:
    async with asked("claude", CASES[0]) as (runtime, emulator, model):
        await runtime.generate(MODELS["claude"], "Go.", output=CASES[0].output)
        assert model.schema is not None
        assert "response_format" not in emulator.requests[-1].json
        options = {"claude": {"response_format": {"type": "json_object"}}}
        with pytest.raises(InvalidRequestError):
            await runtime.complete(MODELS["claude"], "Go.", provider_options=options)


async def test_c12_a_refusal_in_the_place_of_content_is_no_empty_object() -> None:
    declined: JsonObject = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-6.1-sol",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "refusal", "refusal": "I will not help with that."}],
            }
        ],
        "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
    }
    async with asked("openai", CASES[0]) as (runtime, emulator, _):
        emulator.add(Reply.json(declined))
        with pytest.raises(RefusalError, match="I will not help") as caught:
            await runtime.generate(MODELS["openai"], "Go.", output=CASES[0].output)
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens == 7
