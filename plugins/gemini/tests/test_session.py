"""Opening a session, and whole conversations over it."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any, cast

import httpx
import pytest

from modelyard import AuthenticationError, ConfigurationError, Message, Runtime
from modelyard.testing import Emulator, Hang, LoopbackServer, Received, Reply, Script, run_apart
from modelyard.types.base import JsonObject
from modelyard.types.content import OpaquePart, ToolResult
from modelyard_gemini.options import GeminiOptions
from modelyard_gemini.session import GeminiSession
from modelyard_gemini.testing.checks import make_signature
from modelyard_gemini.testing.dialect import DIALECT

MODEL = "gemini-3.8-flash"
FLASH = f"gemini:{MODEL}"
TOOLS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]
SECRET = "AIzaSentinelSentinelSentinel"


def answered(completion: Any, *texts: str) -> list[Message]:
    results = [
        ToolResult(tool_call_id=made.id, content=text)
        for made, text in zip(completion.tool_calls, texts, strict=True)
    ]
    return [completion.message, Message.tool(results)]


@pytest.mark.parametrize("path", ["", "/", "/v1beta", "/v1beta/"])
async def test_a_base_url_may_have_its_version_and_a_slash(emulator: Emulator, path: str) -> None:
    settings = {"api_key": "k", "base_url": emulator.url + path}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        await runtime.complete(FLASH, "Hi")
    assert emulator.requests[-1].path == f"/v1beta/models/{MODEL}:generateContent"


async def test_another_version_in_the_base_url_is_kept() -> None:
    seen: list[str] = []

    def handle(received: Received) -> Reply:
        seen.append(received.path)
        return Reply.json({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]})

    with LoopbackServer(handle) as server:
        settings = {"api_key": "k", "base_url": f"{server.url}/gateway/v1"}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            await runtime.complete(FLASH, "Hi")
    assert seen == [f"/gateway/v1/models/{MODEL}:generateContent"]


@pytest.mark.parametrize(
    ("variables", "key"),
    [
        ({"GEMINI_API_KEY": "one"}, "one"),
        ({"GOOGLE_API_KEY": "two"}, "two"),
        ({"GEMINI_API_KEY": "one", "GOOGLE_API_KEY": "two"}, "two"),
        ({"GEMINI_API_KEY": "one", "GOOGLE_API_KEY": " "}, "one"),
    ],
)
async def test_key_and_url_come_from_the_variables_of_googles_sdk(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], key: str
) -> None:
    for name, value in {**variables, "GOOGLE_GEMINI_BASE_URL": emulator.url}.items():
        monkeypatch.setenv(name, value)
    async with Runtime(plugins=["gemini"]) as runtime:
        await runtime.complete(FLASH, "Hi")
    assert emulator.requests[-1].headers["x-goog-api-key"] == key


async def test_own_headers_are_sent_along(emulator: Emulator) -> None:
    settings = {**emulator.settings(), "headers": {"x-goog-user-project": "p"}}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        await runtime.complete(FLASH, "Hi")
    assert emulator.requests[-1].headers["x-goog-user-project"] == "p"


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_both_transports_carry_calls_and_streams(emulator: Emulator, transport: str) -> None:
    settings = {**emulator.settings(), "transport": transport}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        complete = await runtime.complete(FLASH, "Hi")
        collected = await runtime.stream(FLASH, "Hi").collect()
    assert complete.text == collected.text == "Hello from the emulator."


async def test_the_hosts_own_client_is_used_and_left_open(emulator: Emulator) -> None:
    async with httpx.AsyncClient(headers={"x-host": "yes"}) as client:
        settings = {**emulator.settings(), "http_client": client}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            await runtime.complete(FLASH, "Hi")
        assert not client.is_closed
    assert emulator.requests[-1].headers["x-host"] == "yes"


def test_an_option_that_is_none_of_its_values_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="store"):
        GeminiOptions.make({"store": "yes"})


async def test_a_wrong_key_is_an_authentication_error_that_does_not_show_it(emulator: Emulator) -> None:
    key = f"{SECRET}-invalid"
    settings = emulator.settings(key)
    async with Runtime({"gemini": settings}, max_attempts=1, plugins=["gemini"]) as runtime:
        with pytest.raises(AuthenticationError) as caught:
            await runtime.complete(FLASH, "Hi")
    error = caught.value
    assert error.code == "API_KEY_INVALID"
    assert key.encode() not in pickle.dumps(error)
    assert key not in f"{error!r} {error} {error.to_dict()} {runtime!r}"


async def test_an_echoed_key_is_blotted_out_of_the_error() -> None:
    body = {"error": {"code": 400, "message": f"Bad key {SECRET}", "status": "INVALID_ARGUMENT"}}
    with LoopbackServer(lambda _: Reply.json(body, 400)) as server:
        settings = {"api_key": SECRET, "base_url": server.url}
        async with Runtime({"gemini": settings}, max_attempts=1, plugins=["gemini"]) as runtime:
            with pytest.raises(Exception, match="redacted") as caught:
                await runtime.complete(FLASH, "Hi")
    assert SECRET not in f"{caught.value!r} {caught.value}"


async def test_a_session_neither_shows_nor_pickles_its_key() -> None:
    async with httpx.AsyncClient() as client:
        headers = {"x-goog-api-key": SECRET}
        session = GeminiSession(
            cast("Any", client), owns_client=False, base_url="http://x", headers=headers, options=GeminiOptions()
        )
        assert SECRET not in f"{session!r} {vars(session)!r}"
        with pytest.raises(TypeError):
            pickle.dumps(session)
        with pytest.raises(TypeError):
            copy.deepcopy(session)


@pytest.mark.parametrize("stream", [True, False])
async def test_two_turns_with_tools_replay_ids_and_signatures_as_they_came(
    runtime: Runtime, emulator: Emulator, stream: bool
) -> None:
    emulator.add(
        Script().think("Two cities.").call("get_weather", city="Paris").call("get_weather", city="Rome"),
        Script().say("One more.").call("get_weather", city="Oslo"),
        Script().think("Done.").say("All sunny."),
        Script().say("You are welcome."),
    )

    async def ask(history: list[Message]) -> Any:
        if stream:
            return await runtime.stream(FLASH, history, tools=TOOLS).collect()
        return await runtime.complete(FLASH, history, tools=TOOLS)

    history = [Message.user("Weather?")]
    for texts in (["sunny", "rainy"], ["snow"]):
        completion = await ask(history)
        history += answered(completion, *texts)
    final = await ask(history)
    await ask([*history, final.message, Message.user("Thanks")])

    assert emulator.rejected == []
    contents = emulator.requests[-1].json["contents"]
    first, second, third = (content["parts"] for content in contents if content["role"] == "model")
    assert [part["functionCall"]["args"] for part in first] == [{"city": "Paris"}, {"city": "Rome"}]
    assert [part.get("thoughtSignature") for part in first] == [make_signature(MODEL, 1), None]
    assert second[0] == {"text": "One more."}
    assert second[1]["thoughtSignature"] == make_signature(MODEL, 1)
    assert third == [{"text": "All sunny."}, {"text": "", "thoughtSignature": make_signature(MODEL, 2)}]
    ids = [part["functionCall"]["id"] for part in (*first, second[1])]
    assert len(set(ids)) == 3
    answers = [
        part["functionResponse"]["id"]
        for content in contents
        for part in content["parts"]
        if "functionResponse" in part
    ]
    assert answers == ids


async def test_calls_without_ids_are_paired_by_order_and_get_different_ids_each_turn(
    runtime: Runtime, emulator: Emulator
) -> None:
    model = "gemini:gemini-2.5-flash-lite"
    emulator.add(
        Script().call("get_weather", city="Paris").call("get_weather", city="Rome"),
        Script().call("get_weather", city="Paris"),
        Script().say("Done."),
    )
    history = [Message.user("Weather?")]
    ids = []
    for texts in (["sunny", "rainy"], ["snow"]):
        completion = await runtime.complete(model, history, tools=TOOLS)
        ids += [made.id for made in completion.tool_calls]
        history += answered(completion, *texts)
    await runtime.complete(model, history, tools=TOOLS)
    assert emulator.rejected == []
    assert len(set(ids)) == 3
    wire: list[JsonObject] = emulator.requests[-1].json["contents"]
    assert all("id" not in value for content in wire for part in content["parts"] for value in part.values())


async def test_another_model_of_the_provider_gets_the_conversation_without_the_signatures(
    runtime: Runtime, emulator: Emulator
) -> None:
    emulator.add(Script().think("Hm.").call("get_weather", city="Paris"), Script().say("Sunny."))
    completion = await runtime.complete(FLASH, "Weather?", tools=TOOLS)
    history = [Message.user("Weather?"), *answered(completion, "sunny")]
    other = await runtime.complete("gemini:gemini-3.5-flash", history, tools=TOOLS)
    assert emulator.rejected == []
    assert other.text == "Sunny."
    assert {note.action for note in other.report.about("messages")} == {"dropped", "repaired"}


async def test_blocks_of_googles_own_tools_go_back_as_they_came(runtime: Runtime, emulator: Emulator) -> None:
    parts = [
        {
            "executableCode": {"id": "x1", "language": "PYTHON", "code": "print(6 * 7)"},
            "thoughtSignature": make_signature(MODEL, 1),
        },
        {"codeExecutionResult": {"id": "x1", "outcome": "OUTCOME_OK", "output": "42\n"}},
        {"text": "It is 42."},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
    ]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    emulator.add(Reply.json({"candidates": [candidate], "responseId": "r"}), Script().say("Yes."))
    completion = await runtime.complete(FLASH, "What is 6 * 7?")
    assert sum(isinstance(part, OpaquePart) for part in completion.message.content) == 3
    stored = Message.model_validate_json(completion.message.model_dump_json())
    await runtime.complete(FLASH, [Message.user("What is 6 * 7?"), stored, Message.user("Sure?")])
    assert emulator.rejected == []
    assert emulator.requests[-1].json["contents"][1] == {"role": "model", "parts": parts}


async def test_leaving_a_stream_closes_the_connection() -> None:
    chunk = b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}\r\n\r\n'
    with LoopbackServer(lambda _: Reply.sse([chunk, Hang()])) as server:
        settings = {"api_key": "k", "base_url": server.url}
        async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
            async with runtime.stream(FLASH, "Hi") as stream:
                async for event in stream:
                    if event.type == "content_delta":
                        break
            await asyncio.sleep(0.5)
            assert server.disconnects == 1
            assert server.open_connections == 0


def test_two_event_loops_in_a_row_can_use_one_runtime(emulator: Emulator) -> None:
    runtime = Runtime({"gemini": emulator.settings()}, plugins=["gemini"])

    async def once() -> str:
        completion = await runtime.complete(FLASH, "Hi")
        await runtime.aclose()
        return completion.text

    assert run_apart(once()) == run_apart(once())


@pytest.mark.parametrize(
    ("headers", "path", "body", "refusal"),
    [
        ({}, "/v1beta/models/m:generateContent", {}, "unregistered callers"),
        ({"x-goog-api-key": "k"}, "/v1beta/models/m:generateContent?key=k", {}, "header"),
        ({"x-goog-api-key": "k"}, "/v1/models/m:generateContent", {}, "not found"),
        ({"x-goog-api-key": "k"}, "/v1beta/models/m:streamGenerateContent", {}, "alt=sse"),
        ({"x-goog-api-key": "k"}, "/v1beta/models/m:generateContent", {"model": "m"}, "Unknown parameter"),
        ({"x-goog-api-key": "k"}, "/v1beta/models/m:generateContent", {"contents": []}, "contents"),
    ],
)
async def test_the_emulator_refuses_what_google_refuses(
    emulator: Emulator, headers: dict[str, str], path: str, body: JsonObject, refusal: str
) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.post(emulator.url + path, json=body, headers=headers)
    assert response.status_code >= 400
    assert refusal in response.json()["error"]["message"]


TURN = {"role": "user", "parts": [{"text": "Hi"}]}
CALL = {"functionCall": {"name": "f", "args": {}}}
SIGNED = {**CALL, "thoughtSignature": make_signature(MODEL, 0)}
RESULT = {"functionResponse": {"name": "f", "response": {}}}


def model(*parts: JsonObject) -> JsonObject:
    return {"role": "model", "parts": list(parts)}


def user(*parts: JsonObject) -> JsonObject:
    return {"role": "user", "parts": list(parts)}


@pytest.mark.parametrize(
    ("contents", "refusal"),
    [
        ([user({"text": ""})], "empty text"),
        ([user({"text": "a", "inlineData": {}})], "oneof"),
        ([user({"wrong": 1})], "Unknown parameter"),
        ([{"role": "assistant", "parts": [{"text": "a"}]}], "valid role"),
        ([TURN, model({"text": "a"})], "ending with a model turn"),
        ([model(SIGNED), user(RESULT)], "function call turn"),
        ([TURN, model(SIGNED), TURN], "number of function response parts"),
        ([TURN, model(SIGNED, CALL), user(RESULT)], "number of function response parts"),
        ([TURN, user(RESULT)], "function response turn"),
        ([TURN, model(CALL), user(RESULT)], "missing a thought_signature"),
        ([TURN, model({**CALL, "thoughtSignature": make_signature("other", 0)}), user(RESULT)], "Corrupted"),
        ([TURN, model(SIGNED), user({"functionResponse": {"name": "f", "response": "x"}})], "expected an object"),
        ([TURN, model(SIGNED), user({"functionResponse": {"name": "g", "response": {}}})], "answers no call"),
        (
            [TURN, model(SIGNED), user({"functionResponse": {"id": "1", "name": "f", "response": {}}})],
            "response.id",
        ),
        ([TURN, user(CALL)], "turn of the model"),
    ],
)
async def test_the_emulator_refuses_a_conversation_google_refuses(
    emulator: Emulator, contents: list[JsonObject], refusal: str
) -> None:
    async with httpx.AsyncClient() as client:
        url = f"{emulator.url}/v1beta/models/{MODEL}:generateContent"
        response = await client.post(url, json={"contents": contents}, headers={"x-goog-api-key": "k"})
    assert response.status_code == 400
    assert refusal in response.json()["error"]["message"]


def test_the_emulator_makes_answers_of_its_own_model() -> None:
    assert DIALECT.model == MODEL
