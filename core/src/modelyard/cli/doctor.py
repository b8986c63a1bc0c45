"""``modelyard doctor``: what is installed, what is broken and why."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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


def show(console: Console, diagnosis: Diagnosis) -> None:
    """Print a diagnosis: the providers, then what was found, the worst first."""
    versions = diagnosis.versions
    console.print(f"modelyard {versions['modelyard']}, plugin API {versions['plugin_api']}", highlight=False)
    console.print(_providers(diagnosis))
    for name, value in diagnosis.proxies.items():
        console.print(f"[dim]{name}[/dim] {escape(value)}", highlight=False)
    worst_first = sorted(diagnosis.findings, key=lambda found: ("error", "warning", "ok").index(found.level))
    for finding in worst_first:
        _show_finding(console, finding)
    if not diagnosis.findings:
        console.print("[green]Nothing is wrong.[/green]")


def _providers(diagnosis: Diagnosis) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("provider", "package", "state", "models", "credential", "address"):
        table.add_column(title, overflow="fold")
    for status in diagnosis.providers:
        table.add_row(
            status.provider,
            f"{status.distribution} {status.version}",
            _STATES[status.state],
            str(status.models or "-"),
            "\n".join(status.credentials) or "-",
            "\n".join(status.base_urls) or "-",
        )
    return table


def _show_finding(console: Console, finding: Finding) -> None:
    fix = f" [dim]→ {escape(finding.fix.rstrip('.'))}[/dim]" if finding.fix else ""
    text = escape(finding.text.rstrip("."))
    console.print(f"{_MARKS[finding.level]} [bold]{escape(finding.subject)}[/bold] {text}{fix}", highlight=False)
