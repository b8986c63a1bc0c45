"""Opening a session, whole conversations over it, counting and listing."""

from __future__ import annotations

import asyncio
import copy
import pickle
from datetime import date
from typing import Any, cast

import httpx
import pytest

from modelyard import (
    AuthenticationError,
    ConfigurationError,
    InvalidResponseError,
    Message,
    ModelNotFoundError,
    RateLimitError,
    Runtime,
    UnsupportedFeatureError,
)
from modelyard.testing import Emulator, Hang, LoopbackServer, Reply, Script, run_apart
from modelyard.types.base import JsonObject
from modelyard.types.content import ToolResult
from modelyard_openai.options import OpenAIOptions
from modelyard_openai.session import OpenAISession

MODEL = "gpt-6-sol"
SOL = f"openai:{MODEL}"
PLAIN = "openai:gpt-4.1"
TOOLS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]
SECRET = "sk-SentinelSentinelSentinel"


def answered(completion: Any, *texts: str) -> list[Message]:
    results = [
        ToolResult(tool_call_id=made.id, content=text)
        for made, text in zip(completion.tool_calls, texts, strict=True)
    ]
    return [completion.message, Message.tool(results)]


# Opening


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_have_its_version_and_a_slash(emulator: Emulator, path: str) -> None:
    async with Runtime(
        {"openai": {"api_key": "k", "base_url": emulator.url + path}}, plugins=["openai"]
    ) as runtime:
        await runtime.complete(PLAIN, "Hi")
    assert emulator.requests[-1].path == "/v1/responses"


async def test_key_url_organization_and_project_come_from_the_variables_of_the_sdk(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"API_KEY": "k", "BASE_URL": emulator.url, "ORG_ID": "org-1", "PROJECT_ID": "proj-1"}
    for name, value in given.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    async with Runtime(plugins=["openai"]) as runtime:
        await runtime.complete(PLAIN, "Hi")
    headers = emulator.requests[-1].headers
    assert headers["authorization"] == "Bearer k"
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-1")


async def test_own_headers_are_sent_along(emulator: Emulator) -> None:
    settings = {**emulator.settings(), "headers": {"x-own": "1"}}
    async with Runtime({"openai": settings}, plugins=["openai"]) as runtime:
        await runtime.complete(PLAIN, "Hi")
    assert emulator.requests[-1].headers["x-own"] == "1"


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_both_transports_carry_calls_and_streams(emulator: Emulator, transport: str) -> None:
    settings = {**emulator.settings(), "transport": transport}
    async with Runtime({"openai": settings}, plugins=["openai"]) as runtime:
        complete = await runtime.complete(PLAIN, "Hi")
        collected = await runtime.stream(PLAIN, "Hi").collect()
    assert complete.text == collected.text == "Hello from the emulator."


async def test_the_hosts_own_client_is_used_and_left_open(emulator: Emulator) -> None:
    async with httpx.AsyncClient(headers={"x-host": "yes"}) as client:
        settings = {**emulator.settings(), "http_client": client}
        async with Runtime({"openai": settings}, plugins=["openai"]) as runtime:
            await runtime.complete(PLAIN, "Hi")
            await runtime.list_models("openai")
        assert not client.is_closed
    assert all(request.headers["x-host"] == "yes" for request in emulator.requests)


def test_an_option_that_is_none_of_its_values_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="api"):
        OpenAIOptions.make({"api": "completions"})


@pytest.mark.parametrize(
    ("options", "model", "path"),
    [
        ({}, "gpt-4.1", "/v1/responses"),
        ({}, "a-model-of-next-year", "/v1/responses"),
        ({}, "gpt-audio-mini", "/v1/chat/completions"),
        ({"api": "responses"}, "gpt-4.1", "/v1/responses"),
        ({"api": "chat"}, "gpt-4.1", "/v1/chat/completions"),
        ({"api": "chat"}, "llama-3", "/v1/chat/completions"),
    ],
)
async def test_the_api_is_the_one_named_or_the_one_the_model_prefers(
    emulator: Emulator, options: JsonObject, model: str, path: str
) -> None:
    settings = {**emulator.settings(), "options": options}
    async with Runtime({"openai": settings}, plugins=["openai"]) as runtime:
        await runtime.complete(f"openai:{model}", "Hi")
    assert emulator.requests[-1].path == path


