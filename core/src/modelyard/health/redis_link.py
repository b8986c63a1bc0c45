"""The way to a Redis server: a client for each event loop, and what to do while the server is of no use."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from modelyard.errors import ConfigurationError
from modelyard.health.redis_errors import failures, is_refusal, server_words
from modelyard.log import logger
from modelyard.loop_end import at_loop_end

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

__all__ = ["RedisLink"]

CONNECTIONS: Final = 32
"""Connections to Redis for each event loop, at most; a script takes well under a millisecond of each."""

PROBE_EVERY: Final = 0.5
"""Seconds between two questions whether a server that does not answer is back."""

RECHECK_EVERY: Final = 5.0
"""Seconds between two questions whether a server that refuses has been set right."""

NEEDED: Final = "+ping +evalsha +eval +script +@hash +@sortedset +expire +ttl +time"


class RedisLink:
    """Runs scripts on a server, given as a URL or as an asyncio client, which stays the host's to close.

    ``timeout`` is how long, in seconds, a script may take before the server counts as away. A connection that
    breaks is tried once more, afresh, before that. A server that answers and refuses (read-only, no permission,
    wrong certificate) is not away but set up wrong, and is told in its own words, once. In both cases nothing is
    asked of it but now and then, by ``probe``, a script that needs all that is needed, whether it is of use again;
    ``returned`` is then asked to bring it up to date, and says whether it could.
    """

    def __init__(
        self,
        server: str | Redis,
        *,
        timeout: float,
        probe: tuple[str, Sequence[str]],
        returned: Callable[[], Awaitable[bool]],
    ) -> None:
        if importlib.util.find_spec("redis") is None:
            raise ConfigurationError(
                "The package redis is not installed.", hint="Install it: pip install 'modelyard[redis]'."
            )
        if isinstance(server, str) and not server.startswith(("redis://", "rediss://", "unix://")):
            raise ConfigurationError("The shared state's URL names no Redis server.", hint="redis://host:6379/0")
        self._server = server
        self._timeout = timeout
        self._probe_script, self._probe_names = probe
        self._returned = returned
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Client] = {}
        self._away = False
        self._refuses = False
        self._era = 0
        self._probe_at = 0.0

    @property
    def away(self) -> bool:
        """True if the server was of no use when last asked, so that this process decides alone."""
        return self._away

    async def run(self, script: str, keys: Sequence[str], args: Sequence[object]) -> list[str] | None:
        """Run a script; ``None`` while the server is of no use."""
        if not self._away:
            return await self.ask(script, keys, args)
        if self._is_due():
            self.spawn(self._probe())
        return None

    async def ask(self, script: str, keys: Sequence[str], args: Sequence[object]) -> list[str] | None:
        """Run a script, also while the server counts as away; ``None`` if it failed, which is noted."""
        client, era = self._client(), self._era
        try:
            async with client.room, asyncio.timeout(self._timeout):
                answer = await client.script(script)(keys=list(keys), args=[str(value) for value in args])
        except failures() as error:
            self._note(error, era)
            return None
        return [_text(value) for value in answer] if isinstance(answer, list) else [_text(answer)]

    def spawn(self, coroutine: Coroutine[Any, Any, list[str] | None]) -> asyncio.Task[list[str] | None]:
        """Start something in this loop that ``aclose`` waits for."""
        tasks = self._client().tasks
        task = asyncio.ensure_future(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    async def probe(self) -> None:
        """Ask whether the server is of use again, if it is time to."""
        if self._away and self._is_due():
            await self._probe()

    def refuse(self, words: str) -> None:
        """Note that the server answers, and not with what was asked for: ``words`` are its own."""
        with self._lock:
            told, self._away, self._refuses = self._refuses, True, True
            self._probe_at = time.monotonic() + RECHECK_EVERY
        if not told:
            logger("state").warning(
                "Redis refuses the shared state (%s): health, limits and budgets are kept in this process until "
                "that is set right.%s",
                words.strip(),
                f" Its user needs {NEEDED} on the keys of the prefix." if "NOPERM" in words else "",
            )

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
            with contextlib.suppress(*failures()):
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
            retry=Retry(NoBackoff(), 1),  # once, on a fresh connection: servers close idle ones
        )
        return Redis.from_pool(pool)

    def _note(self, error: BaseException, era: int) -> None:
        """Note a failure, unless it is one of a time that has passed."""
        if era != self._era:
            return
        if is_refusal(error):
            self.refuse(server_words(error))
            return
        with self._lock:
            first, self._away = not self._away, True
            self._probe_at = time.monotonic() + PROBE_EVERY
        if first:
            logger("state").warning(
                "Redis is away (%s): health, limits and budgets are kept in this process until it is back.",
                type(error).__name__,
            )

    def _is_due(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._probe_at:
                return False
            self._probe_at = now + PROBE_EVERY + self._timeout
            return True

    async def _probe(self) -> None:
        if await self.ask(self._probe_script, self._probe_names, []) is None or not await self._returned():
            return
        with self._lock:
            refused, away = self._refuses, self._away
            self._away = self._refuses = False
            self._era += 1
        if refused:
            logger("state").warning("Redis has been set right: health, limits and budgets are shared from now on.")
        elif away:
            logger("state").warning("Redis is back: health, limits and budgets are shared again.")


class _Client:
    """A client, its scripts, and what is under way over it."""

    __slots__ = ("_scripts", "end", "redis", "room", "tasks")

    def __init__(self, redis: Redis, end: AsyncGenerator[None, None]) -> None:
        self.redis = redis
        self.end = end
        self.tasks: set[asyncio.Task[list[str] | None]] = set()
        self.room = asyncio.Semaphore(CONNECTIONS)  # waiting for a connection is no fault of the server's
        self._scripts: dict[str, AsyncScript] = {}

    def script(self, text: str) -> AsyncScript:
        """A script, sent in full only if the server does not know it."""
        found = self._scripts.get(text)
        if found is None:
            found = self._scripts[text] = self.redis.register_script(text)
        return found


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
