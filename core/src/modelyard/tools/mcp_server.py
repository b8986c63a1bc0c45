"""Address of an MCP server, and what may be said of it: no argument, header, path or query."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from modelyard.credentials.known_secrets import header_secrets, is_secret_name, query_secrets, url_secrets
from modelyard.credentials.redactor import Redactor
from modelyard.errors import ConfigurationError
from modelyard.http.quiet_logs import unlogged
from modelyard.tools.mcp_stderr import Stderr
from modelyard.urls import url_problem
from modelyard.visible import one_line

if TYPE_CHECKING:
    import httpx2
    from mcp import Client

__all__ = ["McpServer"]

_MOST_WORDS: Final = 500
"""Characters of a server's own words in an error: some lines, no page."""
_MOST_BODY: Final = 65_536
"""Bytes of an answer that is an error: what is read of it."""
_READ_ERROR_WITHIN: Final = 5.0
"""Seconds an answer that is an error gets to arrive whole."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """A command, or the URL of a streamable HTTP endpoint, and what goes along."""

    server: str | Sequence[str] = field(repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.server, str):
            problem = url_problem(self.server, user_info=True)
            if problem is not None:
                raise ConfigurationError(
                    f"{_program(self.server)!r} is no URL of an MCP server.",
                    hint='A command is given as a list: ["python", "server.py"].',
                )
        elif not self.server or not all(isinstance(each, str) for each in self.server):
            raise ConfigurationError("The command of an MCP server must be a list of texts, the program first.")

    @property
    def name(self) -> str:
        """Name of the server in errors: the program, or the origin of the URL."""
        if not isinstance(self.server, str):
            return self.server[0]
        parts = urlsplit(self.server)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @contextlib.asynccontextmanager
    async def connection(self, words: deque[str]) -> AsyncGenerator[Client, None]:
        """A connection for as long as the block lasts; what the server says of a failure is added to ``words``."""
        async with self._over_http(words) if isinstance(self.server, str) else self._over_stdio(words) as client:
            yield client

    def said(self, words: Sequence[str]) -> str:
        """Last words of the server, in one line that may be shown; empty if it said nothing."""
        text = one_line(" ".join(" ".join(words).split()))
        text = f"…{text[-_MOST_WORDS:]}" if len(text) > _MOST_WORDS else text
        return Redactor(self._secrets()).redact(text)

    @contextlib.asynccontextmanager
    async def _over_stdio(self, words: deque[str]) -> AsyncGenerator[Client, None]:
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        command, *args = list(self.server)
        parameters = StdioServerParameters(command=command, args=args, env=dict(self.env), cwd=self.cwd)
        stderr = Stderr(words)
        try:
            async with Client(stdio_client(parameters, errlog=stderr.file)) as client:
                stderr.handed_over()
                yield client
        finally:
            await stderr.aclose()

    @contextlib.asynccontextmanager
    async def _over_http(self, words: deque[str]) -> AsyncGenerator[Client, None]:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        async def listen(response: httpx2.Response) -> None:
            if response.status_code >= 400:
                words.append(f"status {response.status_code}: {await _text(response)}")

        # Servers may stay silent for as long as a tool takes; the tool's own timeout is the limit.
        assert isinstance(self.server, str)
        target = httpx2.URL(self.server)
        http_client = _client_class(target)(
            auth=(unquote(target.username), unquote(target.password)) if target.userinfo else None,
            headers=dict(self.headers),
            timeout=httpx2.Timeout(30.0, read=None),
            follow_redirects=False,
            event_hooks={"response": [listen]},
        )
        with unlogged(httpx2):
            async with http_client, Client(streamable_http_client(self.name, http_client=http_client)) as client:
                yield client

    def _secrets(self) -> Iterator[str]:
        """What is cut out of a server's words: it may repeat what it was given."""
        yield from header_secrets(self.headers)
        yield from (value for name, value in self.env.items() if is_secret_name(name.lower()))
        if isinstance(self.server, str):
            yield from url_secrets(self.server)
            parts = urlsplit(self.server)
            yield from (self.server, *parts.path.split("/"), *query_secrets(parts.query))
        else:
            for argument in self.server[1:]:
                yield from (argument, argument.partition("=")[2]) if not Path(argument).exists() else ()


def _client_class(target: httpx2.URL) -> type[httpx2.AsyncClient]:
    """A client that sends every request to one URL, whose path and query the mcp package never sees.

    It logs the URL it connects to, which may hold a key.
    """
    import httpx2

    class Client(httpx2.AsyncClient):
        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            request.url = target
            return await super().send(request, **options)

    return Client


def _program(text: str) -> str:
    """The first word of what was meant as a command, without what stands in a URL beside its origin."""
    words = text.split()
    return words[0].partition("://")[2].partition("/")[0] or words[0] if words else ""


async def _text(response: httpx2.Response) -> str:
    """What an answer says that is an error, as far as it comes soon and is short."""
    import asyncio

    try:
        async with asyncio.timeout(_READ_ERROR_WITHIN):
            size = int(response.headers.get("content-length", _MOST_BODY + 1))
            if size <= _MOST_BODY:
                return (await response.aread()).decode("utf-8", "replace")
            async for piece in response.aiter_bytes(_MOST_BODY):
                return piece.decode("utf-8", "replace")
    except Exception as error:
        return type(error).__name__
    return ""