async def test_a_wrong_key_is_an_authentication_error_that_does_not_show_it(emulator: Emulator) -> None:
    key = f"{SECRET}-invalid"
    async with Runtime({"openai": emulator.settings(key)}, max_attempts=1, plugins=["openai"]) as runtime:
        with pytest.raises(AuthenticationError) as caught:
            await runtime.complete(PLAIN, "Hi")
    error = caught.value
    assert key.encode() not in pickle.dumps(error)
    assert key not in f"{error!r} {error} {error.to_dict()} {runtime!r}"


async def test_a_session_neither_shows_nor_pickles_its_key() -> None:
    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {SECRET}"}
        session = OpenAISession(
            cast("Any", client), owns_client=False, base_url="http://x", headers=headers, api=None
        )
        assert SECRET not in f"{session!r} {vars(session)!r}"
        with pytest.raises(TypeError):
            pickle.dumps(session)
        with pytest.raises(TypeError):
            copy.deepcopy(session)


async def test_rate_limits_and_the_request_id_are_on_the_answer() -> None:
    head = {"x-request-id": "req_1", "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}
    body = {
        "id": "r",
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}],
    }
    with LoopbackServer(
        lambda _: Reply.json(body, headers={**head, "x-ratelimit-reset-requests": "6m0s"})
    ) as server:
        async with Runtime({"openai": {"api_key": "k", "base_url": server.url}}, plugins=["openai"]) as runtime:
            answer = await runtime.complete(PLAIN, "Hi")
    assert answer.request_id == "req_1"
    limit = answer.rate_limits["requests"]
    assert (limit.limit, limit.remaining, limit.reset) == (60, 59, 360)


# Conversations


