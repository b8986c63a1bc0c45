"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelyard.testing import Emulator, Script, load_dialects

from .conftest import PROVIDERS

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "core/README.md", *(f"plugins/{name}/README.md" for name in PROVIDERS))
KEYS = {
    "claude": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
}


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", READMES)
def test_the_first_example_runs(page: str) -> None:
    example = next(block for block in _blocks(page, "python") if "asyncio.run" in block)
    environment = {name: value for name, value in os.environ.items() if name not in KEYS.values()}
    with ExitStack() as stack:
        for name, dialect in load_dialects(PROVIDERS).items():
            emulator = stack.enter_context(Emulator(dialect, default=Script().say("The Seine.")))
            environment |= {f"MODELYARD_{name.upper()}_BASE_URL": emulator.url, KEYS[name]: "test-key"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "The Seine." in done.stdout
    assert done.stderr == ""


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    suites = {f"test-{suite}" for suite in ("core", *PROVIDERS)}
    for page in READMES:
        named = re.findall(r"make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert set(named) - {"are"} <= targets | suites


def test_links_between_pages_lead_somewhere() -> None:
    for page in READMES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"
