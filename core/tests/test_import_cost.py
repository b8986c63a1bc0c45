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


def test_import_and_catalog_load_no_heavy_module_and_touch_no_network() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) <= 420
