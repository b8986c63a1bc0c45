"""`modelyard new-provider` writes a package that works from wheels alone, and explains what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.errors import ConfigurationError
from modelyard.scaffold import SHAPES, check_name, write_project
from modelyard.testing.conformance import ProviderConformance

from .fresh import ROOT, Fresh, build_wheels

MAKE = "from modelyard.cli import main; main()"
PROVIDERS = {"acme": "own-wire", "blue-owl": "openai-compatible"}
RUFF = Path(sys.executable).with_name("ruff")


class Workshop:
    """A fresh environment with the core, and the packages its own command line wrote, built and installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        core = build_wheels(folder / "core", [ROOT / "core"])
        self.fresh = Fresh(folder / "venv", [core["modelyard"]])
        for provider, shape in PROVIDERS.items():
            done = self.fresh.call("-c", MAKE, "new-provider", provider, "--shape", shape, cwd=folder)
            assert done.returncode == 0, done.stderr
        self.wheels = build_wheels(folder / "wheels", [self.project(provider) for provider in PROVIDERS])
        self.fresh.install(list(self.wheels.values()))

    def project(self, provider: str) -> Path:
        """Where a package was written."""
        return self.folder / f"modelyard-{provider}"

    def plugins(self) -> dict[str, dict[str, str | None]]:
        """What ``modelyard plugins`` says, by provider."""
        done = self.fresh.call("-c", MAKE, "plugins", "--json")
        assert done.returncode == 0, done.stderr
        return {row["provider"]: row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


def test_new_packages_are_discovered_and_list_their_models(workshop: Workshop) -> None:
    assert {name: row["state"] for name, row in workshop.plugins().items()} == dict.fromkeys(PROVIDERS, "loaded")
    printed = workshop.fresh.run(
        """
        import sys, modelyard
        print(*sorted(card.ref for card in modelyard.Runtime().catalog))
        print(*sorted({"httpx", "httpx2", "aiohttp"} & set(sys.modules)))
        """
    )
    assert printed == "acme:acme-large acme:acme-small blue-owl:blue-owl-large blue-owl:blue-owl-small\n\n"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_example_of_a_new_package_chats_with_its_emulator(workshop: Workshop, provider: str) -> None:
    readme = (workshop.project(provider) / "README.md").read_text(encoding="utf-8")
    example = readme.partition("```python\n")[2].partition("```")[0]
    variable = provider.upper().replace("-", "_")
    program = f"""
import os
from modelyard.testing import Emulator, Script, load_dialects

with Emulator(load_dialects()[{provider!r}], [Script().say("The Seine.")]) as emulator:
    os.environ |= {{"{variable}_API_KEY": "test-key", "MODELYARD_{variable}_BASE_URL": emulator.url}}
    exec({example!r}, {{}})
"""
    assert workshop.fresh.run(program) == "The Seine.\n"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_new_package_passes_its_own_suite(workshop: Workshop, provider: str) -> None:
    done = workshop.fresh.call("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=workshop.project(provider))
    assert done.returncode == 0, done.stdout[-5000:]
    assert "xfailed" not in done.stdout


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_new_package_passes_lint_and_strict_types(workshop: Workshop, provider: str) -> None:
    project, cache = workshop.project(provider), workshop.folder / "mypy"
    for arguments in (["format", "--check", "."], ["check", "."]):
        done = subprocess.run(
            [RUFF, *arguments, "--no-cache"], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
    done = workshop.fresh.call("-m", "mypy", "--cache-dir", str(cache), cwd=project)
    assert done.returncode == 0, done.stdout


def test_the_tutorial_leads_from_the_written_package_to_a_fixed_one(workshop: Workshop) -> None:
    page = (ROOT / "docs/plugin-authors/tutorial.md").read_text(encoding="utf-8")
    commands = re.findall(r"^modelyard (new-provider .*)$", page, re.MULTILINE)
    assert commands == ["new-provider acme --shape own-wire"]
    project = workshop.folder / "tutorial"
    shutil.copytree(workshop.project("acme"), project)
    outcomes = []
    for number, diff in enumerate(re.findall(r"```diff\n(.*?)```", page, re.DOTALL)):
        subprocess.run(["git", "apply", "-"], cwd=project, input=diff, text=True, check=True)
        sources = {"PYTHONPATH": "src"}  # before what is installed
        done = workshop.fresh.call("-m", "pytest", "-q", "tests/test_emulated.py", cwd=project, variables=sources)
        outcomes.append(done.stdout.strip().splitlines()[-1].partition(" in ")[0])
        assert number or "'unknown'" in done.stdout
    assert outcomes == ["1 failed, 4 passed", "5 passed"]


def test_the_tutorial_waives_a_case_there_is() -> None:
    page = (ROOT / "docs/plugin-authors/tutorial.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "waived" in block)
    exec(example, {"ProviderConformance": ProviderConformance, "pytest": pytest})  # the kit refuses unknown names


def test_the_waiver_of_the_tutorial_passes_the_lint_of_a_new_package(tmp_path: Path) -> None:
    """K62."""
    page = (ROOT / "docs/plugin-authors/tutorial.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "waived" in block)
    write_project(check_name("acme", ()), SHAPES["own-wire"], tmp_path / "acme")
    (tmp_path / "acme/tests/test_conformance.py").write_text(example, encoding="utf-8")
    for arguments in (["format", "--check", "."], ["check", "."]):
        done = subprocess.run(
            [RUFF, *arguments, "--no-cache"], cwd=tmp_path / "acme", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_uninstalling_a_plugin_removes_its_provider(workshop: Workshop) -> None:
    workshop.fresh.uninstall("modelyard-acme")
    try:
        assert list(workshop.plugins()) == ["blue-owl"]
        printed = workshop.fresh.run(
            """
            import modelyard
            runtime = modelyard.Runtime()
            print(*runtime.catalog.providers)
            try:
                runtime.stream("acme:acme-large", "Hi")
            except modelyard.ConfigurationError as error:
                print(error)
            """
        )
    finally:
        workshop.fresh.install([workshop.wheels["modelyard_acme"]])
    assert printed.startswith("blue-owl\nNo installed plugin provides 'acme'.")


@pytest.fixture
def stated_api(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[int]:
    """A version of the plugin API that acme, installed, says it was written for."""
    module = workshop.fresh.packages / "modelyard_acme" / "plugin.py"
    text = module.read_text(encoding="utf-8")
    assert "MODELYARD_API = 1\n" in text
    # Of another length, because Python compares times of files by the second.
    stated = text.replace("MODELYARD_API = 1\n", f"MODELYARD_API = {request.param}  # not this core's\n")
    module.write_text(stated, encoding="utf-8")
    yield request.param
    module.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("stated_api", "advice"), [(0, "upgrade the plugin"), (99, "upgrade modelyard")], indirect=["stated_api"]
)
def test_a_plugin_of_another_api_version_is_set_aside_with_what_to_upgrade(
    workshop: Workshop, stated_api: int, advice: str
) -> None:
    plugins = workshop.plugins()
    assert plugins["blue-owl"]["state"] == "loaded"
    assert (plugins["acme"]["state"], plugins["acme"]["stage"]) == ("quarantined", "api_version")
    said = f"the plugin is written for plugin API {stated_api}, this core speaks 1; {advice}"
    assert plugins["acme"]["error"] == said
    printed = workshop.fresh.run(
        """
        import modelyard
        runtime = modelyard.Runtime()
        print(*runtime.catalog.providers)
        try:
            runtime.stream("acme:acme-large", "Hi")
        except modelyard.ConfigurationError as error:
            print(error)
        """
    )
    assert printed.startswith("blue-owl\nThe plugin acme from modelyard-acme 0.1.0 failed at api_version: ")
    assert said in printed


@pytest.mark.parametrize(
    "name", ["", "Acme", "acme_cloud", "9lives", "-acme", "acme-", "a--b", "acme/..", "ac me", "a" * 21]
)
def test_a_name_that_cannot_be_an_id_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be a provider id.*'acme-cloud'"):
        check_name(name)


@pytest.mark.parametrize("name", ["claude", "anthropic", "google", "openai", "cohere"])
def test_a_name_in_use_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"The provider id '{name}' is taken.*'my-{name}'"):
        check_name(name, installed=["cohere"])


def test_names_follow_from_the_id() -> None:
    names = check_name("blue-owl", installed=())
    assert names.distribution == "modelyard-blue-owl"
    assert names.package == "modelyard_blue_owl"
    assert (names.title, names.class_prefix, names.variable) == ("Blue Owl", "BlueOwl", "BLUE_OWL")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["x", "a-very-long-name-20x"])
def test_code_is_formatted_whatever_the_length_of_the_name(tmp_path: Path, shape: str, name: str) -> None:
    write_project(check_name(name, installed=()), SHAPES[shape], tmp_path)
    for arguments in (["format", "--check", "--diff", "."], ["check", "."]):
        done = subprocess.run(
            [RUFF, *arguments, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is not an empty folder. Name another with --dir"):
        write_project(check_name("acme", installed=()), SHAPES["own-wire"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_shape_that_is_none_is_refused_with_the_shapes_there_are(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKE, "new-provider", "acme", "--shape", "grpc"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "There is no shape 'grpc'. The shapes are: openai-compatible, own-wire." in " ".join(
        done.stderr.split()
    )
    assert not list(tmp_path.iterdir())


def test_both_shapes_have_the_same_files() -> None:
    templates = ROOT / "core/src/modelyard/scaffold/templates"
    names = [{path.name for path in (templates / shape.folder).rglob("*.tmpl")} for shape in SHAPES.values()]
    assert names[0] == names[1]
