"""What the README and the pages show works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelyard.testing import Emulator, Script, load_dialects

from .conftest import PROVIDERS

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "core/README.md", "docs/history.md", *(f"plugins/{name}/README.md" for name in PROVIDERS))
FOR_CONTRIBUTORS = ("CONTRIBUTING.md", "AGENTS.md", "SECURITY.md", "docs/plugin-authors/other-kinds.md")
KEYS = {
    "claude": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
}


PAGES: dict[str, dict[str, list[Script]]] = {
    "docs/tools.md": {
        "claude": [Script().call("get_weather", city="Paris"), Script().say("Clear skies in Paris.")],
        "openai": [Script().call("get_time", city="Rome"), Script().say("It is noon.")],
        "mistral": [Script().call("ask_user", question="For how many?")],
        "gemini": [Script().say("Your table is booked.")],
    },
    "docs/credentials.md": {"openai": [Script().say("Hello, Anna.")]},
    "docs/routing.md": {},
    "docs/catalog.md": {"openai": [Script().say("The Seine.").using(input=12, output=5)]},
    "docs/retention.md": {"mistral": [Script().say("Hello from Paris.")]},
}
"""What the providers answer to the examples of a page, in their order."""


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def _run(example: str, emulators: dict[str, Emulator], variables: Mapping[str, str] | None = None) -> str:
    """What an example prints, run in a process that knows nothing but the emulators and these variables."""
    environment = {name: value for name, value in os.environ.items() if name not in KEYS.values()}
    for name, emulator in emulators.items():
        environment |= {f"MODELYARD_{name.upper()}_BASE_URL": emulator.url, KEYS[name]: "test-key"}
    environment |= variables or {}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("page", READMES)
def test_the_first_example_runs(page: str) -> None:
    example = next(block for block in _blocks(page, "python") if "asyncio.run" in block)
    with ExitStack() as stack:
        emulators = {
            name: stack.enter_context(Emulator(dialect, default=Script().say("The Seine.")))
            for name, dialect in load_dialects(PROVIDERS).items()
        }
        assert "The Seine." in _run(example, emulators)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_prints_what_the_page_says(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(examples) == text.count("asyncio.run(main())") + text.count("asyncio.run(go_on(")
    with ExitStack() as stack:
        emulators = {
            name: stack.enter_context(Emulator(dialect, PAGES[page].get(name, ())))
            for name, dialect in load_dialects(PROVIDERS).items()
        }
        for example, output in examples:
            assert _run(example, emulators) == output
        assert [emulator.rejected for emulator in emulators.values()] == [[]] * len(emulators)
        assert not any(emulator.scripts for emulator in emulators.values())


def test_the_package_on_the_page_about_other_kinds_does_what_the_page_says(tmp_path: Path) -> None:
    page = "docs/plugin-authors/other-kinds.md"
    *modules, program = _blocks(page, "python")
    package, info = tmp_path / "acme_house", tmp_path / "acme_house-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    for source in modules:
        (tmp_path / source.splitlines()[0].removeprefix("# ")).write_text(source, encoding="utf-8")
    project = tomllib.loads(_blocks(page, "toml")[0])["project"]
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-house\nVersion: 1.0\n", encoding="utf-8")
    answers = {"gemini": [Script().call("roll", sides=6), Script().say("A six.")], "openai": []}
    with ExitStack() as stack:
        emulators = {
            name: stack.enter_context(Emulator(dialect, answers[name]))
            for name, dialect in load_dialects(answers).items()
        }
        printed = _run(program, emulators, {"PYTHONPATH": str(tmp_path), "GEMINI_API_KEY": ""})
        assert printed == _blocks(page, "text")[0]
        assert emulators["gemini"].requests[0].headers["x-goog-api-key"] == "the-key-of-the-house"
    (console,) = _blocks(page, "console")
    command, output = console.removeprefix("$ modelyard ").split("\n", 1)
    main = f"import sys; sys.argv[1:] = {command.split()}; from modelyard.cli import main; main()"
    assert _run(main, {}, {"PYTHONPATH": str(tmp_path)}) == output


def test_the_examples_of_structured_output_run() -> None:
    answer = Script().say('{"number": "INV-7", "total": 12.5}')
    with ExitStack() as stack:
        emulators = {
            name: stack.enter_context(Emulator(dialect, default=answer))
            for name, dialect in load_dialects(PROVIDERS).items()
        }
        first, second = (_run(example, emulators) for example in _blocks("docs/structured.md", "python"))
    assert first.count("INV-7 12.5\n") == len(PROVIDERS)
    assert "{'number': 'INV-7', 'total': 12.5} native" in second
    assert "so far {'number': 'INV" in second
    assert "OutputValidationError" in second


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    suites = {f"test-{suite}" for suite in ("core", *PROVIDERS)}
    for page in (*READMES, *FOR_CONTRIBUTORS):
        named = re.findall(r"make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert set(named) - {"are"} <= targets | suites


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*READMES, *PAGES, *FOR_CONTRIBUTORS):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_the_tests_on_the_page_about_testing_pass(tmp_path: Path) -> None:
    first, second = (block for block in _blocks("docs/testing.md", "python") if "async def test_" in block)
    (tmp_path / "test_page.py").write_text(first + second, encoding="utf-8")
    settings = "[pytest]\nasyncio_mode = auto\nno_real_endpoints = true\n"
    (tmp_path / "pytest.ini").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
