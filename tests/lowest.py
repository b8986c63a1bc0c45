"""Run each wheel's own suite with the lowest versions its ``pyproject.toml`` declares: ``make lowest``.

Each suite gets an environment of its own under ``.envs/lowest``, with the wheel, the core and nothing of the other
plugins, so that nobody else's requirements lift a version. What was installed is compared with what is declared
before a test runs: a floor that cannot be installed is as wrong as one that does not work.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

__all__ = ["SUITES", "Suite", "declared", "floor", "main"]

ROOT = Path(__file__).parents[1]
TOOLS = ("hypothesis", "pytest-asyncio", "pytest-xdist")
_INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({one.metadata["Name"]: one.version for one in distributions()}))
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """A wheel, and what its tests install: its project, extras of the core, and packages only tests need.

    Of ``sdks`` the tests read types alone, so what these ask for does not count.
    """

    name: str
    project: str
    extras: tuple[str, ...] = ("testing",)
    tools: tuple[str, ...] = ()
    sdks: tuple[str, ...] = ()

    @property
    def tests(self) -> str:
        """The folder of the wheel's own tests."""
        return f"{self.project}/tests"


SUITES = (
    Suite("core", "core", ("cli", "mcp", "otel", "prices", "redis", "socks", "testing"), ("opentelemetry-sdk",)),
    Suite("claude", "plugins/claude"),
    Suite("gemini", "plugins/gemini", sdks=("google-genai>=3",)),
    Suite("mistral", "plugins/mistral"),
    Suite("openai", "plugins/openai", sdks=("openai>=3",)),
)


def declared(project: str, extras: tuple[str, ...] = ()) -> Iterator[Requirement]:
    """The third-party requirements of a project and of some of its extras, as written."""
    table = tomllib.loads((ROOT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = table.get("optional-dependencies", {})
    for text in (*table["dependencies"], *(text for extra in extras for text in optional[extra])):
        requirement = Requirement(text)
        if not requirement.name.startswith("modelyard"):
            yield requirement


def floor(requirement: Requirement) -> Version:
    """The lowest version a requirement allows."""
    return min(Version(one.version) for one in requirement.specifier if one.operator == ">=")


def floors(suite: Suite) -> dict[str, Version]:
    """The lowest version of each package that a suite's wheels allow together."""
    found: dict[str, Version] = {}
    for requirement in (*declared("core", suite.extras), *declared(suite.project)):
        name = _normal(requirement.name)
        found[name] = max(floor(requirement), found.get(name, Version("0")))
    return found


def install(suite: Suite, uv: str) -> Path:
    """Make the environment of a suite and give back its interpreter."""
    folder = ROOT / ".envs" / "lowest" / suite.name
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    core = f"core[{','.join(suite.extras)}]"
    wheels = [core] if suite.project == "core" else [core, suite.project]
    editable = [part for wheel in wheels for part in ("--editable", wheel)]
    command = [uv, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*command, "--resolution", "lowest-direct", *editable], cwd=ROOT, check=True)
    # The tools are the newest that go with that: they may not lift what the wheels ask for.
    pins = folder / "floors.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in floors(suite).items()), encoding="utf-8")
    subprocess.run([*command, "--constraints", str(pins), *TOOLS, *suite.tools], cwd=ROOT, check=True)
    if suite.sdks:
        subprocess.run([*command, "--overrides", str(pins), *suite.sdks], cwd=ROOT, check=True)
    return python


def installed(python: Path) -> dict[str, Version]:
    """What an environment holds."""
    printed = subprocess.run(
        [str(python), "-I", "-c", _INSTALLED], capture_output=True, text=True, check=True
    ).stdout
    return {_normal(name): Version(version) for name, version in json.loads(printed).items()}


def check(suite: Suite, uv: str, *, short: bool = False) -> list[str]:
    """Install a suite's lowest versions and run it; returns what is wrong."""
    python = install(suite, uv)
    there = installed(python)
    wrong = [
        f"{suite.name}: {name}>={lowest} is declared, but the lowest that installs is {there.get(name)}"
        for name, lowest in floors(suite).items()
        if there.get(name) != lowest
    ]
    if wrong:
        return wrong
    tests = [str(python), "-m", "pytest", "-q", "-n", "auto", "--dist", "loadscope", "-p", "no:cacheprovider"]
    chosen = ["-m", "not slow"] if short else []
    done = subprocess.run([*tests, *chosen, suite.tests], cwd=ROOT, check=False)
    return [] if done.returncode == 0 else [f"{suite.name}: its suite fails with its lowest versions"]


def main() -> int:
    """Check the suites named, all of them by default."""
    reader = argparse.ArgumentParser(prog="make lowest", description=__doc__)
    reader.add_argument("--uv", default="uv", help="the uv program to install with")
    reader.add_argument("--short", action="store_true", help="leave the slow tests out")
    reader.add_argument("suites", nargs="*", help=f"of {', '.join(suite.name for suite in SUITES)}")
    chosen = reader.parse_args()
    suites = [suite for suite in SUITES if not chosen.suites or suite.name in chosen.suites]
    wrong = [line for suite in suites for line in check(suite, chosen.uv, short=chosen.short)]
    print("\n".join(wrong) or "The lowest declared versions pass.")
    return 1 if wrong else 0


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
