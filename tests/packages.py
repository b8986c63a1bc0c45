"""Packages laid on the path as an installer would leave them, and a fresh interpreter that sees them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

__all__ = ["GOOD_MODULE", "lay", "module_of", "run_fresh"]

GOOD_MODULE = """
from modelyard.provider import Completion, Message, ModelCard, ProviderInfo, hookimpl
from modelyard.provider import ContentDelta, Done, ProviderError, Usage

MODELYARD_API = 1


class Session:
    async def aclose(self):
        pass


@hookimpl
def modelyard_provider():
    return ProviderInfo(id="acme", name="acme", base_url="https://x.example", key_optional=True)


@hookimpl
def modelyard_models():
    return [ModelCard(provider="acme", id="m", label="m")]


@hookimpl
async def modelyard_open(settings):
    return Session()


@hookimpl
async def modelyard_complete(session, request, card):
    answer = Message.assistant("hello from acme")
    return Completion(message=answer, finish_reason="stop", usage=Usage(), provider="acme", model="m")


@hookimpl
async def modelyard_stream(session, request, card):
    yield ContentDelta(0, "hello from acme")
    yield Done(finish_reason="stop", usage=Usage())


@hookimpl
def modelyard_map_error(error):
    return ProviderError(str(error))
"""
"""A provider ``acme`` that answers "hello from acme"."""

ROOT = Path(__file__).parents[1]
POINTS = b"[modelyard.providers]\nacme = acme_plugin\n"


def lay(
    folder: Path,
    *,
    name: str = "modelyard-acme",
    module: str | None = GOOD_MODULE,
    points: bytes | None = POINTS,
    metadata: bytes | None = b"",
) -> Path:
    """Lay a package: its module ``acme_plugin``, and what an installer writes beside it (``None``: not that)."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    if module is not None:
        (folder / "acme_plugin.py").write_text(module, encoding="utf-8")
    if metadata is not None:
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        (info / "METADATA").write_bytes(head + metadata)
    if points is not None:
        (info / "entry_points.txt").write_bytes(points)
    return info


def module_of(source: str, name: str) -> ModuleType:
    """A module of that source, as a host hands one in."""
    module = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), vars(module))
    return module


def run_fresh(folder: Path, program: str) -> str:
    """Run a program in an interpreter that sees the folder beside what is installed; standard output and error."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
