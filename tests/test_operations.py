"""A server that keeps quiet is left in time, whatever is asked of it, by all four providers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from modelyard import DeadlineError, Runtime, SyncRuntime
from modelyard.testing import Hang, LoopbackServer, Pause, Reply

DEADLINES = {"connect": 0.3, "first_output": 0.3, "between_outputs": 0.3, "total": 0.5}
MODELS = {
    "claude": "claude:claude-sonnet-5",
    "gemini": "gemini:gemini-2.5-flash",
    "mistral": "mistral:mistral-large-latest",
    "openai": "openai:gpt-5.5",
}
JSON = {"content-type": "application/json"}


@contextmanager
def mute() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def reluctant() -> Iterator[str]:
    """Sends the head and one byte, then nothing."""
    with LoopbackServer(lambda _: Reply(200, JSON, (b"{", Hang()), chunked=True)) as server:
        yield server.url


@contextmanager
def dripping() -> Iterator[str]:
    """Sends a byte now and then, for as long as anybody listens."""
    drops = [step for _ in range(200) for step in (b" ", Pause(0.05))]
    with LoopbackServer(lambda _: Reply(200, JSON, drops, chunked=True)) as server:
        yield server.url


def configured(provider: str, url: str) -> dict[str, dict[str, str]]:
    return {provider: {"base_url": url, "api_key": "key-of-the-test-0"}}


@pytest.mark.parametrize("server", [mute, reluctant, dripping])
@pytest.mark.parametrize("provider", MODELS)
async def test_a12_a13_a14_every_question_ends_by_its_deadlines(
    provider: str, server: Callable[[], AbstractContextManager[str]]
) -> None:
    with server() as url:
        async with Runtime(configured(provider, url), plugins=[provider], catalog_cache=False) as runtime:
            await runtime.session(provider)  # the time an SDK takes to import is no subject here
            async with asyncio.timeout(3):
                outcomes = await asyncio.gather(
                    runtime.count_tokens(MODELS[provider], "x", deadlines=DEADLINES),
                    runtime.list_models(provider, deadlines=DEADLINES),
                    runtime.refresh(provider, deadlines=DEADLINES),
                    return_exceptions=True,
                )
                (told,) = await runtime.refresh(deadlines=DEADLINES)
    assert [type(outcome) for outcome in outcomes] == [DeadlineError] * 3
    assert "deadline passed" in (told.error or "")


def test_a12_a_thread_of_a_synchronous_runtime_comes_back() -> None:
    settings = {"plugins": ["openai"], "deadlines": DEADLINES}
    with (
        mute() as url,
        SyncRuntime(configured("openai", url), **settings) as runtime,
        pytest.raises(DeadlineError),
    ):
        runtime.count_tokens(MODELS["openai"], "x")


def test_a14_the_command_ends_and_tells_the_failure(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from modelyard.cli import main; main()",
        "models",
        "--refresh",
        "--timeout",
        "0.5",
    ]
    with mute() as url:
        settings = {
            "MODELYARD_OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "key-of-the-test-0",
            "MODELYARD_PLUGINS": "openai",
            "XDG_CACHE_HOME": str(tmp_path),
        }
        done = subprocess.run(
            command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=30, check=False
        )
    assert "openai: not asked" in done.stderr
    assert "deadline passed" in done.stderr