@pytest.mark.parametrize("stream", [True, False])
async def test_turns_with_tools_send_back_reasoning_calls_and_messages_as_they_came(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(
        Script().think("Two cities.").call("get_weather", city="Paris").call("get_weather", city="Rome"),
        Script().think("One more.").say("One more.").call("get_weather", city="Oslo"),
        Script().think("Done.").say("All sunny."),
        Script().say("You are welcome."),
    )

    async def ask(history: list[Message]) -> Any:
        if stream:
            return await runtime.stream(SOL, history, tools=TOOLS).collect()
        return await runtime.complete(SOL, history, tools=TOOLS)

    history = [Message.user("Weather?")]
    for texts in (["sunny", "rainy"], ["snow"]):
        history += answered(await ask(history), *texts)
    final = await ask(history)
    stored = Message.model_validate_json(final.message.model_dump_json())
    await ask([*history, stored, Message.user("Thanks")])

    assert emulator.rejected == []
    items = emulator.requests[-1].json["input"]
    assert [item["type"] for item in items] == [
        "message", "reasoning", "function_call", "function_call", "function_call_output", "function_call_output",
        "reasoning", "message", "function_call", "function_call_output", "reasoning", "message", "message",
    ]  # fmt: skip
    reasoning = [item for item in items if item["type"] == "reasoning"]
    assert all(item["encrypted_content"] and item["summary"] for item in reasoning)
    assert items[-2]["content"] == [{"type": "output_text", "text": "All sunny.", "annotations": []}]
    assert items[-2]["id"].startswith("msg_")


async def test_another_model_gets_the_conversation_without_reasoning_and_ids(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().think("Hm.").say("Wait.").call("get_weather", city="Paris"), Script().say("Sunny."))
    history = [Message.user("Weather?")]
    history += answered(await runtime.complete(SOL, history, tools=TOOLS), "sunny")
    other = await runtime.complete("openai:gpt-5.2", history, tools=TOOLS)
    assert (emulator.rejected, other.text) == ([], "Sunny.")
    items = emulator.requests[-1].json["input"]
    assert [item["type"] for item in items] == ["message", "message", "function_call", "function_call_output"]
    assert items[1]["content"] == "Wait."
    assert "dropped" in {note.action for note in other.report.about("messages")}


async def test_turns_with_tools_over_chat(chat_runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(
        Script().call("get_weather", city="Paris").call("get_weather", city="Rome"),
        Script().call("get_weather", city="Paris"),
        Script().say("Done."),
    )
    history = [Message.user("Weather?")]
    ids = []
    for texts in (["sunny", "rainy"], ["snow"]):
        completion = await chat_runtime.complete(PLAIN, history, tools=TOOLS)
        ids += [made.id for made in completion.tool_calls]
        history += answered(completion, *texts)
    final = await chat_runtime.complete(PLAIN, history, tools=TOOLS)
    assert (emulator.rejected, final.text, len(set(ids))) == ([], "Done.", 3)


async def test_leaving_a_stream_closes_the_connection() -> None:
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"}
    event = b"data: " + str(delta).replace("'", '"').encode() + b"\n\n"
    with LoopbackServer(lambda _: Reply.sse([event, Hang()])) as server:
        async with Runtime({"openai": {"api_key": "k", "base_url": server.url}}, plugins=["openai"]) as runtime:
            async with runtime.stream(PLAIN, "Hi") as stream:
                async for found in stream:
                    if found.type == "content_delta":
                        break
            await asyncio.to_thread(server.wait_for_disconnect, 5)


def test_two_event_loops_in_a_row_can_use_one_runtime(emulator: Emulator) -> None:
    runtime = Runtime({"openai": emulator.settings()}, plugins=["openai"])

    async def once() -> str:
        completion = await runtime.complete(PLAIN, "Hi")
        await runtime.aclose()
        return completion.text

    assert run_apart(once()) == run_apart(once())


# Counting


async def test_tokens_are_counted_by_the_provider_for_what_is_input(runtime: Runtime, emulator: Emulator) -> None:
    emulator.add(Script().using(input=321))
    counted = await runtime.count_tokens(
        SOL, "Hi", system="Be brief.", tools=TOOLS, reasoning="low", max_output_tokens=9
    )
    assert (counted.tokens, counted.estimated) == (321, False)
    received = emulator.requests[-1]
    assert received.path == "/v1/responses/input_tokens"
    assert received.json.keys() == {"model", "input", "instructions", "tools", "reasoning"}


async def test_chat_has_nothing_to_count_with_so_the_core_estimates(
    chat_runtime: Runtime, emulator: Emulator
) -> None:
    counted = await chat_runtime.count_tokens(PLAIN, "Hi there")
    assert counted.estimated
    assert emulator.requests == []


@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_without_the_endpoint_leaves_it_to_the_estimate(status: int) -> None:
    with LoopbackServer(lambda _: Reply.json({"detail": "Not Found"}, status)) as server:
        async with Runtime({"openai": {"api_key": "k", "base_url": server.url}}, plugins=["openai"]) as runtime:
            assert (await runtime.count_tokens(PLAIN, "Hi")).estimated


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.json({"error": {"code": "model_not_found", "message": "No."}}, 404), ModelNotFoundError),
        (Reply.json({"error": {"code": "rate_limit_exceeded", "message": "No."}}, 429), RateLimitError),
        (Reply.json({"input_tokens": "many"}), InvalidResponseError),
        (Reply.json([1]), InvalidResponseError),
    ],
)
async def test_what_goes_wrong_in_counting_has_its_class(reply: Reply, kind: type[Exception]) -> None:
    with LoopbackServer(lambda _: reply) as server:
        async with Runtime({"openai": {"api_key": "k", "base_url": server.url}}, plugins=["openai"]) as runtime:
            with pytest.raises(kind):
                await runtime.count_tokens(PLAIN, "Hi")


# Listing


async def test_models_are_listed_with_the_date_they_shut_down_and_nothing_else_known(
    runtime: Runtime, emulator: Emulator
) -> None:
    cards = {card.id: card for card in await runtime.list_models("openai")}
    assert emulator.requests[-1].method == "GET"
    assert cards["gpt-5"].lifecycle.retires == date(2026, 12, 11)
    assert cards["gpt-6-sol"].lifecycle.retires is None
    assert all(card.capability("tools").state == "unknown" and not card.prices for card in cards.values())


@pytest.mark.parametrize(
    ("entry", "retires"),
    [
        ({"id": "m", "shutdown_date": "2027-04-01T00:00:00Z"}, date(2027, 4, 1)),
        ({"id": "m", "shutdown_date": "soon"}, None),
        ({"id": "m", "shutdown_date": 7}, None),
        ({"id": "m"}, None),
    ],
)
async def test_dates_are_read_in_any_form(entry: JsonObject, retires: date | None) -> None:
    body = {"data": [entry, {"id": ""}, {"id": 7}, "odd"]}
    with LoopbackServer(lambda _: Reply.json(body)) as server:
        async with Runtime({"openai": {"api_key": "k", "base_url": server.url}}, plugins=["openai"]) as runtime:
            (card,) = await runtime.list_models("openai")
    assert card.lifecycle.retires == retires


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.json({"object": "list"}), InvalidResponseError),
        (Reply(200, {"content-type": "text/html"}, (b"<html></html>",)), InvalidResponseError),
        (Reply.json({"error": {"code": "invalid_api_key", "message": f"Bad {SECRET}"}}, 401), AuthenticationError),
    ],
)
async def test_what_goes_wrong_in_listing_has_its_class_and_no_key(reply: Reply, kind: type[Exception]) -> None:
    with LoopbackServer(lambda _: reply) as server:
        async with Runtime({"openai": {"api_key": SECRET, "base_url": server.url}}, plugins=["openai"]) as runtime:
            with pytest.raises(kind) as caught:
                await runtime.list_models("openai")
    assert SECRET not in f"{caught.value!r} {caught.value}"


