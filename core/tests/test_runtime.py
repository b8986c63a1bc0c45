"""The runtime over a scripted provider: calls, streams, retries, and what is left when one fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard import (
    ConfigurationError,
    InvalidRequestError,
    Message,
    ModelCard,
    ModelyardError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    Runtime,
    Status,
    StreamInterruptedError,
    ToolResult,
    hookimpl,
)
from modelyard.testing import Script, ScriptedProvider, run_apart
from modelyard.types.events import ContentDelta, Done, Event

HELLO = (
    Script().think("Hm.").say("Hello there.").call("get_weather", city="Paris").using(input=20, output=7, cached=5)
)


def runtime_with(*scripts: Script, **settings: Any) -> tuple[Runtime, ScriptedProvider]:
    provider = ScriptedProvider("acme", scripts)
    return Runtime(plugins=[provider], **settings), provider


async def test_a_whole_answer() -> None:
    runtime, provider = runtime_with(HELLO)
    async with runtime:
        completion = await runtime.complete("acme:one", "Hi", system="Be brief.")
    assert completion.text == "Hello there."
    assert completion.reasoning == "Hm."
    assert completion.tool_calls[0].arguments == {"city": "Paris"}
    assert completion.finish_reason == completion.raw_finish_reason == "tool_calls"
    assert (completion.usage.input_tokens, completion.usage.total_tokens) == (20, 27)
    assert (completion.provider, completion.model) == ("acme", "one")
    assert [message.text for message in provider.requests[0].messages] == ["Be brief.", "Hi"]
    (attempt,) = completion.record.attempts
    assert (attempt.deployment, attempt.outcome, attempt.number) == ("acme:one", "ok", 1)
    assert completion.record.deployment == "acme:one"
    assert json.loads(completion.model_dump_json())["finish_reason"] == "tool_calls"


async def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    runtime, _ = runtime_with(HELLO, HELLO)
    async with runtime:
        whole = await runtime.complete("acme:one", "Hi")
        async with runtime.stream("acme:one", "Hi") as stream:
            types = [event.type async for event in stream]
        assert stream.completion.message.text == whole.message.text
        assert stream.completion.usage == whole.usage
        assert stream.completion.request_id == "req_2"
    assert types[:2] == ["status", "status"]
    assert types[-2:] == ["status", "done"]
    assert {"content_delta", "reasoning_delta", "tool_call_start", "tool_call_delta", "tool_call_end"} <= set(
        types
    )


async def test_the_answer_goes_straight_back_into_the_history() -> None:
    runtime, provider = runtime_with(HELLO)
    async with runtime:
        first = await runtime.complete("acme:one", "Hi")
        result = ToolResult(tool_call_id=first.tool_calls[0].id, content="sunny")
        await runtime.complete("acme:one", [Message.user("Hi"), first.message, Message.tool(result)])
    assert provider.requests[1].messages[1] == first.message


async def test_shortcuts_of_a_stream() -> None:
    runtime, _ = runtime_with(HELLO, HELLO, HELLO)
    async with runtime:
        assert (await runtime.stream("acme:one", "Hi").collect()).text == "Hello there."
        pieces = [piece async for piece in runtime.stream("acme:one", "Hi").text()]
        assert pieces == ["Hello", " there."]
        lines = [line async for line in runtime.stream("acme:one", "Hi").to_sse()]
    assert lines[0] == 'event: status\ndata: {"type":"status","state":"started"}\n\n'
    assert json.loads(lines[-1].partition("data: ")[2])["usage"]["input_tokens"] == 20


async def test_an_error_is_the_last_server_sent_event() -> None:
    runtime, _ = runtime_with(Script().say("Hel").fail("overloaded", "Busy."))
    async with runtime:
        lines = [line async for line in runtime.stream("acme:one", "Hi").to_sse()]
    error = json.loads(lines[-1].partition("data: ")[2])["error"]
    assert lines[-1].startswith("event: error\n")
    assert (error["class"], error["message"], error["partial_text"]) == ("OverloadedError", "Busy.", "Hel")


async def test_there_is_no_completion_before_the_end() -> None:
    runtime, _ = runtime_with(HELLO)
    async with runtime, runtime.stream("acme:one", "Hi") as stream:
        async for event in stream:
            if event.type == "content_delta":
                break
        with pytest.raises(ModelyardError, match="has not reached its end"):
            _ = stream.completion
        assert stream.partial is not None
        assert stream.partial.text.startswith("Hello")


async def test_what_may_pass_is_retried_and_the_record_shows_it() -> None:
    runtime, provider = runtime_with(Script().fail("overloaded", retry_after=0.01), Script().say("At last."))
    async with runtime:
        completion = await runtime.complete("acme:one", "Hi")
    assert completion.text == "At last."
    assert [attempt.outcome for attempt in completion.record.attempts] == ["error", "ok"]
    assert completion.record.attempts[0].error == "OverloadedError"
    assert completion.record.attempts[1].wait >= 0.01
    assert len(provider.requests) == 2


async def test_a_stream_is_retried_only_before_its_first_output_and_says_so() -> None:
    runtime, _ = runtime_with(Script().fail("rate_limit", retry_after=0.01), Script().say("At last."))
    async with runtime, runtime.stream("acme:one", "Hi") as stream:
        events = [event async for event in stream]
    retrying = next(event for event in events if isinstance(event, Status) and event.state == "retrying")
    assert (retrying.attempt, retrying.deployment) == (2, "acme:one")
    assert "RateLimitError" in (retrying.reason or "")
    assert stream.completion.text == "At last."


async def test_after_output_a_stream_fails_with_what_had_come() -> None:
    runtime, provider = runtime_with(Script().say("Hello there.").fail("overloaded"), Script().say("Hello there."))
    async with runtime:
        pieces: list[str] = []

        async def read() -> None:
            async for event in runtime.stream("acme:one", "Hi"):
                if isinstance(event, ContentDelta):
                    pieces.append(event.text)

        with pytest.raises(OverloadedError) as caught:
            await read()
    assert "".join(pieces) == "Hello there."
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello there."
    assert [attempt.outcome for attempt in caught.value.attempts] == ["error"]
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("script", "kind", "requests"),
    [
        (Script().fail("quota"), QuotaExceededError, 1),
        (Script().fail("invalid_request"), InvalidRequestError, 1),
        (Script().fail("server"), ProviderError, 3),
        (Script().fail("rate_limit", retry_after=90), RateLimitError, 1),
    ],
)
async def test_how_often_each_failure_is_tried(script: Script, kind: type[ProviderError], requests: int) -> None:
    provider = ScriptedProvider("acme", default=script)
    async with Runtime(plugins=[provider]) as runtime:
        with pytest.raises(kind) as caught:
            await runtime.complete("acme:one", "Hi")
        assert len(caught.value.attempts) == requests
        with pytest.raises(kind):
            await runtime.stream("acme:one", "Hi").collect()
        with pytest.raises(kind):
            await runtime.complete("acme:one", "Hi", max_attempts=1)
    assert len(provider.requests) == 2 * requests + 1


async def test_the_error_says_where_it_happened() -> None:
    runtime, _ = runtime_with(Script().fail("quota", "No credit."))
    async with runtime:
        with pytest.raises(QuotaExceededError, match=r"\[acme:one\] No credit\."):
            await runtime.complete("acme:one", "Hi")


async def test_a_stream_that_ends_without_done_is_interrupted() -> None:
    class Silent(ScriptedProvider):
        @hookimpl
        async def modelyard_stream(self, session: Any, request: Any, card: Any) -> AsyncIterator[Event]:
            yield ContentDelta(0, "Hel")

    async with Runtime(plugins=[Silent("acme")]) as runtime:
        with pytest.raises(StreamInterruptedError) as caught:
            await runtime.stream("acme:one", "Hi").collect()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"


async def test_a_plugin_that_raises_something_else_is_mapped_and_keeps_its_cause() -> None:
    class Clumsy(ScriptedProvider):
        @hookimpl
        async def modelyard_complete(self, session: Any, request: Any, card: Any) -> Any:
            raise KeyError("choices")

    async with Runtime(plugins=[Clumsy("acme")]) as runtime:
        with pytest.raises(ProviderError, match="KeyError") as caught:
            await runtime.complete("acme:one", "Hi")
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__ is None


async def test_a_mapper_that_fails_is_reported_and_not_raised() -> None:
    class Hopeless(ScriptedProvider):
        @hookimpl
        async def modelyard_complete(self, session: Any, request: Any, card: Any) -> Any:
            raise KeyError("choices")

        @hookimpl
        def modelyard_map_error(self, error: BaseException) -> ProviderError:
            raise ValueError("mapper is broken")

    async with Runtime(plugins=[Hopeless("acme")]) as runtime:
        with pytest.raises(ProviderError, match="modelyard_map_error of the plugin for 'acme' failed on KeyError"):
            await runtime.complete("acme:one", "Hi")


async def test_one_session_serves_many_calls_and_is_closed_at_the_end() -> None:
    runtime, provider = runtime_with()
    async with runtime:
        await asyncio.gather(*(runtime.complete("acme:one", "Hi") for _ in range(20)))
        assert len(provider.sessions) == 1
        await runtime.complete("acme:one", "Hi", credential="another-key")
        assert len(provider.sessions) == 2
        assert not any(session.closed for session in provider.sessions)
    assert all(session.closed for session in provider.sessions)


async def test_a_session_that_fails_to_open_is_tried_again_next_time() -> None:
    class Flaky(ScriptedProvider):
        @hookimpl
        async def modelyard_open(self, settings: Any) -> Any:
            if not self.sessions:
                self.sessions.append(None)  # type: ignore[arg-type]
                raise ConfigurationError("Not yet.")
            return await ScriptedProvider.modelyard_open(self, settings)

    async with Runtime(plugins=[Flaky("acme")]) as runtime:
        with pytest.raises(ConfigurationError, match="Not yet"):
            await runtime.complete("acme:one", "Hi")
        assert (await runtime.complete("acme:one", "Hi")).text


def test_two_event_loops_in_a_row_each_get_a_session() -> None:
    runtime, provider = runtime_with()
    for _ in range(2):
        run_apart(runtime.complete("acme:one", "Hi"))
    assert len(provider.sessions) == 2


async def test_leaving_early_closes_the_plugins_stream_and_records_a_cancelled_attempt() -> None:
    closed: list[bool] = []
    finished: list[str] = []

    class Endless(ScriptedProvider):
        @hookimpl
        async def modelyard_stream(self, session: Any, request: Any, card: Any) -> AsyncIterator[Event]:
            try:
                while True:
                    yield ContentDelta(0, "x")
                    await asyncio.sleep(0)
            finally:
                closed.append(True)

    class Observer:
        @hookimpl
        def modelyard_attempt_finished(self, attempt: Any) -> None:
            finished.append(attempt.outcome)

    async with Runtime(plugins=[Endless("acme")], hooks=[Observer()]) as runtime:
        async with runtime.stream("acme:one", "Hi") as stream:
            async for event in stream:
                if event.type == "content_delta":
                    break
        assert (closed, finished) == ([True], ["cancelled"])
        assert stream.partial is not None
        assert stream.partial.finish_reason == "cancelled"

        async def read() -> None:
            async for _ in runtime.stream("acme:one", "Hi"):
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (closed, finished) == ([True, True], ["cancelled", "cancelled"])


def test_a_mistyped_argument_names_the_right_one() -> None:
    runtime, _ = runtime_with()
    with pytest.raises(
        TypeError, match=r"'max_output_token' is no argument of a call\. Did you mean 'max_output_tokens'"
    ):
        runtime.stream("acme:one", "Hi", max_output_token=5)  # type: ignore[call-arg]


async def test_defaults_by_context() -> None:
    cards = [
        ModelCard(provider="acme", id="talker", label="Talker", default_contexts=("chat",)),
        ModelCard(provider="acme", id="shortener", label="Shortener", default_contexts=("summary",)),
    ]
    provider = ScriptedProvider("acme", cards=cards)
    async with Runtime(plugins=[provider]) as runtime:
        await runtime.complete(None, "Hi")
        await runtime.complete("default:summary", "Hi")
        with pytest.raises(ConfigurationError, match="Did you mean 'summary'"):
            await runtime.complete("default:sumary", "Hi")
    assert [request.model for request in provider.requests] == ["talker", "shortener"]


async def test_an_alias_and_an_unknown_model_are_asked_for_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    card = ModelCard(provider="acme", id="sonnet-5", label="Sonnet 5", aliases=("latest",))
    provider = ScriptedProvider("acme", cards=[card])
    async with Runtime(plugins=[provider]) as runtime:
        await runtime.complete("acme:latest", "Hi")
        await runtime.complete("acme:sonnet-6", "Hi")
        await runtime.complete("acme:ft:base:org::id", "Hi")
        provider.scripts.append(Script().fail("model_not_found"))
        with pytest.raises(ProviderError, match="Did you mean 'sonnet-5'"):
            await runtime.complete("acme:sonet-5", "Hi")
    assert [request.model for request in provider.requests][:3] == ["latest", "sonnet-6", "ft:base:org::id"]
    assert "No card lists acme:sonnet-6; it is asked for all the same. Did you mean 'sonnet-5'?" in caplog.text


async def test_done_is_the_last_event_even_for_a_plugin_that_goes_on() -> None:
    class Chatty(ScriptedProvider):
        @hookimpl
        async def modelyard_stream(self, session: Any, request: Any, card: Any) -> AsyncIterator[Event]:
            yield ContentDelta(0, "x")
            yield Done("stop")
            yield ContentDelta(0, "y")

    async with Runtime(plugins=[Chatty("acme")]) as runtime, runtime.stream("acme:one", "Hi") as stream:
        events = [event async for event in stream]
    assert events[-1].type == "done"
    assert stream.completion.text == "x"
