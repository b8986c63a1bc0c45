"""``modelyard route``: where a request would go, and why not elsewhere, without sending it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from modelyard import ConfigurationError, RouteTrace, Runtime
from modelyard.cli.needs import needs_of, question, sample_options, sample_parts
from modelyard.cli.screen import Screen
from modelyard.files import UnreadableError, read_bytes, read_json
from modelyard.types.content import FilePart, ImagePart, Part

__all__ = ["Asked", "explain", "trace_table"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the command line describes it; ``route`` holds the order and the constraints."""

    text: str
    models: Sequence[str]
    images: Sequence[Path]
    files: Sequence[Path]
    schema: Path | None
    needs: str | None
    route: dict[str, Any]


def explain(runtime: Runtime, asked: Asked) -> RouteTrace:
    """The decision on the request described."""
    needs = needs_of(asked.needs)
    options = sample_options(needs)
    stream = bool(options.pop("stream", False))
    if asked.schema is not None:
        options["output"] = _read_schema(asked.schema)
    parts: list[Part] = [ImagePart(data=_read(path)) for path in asked.images]
    parts += [FilePart(data=_read(path), name=path.name) for path in asked.files]
    parts += sample_parts(need for need in needs if not (need == "images" and asked.images))
    messages = question(asked.text, parts, system="system" in needs, prefill="prefill" in needs)
    model = None if not asked.models else asked.models[0] if len(asked.models) == 1 else list(asked.models)
    policy = asked.route or None
    try:
        return runtime.explain(model, messages, stream=stream, route=policy, **options)
    except ConfigurationError:
        if not isinstance(model, str):
            raise
        trace = runtime.explain([model, model], messages, stream=stream, route=policy, **options)
        if trace.chosen is not None:
            raise
        return trace  # what stands in the way of the one model named is the decision


def trace_table(screen: Screen, trace: RouteTrace) -> Table:
    """One line for each candidate: its rank, where it is served, and the reason."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=f"needs {trace.needs}", caption_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("deployment", no_wrap=True)
    table.add_column("why")
    for step in trace.steps:
        if step.kept:
            where = screen.marked("[bold]{}[/bold]  [dim]{}[/dim]", step.deployment, step.region or "")
            where.rstrip()
            table.add_row(screen.marked("[green]{}[/green]", step.rank), where, step.reason)
        else:
            table.add_row(
                screen.marked("[red]-[/red]"), step.deployment, screen.marked("[dim]{}[/dim]", step.reason)
            )
    return table


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except UnreadableError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        schema = read_json(path)
    except UnreadableError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    if not isinstance(schema, dict):
        raise ConfigurationError(f"{path} holds no JSON Schema.")
    return schema
