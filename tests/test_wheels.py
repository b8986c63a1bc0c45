"""Installed from wheels alone, in fresh environments: what is there is listed, what is not is named."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEMBERS = ("core", "plugins/claude", "plugins/gemini", "plugins/mistral", "plugins/openai")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The five wheels, built from the sources; no registry is asked."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [*command, "--wheel-dir", str(folder), *(f"./{member}" for member in MEMBERS)], cwd=ROOT, check=True
    )
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


class Fresh:
    """A virtual environment with the third-party packages of this one and the wheels named."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        ours = Path(sysconfig.get_path("purelib"))
        theirs = next(folder.glob("lib/python*/site-packages"))
        for entry in ours.iterdir():
            if "modelyard" not in entry.name and entry.suffix != ".pth":
                (theirs / entry.name).symlink_to(entry)
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
        options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
        subprocess.run([*command, *options, *map(str, wheels)], check=True)

    def run(self, program: str) -> str:
        """Run a program and give back what it prints."""
        done = subprocess.run(
            [str(self.python), "-I", "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_one_plugin_alone_lists_its_models_and_names_what_is_missing(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    fresh = Fresh(tmp_path / "venv", [wheels["modelyard"], wheels["modelyard_mistral"]])
    printed = fresh.run(
        """
        import json, modelyard
        runtime = modelyard.Runtime({"mistral": {"api_key": "x"}})
        try:
            runtime.stream("claude:claude-sonnet-5-5", "Hi")
        except modelyard.ConfigurationError as error:
            said = str(error)
        print(json.dumps([sorted(set(card.provider for card in runtime.catalog)), said,
                          [status.name for status in runtime.plugins()]]))
        """
    )
    providers, said, plugins = json.loads(printed)
    assert providers == plugins == ["mistral"]
    assert "pip install modelyard-claude" in said


def test_four_plugins_list_their_models_without_loading_anything_heavy(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    fresh = Fresh(tmp_path / "venv", list(wheels.values()))
    printed = fresh.run(
        """
        import json, sys, modelyard
        catalog = modelyard.Runtime().catalog
        loaded = {name.partition(".")[0] for name in sys.modules}
        heavy = {"httpx", "httpx2", "aiohttp", "anthropic", "mistralai"} & loaded
        print(json.dumps([list(catalog.providers), sorted(heavy), len(sys.modules)]))
        """
    )
    providers, heavy, modules = json.loads(printed)
    assert providers == ["claude", "gemini", "mistral", "openai"]
    assert heavy == []
    assert modules <= 420


def test_g14_the_core_alone_works_and_says_what_to_install(wheels: dict[str, Path], tmp_path: Path) -> None:
    fresh = Fresh(tmp_path / "venv", [wheels["modelyard"]])
    printed = fresh.run(
        """
        import modelyard
        print(len(modelyard.Runtime().catalog))
        try:
            modelyard.Runtime().stream(None, "Hi")
        except modelyard.NoRouteError as error:
            print(error)
        """
    )
    assert printed.startswith("0\n")
    assert "pip install modelyard-claude" in printed


def test_every_wheel_is_typed_and_carries_its_models(wheels: dict[str, Path]) -> None:
    from zipfile import ZipFile

    assert len(wheels) == len(MEMBERS)
    for package, path in wheels.items():
        names = ZipFile(path).namelist()
        assert f"{package}/py.typed" in names
        assert package == "modelyard" or f"{package}/models.json" in names
        assert not any("tests/" in name for name in names)
