"""Importing the core must stay light: no HTTP library, no SDK, no network."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, socket, sys
def refuse(*args, **kwargs): raise AssertionError("the network was touched")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import modelyard
catalog = modelyard.Runtime().catalog
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {"httpx", "httpx2", "aiohttp", "anthropic", "mistralai", "openai", "google", "typer", "rich", "pytest"}


def test_g13_import_and_catalog_load_no_heavy_module_and_touch_no_network() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) <= 420


WITHOUT_EXTRAS = """
import asyncio, sys
for name in ("mcp", "rich", "typer", "redis", "opentelemetry", "genai_prices", "pytest"):
    sys.modules[name] = None
from modelyard import Runtime, tool
from modelyard.testing import Script, ScriptedProvider

@tool
def double(number: int) -> int:
    "Double a number."
    return 2 * number

async def main():
    provider = ScriptedProvider("acme", [Script().call("double", number=4), Script().say("It is 8.")])
    async with Runtime(plugins=[provider]) as runtime:
        result = await runtime.run("acme:one", "Twice four?", tools=[double])
        print(result.text)

asyncio.run(main())
"""


def test_g14_tools_run_without_any_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It is 8.")
