"""Run-time imports between the folders of the core: their order, and the picture of them in docs/architecture.md.

``python -m tests.architecture`` rewrites the picture; ``test_architecture.py`` holds order and page to the code.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "core/src/modelyard"
PAGE: Final = ROOT / "docs/architecture.md"
BEGIN: Final = "<!-- picture: written by make architecture -->"
END: Final = "<!-- end of picture -->"

Kind: TypeAlias = Literal["run", "types"]
"""When an import happens: at run time, or for the type checker only."""

LAYERS: Final[tuple[tuple[str, str], ...]] = (
    (
        "ground",
        "_exports files surrogates visible suggest loop_end waits log errors versioned refs bounds deadlines "  # noqa: ISC004
        "jsonio types",
    ),
    ("facts", "schema catalog credentials settings_check urls tls config session hookspecs session_hooks"),
    ("wire", "streaming http wire history tools"),
    ("plugins", "loading observe"),
    ("choice", "health deployments media routing"),
    ("calls", "calls"),
    ("conversations", "structured runs"),
    ("entry", "runtime_settings runtime sync diagnosis provider _earlier modelyard"),
    ("tools round the house", "testing scaffold cli pytest_plugin"),
)
"""From the ground up: a folder imports, at run time, only folders that are named before it."""

ORDER: Final = tuple(folder for _, folders in LAYERS for folder in folders.split())


def folder_of(module: str) -> str:
    """The folder of a module, or the module itself where it stands beside the folders."""
    return module.split(".")[1] if "." in module else module


def modules() -> dict[str, Path]:
    """The modules of the core by name; the templates of the scaffold are text."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "templates" not in path.parts:
            name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path) -> Iterator[tuple[str, Kind]]:
    """The modules of the core that a module imports, inside functions too."""
    yield from _walk(ast.parse(path.read_text(encoding="utf-8")), "run")


def _walk(node: ast.AST, kind: Kind) -> Iterator[tuple[str, Kind]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _checks_types(child.test):
            for inner in child.body:
                yield from _walk(ast.Module([inner], []), "types")
            continue
        if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "modelyard":
            for alias in child.names:
                if alias.name == "__version__":
                    continue  # the root is loaded before anything in it
                yield f"{child.module}.{alias.name}" if child.module == "modelyard" else str(child.module), kind
        else:
            yield from _walk(child, kind)


def _checks_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def arrows(kind: Kind) -> dict[str, set[str]]:
    """For each folder the other folders it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    known = {folder_of(name) for name in modules()}
    for name, path in modules().items():
        for target, when in imports(path):
            other = folder_of(target)
            other = other if other in known else "modelyard"
            if when == kind and other != folder_of(name):
                found[folder_of(name)].add(other)
    return found


def backward(kind: Kind) -> set[tuple[str, str]]:
    """The arrows from a folder to one that is named after it."""
    place = {folder: number for number, folder in enumerate(ORDER)}
    return {
        (folder, other)
        for folder, others in arrows(kind).items()
        for other in others
        if place[other] >= place[folder]
    }


_GROUND: Final = frozenset(LAYERS[0][1].split())
"""Everything stands on the ground: arrows to it would hide the others."""
_DRAWN_MODULES: Final = frozenset({"hookspecs", "session", "config", "runtime", "sync", "diagnosis"})
"""Modules beside the folders that are drawn; the others are helpers, and arrows lead through them."""


def picture() -> str:
    """The folders in their layers, and the run-time arrows that no other path implies, as a mermaid graph."""
    packages = {folder_of(name) for name, path in modules().items() if path.name == "__init__.py"}
    drawn = [folder for folder in ORDER if folder not in _GROUND and folder in (packages | _DRAWN_MODULES)]
    drawn.remove("modelyard")
    graph = _through(arrows("run"), set(drawn))
    lines = ["```mermaid", "flowchart TD"]
    for number, (title, folders) in reversed(list(enumerate(LAYERS))):
        shown = [folder for folder in folders.split() if folder in drawn] or ["ground"]
        lines.append(f'  subgraph layer{number}["{title}"]')
        lines += [f"    {folder}" for folder in shown if folder != "ground"]
        lines += ['    ground["errors, types, refs, bounds, ..."]'] if shown == ["ground"] else []
        lines.append("  end")
    for folder in reversed(drawn):
        direct = sorted(_direct(graph, folder))
        lines += [f"  {folder} --> {other}" for other in direct or ["ground"]]
    return "\n".join([*lines, "```", "", table()])


def table() -> str:
    """The layers from the top down, with what each folder and module is for, in the words of its docstring."""
    lines = ["| layer | folder or module | what it is for |", "|---|---|---|"]
    known = modules()
    for title, folders in reversed(LAYERS):
        for folder in folders.split():
            path = known["modelyard" if folder == "modelyard" else f"modelyard.{folder}"]
            name = (
                "`__init__.py`"
                if folder == "modelyard"
                else f"`{folder}{'/' if path.stem == '__init__' else '.py'}`"
            )
            lines.append(f"| {title} | {name} | {_first_line(path)} |")
            title = ""  # noqa: PLW2901 - told once for its layer
    return "\n".join(lines)


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0].replace("``", "`").replace("|", "\\|")


def _through(graph: dict[str, set[str]], drawn: set[str]) -> dict[str, set[str]]:
    """The arrows between what is drawn; one that leads through a module that is not drawn counts as direct."""
    found: dict[str, set[str]] = {}
    for folder in drawn:
        seen: set[str] = set()
        todo = list(graph[folder])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += [] if other in drawn else graph[other]
        found[folder] = (seen & drawn) - {folder}
    return found


def _direct(graph: dict[str, set[str]], folder: str) -> set[str]:
    """The arrows of a folder that do not follow from those of the folders it imports."""
    implied: set[str] = set()
    for other in graph[folder]:
        implied |= _reach(graph, other)
    return graph[folder] - implied


def _reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        folder = todo.pop()
        if folder not in seen:
            seen.add(folder)
            todo += graph[folder]
    return seen


def size_of_sdk() -> tuple[int, int]:
    """Lines of all that ``modelyard.provider`` loads when every name of it is used, and of the whole core."""
    known = modules()
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in known.items()}
    promised = [target for target, _ in imports(known["modelyard.provider"])]
    seen: set[str] = set()
    todo = [name for name in promised if name in known]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            found = (target for target, kind in imports(known[name]) if kind == "run")
            todo += [target if target in known else target.rpartition(".")[0] for target in found]
    return sum(lines[name] for name in seen if name != "modelyard"), sum(lines.values())


def with_picture(page: str) -> str:
    """The page with the picture of today's imports between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{picture()}\n\n{END}{tail}"


def main() -> int:
    """Rewrite the picture, and say which run-time imports run against the order."""
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    wrong = sorted(backward("run"))
    for folder, other in wrong:
        print(f"{folder} imports {other}, which is named after it in LAYERS")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
