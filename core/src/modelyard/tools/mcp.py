"""Tools of an MCP server, through the official ``mcp`` package (the extra ``modelyard[mcp]``)."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.deadlines import seconds
from modelyard.errors import ConfigurationError
from modelyard.tools.arguments import AnyArguments
from modelyard.tools.function import Approve, FunctionTool
from modelyard.tools.mcp_link import McpLink
from modelyard.tools.mcp_server import McpServer
from modelyard.types.content import FilePart, ImagePart, TextPart, ToolResult

if TYPE_CHECKING:
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
    connect_timeout: float | None = 30.0,
    approve: Approve | None = None,
) -> AsyncGenerator[list[FunctionTool], None]:
    """Connect to an MCP server for as long as the block lasts, and give its tools.

    ``server`` is a command as a list, started and spoken to over stdio, or the URL of a streamable HTTP
    endpoint. ``env`` is added to the few variables a command inherits, ``headers`` go with every HTTP request.
    ``prefix`` is put before the names, to keep those of several servers apart. ``timeout`` (seconds) and
    ``approve`` are those of every tool. The server checks the arguments.

    Connecting and listing take ``connect_timeout`` seconds at most; a command not ready by then is ended.
    A connection that was lost is made anew by the next call. What a command writes to its standard error is
    logged to ``modelyard.mcp`` at DEBUG.

    Raises ``ConfigurationError`` when the package is missing or the server does not answer, with what the server
    said of it. Of the server it names the program or the origin of the URL: arguments, paths, queries and headers
    may be secrets.
    """
    within = seconds(connect_timeout, "connect_timeout")
    reached_by = McpServer(server, env or {}, cwd, headers or {})
    del server, env, headers  # the locals of this frame may be shown
    _check_installed()
    link = McpLink(reached_by, within)
    try:
        yield [_tool(link, tool, prefix, timeout, approve) for tool in await link.tools()]
    finally:
        await link.aclose()


def _check_installed() -> None:
    if importlib.util.find_spec("mcp") is None:
        raise ConfigurationError(
            "Tools of an MCP server need the package mcp.", hint="Install it: pip install 'modelyard[mcp]'."
        )


def _tool(
    link: McpLink, tool: McpTool, prefix: str, timeout: float | None, approve: Approve | None
) -> FunctionTool:
    return FunctionTool.of(
        _caller(link, tool.name),
        AnyArguments(),
        name=f"{prefix}{tool.name}",
        description=tool.description or tool.title or "",
        parameters={key: value for key, value in tool.input_schema.items() if key != "$schema"},
        timeout=timeout,
        approve=approve,
    )


def _caller(link: McpLink, name: str) -> Callable[..., Awaitable[ToolResult]]:
    async def call(**arguments: Any) -> ToolResult:
        return _result(await link.call(name, arguments))

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
