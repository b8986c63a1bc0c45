"""Every error Modelyard raises, one class for each decision a caller makes.

    ModelyardError
    ├── ConfigurationError            the set-up is wrong; nothing was sent
    ├── UnsupportedFeatureError       the model cannot do what was asked; nothing was sent
    ├── NoRouteError                  no deployment can serve the request; nothing was sent
    ├── ToolError                     raised by a tool: what the model is to be told (modelyard.tools.errors)
    ├── ToolResultsError              the results brought do not answer the calls that wait (there too)
    ├── RunStateError                 a suspended run cannot be read or gone on with (there too)
    └── ProviderError                 a provider, or the way to it, failed
        ├── AuthenticationError       the credential was refused
        ├── PermissionDeniedError     the credential is good, the action is not allowed
        ├── QuotaExceededError        credit, spend limit or long quota is used up; do not retry
        ├── RateLimitError            too many requests for now
        ├── OverloadedError           the provider has no capacity for now
        │   └── CircuitOpenError      every deployment is left alone after failures; nothing was sent
        ├── ServerError               the provider failed
        ├── DeadlineError             a deadline of the runtime passed (``phase`` says which)
        ├── ConnectionFailedError     no answer arrived: DNS, TLS, refused, reset, proxy
        ├── InvalidRequestError       the request is wrong and will be wrong again
        │   ├── ContextWindowError    the input does not fit the model's window
        │   └── ContentFilterError    the provider refused the content
        ├── ModelNotFoundError        no such model, or retired
        ├── InvalidResponseError      the answer is not what the provider documents
        ├── StreamInterruptedError    the stream ended before its terminator
        ├── RuntimeClosedError        the host closed the runtime before the call was over
        └── OutputError               the answer is not the object asked for (modelyard.structured.errors)
            ├── RefusalError          the model declined to answer
            ├── TruncatedOutputError  it was cut off at the limit of output tokens
            └── OutputValidationError it does not fit the type or schema, after every repair

This module imports nothing but the standard library, and what does no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from modelyard.surrogates import mend_text
from modelyard.waits import believed_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelyard.runs.state import RunState
    from modelyard.types.completion import Completion
    from modelyard.types.record import AttemptRecord

__all__ = [
    "AuthenticationError",
    "CircuitOpenError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextWindowError",
    "DeadlineError",
    "InvalidRequestError",
    "InvalidResponseError",
    "ModelNotFoundError",
    "ModelyardError",
    "NoRouteError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProviderError",
    "QuotaExceededError",
    "RateLimitError",
    "RuntimeClosedError",
    "ServerError",
    "StreamInterruptedError",
    "UnsupportedFeatureError",
]

MAX_MESSAGE = 2_000
"""Characters kept of a provider's message; a 10 MB HTML page is no error message."""


class ModelyardError(Exception):
    """Anything Modelyard raises on purpose.

    ``message`` says what happened and where, ``hint`` what to do about it; ``str()`` gives both. ``run`` is set
    on an error that ended ``Runtime.run``: the state of the run so far, from which ``resume`` goes on.
    """

    fields: ClassVar[tuple[str, ...]] = ("hint",)
    """The attributes that make up an error beside its message: what is pickled and copied."""
    run: RunState | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Callable[..., ModelyardError], tuple[Any, ...]]:
        state = {name: getattr(self, name) for name in (*self.fields, "run")}
        return _rebuild, (type(self), self.message, state)

    def to_dict(self) -> dict[str, Any]:
        """Describe the error as plain JSON data: the payload of an ``error`` event."""
        return {"class": type(self).__name__, "message": self.message, "hint": self.hint}


def _rebuild(cls: type[ModelyardError], message: str, state: Mapping[str, object]) -> ModelyardError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.message = message
    for name, value in state.items():
        setattr(error, name, value)
    return error


class ConfigurationError(ModelyardError):
    """A setting, a plugin or a credential is missing or unusable; nothing was sent."""


class UnsupportedFeatureError(ModelyardError):
    """The model cannot do what the request asks, and the caller did not allow dropping it.

    ``feature`` names the request field, ``model`` the reference it was asked of.
    """

    fields = ("hint", "feature", "model")

    def __init__(self, message: str, *, feature: str, model: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.feature = feature
        self.model = model

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "feature": self.feature, "model": self.model}


class NoRouteError(ModelyardError):
    """No deployment can serve the request.

    ``candidates`` holds one ``(reference, reason)`` pair for each deployment considered.
    """

    fields = ("hint", "candidates")

    def __init__(
        self,
        message: str,
        *,
        candidates: Sequence[tuple[str, str]] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "candidates": [list(pair) for pair in self.candidates]}


