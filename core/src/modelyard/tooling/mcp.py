"""Tools of an MCP server, through the official ``mcp`` package (the extra ``modelyard[mcp]``)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError
from modelyard.tooling.arguments import AnyArguments
from modelyard.tooling.function import Approve, FunctionTool
from modelyard.types.content import FilePart, ImagePart, TextPart, ToolResult

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, ContentBlock
    from mcp.types import Tool as McpTool

__all__ = ["mcp_tools"]


@contextlib.asynccontextmanager
async def mcp_tools(
    server: str | Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    headers: Mapping[str, str] | None = None,
    prefix: str = "",
    timeout: float | None = None,  # noqa: ASYNC109 it is the tools', not this function's
    approve: Approve | None = None,
) -> AsyncGenerator[list[FunctionTool], None]:
    """Connect to an MCP server for as long as the block lasts, and give its tools.

    ``server`` is a command as a list, started and spoken to over stdio, or the URL of a streamable HTTP
    endpoint. ``env`` is added to the few variables a command inherits, ``headers`` go with every HTTP request.
    ``prefix`` is put before the names, to keep those of several servers apart. ``timeout`` (seconds) and
    ``approve`` are those of every tool. The server checks the arguments.

    Raises ``ConfigurationError`` when the package is missing or the server cannot be reached.
    """
    _check(server)
    connection = _connection(server, env=env, cwd=cwd, headers=headers)
    ready: asyncio.Future[tuple[Client, list[McpTool]]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    # The client lives in a task of its own: its task groups would wrap what the block raises, and must be left by
    # the task that entered them.
    keeper = asyncio.create_task(_keep(connection, ready, stop))
    try:
        client, listed = await _listed(ready, server)
        yield [_tool(client, tool, prefix, timeout, approve) for tool in listed]
    finally:
        stop.set()
        if not ready.done():
            keeper.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.shield(keeper)


@contextlib.asynccontextmanager
async def _connection(
    server: str | Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: str | None,
    headers: Mapping[str, str] | None,
) -> AsyncGenerator[Client, None]:
    from mcp import Client, StdioServerParameters

    if not isinstance(server, str):
        command, *args = server
        parameters = StdioServerParameters(command=command, args=args, env=dict(env or {}), cwd=cwd)
        async with Client(parameters) as client:
            yield client
        return
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    # Servers may stay silent for as long as a tool takes; the tool's own timeout is the limit.
    timeout = httpx2.Timeout(30.0, read=None)
    async with (
        httpx2.AsyncClient(headers=dict(headers or {}), timeout=timeout, follow_redirects=False) as http_client,
        Client(streamable_http_client(server, http_client=http_client)) as client,
    ):
        yield client


def _check(server: str | Sequence[str]) -> None:
    if importlib.util.find_spec("mcp") is None:
        raise ConfigurationError(
            "Tools of an MCP server need the package mcp.", hint="Install it: pip install 'modelyard[mcp]'."
        )
    if isinstance(server, str) and not server.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{server!r} is no URL of an MCP server.",
            hint='A command is given as a list: ["python", "server.py"].',
        )


async def _keep(
    connection: contextlib.AbstractAsyncContextManager[Client],
    ready: asyncio.Future[tuple[Client, list[McpTool]]],
    stop: asyncio.Event,
) -> None:
    """Hold the connection open until it is to stop; what goes wrong before it stands goes to ``ready``."""
    try:
        async with connection as client:
            ready.set_result((client, await _list_tools(client)))
            await stop.wait()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)


async def _listed(
    ready: asyncio.Future[tuple[Client, list[McpTool]]], server: str | Sequence[str]
) -> tuple[Client, list[McpTool]]:
    try:
        return await ready
    except Exception as error:
        reason = _first(error)
    where = server if isinstance(server, str) else " ".join(server)
    raise ConfigurationError(
        f"The MCP server {where!r} does not answer: {type(reason).__name__}: {reason}.",
        hint="Check the command or the URL.",
    )


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _list_tools(client: Client) -> list[McpTool]:
    found: list[McpTool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return found


def _tool(client: Any, tool: McpTool, prefix: str, timeout: float | None, approve: Approve | None) -> FunctionTool:
    return FunctionTool.of(
        _caller(client, tool.name),
        AnyArguments(),
        name=f"{prefix}{tool.name}",
        description=tool.description or tool.title or "",
        parameters={key: value for key, value in tool.input_schema.items() if key != "$schema"},
        timeout=timeout,
        approve=approve,
    )


def _caller(client: Client, name: str) -> Callable[..., Awaitable[ToolResult]]:
    async def call(**arguments: Any) -> ToolResult:
        return _result(await client.call_tool(name, arguments))

    return call


def _result(result: CallToolResult) -> ToolResult:
    content = tuple(_part(block) for block in result.content)
    if not content and result.structured_content is not None:
        import pydantic_core

        content = (TextPart(text=pydantic_core.to_json(result.structured_content).decode()),)
    return ToolResult(tool_call_id="", content=content, is_error=result.is_error)


def _part(block: ContentBlock) -> TextPart | ImagePart | FilePart:
    if block.type == "text":
        return TextPart(text=block.text)
    if block.type == "image":
        return ImagePart.model_validate({"data": block.data, "media_type": block.mime_type})
    if block.type == "audio":
        return FilePart.model_validate({"data": block.data, "media_type": block.mime_type})
    if block.type == "resource_link":
        return TextPart(text=f"{block.title or block.name}: {block.uri}")
    resource = block.resource
    text = getattr(resource, "text", None)
    if isinstance(text, str):
        return TextPart(text=text)
    return FilePart.model_validate(
        {"data": getattr(resource, "blob", ""), "media_type": resource.mime_type, "name": str(resource.uri)}
    )
