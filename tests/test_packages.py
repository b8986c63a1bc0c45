"""The five packages: one version, the same promises in their metadata, and each builds alone."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.version import Version

import modelyard

from .conftest import PROVIDERS
from .fresh import ROOT

MEMBERS = ("core", *(f"plugins/{provider}" for provider in PROVIDERS))
REPOSITORY = "https://github.com/modelyard/modelyard"
every_member = pytest.mark.parametrize("member", MEMBERS)


def project(member: str) -> dict[str, Any]:
    """What a package's ``pyproject.toml`` says."""
    return tomllib.loads((ROOT / member / "pyproject.toml").read_text(encoding="utf-8"))


def build(folder: Path, target: str, into: Path) -> Path:
    """Build one distribution of a project, as the release does."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return next(path for path in into.iterdir() if path.suffix == {"sdist": ".gz", "wheel": ".whl"}[target])


@pytest.fixture(scope="module", params=MEMBERS)
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from nothing but the files of its sdist, as distributors build it."""
    folder = tmp_path_factory.mktemp("alone")
    with tarfile.open(build(ROOT / request.param, "sdist", folder / "sdist")) as archive:
        archive.extractall(folder, filter="data")
    unpacked = next(path for path in folder.iterdir() if path.name != "sdist")
    return build(unpacked, "wheel", folder / "wheel")


def metadata(wheel: Path) -> Message:
    """The metadata an index shows of a wheel."""
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_every_wheel_carries_version_links_readme_and_licence(wheel: Path) -> None:
    facts = metadata(wheel)
    assert facts["Version"] == modelyard.__version__
    links = dict(line.split(", ", 1) for line in facts.get_all("Project-URL", []))
    assert set(links) == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(link.startswith(REPOSITORY) for link in links.values())
    page = facts.get_payload()
    assert isinstance(page, str)
    assert "asyncio.run(main())" in page, "the page of a package has an example that runs"
    assert "](https://" in page
    assert "](." not in page, "a link of the repository's leads nowhere on an index"
    with ZipFile(wheel) as archive:
        licence = next(name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


@every_member
def test_the_version_is_written_in_one_place(member: str) -> None:
    document = project(member)
    assert "version" not in document["project"]
    source = ROOT / member / document["tool"]["hatch"]["version"]["path"]
    assert source.resolve() == ROOT / "core/src/modelyard/__init__.py"


@pytest.mark.parametrize(
    "folder", ["plugins/claude", "plugins/gemini", "plugins/mistral", "plugins/openai", "examples/haiku_provider"]
)
def test_a_plugin_wants_the_core_of_its_minor_version(folder: str) -> None:
    major, minor = Version(modelyard.__version__).release[:2]
    assert f"modelyard>={major}.{minor},<{major}.{minor + 1}" in project(folder)["project"]["dependencies"]


@every_member
def test_classifiers_name_the_pythons_that_are_tested(member: str) -> None:
    facts = project(member)["project"]
    named = {line.rpartition(" ")[2] for line in facts["classifiers"] if "Python :: 3." in line}
    assert named == {"3.11", "3.12", "3.13", "3.14"}
    assert facts["requires-python"] == ">=3.11"
