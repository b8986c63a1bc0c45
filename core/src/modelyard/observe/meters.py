"""The metrics of the GenAI conventions: each call and each token counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics

from modelyard.observe.attributes import provider_name

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from modelyard.errors import ModelyardError
    from modelyard.types.completion import Completion
    from modelyard.types.record import AttemptRecord
    from modelyard.types.usage import Usage

__all__ = ["Meters"]

_SECONDS: Final = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS: Final = [4**power for power in range(14)]
"""Bucket bounds, in seconds and tokens, as the conventions advise."""
_LABELS: Final = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")


class Meters:
    """Duration and first output of calls, and tokens: those of answers, and those that failed attempts used."""

    def __init__(self, meter_provider: MeterProvider | None) -> None:
        meter = metrics.get_meter("modelyard", meter_provider=meter_provider)
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

    def call(
        self,
        facts: dict[str, Any],
        seconds: float,
        first: float | None,
        completion: Completion | None,
        error: ModelyardError | None,
    ) -> None:
        """Record a call; ``first`` is the time to the first output of a stream."""
        labels: dict[str, Any] = {name: facts[name] for name in _LABELS if name in facts}
        if completion is not None:
            labels["gen_ai.provider.name"] = provider_name(completion.provider)
            labels["gen_ai.response.model"] = completion.response_model or completion.model
            self._count(completion.usage, labels)
        if error is not None:
            labels["error.type"] = type(error).__name__
        self._duration.record(seconds, labels)
        if first is not None:
            self._first.record(first, labels)

    def attempt(self, attempt: AttemptRecord) -> None:
        """Count the tokens of an attempt that gave no answer; those of one that did are on its answer."""
        if attempt.outcome == "ok" or attempt.usage is None:
            return
        provider, _, model = attempt.deployment.partition(":")
        labels = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider_name(provider),
            "gen_ai.request.model": model,
        }
        self._count(attempt.usage, {**labels, "error.type": attempt.error} if attempt.error else labels)

    def _count(self, usage: Usage, labels: dict[str, Any]) -> None:
        for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if tokens is not None:
                self._tokens.record(tokens, {**labels, "gen_ai.token.type": kind})
