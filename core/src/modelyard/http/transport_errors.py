"""Failures of the way to a provider: what an HTTP client, a proxy or TLS raised, as errors of ours.

Works by class names, so that no HTTP library need be imported.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator

from modelyard import errors
from modelyard.errors import ConnectionFailedError, ProviderError
from modelyard.http.statuses import error_for_status

__all__ = ["PROXY_REFUSED", "TLS_REFUSED", "map_transport_error", "proxy_refusal"]

PROXY_REFUSED = "proxy_refused"
"""The code of an error that says what the proxy's owner, and no retry, can change."""

TLS_REFUSED = "tls_refused"
"""The code of an error that says that one side does not trust, or understand, the other."""

_FAMILIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "anyio", "h11", "socksio"})
_BAD_REQUEST = frozenset(
    {"UnsupportedProtocol", "InvalidURL", "NonHttpUrlClientError", "LocalProtocolError", "CookieConflict"}
)
_BAD_ANSWER = frozenset({"DecodingError", "TooManyRedirects", "StreamError", "SSEError", "ContentTypeError"})
_NEVER_MADE = frozenset(
    {"ConnectError", "ProxyError", "ClientConnectorError", "ConnectionRefusedError", "gaierror"}
)
"""No connection stood, so that the request cannot have left; a server that hung up had it perhaps."""


def map_transport_error(error: BaseException) -> ProviderError | None:
    """The error for what an HTTP client raised, ``None`` when it is not an HTTP client's."""
    names = {base.__name__ for base in type(error).__mro__ if base.__module__.partition(".")[0] in _FAMILIES}
    if not names and not isinstance(error, OSError):
        return None
    return _tls_refusal(error) or _proxy_refusal(error, names) or _failure(error, names)


def _failure(error: BaseException, names: set[str]) -> ProviderError:
    """The error for what may go better at another time, or with another request."""
    text = _text(error)
    if _timed_out(error, names):
        return _timeout(type(error).__name__, names)
    if names & _BAD_REQUEST:
        return errors.InvalidRequestError(f"The HTTP client refused the request: {text}.")
    if names & _BAD_ANSWER:
        return errors.InvalidResponseError(f"The response could not be read: {text}.")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "HTTPStatusError" in names and isinstance(status, int):  # a host's client may raise it by itself
        return error_for_status(status)(f"The provider answered with status {status}.", status=status)
    return _no_connection(text) if _never_made(error) else _lost_connection(text)


def _text(error: BaseException) -> str:
    """What an exception says, or the one it was made of; some cannot say it when bare."""
    for each in (error, error.__cause__):
        with contextlib.suppress(Exception):
            if each is not None and str(each):
                return str(each)
    return type(error).__name__


def _no_connection(text: str) -> ConnectionFailedError:
    return ConnectionFailedError(
        f"The connection failed: {text}.", hint="Check the base URL, the network, and any proxy on the way."
    )


def _lost_connection(text: str) -> ConnectionFailedError:
    return ConnectionFailedError(f"The connection failed: {text}.", code="connection_lost")


def _never_made(error: BaseException) -> bool:
    names = {base.__name__ for each in (error, error.__cause__) for base in type(each).__mro__}
    return bool(names & _NEVER_MADE)


def _timed_out(error: BaseException, names: set[str]) -> bool:
    """Whether a deadline passed: httpx-aiohttp 0.2 says so of a server that hung up, whose cause tells."""
    cause = error.__cause__
    hung_up = type(cause).__module__.startswith("aiohttp") and not isinstance(cause, TimeoutError)
    return isinstance(error, TimeoutError) or ("TimeoutException" in names and not hung_up)


def _timeout(name: str, names: set[str]) -> ProviderError:
    if "PoolTimeout" in names:
        return ConnectionFailedError(
            "No connection became free in time: the limit is on this side.",
            code="pool_timeout",
            hint="Raise max_connections for this provider.",
        )
    phase = "connect" if "Connect" in name else "between_outputs"
    return errors.DeadlineError(f"The {phase.replace('_', ' ')} deadline of the HTTP client passed.", phase=phase)


