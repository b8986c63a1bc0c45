"""What each wheel declares is true: what is imported is declared, and every version has a floor and a ceiling."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .lowest import ROOT, SUITES, Suite, declared, floor, floors

PROJECTS = ("core", "plugins/claude", "plugins/gemini", "plugins/mistral", "plugins/openai")
EXTRAS = {
    "cli": ("modelyard/cli/",),
    "mcp": ("modelyard/tools/mcp",),
    "otel": ("modelyard/observe/meters", "modelyard/observe/otel"),
    "prices": ("modelyard/catalog/library_prices",),
    "redis": ("modelyard/health/redis_",),
    "socks": ("modelyard/http/proxies", "modelyard/http/transport_errors", "modelyard/http/httpx_transport"),
    "testing": ("modelyard/testing/", "modelyard/pytest_plugin"),
}
"""Which sources of the core may lean on which extra; the rest must do with the base install."""

UNSTABLE = {"httpx"}
"""Packages before 1.0 whose minor releases have broken their users: the next minor is the ceiling."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def sources(project: str) -> Iterator[tuple[str, ast.Module]]:
    folder = ROOT / project / "src"
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level modules a source imports, anywhere in it, those named to ``import_module`` included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Constant) and node.value in ("httpx", "httpx2", "socksio"):
            yield str(node.value)


def third_party(project: str) -> list[tuple[str, str, set[str]]]:
    """Each source of a project with each module it imports, and the distributions that module can come from."""
    homes = packages_distributions()
    return [
        (place, module, {normal(name) for name in homes[module]})
        for place, tree in sources(project)
        for module in sorted(set(imported(tree)) - set(sys.stdlib_module_names))
        if not module.startswith("modelyard")
    ]


def names(requirements: Iterator[Requirement]) -> set[str]:
    return {normal(requirement.name) for requirement in requirements}


def extras_of(project: str) -> tuple[str, ...]:
    table = tomllib.loads((ROOT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return tuple(table.get("optional-dependencies", {}))


def everything(project: str) -> list[Requirement]:
    return list(declared(project, extras_of(project)))


@pytest.mark.parametrize("project", PROJECTS)
def test_fault_a46_what_is_imported_is_declared(project: str) -> None:
    base = names(declared(project))
    for place, module, homes in third_party(project):
        extras = [extra for extra, starts in EXTRAS.items() if project == "core" and place.startswith(starts)]
        # The core names the families of HTTP libraries for the plugins that bring them.
        optional = {"httpx2"} if project == "core" else set()
        known = base | optional | names(declared(project, tuple(extras)))
        assert homes & known, f"{place} imports {module}, which {project}/pyproject.toml does not declare"


@pytest.mark.parametrize("project", PROJECTS)
def test_what_is_declared_is_imported(project: str) -> None:
    needed = {home for _, _, homes in third_party(project) for home in homes}
    unused = names(iter(everything(project))) - needed
    assert not unused, f"nothing in {project}/src imports {unused}"


@pytest.mark.parametrize("project", PROJECTS)
def test_fault_a48_every_requirement_has_a_floor_and_a_ceiling_below_the_next_breaking_one(project: str) -> None:
    for requirement in everything(project):
        ceilings = [one for one in requirement.specifier if one.operator == "<"]
        assert len(ceilings) == 1, f"{requirement} has no upper bound"
        ceiling, lowest = Version(ceilings[0].version), floor(requirement)
        assert lowest < ceiling
        by_minor = requirement.name in UNSTABLE
        assert len(ceiling.release) == (2 if by_minor else 1), (
            f"{requirement}: a ceiling is the next breaking release"
        )


def test_fault_a45_the_first_release_of_mcp_that_does_not_work_is_excluded() -> None:
    mcp = next(one for one in declared("core", ("mcp",)) if one.name == "mcp")
    assert "2.0.0" not in mcp.specifier
    assert "2.1.0" in mcp.specifier
    assert "3.0.0" not in mcp.specifier


def test_a_package_has_one_range_in_all_wheels() -> None:
    ranges: dict[str, set[str]] = defaultdict(set)
    for project in PROJECTS:
        for requirement in everything(project):
            ranges[normal(requirement.name)].add(str(requirement.specifier))
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_make_lowest_installs_the_declared_floor_of_every_requirement(suite: Suite) -> None:
    extras = extras_of("core") if suite.name == "core" else ("testing",)
    pinned = floors(suite)
    for requirement in (*declared("core", extras), *declared(suite.project)):
        assert pinned[normal(requirement.name)] == floor(requirement)
    assert {one.project for one in SUITES} == set(PROJECTS)


def test_the_base_install_stays_small() -> None:
    """Each of these is there for a reason that docs/decisions.md gives."""
    assert names(declared("core")) == {
        "aiohttp", "docstring-parser", "httpx", "importlib-metadata", "jsonschema", "pluggy",
        "pydantic", "pydantic-core", "referencing", "truststore", "yarl",
    }  # fmt: skip


def test_the_example_and_the_scaffold_bound_what_they_require() -> None:
    for path in (ROOT / "examples").glob("*/pyproject.toml"):
        for text in tomllib.loads(Path(path).read_text(encoding="utf-8"))["project"]["dependencies"]:
            assert "<" in str(Requirement(text).specifier), f"{path}: {text}"
