"""OpenTelemetry and log records, from the hooks alone: what is on them, and what never is."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from modelyard import OverloadedError, Runtime, hookimpl
from modelyard.observe.logs import LogObserver
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
