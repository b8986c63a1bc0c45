"""The commands and their options; what they do is in the modules beside this one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from modelyard import ModelyardError, Runtime, __version__
from modelyard.cli import chat as chat_command
from modelyard.cli import listing, tables
from modelyard.cli.constraints import Given, with_constraints
from modelyard.cli.installed import CommandGroup
from modelyard.cli.needs import needs_of
from modelyard.cli.screen import Screen
from modelyard.cli.words import said, shell_words

__all__ = ["app"]

app = typer.Typer(
    cls=CommandGroup,
    help="One runtime for language-model providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show variables, and variables hold keys
)


def _show_version(wanted: bool) -> None:
    if wanted:
        Screen().say(f"modelyard {__version__}")
        raise typer.Exit


@app.callback(help=app.info.help)
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that belong to no command."""


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


Needs = Annotated[
    str | None, typer.Option("--needs", "-n", help="What the model must be able to do: tools,image,schema,...")
]


@app.command()
@with_constraints
def models(
    *,
    provider: Annotated[str | None, typer.Option("--provider", "-p", help="Only this provider.")] = None,
    needs: Needs = None,
    constraints: Given,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="First ask the providers what they serve now.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds each provider gets to answer a refresh.")
    ] = 2.5,
    as_json: AsJson = False,
) -> None:
    """List the models of the installed providers, or those that meet every condition given."""
    with _errors_as_messages():
        runtime = Runtime()
        listing.check_provider(runtime, provider)
        if refresh:
            _run(listing.refresh(runtime, provider, timeout))
        wanted = needs_of(needs)
        cards = runtime.catalog.find(provider=provider, needs=wanted, constraints=constraints, kind="chat")
    if as_json:
        Screen().say_json([card.model_dump(mode="json") for card in cards])
    else:
        listing.show(Screen(whole=True), cards, wanted, constraints)


@app.command()
@with_constraints
def route(
    *,
    text: Annotated[str, typer.Argument(help="What would be said to the model.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="A candidate, a pattern such as 'openai:*', or '*'; may be repeated."),
    ] = None,
    image: Annotated[list[Path] | None, typer.Option("--image", help="An image that would be sent.")] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", help="A document that would be sent.")] = None,
    schema: Annotated[Path | None, typer.Option("--schema", help="A JSON Schema the answer must fit.")] = None,
    needs: Needs = None,
    order: Annotated[str | None, typer.Option("--order", "-o", help="given, default, cheapest, ...")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Want every need documented as supported.")] = False,
    constraints: Given,
    as_json: AsJson = False,
) -> None:
    """Show where a request would go: every candidate, kept or dropped, with the reason. Sends nothing."""
    from modelyard.cli import route as route_command

    policy = {**({"order": order} if order else {}), **({"strict": True} if strict else {}), **constraints}
    asked = route_command.Asked(text, model or (), image or (), file or (), schema, needs, policy)
    with _errors_as_messages():
        trace = route_command.explain(Runtime(), asked)
    if as_json:
        Screen().say_json(trace.to_dict())
    else:
        screen = Screen(whole=True)
        screen.print(route_command.trace_table(screen, trace))
        if trace.chosen is None:
            Screen(stderr=True).say(shell_words(trace.smallest_change() or "There is no candidate."), "yellow")
    if trace.chosen is None:
        raise typer.Exit(1)


@app.command()
def doctor(
    online: Annotated[bool, typer.Option("--online", help="Also ask each provider, with the key found.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check plugins, keys, addresses and models about to retire. Exits with 1 if something does not work."""
    from modelyard.cli import doctor as doctor_command
    from modelyard.diagnosis import check_online, diagnose

    with _errors_as_messages():
        runtime = Runtime()
        diagnosis = diagnose(runtime)
    if online:

        async def check() -> None:
            nonlocal diagnosis
            async with runtime:
                diagnosis = await check_online(runtime, diagnosis)

        _run(check())
    if as_json:
        Screen().say_json(diagnosis.to_dict())
    else:
        doctor_command.show(Screen(whole=True), diagnosis)
    raise typer.Exit(diagnosis.exit_code)


@app.command()
def plugins(as_json: AsJson = False) -> None:
    """List the plugins found, providers and others, and what is wrong with those that do not load."""
    with _errors_as_messages():
        statuses = Runtime().plugins()
    if as_json:
        Screen().say_json([tables.plugin_row(status) for status in statuses])
    else:
        screen = Screen(whole=True)
        screen.print(tables.plugins_table(screen, statuses))


@app.command()
@with_constraints
def chat(
    *,
    prompt: Annotated[
        str | None, typer.Argument(help="What to say; what is piped to standard input stands before it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="provider:model; left out, a default is chosen.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions for the model.")] = None,
    reasoning: Annotated[bool, typer.Option(help="Ask for the model's reasoning, and show it, dimmed.")] = False,
    constraints: Given,
) -> None:
    """Talk to a model, its answer shown as it comes. Without a prompt on a terminal, hold a conversation."""
    session = chat_command.Chat(Runtime(), model, system, constraints, show_reasoning=reasoning)
    if not sys.stdin.isatty():
        prompt = "\n\n".join(filter(None, (sys.stdin.read().strip("\n"), prompt)))
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

    _run(run_demo(Screen(), live=live, fast=fast))


@app.command()
def new_provider(
    name: Annotated[str, typer.Argument(help="The provider's id, such as 'acme': lower case, hyphens allowed.")],
    shape: Annotated[
        str,
        typer.Option("--shape", help="openai-compatible for servers that speak Chat Completions, own-wire else."),
    ] = "openai-compatible",
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to write; left out, ./modelyard-<name>.")
    ] = None,
) -> None:
    """Write the package of a new provider: plugin, emulator, conformance suite, README and CI, all working."""
    from modelyard.cli import scaffold

    with _errors_as_messages():
        scaffold.new_provider(Screen(), name, shape, folder)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """An error of ours is a message and not a traceback."""
    try:
        yield
    except ModelyardError as error:
        _fail(error)


def _run(job: Coroutine[Any, Any, None]) -> None:
    """Run a job; an error of ours is a message and not a traceback, Ctrl-C a quiet end."""
    try:
        with _errors_as_messages():
            asyncio.run(job)
    except KeyboardInterrupt:
        Screen(stderr=True).say("\ninterrupted", "dim")
        raise typer.Exit(130) from None


def _fail(error: ModelyardError) -> NoReturn:
    screen = Screen(stderr=True)
    screen.print("error:", style="bold red", end=" ")
    screen.say(said(error))
    raise typer.Exit(1) from None
