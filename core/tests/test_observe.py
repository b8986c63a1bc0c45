"""OpenTelemetry and log records, from the hooks alone: what is on them, and what never is."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from modelyard import (
    CitationPart,
    FilePart,
    ImagePart,
    InvalidResponseError,
    Message,
    Opaque,
    OpaquePart,
    OverloadedError,
    ReasoningPart,
    Runtime,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
    hookimpl,
    tool,
)
from modelyard.observe.logs import LogObserver
from modelyard.observe.messages import input_messages, system_instructions, tool_definitions
from modelyard.observe.otel import OpenTelemetryObserver
from modelyard.testing import FakeClock, Script, ScriptedProvider

SECRET_TEXT = "the patient is called Ada"
ANSWER = Script().say("Certainly.").using(input=20, output=7, cached=5)


class Telemetry:
    """An observer with everything it emits in memory."""

    def __init__(self, **settings: Any) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider([self.reader])
        self.observer = OpenTelemetryObserver(tracer_provider=tracers, meter_provider=meters, **settings)

    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        scope = data.resource_metrics[0].scope_metrics[0]
        return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


def runtime_with(observer: object, *scripts: Script, **settings: Any) -> Runtime:
    first = ScriptedProvider("first", scripts, default=ANSWER)
    second = ScriptedProvider("second", default=ANSWER)
    return Runtime(plugins=[first, second], hooks=[observer], clock=FakeClock(), **settings)


async def test_a_call_is_a_span_with_one_below_it_for_each_attempt() -> None:
    telemetry = Telemetry()
    failing = Script().fail("overloaded")
    async with runtime_with(
        telemetry.observer, failing, failing, fallback="before_output", max_attempts=2
    ) as runtime:
        await runtime.complete(["first:a", "second:b"], "Hi", temperature=0.5)
    spans = telemetry.spans()
    call = next(span for span in spans if span.parent is None)
    attempts = [span for span in spans if span.parent is not None]
    assert {span.parent.span_id for span in attempts} == {call.context.span_id}
    assert [span.attributes["gen_ai.provider.name"] for span in attempts] == ["first", "first", "second"]
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert attempts[0].attributes["error.type"] == "OverloadedError"
    assert call.name == "chat a"
    assert call.attributes["gen_ai.request.temperature"] == 0.5
    assert call.attributes["gen_ai.provider.name"] == "second"
    assert call.attributes["gen_ai.usage.input_tokens"] == 20
    assert call.attributes["gen_ai.usage.cache_read.input_tokens"] == 5
    assert call.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert call.status.status_code == StatusCode.UNSET


async def test_duration_first_output_and_tokens_are_measured() -> None:
    telemetry = Telemetry()
    async with runtime_with(telemetry.observer) as runtime:
        await runtime.stream("first:a", "Hi").collect()
    found = telemetry.metrics()
    assert found["gen_ai.client.operation.duration"][0].count == 1
    assert found["gen_ai.client.operation.time_to_first_chunk"][0].count == 1
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in found["gen_ai.client.token.usage"]}
    assert tokens == {"input": 20, "output": 7}


async def test_a_failed_call_is_an_error_with_its_class() -> None:
    telemetry = Telemetry()
    async with runtime_with(telemetry.observer, Script().fail("overloaded"), max_attempts=1) as runtime:
        with pytest.raises(OverloadedError):
            await runtime.complete("first:a", "Hi")
    call = next(span for span in telemetry.spans() if span.parent is None)
    assert (call.status.status_code, call.attributes["error.type"]) == (StatusCode.ERROR, "OverloadedError")
    assert telemetry.metrics()["gen_ai.client.operation.duration"][0].attributes["error.type"] == "OverloadedError"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_is_given_up_ends_its_spans_too(stream: bool) -> None:
    telemetry = Telemetry()
    provider = ScriptedProvider("first", default=Script().say(*["word "] * 100), pause=0.05)
    async with Runtime(plugins=[provider], hooks=[telemetry.observer]) as runtime:
        if stream:
            async with runtime.stream("first:a", "Hi") as answer:
                async for event in answer:
                    if event.type == "content_delta":
                        break
        else:

            class Slow(ScriptedProvider):
                async def _events(self, request: Any) -> Any:
                    await asyncio.sleep(60)
                    yield

            async with Runtime(plugins=[Slow("slow")], hooks=[telemetry.observer]) as slow:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(slow.complete("slow:a", "Hi"), 0.05)
    spans = telemetry.spans()
    assert sorted(span.parent is None for span in spans) == [False, True]
    assert telemetry.observer._calls == {}
    assert telemetry.observer._attempts == {}


async def test_content_is_on_no_span_unless_asked_for() -> None:
    quiet, talkative = Telemetry(), Telemetry(content=True)
    for telemetry in (quiet, talkative):
        async with runtime_with(telemetry.observer) as runtime:
            await runtime.complete("first:a", SECRET_TEXT)
    seen = [f"{span.attributes}{span.events}{span.name}" for span in quiet.spans()]
    assert not any(SECRET_TEXT in text or "Certainly" in text for text in seen)
    call = next(span for span in talkative.spans() if span.parent is None)
    assert SECRET_TEXT in call.attributes["gen_ai.input.messages"]
    assert "Certainly" in call.attributes["gen_ai.output.messages"]


async def test_log_records_hold_the_figures_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "modelyard.calls")
    async with runtime_with(LogObserver(), Script().fail("overloaded")) as runtime:
        await runtime.complete("first:a", SECRET_TEXT)
    attempt, again, call = (vars(record)["modelyard"] for record in caplog.records)
    assert (attempt["error"], again["outcome"]) == ("OverloadedError", "ok")
    assert attempt["call_id"] == again["call_id"] == call["call_id"]
    assert call["usage"]["input_tokens"] == 20
    assert [entry["outcome"] for entry in call["record"]["attempts"]] == ["error", "ok"]
    assert SECRET_TEXT not in caplog.text
    assert SECRET_TEXT not in str([vars(record) for record in caplog.records])


async def test_g17_g19_an_observer_that_raises_costs_the_caller_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @hookimpl
        def modelyard_call_started(self, call_id: str) -> None:
            raise RuntimeError("no")

        @hookimpl
        def modelyard_call_finished(self) -> None:
            raise RuntimeError("no")

        @hookimpl
        def modelyard_attempt_started(self) -> None:
            raise RuntimeError("no")

    async with runtime_with(Broken()) as runtime:
        assert (await runtime.complete("first:a", "Hi")).text == "Certainly."
        assert (await runtime.stream("first:a", "Hi").collect()).text == "Certainly."
    assert "an observer of modelyard_call_started raised RuntimeError" in caplog.text


# The form and meaning of the conventions


def spans_by_name(telemetry: Telemetry) -> dict[str, Any]:
    return {span.name: span for span in telemetry.spans()}


def content_of(span: Any, name: str) -> Any:
    return json.loads(span.attributes[f"gen_ai.{name}"])


async def test_x11_messages_have_the_form_of_the_conventions() -> None:
    telemetry = Telemetry(content=True)
    async with runtime_with(telemetry.observer) as runtime:
        await runtime.complete("first:a", [Message.user("hi there")])
    span = spans_by_name(telemetry)["chat a"]
    assert content_of(span, "input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "hi there"}]}
    ]
    assert content_of(span, "output.messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Certainly."}], "finish_reason": "stop"}
    ]
    assert "gen_ai.system_instructions" not in span.attributes
    assert "gen_ai.tool.definitions" not in span.attributes


OWN = Opaque(provider="first", kind="thinking", data={"signature": "sentinel-SIGNATURE"})
CONVERSATION = [
    Message.system("Be brief."),
    Message.user(
        [TextPart(text="See:", cache=True), ImagePart(url="https://example.com/a.png", media_type="image/png")]
    ),
    Message(
        role="assistant",
        content=(
            ReasoningPart(text="Hm.", opaque=OWN),
            ReasoningPart(kind="hidden", opaque=OWN),
            OpaquePart(opaque=OWN),
            TextPart(text="Looking."),
            CitationPart(url="https://example.com", raw={"own": 1}),
            ToolCall(id="c1", name="look", arguments={"at": "it"}, opaque=OWN),
            ToolCall(id="c2", name="look", arguments_text='{"at": '),
        ),
    ),
    Message(
        role="user",
        content=(
            ToolResult(tool_call_id="c1", content="a cat"),
            ToolResult(tool_call_id="c2", content=(TextPart(text="no"), ImagePart(data=b"GIF89a"))),
        ),
    ),
    Message.user(
        [
            FilePart(file_id="file-1", media_type="application/pdf"),
            FilePart(data=b"abc", media_type="audio/wav"),
            ImagePart(data=b"\x89PNG\r\n\x1a\n" + bytes(300_000)),
        ]
    ),
    Message.system("Now be long."),
]


def test_x11_every_part_has_its_form_and_nothing_of_ours_is_in_it() -> None:
    look = Tool(name="look", description="Looks.", parameters={"type": "object", "properties": {}})
    written = input_messages(CONVERSATION)
    assert system_instructions(CONVERSATION) == [{"type": "text", "content": "Be brief."}]
    assert [message["role"] for message in written] == ["user", "assistant", "tool", "user", "system"]
    assert [message["parts"] for message in written] == [
        [
            {"type": "text", "content": "See:"},
            {"type": "uri", "modality": "image", "mime_type": "image/png", "uri": "https://example.com/a.png"},
        ],
        [
            {"type": "reasoning", "content": "Hm."},
            {"type": "text", "content": "Looking."},
            {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": "it"}},
            {"type": "tool_call", "id": "c2", "name": "look", "arguments": '{"at": '},
        ],
        [
            {"type": "tool_call_response", "id": "c1", "response": "a cat"},
            {
                "type": "tool_call_response",
                "id": "c2",
                "response": [
                    {"type": "text", "content": "no"},
                    {"type": "blob", "modality": "image", "mime_type": "image/gif", "content": "R0lGODlh"},
                ],
            },
        ],
        [
            {"type": "file", "modality": "document", "mime_type": "application/pdf", "file_id": "file-1"},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "YWJj"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": ""},
        ],
        [{"type": "text", "content": "Now be long."}],
    ]
    assert "sentinel" not in str(written)
    assert tool_definitions([look]) == [
        {
            "type": "function",
            "name": "look",
            "description": "Looks.",
            "parameters": {"type": "object", "properties": {}},
        }
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_x12_a_sum_over_spans_counts_tokens_and_calls_once(stream: bool) -> None:
    telemetry = Telemetry()
    broken = Script().say("Certainly").using(input=3, output=2).fail("server")
    script = Script().say("Certainly.").using(input=10, output=5)
    async with runtime_with(telemetry.observer, broken, script, fallback="restart") as runtime:
        if stream:
            await runtime.stream("first:a", "Hi").collect()
        else:
            await runtime.complete("first:a", "Hi")
    spans = telemetry.spans()
    sums = {
        kind: sum(span.attributes.get(f"gen_ai.usage.{kind}_tokens", 0) for span in spans)
        for kind in ("input", "output")
    }
    assert sums == {"input": 10, "output": 5}
    assert [span.attributes.get("gen_ai.operation.name") for span in spans].count("chat") == 1
    found = telemetry.metrics()
    assert found["gen_ai.client.operation.duration"][0].count == 1
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in found["gen_ai.client.token.usage"]}
    assert tokens == sums


async def test_x12_what_a_failed_attempt_used_is_on_its_span_and_in_the_sum() -> None:
    class Charging(ScriptedProvider):
        @hookimpl
        async def modelyard_complete(self, session: Any, request: Any, card: Any) -> Any:
            partial = await ScriptedProvider("x", default=ANSWER).modelyard_complete(session, request, card)
            raise InvalidResponseError("no sense in it", partial=partial)

    telemetry = Telemetry()
    plugins = [Charging("first"), ScriptedProvider("second", default=ANSWER)]
    async with Runtime(
        plugins=plugins, hooks=[telemetry.observer], max_attempts=1, fallback="before_output"
    ) as runtime:
        await runtime.complete(["first:a", "second:b"], "Hi")
    spans = spans_by_name(telemetry)
    used = {name: span.attributes.get("gen_ai.usage.input_tokens") for name, span in spans.items()}
    assert used == {"attempt first:a": 20, "attempt second:b": None, "chat a": 20}
    points = telemetry.metrics()["gen_ai.client.token.usage"]
    assert sum(point.sum for point in points if point.attributes["gen_ai.token.type"] == "input") == 40


async def test_x13_the_client_span_says_where_the_server_is() -> None:
    telemetry = Telemetry()
    async with runtime_with(telemetry.observer) as runtime:
        await runtime.complete("first:a", "Hi")
    (client,) = [span for span in telemetry.spans() if span.kind == SpanKind.CLIENT]
    assert (client.attributes["server.address"], client.attributes["server.port"]) == ("scripted.invalid", 443)

    settings = {"first": {"base_url": "http://127.0.0.1:8123/v1?tenant=sentinel-QUERY-1"}}
    with_address = Telemetry()
    plugin = ScriptedProvider("first")
    async with Runtime(settings, plugins=[plugin], hooks=[with_address.observer]) as runtime:
        await runtime.complete("first:a", "Hi")
    (client,) = [span for span in with_address.spans() if span.kind == SpanKind.CLIENT]
    assert (client.attributes["server.address"], client.attributes["server.port"]) == ("127.0.0.1", 8123)
    assert "sentinel" not in str([dict(span.attributes) for span in with_address.spans()])


@pytest.mark.parametrize("stream", [False, True])
async def test_runs_and_tools_have_spans_and_children_hang_on_parents(stream: bool) -> None:
    telemetry = Telemetry(content=True)
    tracers = telemetry.observer._tracer

    @tool
    def look(at: str) -> str:
        """Look at something."""
        with tracers.start_as_current_span("the tool's own"):
            return f"{at}: a cat"

    @tool
    async def ask() -> str:
        return (await runtime.complete("second:b", "Who?")).text

    turn = Script().call("look", at="it").call("ask")
    async with runtime_with(telemetry.observer, turn) as runtime:
        with tracers.start_as_current_span("the host's own"):
            if stream:
                await runtime.run_stream("first:a", "Hi", tools=[look, ask]).collect()
            else:
                await runtime.run("first:a", "Hi", tools=[look, ask])
    spans = telemetry.spans()
    names = {span.context.span_id: span.name for span in spans}
    children = sorted((names[span.parent.span_id] if span.parent else "-", span.name) for span in spans)
    assert children == sorted(
        [
            ("-", "the host's own"),
            ("the host's own", "invoke_agent"),
            *[("invoke_agent", "chat a")] * 2,
            *[("chat a", "attempt first:a")] * 2,
            ("invoke_agent", "execute_tool look"),
            ("invoke_agent", "execute_tool ask"),
            ("execute_tool look", "the tool's own"),
            ("execute_tool ask", "chat b"),
            ("chat b", "attempt second:b"),
        ]
    )
    looked = spans_by_name(telemetry)["execute_tool look"]
    assert looked.attributes["gen_ai.tool.description"] == "Look at something."
    assert content_of(looked, "tool.call.arguments") == {"at": "it"}
    assert content_of(looked, "tool.call.result") == "it: a cat"
    run = spans_by_name(telemetry)["invoke_agent"]
    assert run.attributes["modelyard.run.status"] == "completed"
    assert not any(name.startswith("gen_ai.usage") for name in run.attributes)
    assert (telemetry.observer._runs, telemetry.observer._tools) == ({}, {})


async def test_a_tool_that_fails_is_an_error_and_one_that_is_cancelled_ends_its_span() -> None:
    telemetry = Telemetry()

    @tool
    def fail() -> str:
        raise ValueError("no")

    @tool
    async def hang() -> str:
        await asyncio.sleep(60)
        return "late"

    async with runtime_with(telemetry.observer, Script().call("fail"), Script().call("hang")) as runtime:
        await runtime.run("first:a", "Hi", tools=[fail, hang], limits={"max_turns": 2})
    async with runtime_with(telemetry.observer, Script().call("hang")) as runtime:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(runtime.run("first:a", "Hi", tools=[hang]), 0.1)
    spans = spans_by_name(telemetry)
    assert spans["execute_tool fail"].attributes["error.type"] == "tool_error"
    assert "error.type" not in spans["execute_tool hang"].attributes
    assert (telemetry.observer._runs, telemetry.observer._tools) == ({}, {})


async def test_other_operations_have_spans_of_their_own_names() -> None:
    telemetry = Telemetry()
    async with runtime_with(telemetry.observer) as runtime:
        await runtime.count_tokens("first:a", "Hi")
        with pytest.raises(UnsupportedFeatureError):
            await runtime.list_models("first")
    assert {"count_tokens a", "list_models"} <= spans_by_name(telemetry).keys()
