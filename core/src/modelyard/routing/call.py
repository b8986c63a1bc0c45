"""One call, prepared: everything resolved and checked, nothing sent."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from modelyard.catalog.card import ModelCard
from modelyard.config import Deadlines
from modelyard.credentials.resolve import Credential
from modelyard.errors import (
    ConnectionFailedError,
    ModelNotFoundError,
    ModelyardError,
    ProviderError,
    StreamInterruptedError,
)
from modelyard.plugins.binding import ProviderBinding
from modelyard.plugins.sessions import Session
from modelyard.routing.retry import RetryPolicy
from modelyard.types.record import AttemptRecord, Outcome
from modelyard.types.request import Request
from modelyard.types.usage import Usage

__all__ = ["Attempt", "Call", "Observe"]

Observe = Callable[[str, "Attempt", "AttemptRecord | None"], None]


@dataclass(frozen=True, slots=True)
class Call:
    """A request bound to a deployment, with the policy it runs under."""

    binding: ProviderBinding
    card: ModelCard
    request: Request
    credential: Credential | None
    open_session: Callable[[], Awaitable[Session]] = field(repr=False)
    deadlines: Deadlines
    retry: RetryPolicy
    observe: Observe = field(repr=False)
    suggestion: str | None = None
    """A question naming near misses, for a model no card lists."""

    @property
    def deployment(self) -> str:
        """The reference of the deployment."""
        return f"{self.binding.info.id}:{self.request.model}"

    def to_error(self, raised: BaseException, *, answered: bool = False) -> ModelyardError:
        """The error to raise for what a hook raised.

        ``answered`` says that the response had begun: a connection lost after that is an interrupted stream.
        The credential is removed from every text, and the cause keeps no frames, whose variables hold headers.
        """
        error = raised if isinstance(raised, ModelyardError) else self.binding.map_error(raised)
        if not isinstance(error, ProviderError):
            return error
        if answered and isinstance(error, ConnectionFailedError):
            error = StreamInterruptedError(f"The stream broke off: {error.message}", hint=error.hint)
        error.provider = error.provider or self.binding.info.id
        error.model = error.model or self.request.model
        if isinstance(error, ModelNotFoundError) and error.hint is None:
            error.hint = self.suggestion
        self._redact(error)
        error.__traceback__ = error.__context__ = None
        error.__cause__ = None if raised is error else self._safe_cause(raised)
        return error

    def _redact(self, error: ProviderError) -> None:
        if self.credential is None:
            return
        redact = self.credential.secret.redact
        error.message = redact(error.message)
        error.args = (error.message,)
        error.code = redact(error.code) if error.code else error.code
        error.hint = redact(error.hint) if error.hint else error.hint

    def _safe_cause(self, raised: BaseException) -> BaseException | None:
        link: BaseException | None = raised
        while link is not None:
            if self.credential is not None and self.credential.secret.reveal() in f"{link!r} {link}":
                return None
            link.__traceback__ = None
            link.__context__ = None
            link = link.__cause__
        return raised


class Attempt:
    """One attempt as it runs; ``end`` turns it into a record."""

    def __init__(self, call: Call, number: int, wait: float) -> None:
        self._call = call
        self.deployment = call.deployment
        self.number = number
        self._wait = wait
        self._started = time.time()
        self._clock = time.perf_counter()
        self._first_output: float | None = None
        self.request_id: str | None = None
        call.observe("started", self, None)

    def output(self) -> None:
        """Note that output has come."""
        if self._first_output is None:
            self._first_output = time.perf_counter() - self._clock

    def end(
        self, outcome: Outcome, *, error: ModelyardError | None = None, usage: Usage | None = None
    ) -> AttemptRecord:
        """Close the attempt and tell the observers."""
        provider_error = error if isinstance(error, ProviderError) else None
        record = AttemptRecord(
            deployment=self.deployment,
            number=self.number,
            started=self._started,
            duration=time.perf_counter() - self._clock,
            outcome=outcome,
            first_output=self._first_output,
            wait=self._wait,
            status=provider_error.status if provider_error else None,
            error=type(error).__name__ if error else None,
            detail=error.message if error else None,
            request_id=self.request_id or (provider_error.request_id if provider_error else None),
            usage=usage,
            maybe_billed=outcome == "cancelled" or (self._first_output is not None and outcome == "error"),
        )
        self._call.observe("finished", self, record)
        return record
