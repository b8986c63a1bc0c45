"""Failures of a Redis server: nobody answered, or somebody refused and will refuse again."""

from __future__ import annotations

import ssl
from typing import Final

__all__ = ["failures", "is_refusal", "server_words"]

_CODES: Final = {
    "AskError": "ASK",
    "AuthenticationError": "NOAUTH or WRONGPASS:",
    "ClusterCrossSlotError": "CROSSSLOT",
    "MovedError": "MOVED",
    "NoPermissionError": "NOPERM",
    "NoScriptError": "NOSCRIPT",
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
}
"""The first word of the server's answer, which the client takes off; newer ones keep it on the error."""


def failures() -> tuple[type[BaseException], ...]:
    """Everything the client may raise for what is not our fault."""
    from redis.exceptions import RedisClusterException, RedisError

    return (RedisError, RedisClusterException, OSError, TimeoutError)


def is_refusal(error: BaseException) -> bool:
    """Return whether somebody answered, and what was said holds until a setting is changed."""
    from redis import exceptions

    if _is_about_tls(error):
        return True
    if isinstance(error, (exceptions.AuthenticationError, exceptions.AuthorizationError)):
        return True
    passing = (
        OSError,
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.ClusterError,
        exceptions.TryAgainError,
    )
    return not isinstance(error, passing) and not str(error).startswith(("BUSY", "LOADING", "MASTERDOWN"))


def server_words(error: BaseException) -> str:
    """Words of the server, with the one it began with."""
    code = getattr(error, "status_code", None) or _CODES.get(type(error).__name__, "")
    return f"{code} {error}".strip() or type(error).__name__


def _is_about_tls(error: BaseException) -> bool:
    """Whether a certificate was refused or the other side speaks no TLS; a connection that ended is neither."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ssl.SSLError) and not isinstance(link, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return True
        link = link.__cause__ or link.__context__
    return False
