"""``modelyard doctor``: what is installed, what is broken and why."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from modelyard.cli.screen import Screen
from modelyard.diagnosis import Diagnosis, Finding

__all__ = ["show"]

_STATES = {
    "ready": "[green]ready[/green]",
    "no_credential": "[yellow]no key[/yellow]",
    "misconfigured": "[red]misconfigured[/red]",
    "quarantined": "[red]broken[/red]",
    "disabled": "[dim]disabled[/dim]",
}
_MARKS = {"ok": "[green]ok     [/green]", "warning": "[yellow]warning[/yellow]", "error": "[red]error  [/red]"}


def show(screen: Screen, diagnosis: Diagnosis) -> None:
    """Print a diagnosis: the providers, then what was found, the worst first."""
    versions = diagnosis.versions
    screen.say(f"modelyard {versions['modelyard']}, plugin API {versions['plugin_api']}")
    screen.print(_providers(screen, diagnosis))
    for name, value in diagnosis.proxies.items():
        screen.print(screen.marked("[dim]{}[/dim] {}", name, value))
    worst_first = sorted(diagnosis.findings, key=lambda found: ("error", "warning", "ok").index(found.level))
    for finding in worst_first:
        _show_finding(screen, finding)
    if not diagnosis.findings:
        screen.print("Nothing is wrong.", style="green")


def _providers(screen: Screen, diagnosis: Diagnosis) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("provider", "package", "state", "models", "credential", "address"):
        table.add_column(title, overflow="fold")
    for status in diagnosis.providers:
        table.add_row(
            status.provider,
            f"{status.distribution} {status.version}",
            screen.marked(_STATES[status.state]),
            str(status.models or "-"),
            "\n".join(status.credentials) or "-",
            "\n".join(status.base_urls) or "-",
        )
    return table


def _show_finding(screen: Screen, finding: Finding) -> None:
    said = screen.marked(
        f"{_MARKS[finding.level]} [bold]{{}}[/bold] {{}}", finding.subject, finding.text.rstrip(".")
    )
    fix = screen.marked(" [dim]→ {}[/dim]", finding.fix.rstrip(".")) if finding.fix else ""
    screen.print(said + fix)
