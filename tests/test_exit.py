"""The end of an event loop or a process with streams open and nothing closed: silent, and nothing is left."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, sys, time
from modelyard import Runtime, SyncRuntime
from modelyard.testing import Emulator, Script, faults, load_dialects

fault = faults.hang_after(4)
answer = Script().say(*["a "] * 30)
dialects = load_dialects(["claude", "gemini", "mistral", "openai"]).values()
emulators = [Emulator(dialect, default=answer, fault=fault) for dialect in dialects]
for emulator in emulators:
    emulator.start()
settings = {emulator.dialect.provider: emulator.settings() for emulator in emulators}
models = [f"{emulator.dialect.provider}:{emulator.dialect.model}" for emulator in emulators]

async def main():
    runtime = Runtime(settings)
    streams = [runtime.stream(model, "Hi") for model in models]
    for stream in streams:
        while (await anext(stream)).type != "content_delta":
            pass
    tasks = [asyncio.ensure_future(stream.collect()) for stream in streams[:2]]
    await asyncio.sleep(0)
    print("leaving", flush=True)

if sys.argv[1] == "loop":
    asyncio.run(main())
    for _ in range(1000):
        if not any(emulator.open_connections for emulator in emulators):
            break
        time.sleep(0.01)
    print(sum(emulator.open_connections for emulator in emulators), flush=True)
else:
    runtime = SyncRuntime(settings)
    streams = [runtime.stream(model, "Hi") for model in models]
    for stream in streams:
        while next(stream).type != "content_delta":
            pass
    print("leaving", flush=True)
"""


@pytest.mark.parametrize(("what", "said"), [("loop", ["leaving", "0"]), ("process", ["leaving"])])
def test_the_end_is_silent_and_closes_everything(what: str, said: list[str]) -> None:
    command = [sys.executable, "-W", "always", "-c", SCRIPT, what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == said
