"""Answers held to a JSON Schema."""

from __future__ import annotations

import copy
import json
from typing import Any

from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.tools import WEATHER
from modelyard.testing.script import Script
from modelyard.types.controls import OutputFormat
from modelyard.types.messages import Message

__all__ = ["StructuredCases"]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where"},
        "kind": {"type": "string", "enum": ["town", "village"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}},
    },
    "required": ["city", "kind", "tags"],
    "additionalProperties": False,
    "$defs": {
        "Tag": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
ANSWER = '{"city": "Paris", "kind": "town", "tags": [{"name": "é😀"}]}'


class StructuredCases:
    """Cases about ``output``."""

    @case
    async def test_a_schema_is_sent_or_noted_or_refused(self, served: Bench) -> None:
        """A schema that is dropped silently gives prose where a program expects an object."""
        try:
            answers = await served.both(Script().say(ANSWER), output=SCHEMA)
        except (UnsupportedFeatureError, InvalidRequestError) as error:
            state = served.card.capability("structured_output").state
            require(
                state != "supported",
                "a card that supports structured output accepts a plain schema",
                f"{served.reference}: {error}",
                "send the schema in the form the provider takes",
            )
            return
        sent = json.dumps(served.emulator.asked[-1].json)
        for answer in answers:
            noted = any(note.field.startswith("output") for note in answer.report.notes)
            require(
                noted or "village" in sent,
                "a schema is sent or noted in the report",
                "the request holds no schema, the report no note",
                "write the schema, or note it with the Reporter",
            )
            require(
                json.loads(answer.text) == json.loads(ANSWER),
                "the JSON of an answer is its text",
                repr(answer.text),
                "pass text on as it is",
            )

    @case
    async def test_plain_json_is_sent_or_noted(self, served: Bench) -> None:
        """JSON mode is weaker than a schema, and common."""
        try:
            answer = await served.ask(Script().say('{"a": 1}'), "Answer in JSON.", output="json")
        except (UnsupportedFeatureError, InvalidRequestError):
            require(
                served.card.capability("json_mode").state != "supported",
                "a card that supports JSON mode accepts it",
                served.reference,
                "send the mode",
            )
            return
        sent = served.emulator.asked[-1].body.lower()
        noted = any(note.field.startswith("output") for note in answer.report.notes)
        require(
            noted or sent.count(b"json") > 1, "JSON mode is sent or noted", "neither", "write the response format"
        )

    @case
    async def test_a_request_is_not_changed_by_asking(self, wire: Bench) -> None:
        """Hosts reuse schemas, tools and messages: a plugin that edits them breaks the next call, elsewhere."""
        with_schema = wire.allows("structured_output")
        output = OutputFormat.model_validate({"schema": copy.deepcopy(SCHEMA)}) if with_schema else None
        tools = [WEATHER.model_copy(deep=True)] if wire.allows("tools") else []
        messages = [Message.user("Hi")]
        shared = [one for one in (output, *tools, *messages) if one is not None]
        before = [copy.deepcopy(one.model_dump()) for one in shared]
        wire.emulator.default = Script().say(ANSWER)
        async with wire.runtime() as runtime:
            await runtime.complete(wire.reference, messages, tools=tools)
            await runtime.complete(wire.reference, messages, output=output)
            await runtime.complete(wire.reference, messages, tools=tools)
        wire.accepted()
        require(
            [one.model_dump() for one in shared] == before,
            "a plugin does not change the request",
            "the caller's own objects differ after the call",
            "copy before you edit: requests are shared between attempts and calls",
        )
        first, _, third = (received.body for received in wire.emulator.asked)
        require(
            first == third,
            "the same request is written in the same way each time",
            "the bodies differ",
            "keep nothing between requests, and keep the order of fields, which prompt caches need",
        )
