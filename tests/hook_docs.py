"""Writes the pages that follow from the code: ``python -m tests.hook_docs``, or ``make hook-docs``.

One page for each hook from ``hookspecs.py``, the table of errors from ``errors.py``, the rules of streams from
``grammar.py`` and the fields of events from ``types/events.py``. A test compares the pages with what this writes.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import get_args

from modelyard import errors, hookspecs
from modelyard.loading.register import ASYNC_HOOKS, REQUIRED_HOOKS, STREAM_HOOK
from modelyard.session_hooks import SessionHooks
from modelyard.streaming import grammar
from modelyard.types import events

from .fresh import ROOT

__all__ = ["HOOKS", "OBSERVERS", "pages"]

FOLDER = ROOT / "docs" / "plugin-authors"
_BEGIN, _END = "<!-- begin generated: make hook-docs -->", "<!-- end generated -->"


def _hooks() -> dict[str, FunctionType]:
    return {
        name: value
        for name, value in vars(hookspecs).items()
        if name.startswith("modelyard_") and isinstance(value, FunctionType)
    }


HOOKS = _hooks()
"""Every hook, in the order of ``hookspecs.py``."""

OBSERVERS = tuple(name for name, hook in HOOKS.items() if not vars(hook)["modelyard_spec"]["firstresult"])
"""The hooks hosts implement, told to all of them."""


def pages() -> dict[Path, str]:
    """Every generated page, or page with a generated part, and what it should hold."""
    found = {FOLDER / "hooks" / f"{name}.md": hook_page(name) for name in HOOKS}
    found[FOLDER / "hooks" / "README.md"] = _index()
    for name, generated in (("errors", _error_table()), ("events", f"{_rules()}\n\n{_event_table()}")):
        path = FOLDER / f"{name}.md"
        found[path] = _within(path.read_text(encoding="utf-8"), generated)
    return found


def hook_page(name: str) -> str:
    """The page of one hook."""
    hook = HOOKS[name]
    text, arguments = _docstring(name)
    lines = [
        f"# `{name}`",
        "",
        f"{_need(name)}, {_colour(name)}.",
        "",
        "```python",
        _signature(hook),
        "```",
        "",
        text,
    ]
    if arguments:
        lines += ["", "| argument | meaning |", "|---|---|"]
        lines += [f"| `{argument}` | {meaning} |" for argument, meaning in arguments.items()]
    home, example = _example(name)
    lines += ["", f"## Example\n\n{home}\n\n```python\n{example}\n```", ""]
    return "\n".join(lines)


def _docstring(name: str) -> tuple[str, dict[str, str]]:
    """The text of a hook's docstring, and what it says of each argument."""
    text, *rest = re.split(r"^:param ", inspect.getdoc(HOOKS[name]) or "", flags=re.MULTILINE)
    pairs = (" ".join(entry.split()).split(": ", 1) for entry in rest)
    return re.sub(r"``([^`]+)``", r"`\1`", text.strip()), {
        argument: re.sub(r"``([^`]+)``", r"`\1`", meaning) for argument, meaning in pairs
    }


def _signature(hook: FunctionType) -> str:
    return f"def {hook.__name__}{inspect.signature(hook)}".replace("'", "")


def _need(name: str) -> str:
    if name in OBSERVERS:
        return "For hosts"
    return "Required" if name in REQUIRED_HOOKS else "Optional"


def _colour(name: str) -> str:
    if name in OBSERVERS:
        return "a plain function, called for every observer"
    if name == STREAM_HOOK:
        return "an asynchronous generator, or a plain function that returns an asynchronous iterator"
    return "`async def`" if name in ASYNC_HOOKS else "a plain function"


def _example(name: str) -> tuple[str, str]:
    """Where an example is from, and its code: real plugins, so that it cannot go out of date."""
    if name in OBSERVERS:
        return "In a host, as an object with the hook as a method:", _observer_example(HOOKS[name])
    package = "modelyard_haiku" if name in REQUIRED_HOOKS else "modelyard_openai"
    title = "[the example provider](../../../examples/haiku_provider/README.md)"
    home = title if name in REQUIRED_HOOKS else "[the plugin for OpenAI](../../../plugins/openai/README.md)"
    source = Path(inspect.getfile(importlib.import_module(f"{package}.plugin"))).read_text(encoding="utf-8")
    taken = re.search(rf"^{name} = SessionHooks\.(\w+)$", source, flags=re.MULTILINE)
    if taken is not None:
        return f"From {home}:", f"{taken[0]}\n\n\n# or, written out:\n{_written_out(name, taken[1])}"
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            code = ast.get_source_segment(source, node)
            return f"From {home}:", f"@hookimpl\n{code}"
    raise LookupError(f"no plugin shows {name}")


def _written_out(name: str, method: str) -> str:
    """A hook of ``SessionHooks`` as a plugin would write it itself."""
    source = textwrap.dedent(inspect.getsource(getattr(SessionHooks, method)))
    code = re.sub(r'@staticmethod\n|    """.*"""\n', "", source).replace(f"def {method}", f"def {name}")
    return re.sub(r"session: _\w+", "session: OurSession", code).strip()


def _observer_example(hook: FunctionType) -> str:
    signature = _signature(hook).replace("(", "(self, ", 1)
    first = next(iter(inspect.signature(hook).parameters))
    method = f"    @hookimpl\n    {signature}:\n        print({first})"
    return f"class Watch:\n{method}\n\n\nruntime = Runtime(hooks=[Watch()])"


def _index() -> str:
    rows = [
        f"| [`{name}`]({name}.md) | {_need(name).lower()} | {_docstring(name)[0].partition('.')[0]}. |"
        for name in HOOKS
    ]
    head = [
        "# The hooks",
        "",
        "What a plugin implements, in the order it is called, and what a host observes. `make hook-docs` writes",
        "these pages from [hookspecs.py](../../../core/src/modelyard/hookspecs.py).",
        "",
        "| hook | | |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def _error_table() -> str:
    rows = [
        f"| `{cls.__name__}` | {'yes' if cls.default_retryable else 'no'} | {_first_line(cls)} |"
        for cls in _provider_errors()
    ]
    return "\n".join(["| class | retried | when |", "|---|---|---|", *rows])


def _provider_errors() -> Iterator[type[errors.ProviderError]]:
    for name in vars(errors):
        value = getattr(errors, name)
        if isinstance(value, type) and issubclass(value, errors.ProviderError):
            yield value


def _first_line(value: object) -> str:
    text = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))


def _rules() -> str:
    text = grammar.__doc__ or ""
    rules = re.findall(r"^\d\. .*(?:\n {3}.*)*", text, flags=re.MULTILINE)
    return re.sub(r"``([^`]+)``", r"`\1`", "\n".join(rules))


def _event_table() -> str:
    rows = []
    for cls in get_args(events.Event):
        names = ", ".join(f"`{field.name}`" for field in dataclasses.fields(cls))
        rows.append(f"| `{cls.type}` | `{cls.__name__}` | {names} | {_first_line(cls)} |")
    return "\n".join(["| type | class | fields | |", "|---|---|---|---|", *rows])


def _within(page: str, generated: str) -> str:
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{generated}\n{_END}{after}"


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
