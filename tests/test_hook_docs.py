"""The pages for plugin authors say what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from modelyard.loading.register import REQUIRED_HOOKS

from . import hook_docs
from .fresh import ROOT

PAGES = hook_docs.pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_generated_pages_are_up_to_date(page: Path) -> None:
    assert page.exists(), "run make hook-docs"
    assert page.read_text(encoding="utf-8") == PAGES[page], "run make hook-docs"


def test_no_page_is_left_of_a_hook_that_is_gone() -> None:
    names = {page.stem for page in (hook_docs.FOLDER / "hooks").iterdir()}
    assert names == {*hook_docs.HOOKS, "README"}


@pytest.mark.parametrize("name", hook_docs.HOOKS)
def test_every_hook_and_argument_is_documented(name: str) -> None:
    hook = hook_docs.HOOKS[name]
    documented = re.findall(r"^:param (\w+): \S", inspect.getdoc(hook) or "", re.MULTILINE)
    assert documented == list(inspect.signature(hook).parameters)
    optional = name not in (*REQUIRED_HOOKS, *hook_docs.OBSERVERS)
    assert ("Optional." in (hook.__doc__ or "")) == optional


@pytest.mark.parametrize("name", hook_docs.OBSERVERS)
def test_examples_of_observers_run(name: str) -> None:
    from modelyard import Runtime
    from modelyard.hookspecs import hookimpl

    code = re.findall(r"```python\n(.*?)```", hook_docs.hook_page(name), re.DOTALL)[-1]
    exec(f"from __future__ import annotations\n{code}", {"Runtime": Runtime, "hookimpl": hookimpl})


def test_every_page_is_linked_and_every_link_leads_somewhere() -> None:
    linked = set()
    for page in hook_docs.FOLDER.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            place = (page.parent / target).resolve()
            assert place.exists(), f"{page.relative_to(ROOT)} links to {target}"
            linked.add(place)
    assert set(hook_docs.FOLDER.rglob("*.md")) <= linked | {hook_docs.FOLDER / "README.md"}
