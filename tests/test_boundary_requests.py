"""What a plugin changes in what it was given changes nothing of the host's, and nothing others get."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelyard import Runtime

from .packages import GOOD_MODULE, module_of

SEEN: dict[str, Any] = {
    "tools": "request.tools[0].parameters",
    "a property of tools": "request.tools[0].parameters['properties']['city']",
    "output": "request.output.json_schema",
    "a property of output": "request.output.json_schema['properties']['city']",
    "metadata": "request.metadata",
    "provider_options": "request.provider_options",
    "options of a provider": "request.provider_options['good']",
    "options at a depth": "request.provider_options['good']['deep'][0]",
    "arguments": "request.messages[1].content[0].arguments",
    "arguments at a depth": "request.messages[1].content[0].arguments['where']",
}
SPOIL = """
import copy
from modelyard.provider import OverloadedError
seen = []

@hookimpl
async def modelyard_complete(session, request, card):
    found = {expression}
    seen.append(copy.deepcopy(found))
    found["spoilt"] = True
    raise OverloadedError("busy", retry_after=0)
"""
LOOK = """
seen = []

@hookimpl
async def modelyard_complete(session, request, card):
    seen.append({expression})
    answer = Message.assistant("hello")
    return Completion(message=answer, finish_reason="stop", provider="good", model="m")
"""


def asked() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {
        "messages": [
            {"role": "user", "content": "Where?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_call", "id": "1", "name": "f", "arguments": {"where": {"city": "Oslo"}}}
                ],
            },
            {"role": "tool", "content": [{"type": "tool_result", "id": "1", "name": "f", "content": "cold"}]},
        ],
        "tools": [{"name": "f", "parameters": copy.deepcopy(schema)}],
        "output": {"schema": schema},
        "metadata": {"a": "b"},
        "provider_options": {"good": {"deep": [{"x": 1}]}},
    }


@pytest.mark.parametrize("place", SEEN)
async def test_p27_a_change_by_one_plugin_reaches_neither_the_host_nor_the_next(place: str) -> None:
    bad = module_of(GOOD_MODULE.replace("acme", "bad") + SPOIL.format(expression=SEEN[place]), "bad")
    good = module_of(GOOD_MODULE.replace("acme", "good") + LOOK.format(expression=SEEN[place]), "good")
    options = asked()
    messages = options.pop("messages")
    async with Runtime(plugins=[bad, good], max_attempts=2) as runtime:
        answer = await runtime.complete(["bad:m", "good:m"], messages, fallback="before_output", **options)
    assert answer.text == "hello"
    assert len(bad.seen) == 2
    assert bad.seen[0] == bad.seen[1] == good.seen[0]
    assert {"messages": messages, **options} == asked()


async def test_a_validator_cannot_change_them_either() -> None:
    source = "@hookimpl\ndef modelyard_validate(request): request.tools[0].parameters['spoilt'] = True\n"
    bad = module_of(GOOD_MODULE.replace("acme", "bad") + source, "bad")
    options = asked()
    async with Runtime(plugins=[bad]) as runtime:
        await runtime.complete("bad:m", options.pop("messages"), **options)
    assert options["tools"] == asked()["tools"]


async def test_nor_can_an_opening_session_change_the_settings() -> None:
    source = (
        "@hookimpl\nasync def modelyard_open(settings):\n    settings.headers['a'] = 'x'\n    return Session()\n"
    )
    bad = module_of(GOOD_MODULE.replace("acme", "bad") + source, "bad")
    headers = {"a": "b"}
    async with Runtime({"bad": {"headers": headers}}, plugins=[bad]) as runtime:
        await runtime.complete("bad:m", "hi")
    assert headers == {"a": "b"}
