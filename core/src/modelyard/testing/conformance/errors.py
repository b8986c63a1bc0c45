"""Errors of every class, in responses and in streams, and every exception a library can raise."""

from __future__ import annotations

import json
import pickle
import ssl
from typing import Final

import pytest

from modelyard import errors
from modelyard.errors import ProviderError
from modelyard.http.failures import HttpFailure
from modelyard.loading.returned import PLUGIN_FAULT
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.exceptions import library_exceptions
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import FailureKind, Script

__all__ = ["ErrorCases"]

KINDS: Final[dict[FailureKind, type[ProviderError]]] = {
    "authentication": errors.AuthenticationError,
    "permission": errors.PermissionDeniedError,
    "quota": errors.QuotaExceededError,
    "rate_limit": errors.RateLimitError,
    "overloaded": errors.OverloadedError,
    "server": errors.ServerError,
    "invalid_request": errors.InvalidRequestError,
    "context_window": errors.ContextWindowError,
    "model_not_found": errors.ModelNotFoundError,
}
IN_STREAMS: Final[tuple[FailureKind, ...]] = ("rate_limit", "overloaded", "server")
BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"[{}]",
    b'{"error": null}',
    b'{"error": 7}',
    b"<html>",
    b"\xff\xfe",
)


class ErrorCases:
    """Cases about failures the provider tells."""

    @case
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize("kind", KINDS)
    async def test_every_failure_has_its_class(self, wire: Bench, kind: FailureKind, stream: bool) -> None:
        """The class alone decides whether to retry, switch, ask for a new key or shorten the prompt."""
        wire.emulator.add(Script().fail(kind, "No, for a scripted reason."))
        error = await wire.fails(stream=stream)
        require(
            isinstance(error, KINDS[kind]),
            f"the failure {kind!r} is a {KINDS[kind].__name__}",
            f"{type(error).__name__}: {error}",
            "map the provider's code or type, and the status where it says nothing better",
        )
        assert isinstance(error, ProviderError)
        require("scripted reason" in str(error), "the provider's words are kept", str(error), "use its message")
        require(error.status, "the status is on the error", error.status, "pass status=")
        require(
            error.retryable is KINDS[kind].default_retryable,
            "retryable follows the class",
            f"{kind}: {error.retryable}",
            "leave retryable to the class",
        )

    @case
    @pytest.mark.parametrize("kind", IN_STREAMS)
    async def test_an_error_event_ends_a_stream_with_its_class(self, wire: Bench, kind: FailureKind) -> None:
        """An error inside a stream that began with 200 is easily taken for its end."""
        words = "It is sunny in Paris today."
        wire.emulator.add(Script().say(words).fail(kind, "No, for a scripted reason."))
        error = await wire.fails(stream=True)
        require(
            isinstance(error, KINDS[kind]),
            f"an error event {kind!r} raises {KINDS[kind].__name__}",
            f"{type(error).__name__}: {error}",
            "look for the error event before anything else, and map it like an error body",
        )
        assert isinstance(error, ProviderError)
        partial = error.partial.text if error.partial is not None else ""
        require(
            partial and words.startswith(partial),
            "what had arrived is on the error",
            repr(partial),
            "yield events before you raise",
        )
        require(
            error.status != 200, "the status fits the error, not the stream's head", error.status, "set no 200"
        )

    @case
    async def test_a_retry_delay_is_passed_on(self, wire: Bench) -> None:
        """A caller that retries sooner than told is refused again, and longer."""
        wire.emulator.add(Script().fail("rate_limit", retry_after=7))
        error = await wire.fails()
        found = getattr(error, "retry_after", None)
        require(
            found == 7,
            "a retry delay is passed on",
            found,
            "make the error with modelyard.provider.http_error, which reads the headers",
        )

    @case
    async def test_the_core_retries_and_nobody_else(self, wire: Bench) -> None:
        """Retries in the SDK too would multiply, and hide their number from budgets and traces."""
        wire.emulator.add(Script().fail("overloaded"), Script().say("Hi."))
        error = await wire.fails()
        require(
            isinstance(error, errors.OverloadedError) and len(wire.emulator.asked) == 1,
            "one attempt is one request",
            f"{len(wire.emulator.asked)} requests",
            "switch off the retries of the SDK",
        )

    @case
    def test_any_body_of_an_error_is_mapped(self, wire: Bench) -> None:
        """Gateways put anything into an error's body; a mapper that fails hides the error it should tell."""
        binding = wire.subject.binding()
        huge = b"<html>" + b"x" * 1_000_000
        deep = b"[" * 5_000
        for status in (400, 401, 403, 404, 409, 413, 418, 422, 429, 500, 502, 503, 529, 599, 302):
            for body in (*BODIES, huge, deep, json.dumps({"error": {"message": ["a"], "code": {}}}).encode()):
                mapped = binding.map_error(HttpFailure(status, {}, body))
                require(
                    mapped.code != PLUGIN_FAULT and mapped.status == status,
                    "any body of an error is mapped, with its status",
                    f"{mapped!r} for status {status} and {body[:40]!r}",
                    "read bodies with parse_json_object, check every type, fall back on error_for_status",
                )

    @case
    def test_every_exception_of_its_libraries_is_mapped(self, wire: Bench) -> None:
        """An exception class nobody thought of is the one that is raised at night."""
        binding = wire.subject.binding()
        for error in (*_common(), *library_exceptions(wire.subject)):
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            mapped = binding.map_error(error)
            require(
                mapped.code != PLUGIN_FAULT,
                "every exception of the plugin's libraries is mapped",
                f"the mapper raises for {name}: {mapped}",
                "read nothing of an exception that may not be there",
            )
            transport = isinstance(error, (OSError, ssl.SSLError, TimeoutError))
            require(
                not transport or type(mapped) is not ProviderError,
                "failures of the network have a class",
                f"{name} is a plain ProviderError",
                "ask modelyard.provider.map_transport_error first",
            )

    @case
    async def test_errors_can_be_pickled(self, wire: Bench) -> None:
        """Work queues move errors between processes, with all that is on them."""
        wire.emulator.add(Script().say("Half an ", "answer").fail("overloaded"))
        error = await wire.fails(stream=True)
        again = pickle.loads(pickle.dumps(error))
        require(
            (type(again), str(again), again.to_dict()) == (type(error), str(error), error.to_dict()),
            "errors can be pickled",
            again,
            "raise Modelyard's own classes; declare attributes of subclasses in `fields`",
        )


def _common() -> list[BaseException]:
    """What the standard library raises when a connection fails."""
    return [
        ConnectionResetError("reset"),
        ConnectionRefusedError("refused"),
        TimeoutError("slow"),
        ssl.SSLCertVerificationError("expired"),
        OSError(101, "network unreachable"),
    ]
