"""Fresh virtual environments with built wheels, made without asking a registry."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ROOT", "Fresh", "build_wheels"]

ROOT = Path(__file__).parents[1]


def build_wheels(folder: Path, projects: Sequence[Path]) -> dict[str, Path]:
    """The wheels of projects, by import name, built from their sources."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), *map(str, projects)], check=True)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


class Fresh:
    """A virtual environment with the third-party packages of this one and the wheels named."""

    def __init__(self, folder: Path, wheels: Sequence[Path]) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self.packages = next(folder.glob("lib/python*/site-packages"))
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if "modelyard" not in entry.name and entry.suffix != ".pth":
                (self.packages / entry.name).symlink_to(entry)
        self.install(wheels)

    def install(self, wheels: Sequence[Path]) -> None:
        """Install wheels, nothing else."""
        self._pip("install", "--no-deps", "--no-index", *map(str, wheels))

    def uninstall(self, distribution: str) -> None:
        """Uninstall a distribution."""
        self._pip("uninstall", "--yes", distribution)

    def run(self, program: str) -> str:
        """Run a program and give back what it prints."""
        done = self.call("-I", "-c", textwrap.dedent(program))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(
        self, *arguments: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python with arguments."""
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **(variables or {})}
        return subprocess.run(
            [str(self.python), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    def _pip(self, command: str, *arguments: str) -> None:
        head = [sys.executable, "-m", "pip", "--python", str(self.python), command]
        options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
        subprocess.run([*head, *options, *arguments], check=True)
