"""Packages that bring something else than a provider, on the path of a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from modelyard.cli.app import app
from modelyard.loading.kinds import COMMANDS, KINDS, ORDERS
from modelyard.routing.policy import OrderName

Run = Callable[..., subprocess.CompletedProcess[str]]

SHIPSHAPE = """
import typer
app = typer.Typer(help="Keeps a ship in shape.")

@app.command()
def scrub(deck: str = "main"):
    "Scrub a deck."
    print(f"the {deck} deck shines")

@app.command()
def paint():
    "Paint the hull."
"""
SINGLE = """
import typer
app = typer.Typer()

@app.command()
def scrub(deck: str):
    print(f"the {deck} deck shines")
"""
BROKEN = {
    "raises": ("raise RuntimeError('no such library')", "RuntimeError: no such library"),
    "exits": ("raise SystemExit(0)", "SystemExit: 0"),
    "no application": ("app = 3", "it must be a typer.Typer, not int"),
    "empty application": ("import typer; app = typer.Typer()", "Could not get a command"),
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line in an interpreter that finds the package given."""

    def run_with(source: str, *arguments: str, name: str = "shipshape") -> subprocess.CompletedProcess[str]:
        (tmp_path / "acme_plugin.py").write_text(source, encoding="utf-8")
        info = tmp_path / "modelyard_acme-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: modelyard-acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{COMMANDS}]\n{name} = acme_plugin:app\n")
        return subprocess.run(
            [sys.executable, "-c", "from modelyard.cli import main; main()", *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "100", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_with


def test_p51_the_command_of_a_package_is_listed_and_runs(run: Run) -> None:
    listed = run(SHIPSHAPE, "--help")
    assert "shipshape" in listed.stdout
    assert "From modelyard-acme 1.0." in listed.stdout
    assert "Scrub a deck." in run(SHIPSHAPE, "shipshape", "--help").stdout
    assert run(SHIPSHAPE, "shipshape", "scrub", "--deck", "lower").stdout == "the lower deck shines\n"


def test_an_application_with_one_command_is_that_command(run: Run) -> None:
    assert run(SINGLE, "shipshape", "upper").stdout == "the upper deck shines\n"


@pytest.mark.parametrize(("source", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_command_spoils_itself_only(source: str, error: str, run: Run) -> None:
    listed = run(source, "--help")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "doctor" in listed.stdout
    tried = run(source, "shipshape")
    assert tried.returncode == 1
    assert error in tried.stderr
    assert "modelyard-acme 1.0" in tried.stderr
    assert "Traceback" not in tried.stderr


def test_a_command_cannot_take_the_place_of_ours(run: Run) -> None:
    done = run("raise RuntimeError('imported')", "plugins", "--json", name="plugins")
    row = next(row for row in json.loads(done.stdout) if row["kind"] == "command")
    assert (row["name"], row["state"], row["stage"], row["provider"]) == (
        "plugins",
        "quarantined",
        "discovery",
        None,
    )


def test_a_command_is_listed_among_the_plugins(run: Run) -> None:
    rows = json.loads(run(SHIPSHAPE, "plugins", "--json").stdout)
    assert [
        (row["kind"], row["name"], row["package"], row["state"]) for row in rows if row["kind"] != "provider"
    ] == [("command", "shipshape", "modelyard-acme", "loaded")]
    table = run(SHIPSHAPE, "plugins").stdout
    assert any(
        line.split() == ["command", "shipshape", "modelyard-acme", "1.0", "loaded"] for line in table.splitlines()
    )


def test_the_names_kept_from_packages_are_those_we_use() -> None:
    ours = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
        if command.callback
    }
    assert KINDS[COMMANDS].reserved == ours
    assert KINDS[ORDERS].reserved == set(get_args(OrderName))
