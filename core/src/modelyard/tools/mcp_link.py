"""A connection to an MCP server that ends in time and is made anew when it was lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult
    from mcp.types import Tool as McpTool

    from modelyard.tools.mcp_server import McpServer

__all__ = ["McpLink"]

_END_WITHIN: Final = 4.5
"""Seconds waited for a connection to end. The mcp package closes the server's input, gives it two seconds, sends
it SIGTERM, and kills it after two more; what is left of that goes on without us."""
_MOST_PAGES: Final = 100
"""Pages of a list of tools: a server that never ends its list ends here, as the mcp package ends its own walk."""
_KEPT_WORDS: Final = 20
"""Lines kept of what a server says beside the protocol."""


class McpLink:
    """Lists and calls the tools of a server. ``within`` is how long connecting and listing may take, in seconds.

    A call that finds the connection lost makes a new one. A call during which it is lost is made again only if
    the server cannot have seen it; otherwise it fails, and the next call connects anew.
    """

    def __init__(self, server: McpServer, within: float | None) -> None:
        self._server = server
        self._within = within
        self._held: _Held | None = None
        self._past: set[_Held] = set()
        self._lock = asyncio.Lock()

    async def tools(self) -> list[McpTool]:
        """Connect, and list the tools; raises ``ConfigurationError`` in words that may be shown."""
        return (await self._connected()).tools

    async def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool."""
        held = await self._connected()
        try:
            return await self._call(held, name, arguments)
        except _Unseen:
            held = await self._connected()
        try:
            return await self._call(held, name, arguments)
        except _Unseen as unseen:
            reason = unseen.__cause__
        raise ConfigurationError(f"The MCP server {self._server.name!r} was lost again: {reason}.")

    async def _call(self, held: _Held, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        try:
            return await held.call(name, arguments)
        finally:
            if held.lost:
                self._let_go(held)

    async def aclose(self) -> None:
        """End the connection, and those that were lost; what does not end is left."""
        ending = [*self._past, *([self._held] if self._held is not None else [])]
        self._held = None
        await asyncio.gather(*(held.aclose() for held in ending))

    async def _connected(self) -> _Held:
        async with self._lock:
            if self._held is None or self._held.lost:
                self._held = None
                self._held = await self._connect()
            return self._held

    async def _connect(self) -> _Held:
        words: deque[str] = deque(maxlen=_KEPT_WORDS)
        held = _Held(lambda: self._server.connection(words))
        stands = False
        try:
            stands = await held.begun(self._within)
        finally:
            if not stands:
                await held.aclose()
        if stands:
            return held
        raise self._refusal(held, words)

    def _refusal(self, held: _Held, words: deque[str]) -> ConfigurationError:
        said = self._server.said(words).rstrip(".")
        if held.failure is None:
            reason, advice = f" within {self._within:g} s", ", or give it longer: connect_timeout"
        else:
            failure = self._server.said([str(held.failure)]).rstrip(".")
            reason, advice = f": {type(held.failure).__name__}: {failure}", ""
        return ConfigurationError(
            f"The MCP server {self._server.name!r} does not answer{reason}.{f' It said: {said}.' if said else ''}",
            hint=f"Check the command or the URL{advice}.",
        )

    def _let_go(self, held: _Held) -> None:
        if self._held is held:
            self._held = None
        self._past = {past for past in self._past if not past.ended} | {held}
        held.stop()


class _Unseen(Exception):
    """The connection was lost before the server can have seen the call."""


class _Held:
    """One connection, held open by a task of its own.

    The task groups of the mcp package would wrap what the block of the host raises, and must be left by the task
    that entered them.
    """

    def __init__(self, connection: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        self.failure: BaseException | None = None
        self.tools: list[McpTool] = []
        self._client: Client | None = None
        self._closed = False
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._keep(connection))

    @property
    def lost(self) -> bool:
        """Whether it has ended."""
        return self._closed or self._task.done()

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left."""
        return self._task.done()

    async def begun(self, within: float | None) -> bool:
        """Wait until it stands or has failed, for so long at most; returns whether it stands."""
        try:
            async with asyncio.timeout(within):
                await self._ready.wait()
        except TimeoutError:
            return False
        return self.failure is None

    async def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool; raises ``_Unseen`` where the server cannot have seen it."""
        from mcp.shared.exceptions import MCPError

        assert self._client is not None
        went_on: list[bool] = []
        turn = asyncio.get_running_loop().call_soon(went_on.append, True)
        try:
            return await self._client.call_tool(name, dict(arguments))
        except MCPError as error:
            if not _ends_connection(error):
                raise
            self._closed = True
            # What failed without a turn of the loop was never written; a session the server does not know, and an
            # address nobody listens at, run no tool either.
            if not went_on or error.message == _TERMINATED or await self._found_nobody():
                raise _Unseen from error
            raise
        finally:
            turn.cancel()

    def stop(self) -> None:
        """Tell it to end, without waiting for it."""
        self._stop.set()
        if not self._ready.is_set():
            self._task.cancel()

    async def aclose(self) -> None:
        """End it, and wait for that."""
        self.stop()
        await asyncio.wait([self._task], timeout=_END_WITHIN)

    async def _keep(self, connection: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        """Hold the connection open until it is to stop; what goes wrong is kept, and nobody's task fails."""
        try:
            async with connection() as client:
                self.tools, self._client = await _list_tools(client), client
                self._ready.set()
                await self._stop.wait()
        except Exception as error:
            self.failure = _first(error)
        finally:
            self._ready.set()

    async def _found_nobody(self) -> bool:
        """Whether the connection ended because no connection to the server's address could be made."""
        await asyncio.wait([self._task], timeout=0.2)
        return type(self.failure).__name__ in ("ConnectError", "ConnectTimeout")


_TERMINATED: Final = "Session terminated"
"""The words of the mcp package for a status 404: the server was started anew and does not know the session."""


def _ends_connection(error: Any) -> bool:
    from mcp.types import CONNECTION_CLOSED

    return bool(error.code == CONNECTION_CLOSED or error.message == _TERMINATED)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _list_tools(client: Client) -> list[McpTool]:
    found: list[McpTool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
