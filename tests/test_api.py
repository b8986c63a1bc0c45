"""The public interface changes on purpose only: a checked-in dump of its signatures is compared with the code."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import pytest

from . import api
from .fresh import ROOT

T = TypeVar("T", bound=ast.stmt)
CURRENT = api.files()
ADVICE = (
    "The public interface has changed. If it is meant, run `make api`, let CHANGELOG.md say what users and "
    "authors of plugins must know, and see docs/stability.md for what a release may change."
)


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.stem)
def test_the_interface_of_a_public_module_is_the_one_checked_in(path: Path) -> None:
    stored = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = difflib.unified_diff(stored.splitlines(), CURRENT[path].splitlines(), "checked in", "now", n=1)
    assert stored == CURRENT[path], "\n".join([ADVICE, *changes])


def test_no_dump_is_left_of_a_module_that_is_gone() -> None:
    assert set(api.FOLDER.glob("*.txt")) == set(CURRENT)


def test_the_page_on_stability_names_every_public_module_and_no_other() -> None:
    page = (ROOT / "docs/stability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(modelyard[a-z.]*)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(api.MODULES)


NOT_PROMISED = {
    "Adaptation": "what the core remembers of a request it changed",
    "ArgumentReader": "made by `tool`",
    "AsyncStream": "streams are made by a runtime",
    "Bench": "the cases of the kit are run, not called",
    "ChangeKind": "one of three words",
    "CleanLogger": "used like a logger of the standard library",
    "ClientCert": "an alias of what is written out in the docstring",
    "Deployment": "printed and compared; its way of making calls is the runtime's",
    "DeploymentTerms": "asked by the router",
    "Family": "one of two words",
    "Level": "one of three words",
    "Piece": "what a filter of tags gives to the decoder it is in",
    "Pricer": "given by the runtime",
    "Progress": "limits are looked at by the loop",
    "Redactor": "given by the runtime",
    "Retirements": "given by the runtime",
    "RunLoop": "streams are made by a runtime",
    "ScriptedSession": "of a scripted provider",
    "Subject": "the cases of the kit are run, not called",
    "Transport": "one of two words",
    "Trust": "read by clients of ours",
    "Turns": "streams are made by a runtime",
}
"""Names of ours that stand in public signatures and are not public, each with the reason."""


def test_public_signatures_need_no_name_that_is_not_public() -> None:
    public = {name for module in api.MODULES for name in import_module(module).__all__}
    ours = {node.name for node in _definitions(ast.ClassDef)} | _aliases()
    words = {word for text in CURRENT.values() for word in re.findall(r"(?<![\w.'])([A-Z]\w*[a-z]\w*)\b", text)}
    assert (words & ours) - public == set(NOT_PROMISED)


def _definitions(kind: type[T]) -> Iterator[T]:
    for path in (ROOT / "core/src/modelyard").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, kind):
                yield node


def _aliases() -> set[str]:
    found = (node for node in _definitions(ast.AnnAssign) if ast.unparse(node.annotation) == "TypeAlias")
    return {ast.unparse(node.target) for node in found}


def test_the_dump_names_every_member_and_argument_a_caller_may_use() -> None:
    runtime = api.dump("modelyard")
    assert (
        "  async def complete(self, model: Models, messages: Messages, **options: Unpack[CallOptions])" in runtime
    )
    assert "    hedge_after: float | None = None,\n" in runtime
    assert "  temperature: float | None\n" in api.dump("modelyard.calls")
    assert "ModelCard: see modelyard.catalog" in runtime
