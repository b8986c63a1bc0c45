"""The public names: what is listed, what is importable and where it comes from must agree."""

from __future__ import annotations

import ast
from pathlib import Path

import modelyard


def _type_checking_imports() -> set[str]:
    tree = ast.parse(Path(modelyard.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_all_lists_exactly_the_names_the_type_checker_sees() -> None:
    assert set(modelyard.__all__) == _type_checking_imports() | {"__version__"}


def test_every_listed_name_can_be_imported() -> None:
    for name in modelyard.__all__:
        assert getattr(modelyard, name) is not None


def test_every_name_with_a_home_is_listed() -> None:
    assert set(modelyard._HOME_OF) == set(modelyard.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(modelyard, "Runtme")
    assert "Runtime" in dir(modelyard)
