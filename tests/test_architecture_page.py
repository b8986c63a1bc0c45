"""Every function, file and word that the page on the architecture names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from .architecture import PAGE, ROOT, SOURCE, size_of_sdk
from .conftest import PROVIDERS

TEXT = PAGE.read_text(encoding="utf-8")
FILE = re.compile(r"[\w<>/.]+\.(?:py|json)")


def _section(title: str) -> str:
    return TEXT.partition(f"\n## {title}")[2].partition("\n## ")[0]


def _rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {number - 1 for number, line in enumerate(lines) if line.startswith("|---")}
    body = [line for number, line in enumerate(lines) if number not in heads and not line.startswith("|---")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in body]


def _homes(name: str) -> list[Path]:
    """The files a name on the page stands for: one, or one for each plugin."""
    if "<p>" in name:
        return [path for provider in PROVIDERS for path in _homes(name.replace("<p>", provider))]
    plugin = re.match(r"modelyard_(\w+)/", name)
    if plugin:
        return [ROOT / "plugins" / plugin[1] / "src" / name]
    return [ROOT / name if name.startswith(("core/", "tests/", "plugins/")) else SOURCE / name]


@cache
def _defined(path: Path) -> frozenset[str]:
    """The classes, functions and methods of a file, methods as ``Class.method``."""
    return frozenset(_names(ast.parse(path.read_text(encoding="utf-8")), ""))


def _names(node: ast.AST, within: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{within}{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from _names(child, f"{within}{child.name}.")
        elif isinstance(child, (ast.Assign, ast.AnnAssign)):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            yield from (f"{within}{target.id}" for target in targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("name", sorted(set(FILE.findall(" ".join(re.findall(r"`([^`\n]+)`", TEXT))))))
def test_every_file_named_exists(name: str) -> None:
    optional = "<p>" in name and name.rpartition("/")[2] in {
        "controls.py",
        "counting.py",
        "finish.py",
        "schema.py",
    }
    found = [path.exists() for path in _homes(name)]
    assert any(found) if optional else all(found)


@pytest.mark.parametrize(
    ("function", "file"),
    [(row[1], row[2]) for row in _rows(_section("Four walks")) if row[1].startswith("`")]
    + [(row[0], row[2]) for row in _rows(_section("Words")) if row[0].startswith("`")],
)
def test_every_function_and_word_is_defined_where_the_page_says(function: str, file: str) -> None:
    for path in _homes(file.strip("`")):
        assert function.strip("`") in _defined(path)


@pytest.mark.parametrize("row", _rows(_section("Caches and what empties them")), ids=lambda row: str(row[0]))
def test_every_cache_is_an_attribute_in_the_file_named(row: list[str]) -> None:
    attribute, path = re.findall(r"`([^`]+)`", row[1])[:2]
    owner, _, name = attribute.partition(".")
    text = (SOURCE / path).read_text(encoding="utf-8")
    assert f"class {owner}" in text
    assert f"self.{name}" in text


def test_the_page_has_four_walks_and_more_than_ten_changes() -> None:
    assert _section("Four walks").count("\n### ") == 4
    assert len(_rows(_section("Where do I change ..."))) > 10


def test_what_a_plugin_stands_on_is_less_than_a_third_of_the_core() -> None:
    sdk, core = size_of_sdk()
    assert sdk < 0.3 * core
