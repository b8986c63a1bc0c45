"""Tools of real MCP servers: one over stdio, in a process of its own, and one over HTTP on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelyard import ConfigurationError, FilePart, ImagePart, Runtime, TextPart, ToolCall, ToolResult
from modelyard.testing import Script, ScriptedProvider
from modelyard.tools.mcp import mcp_tools

SERVER = '''
import os, sys
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import AudioContent, EmbeddedResource, ResourceLink, TextResourceContents, BlobResourceContents

server = MCPServer("house", log_level="ERROR")

@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@server.tool(name="house.greet")
def greet(name: str) -> str:
    return f"Hello {name} from {os.environ.get('HOUSE', 'nowhere')}."

@server.tool()
def nothing() -> None:
    """Do nothing."""

@server.tool()
def picture() -> Image:
    return Image(data=b"\\x89PNG\\r\\n\\x1a\\n", format="png")

@server.tool(structured_output=False)
def everything() -> list:
    return [
        "text",
        AudioContent(type="audio", data="AAAA", mimeType="audio/wav"),
        ResourceLink(type="resource_link", name="page", uri="https://example.com/page"),
        EmbeddedResource(type="resource", resource=TextResourceContents(uri="a://b", text="inside")),
        EmbeddedResource(type="resource", resource=BlobResourceContents(uri="a://c", blob="AAAA", mimeType="x/y")),
    ]

@server.tool()
def fail(why: str) -> str:
    raise ToolError(why)

@server.tool()
async def slow() -> str:
    import asyncio
    await asyncio.sleep(60)
    return "late"

if __name__ == "__main__":
    if sys.argv[1:] == ["http"]:
        import socket, uvicorn
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(server.streamable_http_app(), log_level="error", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])
    else:
        server.run("stdio")
'''


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "server.py"
    path.write_text(SERVER, encoding="utf-8")
    return [sys.executable, str(path)]


@pytest.fixture
async def url(program: list[str]) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(*program, "http", stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.communicate()


async def run_through(tools: list[object], script: Script) -> dict[str, ToolResult]:
    """What the model is told when it calls the tools of a script, by name."""
    provider = ScriptedProvider("acme", [script, Script().say("Done.")])
    async with Runtime(plugins=[provider]) as runtime:
        result = await runtime.run("acme:one", "Hi", tools=tools)  # type: ignore[arg-type]
    assert result.text == "Done."
    return {part.name or "": part for part in result.messages[-2].content if isinstance(part, ToolResult)}


@pytest.mark.slow
async def test_tools_of_a_command_are_listed_and_called(program: list[str]) -> None:
    async with mcp_tools(program, env={"HOUSE": "home"}) as tools:
        by_name = {made.name: made for made in tools}
        assert list(by_name) == ["add", "house.greet", "nothing", "picture", "everything", "fail", "slow"]
        assert by_name["add"].description == "Add two numbers."
        assert by_name["add"].parameters["required"] == ["a", "b"]
        script = (
            Script().call("add", a=1, b=2).call("house.greet", name="Zoë 😀").call("nothing").call("picture")
        ).call("everything")
        told = await run_through(list(tools), script)
    assert told["add"].text == "3"
    assert told["house.greet"].text == "Hello Zoë 😀 from home."
    assert not told["nothing"].is_error
    assert told["picture"].content == (ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png"),)
    assert told["everything"].content == (
        TextPart(text="text"),
        FilePart(data=bytes(3), media_type="audio/wav"),
        TextPart(text="page: https://example.com/page"),
        TextPart(text="inside"),
        FilePart(data=bytes(3), media_type="x/y", name="a://c"),
    )


@pytest.mark.slow
async def test_errors_of_the_server_are_told_to_the_model(program: list[str]) -> None:
    async with mcp_tools(program, timeout=60) as listed:
        tools = [
            made.model_copy(update={"timeout": 0.3}) if made.name == "slow" else made
            for made in listed
            if made.timeout == 60
        ]
        script = Script().call("fail", why="no such room").call("add", a="x").call("slow")
        told = await run_through(list(tools), script)
        assert all(result.is_error for result in told.values())
        assert "no such room" in told["fail"].text
        assert "a" in told["add"].text
        assert "took longer than 0.3 s" in told["slow"].text
        again = await run_through(list(tools), Script().call("add", a=1, b=1))
        assert again["add"].text == "2", "the connection outlives a tool that was stopped"


@pytest.mark.slow
async def test_tools_over_http(url: str) -> None:
    async with (
        mcp_tools(url, prefix="one_") as first,
        mcp_tools(url, prefix="two_", headers={"authorization": "Bearer secret"}) as second,
    ):
        told = await run_through([*first, *second], Script().call("one_add", a=1, b=2).call("two_add", a=3, b=4))
        assert "secret" not in repr(second)
    assert (told["one_add"].text, told["two_add"].text) == ("3", "7")


@pytest.mark.slow
async def test_what_the_block_raises_comes_out_as_it_is(program: list[str]) -> None:
    with pytest.raises(KeyError):
        async with mcp_tools(program):
            raise KeyError("mine")


@pytest.mark.slow
async def test_approval_is_that_of_every_tool(program: list[str]) -> None:
    def never(call: ToolCall) -> str:
        return f"Not {call.name}."

    async with mcp_tools(program, approve=never) as tools:
        told = await run_through(list(tools), Script().call("add", a=1, b=2))
    assert "denied. Not add." in told["add"].text


async def _enter(server: str | list[str]) -> None:
    async with mcp_tools(server):
        pass


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (["/no/such/program"], "'/no/such/program' does not answer"),
        ([sys.executable, "-c", ""], "does not answer"),
        ("http://127.0.0.1:9/mcp", "does not answer"),
        ("python server.py", "no URL of an MCP server.*as a list"),
    ],
)
async def test_a_server_that_does_not_answer_is_a_configuration_error(
    server: str | list[str], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        await asyncio.wait_for(_enter(server), 30)


def test_importing_modelyard_does_not_import_mcp() -> None:
    code = "import modelyard, modelyard.tools.mcp, sys; modelyard.tool; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
