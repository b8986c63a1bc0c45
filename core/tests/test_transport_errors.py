"""Every exception of the HTTP libraries, and of what is below them, has a fitting error."""

from __future__ import annotations

import importlib
import pickle
import socket
import ssl
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

from modelyard.calls.verdict import verdict_on
from modelyard.errors import (
    ConnectionFailedError,
    DeadlineError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
    RateLimitError,
)
from modelyard.http.transport_errors import map_transport_error

LIBRARIES = ("aiohttp", "anyio", "h11", "httpcore", "httpcore2", "httpx", "httpx2", "socket", "socksio", "ssl")


def instances(library: str) -> Iterator[Exception]:
    """One of each public exception class, made with a message where its class allows that."""
    module = importlib.import_module(library)
    for name in dir(module):
        kind = None if name.startswith("_") else getattr(module, name)
        if not isinstance(kind, type) or not issubclass(kind, Exception) or issubclass(kind, Warning):
            continue
        if kind.__module__.partition(".")[0] in ("builtins", "exceptiongroup"):
            continue
        try:
            yield kind("It failed.")
        except Exception:
            yield kind.__new__(kind)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_exception_of_a_library_has_a_class_of_its_own(library: str) -> None:
    found = list(instances(library))
    assert found
    for error in found:
        mapped = map_transport_error(error)
        assert mapped is not None, type(error)
        assert type(mapped) is not ProviderError, type(error)
        assert str(pickle.loads(pickle.dumps(mapped))) == str(mapped)


def made_of(error: Exception, *causes: Exception) -> Exception:
    """An exception with what it was raised from."""
    outer = error
    for cause in causes:
        outer.__cause__ = cause
        outer = cause
    return error


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "as OpenSSL says it"
    return error


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (httpx.ConnectTimeout("x"), DeadlineError, None),
        (httpx.ReadTimeout("x"), DeadlineError, None),
        (httpx.PoolTimeout("x"), ConnectionFailedError, "pool_timeout"),
        (httpx.ConnectError("x"), ConnectionFailedError, None),
        (httpx.ProxyError("502 Bad Gateway"), ConnectionFailedError, None),
        (httpx.ProxyError("407 Proxy Authentication Required"), ConnectionFailedError, "proxy_refused"),
        (httpx.ProxyError("Proxy Server requires credentials"), ConnectionFailedError, "proxy_refused"),
        (httpx.RemoteProtocolError("x"), ConnectionFailedError, "connection_lost"),
        (httpx.ReadError("x"), ConnectionFailedError, "connection_lost"),
        (httpx.DecodingError("x"), InvalidResponseError, None),
        (httpx.UnsupportedProtocol("x"), InvalidRequestError, None),
        (aiohttp.NonHttpUrlClientError("x"), InvalidRequestError, None),
        (aiohttp.ServerDisconnectedError(), ConnectionFailedError, "connection_lost"),
        (aiohttp.ConnectionTimeoutError(), DeadlineError, None),
        (ConnectionRefusedError(111, "refused"), ConnectionFailedError, None),
        (socket.gaierror(-2, "no such name"), ConnectionFailedError, None),
        (ConnectionResetError(104, "reset"), ConnectionFailedError, "connection_lost"),
        (certificate_error(18), ConnectionFailedError, "tls_refused"),
        (made_of(httpx.ConnectError("x"), certificate_error(10)), ConnectionFailedError, "tls_refused"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), ConnectionFailedError, "connection_lost"),
        # A host's client of httpx-aiohttp 0.2 says so of a server that hung up.
        (
            made_of(httpx.ConnectTimeout("x"), aiohttp.ServerDisconnectedError()),
            ConnectionFailedError,
            "connection_lost",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_a_client_raises_means(error: Exception, kind: type[ProviderError], code: str | None) -> None:
    mapped = map_transport_error(error)
    assert type(mapped) is kind
    assert mapped.code == code


@pytest.mark.parametrize(
    ("code", "said"),
    [(10, "expired"), (9, "not valid yet"), (62, "another host name"), (64, "another host name")]
    + [(code, "issuer is unknown") for code in (18, 19, 20, 21)]
    + [(23, "as OpenSSL says it")],
)
def test_a_certificate_that_is_refused_says_why_and_how_to_give_a_ca(code: int, said: str) -> None:
    mapped = map_transport_error(made_of(httpx.ConnectError("x"), certificate_error(code)))
    assert mapped is not None
    assert said in mapped.message
    assert "certificate" in mapped.message
    assert "SSL_CERT_FILE" in str(mapped.hint)
    assert not mapped.retryable
    assert verdict_on(mapped) == "neutral"


def test_a_status_a_host_s_client_raises_by_itself_decides() -> None:
    request = httpx.Request("POST", "http://127.0.0.1")
    error = httpx.HTTPStatusError("429", request=request, response=httpx.Response(429, request=request))
    mapped = map_transport_error(error)
    assert isinstance(mapped, RateLimitError)
    assert mapped.status == 429


def test_what_no_client_raised_is_not_theirs() -> None:
    assert map_transport_error(ValueError("x")) is None
    assert map_transport_error(RuntimeError("x")) is None
