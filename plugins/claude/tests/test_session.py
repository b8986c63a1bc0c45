"""The way to Claude: through the SDK, through a host's own client, and safely."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from modelyard import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineError,
    InvalidRequestError,
    Message,
    OverloadedError,
    ProviderError,
    ReasoningPart,
    Runtime,
    StreamInterruptedError,
    ToolResult,
)
from modelyard.testing import (
    Emulator,
    Hang,
    LoopbackServer,
    Pause,
    Received,
    Reply,
    Script,
    drip,
    hang_after,
    hang_before_head,
    html_page,
    reset_after,
    reset_before_head,
    run_apart,
)
from modelyard.types.base import JsonObject
from modelyard_claude.plugin import modelyard_provider
from modelyard_claude.testing.dialect import DIALECT

MODEL = "claude:claude-sonnet-5-5"
KEY = "sk-ant-sentinel-0123456789"
WEATHER: JsonObject = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
NOW: JsonObject = {"name": "now"}


def runtime_for(server: LoopbackServer, **settings: Any) -> Runtime:
    return Runtime(
        {"claude": {"api_key": KEY, "base_url": server.url, **settings}}, plugins=["claude"], max_attempts=1
    )


# The request on the wire


async def test_the_sdk_sends_the_key_the_version_and_our_bytes(emulator: Emulator) -> None:
    async with runtime_for(emulator) as runtime:
        answer = await runtime.complete(MODEL, "Grüße")
        await runtime.stream(MODEL, "Hi").collect()
    whole, stream = emulator.requests
    assert (answer.text, answer.request_id) == ("Hello from the emulator.", "req_emulated")
    assert (whole.method, whole.path, whole.query) == ("POST", "/v1/messages", "")
    assert whole.headers["authorization"] == f"Bearer {KEY}"
    assert whole.headers["anthropic-version"] == "2026-10-21"
    assert whole.headers["content-type"] == "application/json"
    assert stream.headers["accept"] == "text/event-stream"
    assert (whole.json.get("stream"), stream.json["stream"]) == (None, True)
    assert "Grüße".encode() in whole.body


async def test_options_and_settings_become_headers(emulator: Emulator) -> None:
    options = {"version": "2023-06-01", "beta": ["a-2026-01-01", "b-2026-01-01"], "default_max_tokens": 77}
    async with runtime_for(emulator, options=options, headers={"x-team": "blue"}) as runtime:
        answer = await runtime.complete("claude:claude-haiku-4-5", "Hi", temperature=0)
    (request,) = emulator.requests
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["anthropic-beta"] == "a-2026-01-01,b-2026-01-01"
    assert request.headers["x-team"] == "blue"
    assert (request.json["max_tokens"], request.json["temperature"]) == (77, 0)
    assert not answer.report


@pytest.mark.parametrize(
    "options", [{"version": 2023}, {"default_max_tokens": 0}, {"default_max_tokens": True}, {"beta": [5]}]
)
async def test_options_that_are_none_are_refused(emulator: Emulator, options: Any) -> None:
    async with runtime_for(emulator, options=options) as runtime:
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            await runtime.complete(MODEL, "Hi")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_with_or_without_its_version(emulator: Emulator, path: str) -> None:
    async with runtime_for(emulator, base_url=emulator.url + path) as runtime:
        await runtime.complete(MODEL, "Hi")
    assert emulator.requests[0].path == "/v1/messages"


async def test_the_environment_names_key_and_base_url(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "second")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.url)
    async with Runtime(plugins=["claude"]) as runtime:
        await runtime.complete(MODEL, "Hi")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "first")
        await runtime.complete(MODEL, "Hi")
    assert [request.headers["authorization"] for request in emulator.requests] == ["Bearer second", "Bearer first"]


async def test_without_any_credential_nothing_is_sent(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.url)
    async with Runtime(plugins=["claude"]) as runtime:
        with pytest.raises(ConfigurationError, match="No API key was found for Anthropic"):
            await runtime.complete(MODEL, "Hi")
    assert not emulator.requests


def write_profile(folder: Path, base_url: str) -> None:
    """A profile of the SDK whose token somebody else renews."""
    config = {"authentication": {"type": "user_oauth"}, "base_url": base_url}
    token = {"type": "oauth_token", "version": "1.0", "access_token": "profile-token", "expires_at": None}
    for name, content in (("configs", config), ("credentials", token)):
        (folder / name).mkdir()
        file = folder / name / "work.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        file.chmod(0o600)


async def test_a_profile_of_the_environment_stands_in_for_a_key(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_profile(tmp_path, emulator.url)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_PROFILE", "work")
    async with Runtime(plugins=["claude"]) as runtime:
        assert "claude" in {card.provider for card in runtime.catalog}
        await runtime.complete(MODEL, "Hi")
    assert emulator.requests[0].headers["authorization"] == "Bearer profile-token"


async def test_a_profile_that_does_not_exist_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_PROFILE", "work")
    async with Runtime(plugins=["claude"]) as runtime:
        with pytest.raises(ConfigurationError, match="could not be set up"):
            await runtime.complete(MODEL, "Hi")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), False),
        (("ANTHROPIC_PROFILE",), True),
        (("ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_FEDERATION_RULE_ID"), False),
        (("ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID"), True),
    ],
)
def test_a_key_is_needed_unless_the_environment_names_another_credential(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], found: bool
) -> None:
    for name in names:
        monkeypatch.setenv(name, "x")
    assert modelyard_provider().key_optional is found


# Long answers


async def test_a_long_whole_answer_is_streamed_and_put_together(emulator: Emulator) -> None:
    script = Script().think("Hm.").say("It is sunny.").call("get_weather", city="Paris")
    emulator.add(script, script)
    async with runtime_for(emulator) as runtime:
        long = await runtime.complete(MODEL, "Hi", tools=[WEATHER], max_output_tokens=64_000)
        short = await runtime.complete(MODEL, "Hi", tools=[WEATHER], max_output_tokens=1_000)
    assert [bool(request.json.get("stream")) for request in emulator.requests] == [True, False]
    assert long.message == short.message
    assert (long.usage, long.finish_reason) == (short.usage, short.finish_reason)


# Two turns


async def test_opaque_data_makes_the_round_trip_through_a_tool_loop(emulator: Emulator) -> None:
    emulator.add(
        Script().think("Paris, then.").say("Let me look.").call("get_weather", city="Paris").call("now"),
        Script().think("Warm.").say("It is sunny."),
    )
    tools = [WEATHER, NOW]
    async with runtime_for(emulator) as runtime:
        first = await runtime.stream(MODEL, "Weather?", tools=tools).collect()
        results = [ToolResult(tool_call_id=call.id, content="ok") for call in reversed(first.tool_calls)]
        history = [Message.user("Weather?"), first.message, Message.tool(results)]
        second = await runtime.complete(MODEL, history, tools=tools)
        third = await runtime.complete(MODEL, [*history, second.message, Message.user("Thanks")], tools=tools)
    assert (second.text, third.text) == ("It is sunny.", "Hello from the emulator.")
    assert emulator.rejected == []
    sent = emulator.requests[2].json["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["type"] for block in sent[1]["content"]] == ["thinking", "text", "tool_use", "tool_use"]


async def test_every_kind_of_opaque_block_goes_back_byte_for_byte(emulator: Emulator) -> None:
    page = {"title": "t", "url": "https://e.org"}
    found = {"type": "web_search_result", **page, "encrypted_content": "e", "page_age": None}
    cited = {"type": "web_search_result_location", **page, "cited_text": "a", "encrypted_index": "i"}
    blocks = [
        {"type": "redacted_thinking", "data": "EmwKAhgB=="},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "ü"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]},
        {"type": "text", "text": "So.", "citations": [cited]},
        {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}, "caller": {"type": "direct"}},
    ]
    body = {"id": "msg_1", "type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use"}
    emulator.add(Reply.json(body))
    async with runtime_for(emulator) as runtime:
        first = await runtime.complete(MODEL, "Hi", tools=[NOW])
        stored = Message.model_validate_json(first.message.model_dump_json())
        history = [Message.user("Hi"), stored, Message.tool(ToolResult(tool_call_id="toolu_1", content="12"))]
        await runtime.complete(MODEL, history, tools=[NOW])
    assert emulator.rejected == []
    assert json.dumps(emulator.requests[1].json["messages"][1]["content"]) == json.dumps(blocks)


async def test_the_strict_emulator_refuses_thinking_that_was_left_out_or_touched(emulator: Emulator) -> None:
    emulator.add(Script().think("Paris, then.").call("now"))
    async with runtime_for(emulator) as runtime:
        first = await runtime.complete(MODEL, "Hi", tools=[NOW])
        result = Message.tool(ToolResult(tool_call_id=first.tool_calls[0].id, content="12"))
        thought, call = first.message.content
        touched = thought.model_dump()
        touched["opaque"]["data"]["thinking"] = "Rome, then."
        for parts in ([call], [ReasoningPart.model_validate(touched), call]):
            with pytest.raises(InvalidRequestError, match="thinking"):
                await runtime.complete(MODEL, [Message.user("Hi"), Message.assistant(parts), result], tools=[NOW])


# Failing


@pytest.mark.parametrize("stream", [False, True])
async def test_one_layer_retries_and_it_is_not_the_sdk(emulator: Emulator, stream: bool) -> None:
    emulator.default = Script().fail("overloaded", retry_after=0.01)
    async with runtime_for(emulator) as runtime:
        with pytest.raises(OverloadedError) as caught:
            await (runtime.stream(MODEL, "Hi").collect() if stream else runtime.complete(MODEL, "Hi"))
    assert len(emulator.requests) == 1
    assert (caught.value.status, caught.value.retry_after, caught.value.request_id) == (529, 0.01, "req_emulated")


async def test_ways_for_a_connection_to_fail(emulator: Emulator) -> None:
    async with runtime_for(emulator) as runtime:
        emulator.fault = reset_before_head()
        with pytest.raises(ConnectionFailedError):
            await runtime.complete(MODEL, "Hi")
        emulator.fault = reset_after(4)
        with pytest.raises(StreamInterruptedError) as caught:
            await runtime.stream(MODEL, "Hi").collect()
        assert caught.value.partial is not None
        emulator.fault = html_page()
        with pytest.raises(ProviderError, match="Bad Gateway") as page:
            await runtime.complete(MODEL, "Hi")
        assert page.value.status == 502
        for fault in (hang_before_head(), hang_after(3)):
            emulator.fault = fault
            with pytest.raises(DeadlineError):
                await runtime.stream(MODEL, "Hi", deadlines=0.2).collect()
    async with Runtime({"claude": {"api_key": KEY, "base_url": "http://127.0.0.1:9"}}, max_attempts=1) as runtime:
        with pytest.raises(ConnectionFailedError):
            await runtime.complete(MODEL, "Hi")


async def test_redirects_are_not_followed_so_that_the_key_goes_nowhere_else(emulator: Emulator) -> None:
    target = f"{emulator.url}/v1/messages"
    with LoopbackServer(lambda _: Reply(307, {"location": target})) as server:
        async with runtime_for(server) as runtime:
            with pytest.raises(ProviderError, match="Redirects are not followed"):
                await runtime.complete(MODEL, "Hi")
    assert not emulator.requests


async def test_leaving_a_stream_closes_the_connection(emulator: Emulator) -> None:
    emulator.default, emulator.fault = Script().say("word " * 500), drip(0.01)
    async with runtime_for(emulator) as runtime:
        async with runtime.stream(MODEL, "Hi") as stream:
            async for event in stream:
                if event.type == "content_delta":
                    break
        await asyncio.sleep(0.3)
        assert (emulator.open_connections, emulator.disconnects) == (0, 1)


async def test_pings_do_not_count_as_output(emulator: Emulator) -> None:
    start = DIALECT.events(
        Script().say("Hi"), Received("POST", "/v1/messages", "", {}, b'{"messages": [], "model": "m"}')
    )
    pings = [step for _ in range(100) for step in (Pause(0.02), start[1])]
    emulator.add(Reply.sse([*start[:4], *pings, Hang()]))
    async with runtime_for(emulator) as runtime:
        with pytest.raises(DeadlineError) as caught:
            await runtime.stream(MODEL, "Hi", deadlines={"between_outputs": 0.2}).collect()
    assert caught.value.phase == "between_outputs"


def test_two_event_loops_in_a_row(emulator: Emulator) -> None:
    runtime = runtime_for(emulator)

    async def ask() -> None:
        async with runtime:
            await runtime.complete(MODEL, "Hi")

    run_apart(ask())
    run_apart(ask())
    assert len(emulator.requests) == 2


# Secrets and cost


@pytest.mark.parametrize("kind", ["authentication", "server", "quota"])
async def test_the_key_appears_nowhere(emulator: Emulator, caplog: pytest.LogCaptureFixture, kind: Any) -> None:
    caplog.set_level(logging.DEBUG)
    emulator.default = Script().fail(kind, f"Bad key {KEY}.")
    async with runtime_for(emulator, headers={"x-gateway": f"gateway {KEY}"}) as runtime:
        failures: list[ProviderError] = []
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await (runtime.complete(MODEL, "Hi") if not failures else runtime.stream(MODEL, "Hi").collect())
            failures.append(caught.value)
        shown = [repr(runtime), caplog.text]
    for error in failures:
        shown += [str(error), repr(error), json.dumps(error.to_dict()), repr(error.__cause__)]
        shown += traceback.format_exception(error)
        shown.append(repr(pickle.dumps(error)))
    assert not [text for text in shown if KEY in text]
    assert emulator.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_refused_key_is_an_authentication_error(emulator: Emulator) -> None:
    async with runtime_for(emulator, api_key="invalid-key") as runtime:
        with pytest.raises(AuthenticationError, match=r"Incorrect API key provided: \[redacted\]"):
            await runtime.complete(MODEL, "Hi")


def test_discovery_and_catalog_import_no_sdk() -> None:
    code = """
import sys
from modelyard import Runtime
runtime = Runtime(plugins=["claude"])
assert "claude:claude-opus-5-5" in [card.ref for card in runtime.catalog]
print([name for name in ("anthropic", "httpx2", "httpx", "aiohttp") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
