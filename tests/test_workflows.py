"""What a public host runs: the workflows parse, run targets that exist, on the Pythons the packages name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import PROVIDERS
from .fresh import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
TRUSTED = ("actions/", "pypa/")
"""Whose actions a workflow may run: GitHub's own and the one that publishes to PyPI."""

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    """Parse a YAML file; ``on`` stays a word, which YAML 1.1 reads as true."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(document, dict) and True in document:
        document["on"] = document.pop(True)
    return document


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Every step of every job of a workflow."""
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def targets() -> set[str]:
    """The targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def test_there_is_a_workflow_for_changes_for_every_week_and_for_releases() -> None:
    assert {path.stem for path in WORKFLOWS} == {"check", "weekly", "release"}


@every_workflow
def test_a_workflow_may_read_the_repository_and_nothing_else(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    for name, job in read(path)["jobs"].items():
        assert job.get("permissions", {}) in ({}, {"id-token": "write"}), name
        assert "timeout-minutes" in job, name


@every_workflow
def test_a_workflow_runs_targets_that_exist(path: Path) -> None:
    named = [name for step in steps(path) for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))]
    assert named
    assert set(named) <= targets()


@every_workflow
def test_a_workflow_uses_no_stranger_s_action(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert all(action.startswith(TRUSTED) and "@" in action for action in used), used


@every_workflow
def test_no_step_pastes_what_others_wrote_into_a_shell(path: Path) -> None:
    for step in steps(path):
        assert "github." not in step.get("run", ""), "hand it over in env:"


def test_every_python_and_system_named_is_tried() -> None:
    matrix = read(ROOT / ".github/workflows/check.yml")["jobs"]["quick"]["strategy"]["matrix"]
    facts = tomllib.loads((ROOT / "core/pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [line.rpartition(" ")[2] for line in facts["classifiers"] if "Python :: 3." in line]
    assert matrix["python"] == named
    assert {system.partition("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_without_make_hatch_runs_the_same_quick_tests() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["envs"]
    script = settings["default"]["scripts"]["quick"]
    recipe = re.search(r"^quick:.*\n\t(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    same = recipe[1].replace("$(TEST)/bin/", "").replace("$(JOBS)", "auto").replace("$(ARGS)", "{args}")
    assert script == same


def test_a_release_publishes_the_five_packages_the_core_first_and_only_when_all_is_green() -> None:
    jobs = read(ROOT / ".github/workflows/release.yml")["jobs"]
    commands = [step.get("run") for step in jobs["build"]["steps"]]
    assert commands.index("make release-check") < commands.index("make check") < commands.index("make build")
    publish = jobs["publish"]
    assert publish["needs"] == "build"
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["strategy"]["max-parallel"] == 1
    packages = publish["strategy"]["matrix"]["package"]
    assert packages == ["modelyard", *(f"modelyard_{provider}" for provider in PROVIDERS)]
    assert not any("password" in step.get("with", {}) for step in publish["steps"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_questions_with_names_of_their_own(path: Path) -> None:
    form = read(path)
    if path.stem == "config":
        assert set(form) == {"blank_issues_enabled"}
        return
    assert {"name", "description", "body"} <= set(form)
    questions = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert questions
    assert len(set(questions)) == len(questions)


def test_dependabot_watches_every_folder_with_requirements_and_the_actions() -> None:
    watched = {entry["package-ecosystem"]: entry for entry in read(ROOT / ".github/dependabot.yml")["updates"]}
    assert watched["pip"]["directories"] == ["/core", "/plugins/*"]
    assert watched["github-actions"]["directory"] == "/"


def test_hooks_before_a_commit_are_the_project_s_own_targets() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].removeprefix("make ") in targets()
