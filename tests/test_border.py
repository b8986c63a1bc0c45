"""Hosts, plugins and tests need nothing of the core but its public modules; what we write for them shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import modelyard.provider
import modelyard.testing
from modelyard.scaffold import SHAPES, check_name, write_project

from .api import MODULES
from .conftest import PROVIDERS
from .fresh import ROOT

FOR_PLUGINS = frozenset({"modelyard", "modelyard.provider", "modelyard.testing"})
SOURCES = [*(f"plugins/{name}/src" for name in PROVIDERS), "examples/haiku_provider", "examples/fastapi_chat"]
GROUPS = frozenset(f"modelyard.{kind}" for kind in "providers dialects observers orders commands".split())
"""Entry-point groups; the names of the others are those of modules."""
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
    *ROOT.glob("plugins/*/README.md"),
    *ROOT.glob("examples/**/*.md"),
    ROOT / "core/README.md",
]


def imports(code: str) -> Iterator[str]:
    """The modules of the core that a piece of code imports, at any depth."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {node.module or ""}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "modelyard")


def within(folder: Path) -> dict[str, set[str]]:
    """For each module in a folder what it imports of the core."""
    files = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    return {str(path.relative_to(folder)): set(imports(code)) for path, code in files.items()}


def inner(folder: Path) -> dict[str, set[str]]:
    """The modules in a folder that import what is not for plugins, with what it is."""
    return {name: names - FOR_PLUGINS for name, names in within(folder).items() if names - FOR_PLUGINS}


def test_the_module_for_plugins_holds_what_a_plugin_needs() -> None:
    """P53."""
    needed = """
        ProviderInfo HistoryRules ModelCard hookimpl Request Completion Usage Reporter HttpSession WireRequest
        StreamDecoder make_client join_base load_cards parse_cards collect ContentDelta ReasoningDelta
        ToolCallStart ToolCallDelta ToolCallEnd Done ResponseInfo ProviderError http_error
    """.split()
    assert {*needed} <= {*modelyard.provider.__all__}
    assert all(getattr(modelyard.provider, name) is not None for name in needed)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_package_imports_only_what_is_for_plugins(tmp_path: Path, shape: str) -> None:
    """P54."""
    write_project(check_name("acme", installed=()), SHAPES[shape], tmp_path)
    assert len(within(tmp_path)) > 10
    assert inner(tmp_path) == {}


@pytest.mark.parametrize("folder", SOURCES)
def test_our_plugins_and_examples_import_only_what_is_for_plugins(folder: str) -> None:
    assert within(ROOT / folder)
    assert inner(ROOT / folder) == {}


ADVICE = [
    *(ROOT / "docs/plugin-authors").rglob("*.md"),
    *(ROOT / "core/src/modelyard/testing/conformance").rglob("*.py"),
    *(ROOT / "core/src/modelyard/scaffold/templates").rglob("*.tmpl"),
    ROOT / "core/src/modelyard/hookspecs.py",
]


@pytest.mark.parametrize("path", ADVICE, ids=lambda path: str(path.relative_to(ROOT)))
def test_advice_to_authors_of_plugins_names_what_is_for_them(path: Path) -> None:
    prose = re.sub(r"^ *(from|import) modelyard.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for place, name in re.findall(r"\b(modelyard(?:\.[a-z_]+)*)\.(?!modelyard)(\w+)", prose):
        if name[0] != "_" and f"{place}.{name}" not in {*MODULES, *GROUPS}:
            assert place in MODULES, f"{place}.{name}"
            assert name in import_module(place).__all__, f"{place}.{name}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_on_a_page_imports_public_modules_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = re.findall(r"^[+> ]*((?:from|import) modelyard[a-z_.]*(?: import .*)?)$", text, re.MULTILINE)
    named = {line.split()[1] for line in lines}
    assert {name for name in named if not name.startswith("modelyard_")} <= {*MODULES}


def test_the_page_on_testing_names_everything_there_is() -> None:
    page = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    missing = [name for name in modelyard.testing.__all__ if not re.search(rf"`{name}`", page)]
    assert missing == []
