"""The way to a Redis server: a client for each event loop, and what to do while the server is away."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.loop_end import at_loop_end

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

__all__ = ["RedisLink"]

CONNECTIONS = 32
"""Connections to Redis for each event loop, at most; a script takes well under a millisecond of each."""


class RedisLink:
    """Runs scripts on a server, given as a URL or as an asyncio client, which stays the host's to close.

    ``timeout`` is how long, in seconds, a script may take before the server counts as away. While it is away
    nothing is asked of it but, every ``probe_every`` seconds, whether it is back.
    """

    def __init__(self, server: str | Redis, *, timeout: float, probe_every: float = 0.5) -> None:
        if importlib.util.find_spec("redis") is None:
            raise ConfigurationError(
                "The package redis is not installed.", hint="Install it: pip install 'modelyard[redis]'."
            )
        if isinstance(server, str) and not server.startswith(("redis://", "rediss://", "unix://")):
            raise ConfigurationError("The shared state's URL names no Redis server.", hint="redis://host:6379/0")
        self._server = server
        self._timeout = timeout
        self._probe_every = probe_every
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Client] = {}
        self._away = False
        self._probe_at = 0.0

    @property
    def away(self) -> bool:
        """Whether the server did not answer when last asked."""
        return self._away

    async def run(self, script: str, keys: Sequence[str], args: Sequence[object]) -> list[str] | None:
        """Run a script; ``None`` while the server is away."""
        if self._away:
            self._probe_when_due()
            return None
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client().script(script)(keys=list(keys), args=[str(value) for value in args])
        except _failures() as error:
            self._lost(error)
            return None
        return [_text(value) for value in answer] if isinstance(answer, list) else [_text(answer)]

    def spawn(self, coroutine: Coroutine[Any, Any, list[str] | None]) -> asyncio.Task[list[str] | None]:
        """Start something in this loop that ``aclose`` waits for."""
        tasks = self._client().tasks
        task = asyncio.ensure_future(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def aclose(self) -> None:
        """Close the client of this loop when all it was asked is done; the next script opens another."""
        with self._lock:
            client = self._loops.get(asyncio.get_running_loop())
        if client is not None:
            await client.end.aclose()

    async def _close(self) -> None:
        with self._lock:
            client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is None:
            return
        while client.tasks:
            await asyncio.wait(client.tasks)
        if client.redis is not self._server:
            with contextlib.suppress(*_failures()):
                await client.redis.aclose()

    def _client(self) -> _Client:
        loop = asyncio.get_running_loop()
        with self._lock:
            found = self._loops.get(loop)
            if found is None:
                self._loops = {other: client for other, client in self._loops.items() if not other.is_closed()}
                found = self._loops[loop] = _Client(self._connect(), at_loop_end(self._close))
            return found

    def _connect(self) -> Redis:
        if not isinstance(self._server, str):
            return self._server
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        pool = BlockingConnectionPool.from_url(
            self._server,
            max_connections=CONNECTIONS,
            timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
        )
        return Redis.from_pool(pool)

    def _lost(self, error: BaseException) -> None:
        with self._lock:
            first, self._away = not self._away, True
            self._probe_at = time.monotonic() + self._probe_every
        if first:
            logger("state").warning(
                "Redis is away (%s): health, limits and budgets are kept in this process until it is back.",
                type(error).__name__,
            )

    def _probe_when_due(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._probe_at:
                return
            self._probe_at = now + self._probe_every + self._timeout
        self.spawn(self._probe())

    async def _probe(self) -> list[str] | None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._client().redis.ping()
        except _failures() as error:
            self._lost(error)
            return None
        with self._lock:
            back, self._away = self._away, False
        if back:
            logger("state").warning("Redis is back: health, limits and budgets are shared again.")
        return None


class _Client:
    """A client, its scripts, and what is under way over it."""

    __slots__ = ("_scripts", "end", "redis", "tasks")

    def __init__(self, redis: Redis, end: AsyncGenerator[None, None]) -> None:
        self.redis = redis
        self.end = end
        self.tasks: set[asyncio.Task[list[str] | None]] = set()
        self._scripts: dict[str, AsyncScript] = {}

    def script(self, text: str) -> AsyncScript:
        """A script, sent in full only if the server does not know it."""
        found = self._scripts.get(text)
        if found is None:
            found = self._scripts[text] = self.redis.register_script(text)
        return found


def _failures() -> tuple[type[BaseException], ...]:
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