_MOST_CAUSES = 10


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was made of; httpcore's pool hides the cause of its own in their context."""
    found: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if found is None:
            return
        yield found
        ours = type(found).__module__.partition(".")[0] in _FAMILIES
        found = found.__cause__ or (found.__context__ if ours else None)


_DOUBTS: tuple[tuple[frozenset[int], str, str], ...] = (
    (
        frozenset({9, 10}),
        "it has expired, or is not valid yet",
        "Its owner has to renew it; check the clock here.",
    ),
    (frozenset({62, 63, 64}), "it is for another host name", "Check the host of the base URL."),
    (
        frozenset({2, 18, 19, 20, 21, 24, 27}),
        "its issuer is unknown here",
        "A proxy or server of your own may use it.",
    ),
)
"""What OpenSSL's codes of X.509 checks say (x509_vfy.h), in groups a reader can act on."""

_GIVE_CA = "To trust another issuer, give its certificate as the provider's setting ca, or in SSL_CERT_FILE."
_GIVE_CERT = "Give a certificate the server knows as the provider's setting client_cert."
_NOT_TLS = re.compile(r"WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG")
_WANTS_CERT = re.compile(r"ALERT_\w*(?:CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)")
_NO_VERSION = re.compile(r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|DH_KEY_TOO_SMALL|INTERNAL_ERROR")


def _tls_refusal(error: BaseException) -> ConnectionFailedError | None:
    """The error for a certificate, or a handshake, that one side refuses, and will again."""
    failures = [each for each in _causes(error) if isinstance(each, ssl.SSLError)]
    if not failures:
        return None
    found = failures[-1]  # aiohttp wraps it in one that knows less
    if isinstance(found, ssl.SSLCertVerificationError):
        return _certificate_refusal(found)
    reason = f"{getattr(found, 'reason', '')} {_text(found)}".upper().replace(" ", "_")
    if _NOT_TLS.search(reason):
        return _refused(
            "What answers there does not speak TLS.", "Check scheme and port of the base URL or proxy."
        )
    if _WANTS_CERT.search(reason):
        return _refused(f"The server refused the TLS handshake: {_text(found)}.", _GIVE_CERT)
    if _NO_VERSION.search(reason):
        return _refused(
            f"The TLS handshake failed: {_text(found)}.", "Check what TLS the server and any proxy speak."
        )
    return None


def _certificate_refusal(error: ssl.SSLCertVerificationError) -> ConnectionFailedError:
    said = getattr(error, "verify_message", "") or _text(error)
    code = getattr(error, "verify_code", 0)
    for codes, doubt, advice in _DOUBTS:
        if code in codes:
            return _refused(f"The certificate was refused: {doubt} ({said}).", f"{advice} {_GIVE_CA}")
    return _refused(f"The certificate was refused: {said}.", _GIVE_CA)


def _refused(message: str, hint: str) -> ConnectionFailedError:
    return ConnectionFailedError(message, code=TLS_REFUSED, retryable=False, hint=hint)


_STATUS = re.compile(r"([1-5]\d\d)\b")
_WANTS_PASSWORD = re.compile(r"credential|authenticat", re.IGNORECASE)


def _proxy_refusal(error: BaseException, names: set[str]) -> ConnectionFailedError | None:
    """The error for a proxy that will not connect: the client gives its status, or a sentence of SOCKS."""
    if not names & {"ProxyError", "ClientHttpProxyError"}:
        return None
    text = _text(error)
    found = _STATUS.match(text)
    if found is None and _WANTS_PASSWORD.search(text):
        return proxy_refusal(407, text)
    return proxy_refusal(int(found[1]), text[4:]) if found is not None and found[1].startswith("4") else None


def proxy_refusal(status: int, said: str) -> ConnectionFailedError:
    """The error for a status of 4xx that a proxy gives for itself."""
    if status == 407:
        message = f"The proxy wants a user and a password, and did not take those it was given, if any ({said})."
        hint = "Write them into the proxy's URL, as in http://user:password@host:port: proxy= or HTTPS_PROXY."
    else:
        message = f"The proxy refused the connection: {status} {said}."
        hint = "Ask its owner to allow the host; NO_PROXY names hosts that are reached without it."
    return ConnectionFailedError(message, status=status, code=PROXY_REFUSED, retryable=False, hint=hint)