# The emulator


USER = {"type": "message", "role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "x"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}


@pytest.mark.parametrize(
    ("items", "refusal"),
    [
        ([], "input"),
        ([{**USER, "role": "tool"}], "role"),
        ([{**USER, "content": []}], "content"),
        ([{**USER, "content": [{"type": "text", "text": "a"}]}], "content part"),
        ([{**USER, "content": [{"type": "input_image"}]}], "exactly one source"),
        ([{**USER, "name": "Ada"}], "Unknown parameter"),
        ([USER, CALL], "No tool output found"),
        ([USER, RESULT], "No tool call found"),
        ([USER, {**CALL, "call_id": "c" * 65}, {**RESULT, "call_id": "c" * 65}], "string too long"),
        ([USER, CALL, CALL, RESULT], "Duplicate"),
        ([USER, REASONING, USER], "required following item"),
        ([USER, REASONING], "required following item"),
        ([USER, {**REASONING, "encrypted_content": None}, {**USER, "role": "assistant"}], "not found"),
        ([USER, REASONING, CALL, RESULT, REASONING, {**USER, "role": "assistant"}], "Duplicate item"),
    ],
)
async def test_the_emulator_refuses_input_openai_refuses(
    emulator: Emulator, items: list[JsonObject], refusal: str
) -> None:
    body = {"model": MODEL, "input": items}
    async with httpx.AsyncClient() as client:
        response = await client.post(
            f"{emulator.url}/v1/responses", json=body, headers={"authorization": "Bearer k"}
        )
    assert response.status_code >= 400
    assert refusal in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "fields", "refusal"),
    [
        ("responses", {"reasoning": {"effort": "none"}, "model": "gpt-6.2-astra"}, "Supported values"),
        ("responses", {"reasoning": {"effort": "low"}, "model": "gpt-4.1"}, "not supported"),
        ("responses", {"temperature": 1}, "Unsupported parameter"),
        ("responses", {"stop": ["a"]}, "Unknown parameter"),
        ("responses", {"max_output_tokens": 15}, "minimum value 16"),
        ("responses", {"tool_choice": "auto"}, "only allowed when"),
        ("responses", {"text": {"format": {"type": "json_object"}}}, "word 'json'"),
        ("responses", {"text": {"verbosity": "low"}, "model": "gpt-4.1"}, "not supported"),
        ("responses", {"stream_options": {}}, "only allowed when"),
        ("chat/completions", {"model": "gpt-5.5-pro"}, "only supported in v1/responses"),
        ("chat/completions", {"max_tokens": 5}, "max_completion_tokens"),
        ("chat/completions", {"stop": ["a"]}, "Unsupported parameter"),
        ("chat/completions", {"stop": ["a"] * 5, "model": "gpt-4.1"}, "array too long"),
        ("chat/completions", {"service_tier": "ultrafast"}, "service_tier"),
        ("chat/completions", {"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ("embeddings", {}, "Invalid URL"),
    ],
)
async def test_the_emulator_refuses_requests_openai_refuses(
    emulator: Emulator, path: str, fields: JsonObject, refusal: str
) -> None:
    turns = {"input": [USER]} if path == "responses" else {"messages": [{"role": "user", "content": "Hi"}]}
    async with httpx.AsyncClient() as client:
        body = {"model": MODEL, **turns, **fields}
        response = await client.post(f"{emulator.url}/v1/{path}", json=body, headers={"authorization": "Bearer k"})
    assert response.status_code >= 400
    assert refusal in response.json()["error"]["message"]


async def test_features_are_refused_before_anything_is_sent(chat_runtime: Runtime, emulator: Emulator) -> None:
    with pytest.raises(UnsupportedFeatureError):
        await chat_runtime.complete("openai:gpt-5.5-pro", "Hi")
    assert emulator.requests == []
