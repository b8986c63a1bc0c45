"""Installed from wheels alone, in fresh environments: what is there is listed, what is not is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .fresh import ROOT, Fresh, build_wheels

MEMBERS = ("core", "plugins/claude", "plugins/gemini", "plugins/mistral", "plugins/openai")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The five wheels."""
    return build_wheels(tmp_path_factory.mktemp("wheels"), [ROOT / member for member in MEMBERS])


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


def test_the_kit_passes_where_no_other_plugin_is_installed(wheels: dict[str, Path], tmp_path: Path) -> None:
    """The whole suites run apart from each other in ``make lowest``."""
    fresh = Fresh(tmp_path / "venv", [wheels["modelyard"], wheels["modelyard_mistral"]])
    shutil.copytree(ROOT / "plugins/mistral/tests", tmp_path / "tests")
    settings = "[pytest]\nasyncio_mode = auto\naddopts = --import-mode=importlib\nxfail_strict = true\n"
    (tmp_path / "pytest.ini").write_text(settings, encoding="utf-8")
    done = subprocess.run(
        [str(fresh.python), "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_conformance.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_wheel_is_typed_and_carries_its_models(wheels: dict[str, Path]) -> None:
    from zipfile import ZipFile

    assert len(wheels) == len(MEMBERS)
    for package, path in wheels.items():
        names = ZipFile(path).namelist()
        assert f"{package}/py.typed" in names
        assert package == "modelyard" or f"{package}/models.json" in names
        assert not any(f"{package}/tests/" in name or name.startswith("tests/") for name in names)
