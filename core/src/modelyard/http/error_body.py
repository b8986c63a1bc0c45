"""Reading the body of a response that is no success: within limits of its own, and without ever failing.

The status was received and decides the class of the error; a body that is cut, broken or never comes must
neither hide it nor keep anybody waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from modelyard.errors import InvalidResponseError

__all__ = ["ERROR_BODY_SECONDS", "read_error_body"]

ERROR_BODY_SECONDS = 3.0
"""Seconds given to such a body. It comes with its head as a rule; one that is late is not worth a deadline."""


async def read_error_body(chunks_of_it: Callable[[], AsyncGenerator[bytes, None]], limit: int) -> bytes:
    """Read what can be had of a failed response's body, cut at a limit of bytes.

    One that cannot be unpacked is left out, with a sentence in its place.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(ERROR_BODY_SECONDS), contextlib.aclosing(chunks_of_it()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= limit:
                    break
    except InvalidResponseError as error:
        return bytes(body[:limit]) or error.message.encode()
    except Exception:  # noqa: S110 - the status says what matters, and what broke the body must not hide it
        pass
    return bytes(body[:limit])