class ProviderError(ModelyardError):
    """A provider, or the way to it, failed.

    Attributes
    ----------
    provider, model:
        The provider id and the model id of the attempt; ``None`` if the failure came before them.
    status:
        The HTTP status, ``None`` without a response. Inside a stream it is the status that fits the
        error's body, not the 200 the stream began with.
    code:
        The provider's own code or type for the error.
    request_id:
        The provider's id of the request, for a support case.
    retryable:
        Whether the same request may succeed later.
    retry_after:
        Seconds the provider asked to wait, ``None`` if it named no time.
    attempts:
        A record of every attempt of the call, the failed one last.
    alternatives:
        References of other deployments that could serve the same request.
    partial:
        What had arrived when the error struck, ``None`` if nothing had.
    """

    default_retryable: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = (
        "hint",
        "provider",
        "model",
        "status",
        "code",
        "request_id",
        "retryable",
        "retry_after",
        "attempts",
        "alternatives",
        "partial",
    )

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        attempts: Sequence[AttemptRecord] = (),
        alternatives: Sequence[str] = (),
        partial: Completion | None = None,
    ) -> None:
        super().__init__(mend_text(_shorten(message)), hint=None if hint is None else mend_text(hint))
        self.provider = provider
        self.model = model
        self.status = status
        self.code = None if code is None else mend_text(code)
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = believed_wait(retry_after)
        self.attempts = tuple(attempts)
        self.alternatives = tuple(alternatives)
        self.partial = partial

    def __str__(self) -> str:
        where = ":".join(part for part in (self.provider, self.model) if part)
        facts = [f"status {self.status}"] if self.status is not None else []
        if self.code and self.code != str(self.status):
            facts.append(f"code {self.code}")
        if self.request_id:
            facts.append(f"request {self.request_id}")
        prefix = f"[{where}] " if where else ""
        suffix = f" ({', '.join(facts)})" if facts else ""
        return f"{prefix}{super().__str__()}{suffix}"

    def to_dict(self) -> dict[str, Any]:
        partial = self.partial
        return {
            **super().to_dict(),
            "provider": self.provider,
            "model": self.model,
            "status": self.status,
            "code": self.code,
            "request_id": self.request_id,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "attempts": [attempt.model_dump(mode="json") for attempt in self.attempts],
            "alternatives": list(self.alternatives),
            "partial_text": partial.text if partial is not None else None,
        }


class AuthenticationError(ProviderError):
    """The provider refused the credential."""


class PermissionDeniedError(ProviderError):
    """The credential is valid, but may not do this."""


class QuotaExceededError(ProviderError):
    """Credit, a spend limit or a long-term quota is used up. Waiting seconds does not help."""


class RateLimitError(ProviderError):
    """Too many requests or tokens in a short window; see ``retry_after``."""

    default_retryable = True


class OverloadedError(ProviderError):
    """The provider has no capacity at the moment."""

    default_retryable = True


class CircuitOpenError(OverloadedError):
    """Every deployment that could serve the request failed too often of late; nothing was sent.

    ``candidates`` holds a ``(reference, reason)`` pair for each, ``retry_after`` the earliest time to try again.
    """

    fields: ClassVar[tuple[str, ...]] = (*ProviderError.fields, "candidates")

    def __init__(self, message: str, *, candidates: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.candidates = tuple(candidates)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "candidates": [list(pair) for pair in self.candidates]}


class ServerError(ProviderError):
    """The provider failed while serving the request."""

    default_retryable = True


class DeadlineError(ProviderError):
    """A deadline passed.

    ``phase`` is ``connect``, ``first_output``, ``between_outputs`` or ``total``.
    """

    default_retryable = True
    fields: ClassVar[tuple[str, ...]] = (*ProviderError.fields, "phase")

    def __init__(self, message: str, *, phase: str, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.phase = phase

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "phase": self.phase}


class ConnectionFailedError(ProviderError):
    """No answer arrived: name lookup, TLS, proxy, refused or reset connection."""

    default_retryable = True


class InvalidRequestError(ProviderError):
    """The request is wrong and would be wrong again.

    ``status`` is ``None`` when Modelyard found the fault before anything was sent.
    """


class ContextWindowError(InvalidRequestError):
    """The input, or the input and the output asked for, exceed the model's window."""


class ContentFilterError(InvalidRequestError):
    """The provider refused the content of the prompt or of the answer."""


class ModelNotFoundError(ProviderError):
    """The provider does not know the model, or has retired it."""


class InvalidResponseError(ProviderError):
    """The answer is not what the provider documents: HTML, empty, cut or impossible."""

    default_retryable = True


class StreamInterruptedError(ProviderError):
    """The stream ended before its terminator; ``partial`` holds what had arrived."""

    default_retryable = True


class RuntimeClosedError(ProviderError):
    """The host closed the runtime: the call was refused, or ended before it was over.

    ``partial`` and ``attempts`` hold what there was of it.
    """


def _shorten(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[:MAX_MESSAGE]}… ({len(message)} characters)"
