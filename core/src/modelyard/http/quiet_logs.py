"""Keeping headers out of what httpcore logs: at ``DEBUG`` it writes down those of every answer, values and all.

Only the plain transport runs on httpcore. A filter on its loggers asks a context variable whose request it is, and
leaves the records of others as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["quietly", "unlogged"]

_OURS: ContextVar[bool] = ContextVar("modelyard_request", default=False)


class _Quiet(logging.Filter):
    """Cuts off what a step returned, such as the head of an answer, and drops what names a whole URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _OURS.get():
            return True
        record.msg, record.args = record.getMessage().partition(" return_value=")[0], None
        return "://" not in record.msg


@contextmanager
def unlogged(httpx: Any) -> Iterator[None]:
    """While inside, requests of an HTTP library are logged without URLs and headers."""
    core = httpx.__name__.replace("httpx", "httpcore")
    for name in (httpx.__name__, f"{core}.http11", f"{core}.http2", f"{core}.proxy"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Quiet) for each in logger.filters):
            logger.addFilter(_Quiet())
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


def quietly(httpx: Any, transport: Any) -> Any:
    """A transport whose requests are logged without the headers of their answers."""

    class Unlogged(httpx.AsyncBaseTransport):  # type: ignore[misc]  # the family is known at run time only
        async def handle_async_request(self, request: Any) -> Any:
            with unlogged(httpx):
                return await transport.handle_async_request(request)

        async def aclose(self) -> None:
            await transport.aclose()

    return Unlogged()
