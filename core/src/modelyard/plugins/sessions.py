"""Open sessions, one per event loop and credential, made on first use."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from modelyard.bounds import Bounds
from modelyard.credentials.resolve import Credential
from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.loop_end import at_loop_end
from modelyard.plugins.info import ProviderInfo

if TYPE_CHECKING:
    import asyncio
    import ssl

    from modelyard.config import Transport

__all__ = ["Session", "SessionPool", "SessionSettings"]


class Session(Protocol):
    """What a plugin needs to make calls; opaque to the core but for its end."""

    async def aclose(self) -> None:
        """Close whatever the plugin opened; what the host handed in stays open."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Everything ``modelyard_open`` may use.

    ``base_url`` is ``None`` where neither host nor environment names one. ``credential`` is ``None`` only
    for providers whose key is optional. ``tls`` gives the one TLS context all clients share.
    ``connect_timeout`` is in seconds, ``bounds`` say how much of an answer to take.
    """

    info: ProviderInfo
    credential: Credential | None
    base_url: str | None
    http_client: object | None = field(repr=False)
    client: object | None = field(repr=False)
    transport: Transport
    proxy: str | None = field(repr=False)
    max_connections: int
    connect_timeout: float | None
    headers: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any]
    tls: Callable[[], ssl.SSLContext] = field(repr=False)
    bounds: Bounds = field(default_factory=Bounds, repr=False)


Way: TypeAlias = Hashable
"""What tells the ways to one provider apart: the secret itself, the address, and which settings."""
_Key: TypeAlias = tuple[str, Way]


class SessionPool:
    """Sessions of a runtime, for each event loop its own; those of a closed loop are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, dict[_Key, asyncio.Task[Session]]] = {}
        self._ends: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}

    async def get(self, provider: str, way: Way, opener: Callable[[], Awaitable[Session]]) -> Session:
        """The session for one way to a provider in this loop, opened once however many ask at a time."""
        import asyncio

        sessions = self._of_this_loop()
        key = (provider, way)
        task = sessions.get(key)
        if task is None:
            task = sessions[key] = asyncio.ensure_future(_open(opener))
            task.add_done_callback(lambda done: _forget_failure(sessions, key, done))
        # Shielded: one caller giving up must not close the door on the others.
        return task.result() if task.done() else await asyncio.shield(task)

    async def aclose(self) -> None:
        """Close the sessions of this loop; a session that fails to close is logged, the rest go on."""
        import asyncio

        with self._lock:
            end = self._ends.pop(asyncio.get_running_loop(), None)
        if end is not None:
            await end.aclose()

    async def _close(self) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        with self._lock:
            sessions = self._loops.pop(loop, {})
            self._ends.pop(loop, None)
        for (provider, _), task in sessions.items():
            if task.cancelled():
                continue
            try:
                session = await task
                await session.aclose()
            except Exception as error:
                logger("sessions").warning("closing the session of %s failed: %s", provider, type(error).__name__)

    def _of_this_loop(self) -> dict[_Key, asyncio.Task[Session]]:
        import asyncio

        loop = asyncio.get_running_loop()
        with self._lock:
            found = self._loops.get(loop)
            if found is None:
                self._loops = {other: tasks for other, tasks in self._loops.items() if not other.is_closed()}
                self._ends = {other: end for other, end in self._ends.items() if not other.is_closed()}
                found = self._loops[loop] = {}
                self._ends[loop] = at_loop_end(self._close)
            return found


def _forget_failure(sessions: dict[_Key, asyncio.Task[Session]], key: _Key, task: asyncio.Task[Session]) -> None:
    if task.cancelled() or task.exception() is not None:
        sessions.pop(key, None)


async def _open(opener: Callable[[], Awaitable[Session]]) -> Session:
    session = await opener()
    if not callable(getattr(session, "aclose", None)):
        raise ConfigurationError(f"modelyard_open returned {type(session).__name__}, which has no aclose().")
    return session
