"""MCP servers that are silent, refuse, or are lost: waits end, their words are told, the next call goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard import ConfigurationError, Runtime, ToolResult
from modelyard.testing import Hang, LoopbackServer, Reply, Script, ScriptedProvider
from modelyard.tools.function import FunctionTool
from modelyard.tools.mcp import mcp_tools

SERVER = """
import os, sys
from mcp.server.mcpserver import MCPServer

server = MCPServer("house", log_level="ERROR")

@server.tool()
def process() -> int:
    return os.getpid()

@server.tool()
def leave() -> int:
    os._exit(3)

if sys.argv[1:2] == ["http"]:
    import socket, uvicorn
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
else:
    server.run("stdio")
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "server.py"
    path.write_text(SERVER, encoding="utf-8")
    return [sys.executable, str(path)]


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


async def enter(server: str | list[str], **settings: Any) -> None:
    async with mcp_tools(server, **settings):
        pass


async def refusal(server: str | list[str], **settings: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        await enter(server, **settings)
    return str(caught.value)


async def asked(tools: list[FunctionTool], name: str) -> str:
    """What a tool answers, called as a run calls it."""
    made = next(tool for tool in tools if tool.name == name)
    answer = await made.invoke({})
    assert isinstance(answer, ToolResult)
    return answer.text


SLEEPS = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(30)"


async def test_x08_entering_is_cancelled_though_the_server_sleeps(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "modelyard.mcp")
    entering = asyncio.create_task(enter(python(SLEEPS)))
    while not caplog.records:  # noqa: ASYNC110 the log has no event
        await asyncio.sleep(0.02)
    began = time.monotonic()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert time.monotonic() - began < 6
    (process,) = (int(record.getMessage()) for record in caplog.records)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_x09_a_server_that_says_nothing_is_given_up() -> None:
    text = await refusal(python("import time; time.sleep(30)"), connect_timeout=0.3)
    assert "does not answer within 0.3 s" in text
    assert "connect_timeout" in text


async def test_x09_so_is_one_that_never_lists_its_tools() -> None:
    head = {"content-type": "application/json"}
    with LoopbackServer(lambda _: Reply(200, head, (b"{", Hang()), chunked=True)) as server:
        assert "does not answer within 0.3 s" in await refusal(f"{server.url}/mcp", connect_timeout=0.3)


async def test_x10_the_last_words_of_a_command_are_in_the_error() -> None:
    code = "import sys; print('line ' * 1000); print('no config\\x1b[2J file found', file=sys.stderr); sys.exit(3)"
    text = await refusal(python(code))
    assert "It said: no config\\x1b[2J file found." in text
    assert len(text) < 1_000


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(1)",
        "import sys; print(sys.argv, file=sys.stderr)",
        "import sys; sys.exit(f'unknown option {sys.argv[2]}')",
        "import os, sys; sys.exit(os.environ['HOUSE_TOKEN'])",
    ],
)
async def test_a10_the_error_names_the_program_and_no_argument(code: str) -> None:
    secrets = {"HOUSE_TOKEN": "sentinel-ENV-771"}
    text = await refusal(python(code, "--token", "sentinel-ARG-33"), env=secrets)
    assert repr(sys.executable) in text
    assert "sentinel" not in text
    assert "raise" not in text


async def test_a10_of_a_url_the_error_names_the_origin_alone() -> None:
    def refuse(request: Any) -> Reply:
        told = f"{request.path}?{request.query} {request.headers['authorization']}: no such tenant"
        return Reply(401, {"content-type": "text/plain"}, (told.encode(),))

    with LoopbackServer(refuse) as server:
        url = f"{server.url}/s/sentinel-PATH-1/mcp?key=sentinel-QUERY-2"
        text = await refusal(url, headers={"authorization": "Bearer sentinel-HEAD-3"})
    assert f"{server.url!r}" in text
    assert "status 401" in text
    assert "no such tenant" in text
    assert "sentinel" not in text


async def test_no_secret_of_a_server_is_in_a_log_of_any_library(caplog: pytest.LogCaptureFixture) -> None:
    """Commands, environments, URLs and headers: whether the server is reached or refuses."""
    caplog.set_level(logging.DEBUG)
    refuse = Reply(401, {"content-type": "text/plain", "www-authenticate": "Bearer"}, (b"no",))
    shown = await refusal(
        python("raise SystemExit(1)", "--token", "sentinel-ARG-33"), env={"T": "sentinel-ENV-771"}
    )
    with LoopbackServer(lambda _: refuse) as server:
        url = f"{server.url}/s/sentinel-PATH-1/mcp?key=sentinel-QUERY-2"
        shown += await refusal(url, headers={"authorization": "Bearer sentinel-HEAD-3"})
    shown += caplog.text + repr([vars(record) for record in caplog.records])
    assert caplog.records
    assert sorted(set(re.findall(r"sentinel-[A-Z]+", shown))) == []


@pytest.mark.parametrize("given", ["10", True, -1, float("nan")])
async def test_the_time_for_connecting_is_a_number(given: Any) -> None:
    assert "connect_timeout must" in await refusal(python(""), connect_timeout=given)


async def test_a_command_that_died_is_started_anew_by_the_next_call(program: list[str]) -> None:
    async with mcp_tools(program) as tools:
        first = int(await asked(tools, "process"))
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.2)
        second = int(await asked(tools, "process"))
        assert second != first
        assert int(await asked(tools, "process")) == second


async def test_a_call_during_which_the_server_dies_is_not_made_twice(program: list[str]) -> None:
    async with mcp_tools(program) as tools:
        provider = ScriptedProvider(
            "acme", [Script().call("leave"), Script().call("process"), Script().say("Done.")]
        )
        async with Runtime(plugins=[provider]) as runtime:
            result = await runtime.run("acme:m", "Hi", tools=tools)
    told = [part for message in result.messages for part in message.content if isinstance(part, ToolResult)]
    assert [part.is_error for part in told] == [True, False]
    assert "Connection closed" in told[0].text


Start = Callable[[int], Awaitable[tuple[asyncio.subprocess.Process, int]]]


async def started(program: list[str], port: int = 0) -> tuple[asyncio.subprocess.Process, int]:
    server = await asyncio.create_subprocess_exec(*program, "http", str(port), stdout=subprocess.PIPE)
    assert server.stdout is not None
    return server, int(await server.stdout.readline())


@pytest.mark.parametrize("called_meanwhile", [False, True])
async def test_a_server_over_http_that_is_restarted_is_connected_anew(
    program: list[str], called_meanwhile: bool
) -> None:
    server, port = await started(program)
    try:
        async with mcp_tools(f"http://127.0.0.1:{port}/mcp") as tools:
            assert int(await asked(tools, "process")) == server.pid
            server.kill()
            await server.wait()
            if called_meanwhile:
                with pytest.raises(ConfigurationError, match="does not answer: ConnectError"):
                    await asked(tools, "process")
            server, _ = await started(program, port)
            answers = await asyncio.gather(*(asked(tools, "process") for _ in range(3)))
            assert {int(answer) for answer in answers} == {server.pid}
    finally:
        server.kill()
        await server.wait()
