"""Sending a request again, at once, when the pooled connection it went out on turned out to be dead.

A server may close an idle connection at any moment, and a client learns of it by trying. A request that dies on
a connection that served others before, without a byte of an answer, says nothing about the provider (RFC 9112
9.3.1): it goes out on a new connection, in the same attempt, outside every budget.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["SENT", "Line", "SentRequest", "once_more"]

_MOST = 3
"""Times a request goes out. With a full pool of some clients, even a new connection may have served another."""


class Line(Protocol):
    """A connection of a pool: how many requests went out on it, and whether the last was answered with a byte."""

    turns: int
    heard: bool

    async def aclose(self) -> None: ...


@dataclass(slots=True)
class SentRequest:
    """A request in the hands of a connection pool: what the pool has to know, and what it tells.

    ``fresh`` asks for a new connection. ``queued`` says that the request waits for a connection of ours to
    become free, ``line`` which connection it went out on.
    """

    fresh: bool = False
    queued: bool = False
    line: Line | None = None
    sent: int = 1

    @property
    def lost(self) -> bool:
        """True if it died on a connection that served others before, and nobody said a word to it."""
        return self.line is not None and self.line.turns > 1 and not self.line.heard and self.sent < _MOST

    def again(self) -> None:
        """Go out once more."""
        self.fresh, self.line, self.sent = True, None, self.sent + 1


SENT: ContextVar[SentRequest | None] = ContextVar("modelyard_call", default=None)
"""The request a pool serves, in the task that sends it; a pool reads it where it hands out a connection."""


def once_more(httpx: Any, transport: Any) -> Any:
    """A transport of a family of ``httpx`` that sends by another, and again where a pooled connection was dead.

    A body that is made as it is sent cannot be sent twice, so such a request goes out once.
    """

    class OnceMore(httpx.AsyncBaseTransport):  # type: ignore[misc]  # the family is known at run time only
        async def handle_async_request(self, request: Any) -> Any:
            call = SentRequest()
            token = SENT.set(call)
            try:
                while True:
                    try:
                        return await transport.handle_async_request(request)
                    except httpx.TimeoutException:
                        raise
                    except httpx.TransportError:
                        if not call.lost or not _is_kept(request):
                            raise
                    call.again()
            finally:
                SENT.reset(token)

        async def aclose(self) -> None:
            await transport.aclose()

    def _is_kept(request: Any) -> bool:
        try:
            return request.content is not None
        except httpx.RequestNotRead:
            return False

    return OnceMore()
