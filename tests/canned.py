"""A transport that answers without a network: the whole HTTP path of a plugin but for the sockets."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from modelyard.http.client import direct_client_class

__all__ = ["FAMILIES", "Canned", "canned_client"]

FAMILIES = {"claude": "httpx2", "mistral": "httpx2", "openai": "httpx", "gemini": "httpx"}


class Canned:
    """What the next request is answered with; ``chunks`` may be a generator, read as it is asked for."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.chunks: Iterable[bytes] = ()
        self.asked = 0


def canned_client(provider: str, canned: Canned) -> Any:
    """A client as the sessions make them, of the family a plugin runs on, answering from ``canned``."""
    httpx: Any = importlib.import_module(FAMILIES[provider])

    class Stream(httpx.AsyncByteStream):  # type: ignore[misc]  # the family is known at run time only
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in canned.chunks:
                yield chunk

    class Transport(httpx.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            canned.asked += 1
            return httpx.Response(canned.status, headers=dict(canned.headers), stream=Stream())

    return direct_client_class(httpx)(transport=Transport(), trust_env=False)
