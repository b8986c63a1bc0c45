"""The commands and their options; what they do is in the modules beside this one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from modelyard import ModelyardError, Runtime
from modelyard.cli import chat as chat_command
from modelyard.cli import tables

__all__ = ["app"]

app = typer.Typer(
    help="One runtime for language-model providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show variables, and variables hold keys
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def models(
    provider: Annotated[str | None, typer.Option("--provider", "-p", help="Only this provider.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the installed providers."""
    catalog = Runtime().catalog
    if as_json:
        tables.print_json(catalog.describe())
    else:
        Console().print(tables.models_table(catalog.find(provider=_canonical(provider))))


@app.command()
def plugins(as_json: AsJson = False) -> None:
    """List the provider plugins found, and what is wrong with those that do not load."""
    statuses = Runtime().plugins()
    if as_json:
        tables.print_json([tables.plugin_row(status) for status in statuses])
    else:
        Console().print(tables.plugins_table(statuses))


@app.command()
def chat(
    prompt: Annotated[str | None, typer.Argument(help="What to say; left out, standard input is read.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="provider:model; left out, a default is chosen.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions for the model.")] = None,
    reasoning: Annotated[bool, typer.Option(help="Show the model's reasoning, dimmed.")] = False,
) -> None:
    """Talk to a model, its answer shown as it comes. Without a prompt on a terminal, hold a conversation."""
    session = chat_command.Chat(Runtime(), model, system, show_reasoning=reasoning)
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read()
    _run(session.once(prompt) if prompt is not None else session.converse())


@app.command()
def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Use the real API of every provider whose key is set.")
    ] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Do not slow the emulated answers down.")] = False,
) -> None:
    """Show the main job: every installed provider chats, streams and calls a tool; one fails, the rest go on."""
    from modelyard.cli.demo import run_demo

    _run(run_demo(Console(), live=live, fast=fast))


def _canonical(provider: str | None) -> str | None:
    from modelyard.refs import canonical_provider

    return canonical_provider(provider) if provider else None


def _run(job: Coroutine[Any, Any, None]) -> None:
    """Run a job; an error of ours is a message and not a traceback, Ctrl-C a quiet end."""
    try:
        asyncio.run(job)
    except ModelyardError as error:
        _fail(error)
    except KeyboardInterrupt:
        Console(stderr=True).print("\n[dim]interrupted[/dim]")
        raise typer.Exit(130) from None


def _fail(error: ModelyardError) -> NoReturn:
    console = Console(stderr=True)
    console.print(f"[bold red]{type(error).__name__}[/bold red]", end=" ")
    console.print(str(error), markup=False, highlight=False)
    raise typer.Exit(1) from None
