"""OpenTelemetry: spans for runs, tools, calls and attempts, and the metrics of the GenAI conventions.

Names follow the semantic conventions for generative AI as of ``opentelemetry-semantic-conventions`` 0.66b2 (status
development). A call is the operation of the conventions: its span alone has ``gen_ai.operation.name``, the content
and the usage of the answer, so that a sum over spans counts each call and each token once. Attempts are client
spans below it, with the server's address; one that failed after tokens were used has those tokens.

Spans are given their parent by hand and never made current, so a stream that is left halfway detaches nothing in
a foreign context. The span of a tool is current while the tool runs, which has a task of its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError, ProviderError
from modelyard.hookspecs import hookimpl
from modelyard.observe import messages as written
from modelyard.observe.attributes import answered, asked, attempted, failed_usage, served_by, tool_facts
from modelyard.observe.meters import Meters

try:
    from opentelemetry import context, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as missing:
    raise ConfigurationError(
        "OpenTelemetry is not installed.", hint="Install it: pip install 'modelyard[otel]'"
    ) from missing

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from modelyard.errors import ModelyardError
    from modelyard.types.completion import Completion
    from modelyard.types.content import ToolCall, ToolResult
    from modelyard.types.record import AttemptRecord, Record
    from modelyard.types.request import Request
    from modelyard.types.tools import Tool

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver:
    """``Runtime(hooks=[OpenTelemetryObserver()])``: traces and metrics of every call, run and tool.

    The global providers are used unless others are given. With ``content`` the messages, instructions and tools
    of requests, the answers, and what tools get and give are put on the spans; they may be personal, so it is off
    by default.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer("modelyard", tracer_provider=tracer_provider)
        self._meters = Meters(meter_provider)
        self._content = content
        self._runs: dict[str, Span] = {}
        self._tools: dict[tuple[str, str], tuple[Span, Token[Context]]] = {}
        self._calls: dict[str, tuple[Span, float, dict[str, Any], bool]] = {}
        self._attempts: dict[tuple[str, int], Span] = {}

    @hookimpl
    def modelyard_run_started(self, run_id: str) -> None:
        """Begin the span of a run."""
        facts = {"gen_ai.operation.name": "invoke_agent"}
        self._runs[run_id] = self._tracer.start_span("invoke_agent", kind=SpanKind.INTERNAL, attributes=facts)

    @hookimpl
    def modelyard_run_finished(self, run_id: str, status: str | None, error: BaseException | None) -> None:
        """End the span of a run."""
        span = self._runs.pop(run_id, None)
        if span is None:
            return
        if status is not None:
            span.set_attribute("modelyard.run.status", status)
        _end(span, error)

    @hookimpl
    def modelyard_tool_started(self, run_id: str, call: ToolCall, tool: Tool) -> None:
        """Begin the span of a tool, and make it the current one for the tool."""
        span = self._tracer.start_span(
            f"execute_tool {call.name}",
            context=self._below(run_id),
            kind=SpanKind.INTERNAL,
            attributes=tool_facts(call, tool),
        )
        if self._content and span.is_recording():
            span.set_attribute("gen_ai.tool.call.arguments", written.as_json(call.arguments))
        self._tools[run_id, call.id] = span, context.attach(trace.set_span_in_context(span))

    @hookimpl
    def modelyard_tool_finished(self, run_id: str, call: ToolCall, result: ToolResult | None) -> None:
        """End the span of a tool."""
        span, token = self._tools.pop((run_id, call.id), (None, None))
        if span is None or token is None:
            return
        context.detach(token)
        if result is not None and self._content and span.is_recording():
            span.set_attribute("gen_ai.tool.call.result", written.as_json(written.response_of(result)))
        if result is not None and result.is_error:
            span.set_attribute("error.type", "tool_error")
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    @hookimpl
    def modelyard_call_started(
        self, call_id: str, request: Request, deployment: str, operation: str, run_id: str | None
    ) -> None:
        """Begin the span of a call."""
        facts = asked(request, deployment, operation)
        name = f"{facts['gen_ai.operation.name']} {request.model}".rstrip()
        span = self._tracer.start_span(name, context=self._below(run_id), kind=SpanKind.INTERNAL, attributes=facts)
        if self._content and span.is_recording():
            self._write_request(span, request)
        self._calls[call_id] = (span, time.perf_counter(), facts, request.stream)

    @hookimpl
    def modelyard_attempt_started(self, call_id: str, deployment: str, number: int, server: str | None) -> None:
        """Begin the span of an attempt, below its call's."""
        if call_id not in self._calls:
            return
        parent = trace.set_span_in_context(self._calls[call_id][0])
        facts = {**attempted(deployment, number), **served_by(server)}
        self._attempts[call_id, number] = self._tracer.start_span(
            f"attempt {deployment}", context=parent, kind=SpanKind.CLIENT, attributes=facts
        )

    @hookimpl
    def modelyard_attempt_finished(self, call_id: str, attempt: AttemptRecord) -> None:
        """End the span of an attempt."""
        span = self._attempts.pop((call_id, attempt.number), None)
        if span is None:
            return
        facts: dict[str, Any] = {
            "modelyard.attempt.outcome": attempt.outcome,
            "modelyard.attempt.wait": attempt.wait,
            "http.response.status_code": attempt.status,
            "error.type": attempt.error,
            **failed_usage(attempt),
        }
        span.set_attributes({name: value for name, value in facts.items() if value is not None})
        self._meters.attempt(attempt)
        if attempt.error is not None:
            span.set_status(Status(StatusCode.ERROR, attempt.detail))
        span.end()

    @hookimpl
    def modelyard_call_finished(
        self, call_id: str, record: Record, completion: Completion | None, error: ModelyardError | None
    ) -> None:
        """End the span of a call and record its metrics."""
        if call_id not in self._calls:
            return
        span, began, facts, streamed = self._calls.pop(call_id)
        first = record.attempts[-1].first_output if streamed and record.attempts else None
        self._meters.call(facts, time.perf_counter() - began, first, completion, error)
        if completion is not None:
            span.set_attributes(answered(completion))
            if self._content and span.is_recording():
                text = written.as_json(written.output_messages(completion))
                span.set_attribute("gen_ai.output.messages", text)
        if first is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", first)
        span.set_attribute("modelyard.attempts", len(record.attempts))
        _end(span, error)

    def _below(self, run_id: str | None) -> Context | None:
        """The context of a run's span; ``None`` is the current one, that of the host's span or of a tool's."""
        span = self._runs.get(run_id) if run_id is not None else None
        return None if span is None else trace.set_span_in_context(span)

    def _write_request(self, span: Span, request: Request) -> None:
        """The content of a request; what it does not have is left out."""
        for name, value in (
            ("gen_ai.system_instructions", written.system_instructions(request.messages)),
            ("gen_ai.input.messages", written.input_messages(request.messages)),
            ("gen_ai.tool.definitions", written.tool_definitions(request.tools)),
        ):
            if value:
                span.set_attribute(name, written.as_json(value))


def _end(span: Span, error: BaseException | None) -> None:
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR, error.message if isinstance(error, ProviderError) else None))
    span.end()
