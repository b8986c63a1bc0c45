"""OpenTelemetry: a span for each call, one below it for each attempt, and the metrics of the GenAI conventions.

Names follow the semantic conventions for generative AI as of ``opentelemetry-semantic-conventions`` 0.66b2 (status
development). Spans are given their parent by hand and never made current, so a stream that is left halfway
detaches nothing in a foreign context.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError, ProviderError
from modelyard.hookspecs import hookimpl
from modelyard.observe.attributes import answered, asked, provider_name

try:
    from opentelemetry import metrics, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as missing:
    raise ConfigurationError(
        "OpenTelemetry is not installed.", hint="Install it: pip install 'modelyard[otel]'"
    ) from missing

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from modelyard.errors import ModelyardError
    from modelyard.types.completion import Completion
    from modelyard.types.record import AttemptRecord, Record
    from modelyard.types.request import Request

__all__ = ["OpenTelemetryObserver"]

_SCOPE = "modelyard"
_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [4**power for power in range(14)]
"""Bucket bounds, in seconds and tokens, as the conventions advise."""


class OpenTelemetryObserver:
    """``Runtime(hooks=[OpenTelemetryObserver()])``: traces and metrics of every call.

    The global providers are used unless others are given. With ``content`` the messages of the request and of the
    answer are put on the span; they may be personal, so it is off by default.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "Duration of a call",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time until the first output of a streamed answer",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens used", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._content = content
        self._calls: dict[str, tuple[Span, float, dict[str, Any], bool]] = {}
        self._attempts: dict[tuple[str, int], Span] = {}

    @hookimpl
    def modelyard_call_started(self, call_id: str, request: Request, deployment: str) -> None:
        """Begin the span of a call."""
        facts = asked(request, deployment)
        span = self._tracer.start_span(f"chat {request.model}", kind=SpanKind.INTERNAL, attributes=facts)
        if self._content and span.is_recording():
            messages = [message.model_dump(mode="json", exclude_none=True) for message in request.messages]
            span.set_attribute("gen_ai.input.messages", json.dumps(messages, ensure_ascii=False))
        self._calls[call_id] = (span, time.perf_counter(), facts, request.stream)

    @hookimpl
    def modelyard_attempt_started(self, call_id: str, deployment: str, number: int) -> None:
        """Begin the span of an attempt, below its call's."""
        if call_id not in self._calls:
            return
        parent = trace.set_span_in_context(self._calls[call_id][0])
        provider, _, model = deployment.partition(":")
        facts: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider_name(provider),
            "gen_ai.request.model": model,
            "modelyard.attempt.number": number,
        }
        self._attempts[call_id, number] = self._tracer.start_span(
            f"chat {model}", context=parent, kind=SpanKind.CLIENT, attributes=facts
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
            "gen_ai.usage.input_tokens": attempt.usage.input_tokens if attempt.usage else None,
            "gen_ai.usage.output_tokens": attempt.usage.output_tokens if attempt.usage else None,
            "error.type": attempt.error,
        }
        span.set_attributes({name: value for name, value in facts.items() if value is not None})
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
        labels = {
            name: facts[name] for name in ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")
        }
        if completion is not None:
            span.set_attributes(answered(completion))
            labels["gen_ai.provider.name"] = provider_name(completion.provider)
            labels["gen_ai.response.model"] = completion.response_model or completion.model
            self._count(completion, labels)
            if self._content and span.is_recording():
                message = completion.message.model_dump(mode="json", exclude_none=True)
                span.set_attribute("gen_ai.output.messages", json.dumps([message], ensure_ascii=False))
        if error is not None:
            labels["error.type"] = type(error).__name__
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR, error.message if isinstance(error, ProviderError) else None))
        span.set_attribute("modelyard.attempts", len(record.attempts))
        self._duration.record(time.perf_counter() - began, labels)
        last = record.attempts[-1] if record.attempts else None
        if streamed and last is not None and last.first_output is not None:
            self._first.record(last.first_output, labels)
        span.end()

    def _count(self, completion: Completion, labels: dict[str, Any]) -> None:
        usage = completion.usage
        for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if tokens is not None:
                self._tokens.record(tokens, {**labels, "gen_ai.token.type": kind})
