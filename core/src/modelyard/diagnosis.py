"""Diagnosis of an installation: what is there, what is broken and why, credentials found, models that retire."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from modelyard.catalog.retirement import NOTICE_DAYS

if TYPE_CHECKING:
    from modelyard.loading.readiness import ProviderStatus
    from modelyard.runtime import Runtime

__all__ = ["Diagnosis", "Finding", "check_online", "diagnose"]

Level: TypeAlias = Literal["ok", "warning", "error"]
_PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_ONLINE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``subject`` is a provider, a model or a setting, ``fix`` what to do about it."""

    level: Level
    subject: str
    text: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found. ``exit_code`` is 1 when something does not work, 0 otherwise, warnings included."""

    versions: dict[str, Any]
    providers: tuple[ProviderStatus, ...]
    findings: tuple[Finding, ...]
    proxies: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """For scripts."""
        return int(any(finding.level == "error" for finding in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain JSON data, without any credential."""
        return {
            "ok": self.exit_code == 0,
            "versions": self.versions,
            "providers": [status.to_dict() for status in self.providers],
            "proxies": self.proxies,
            "findings": [{name: getattr(found, name) for name in Finding.__slots__} for found in self.findings],
        }


def diagnose(runtime: Runtime) -> Diagnosis:
    """Look at everything that can be seen without a call."""
    from modelyard import __version__
    from modelyard.hookspecs import API_VERSION

    providers = runtime.providers()
    findings = [finding for status in providers if (finding := _of_provider(status)) is not None]
    if not any(status.is_ready for status in providers):
        fix = "set the API key of one provider" if providers else "install one: pip install modelyard-claude"
        findings.append(Finding("error", "providers", "no provider can be called", fix))
    findings += _broken_others(runtime)
    findings += _retirements(runtime)
    return Diagnosis(
        versions={"modelyard": __version__, "plugin_api": API_VERSION},
        providers=providers,
        findings=tuple(findings),
        proxies=_proxies(),
    )


async def check_online(runtime: Runtime, diagnosis: Diagnosis) -> Diagnosis:
    """Add what asking each ready provider for its models shows: its address, its credential, the way there."""
    import asyncio
    from dataclasses import replace

    ready = [status.provider for status in diagnosis.providers if status.is_ready]
    found = await asyncio.gather(*(_ask(runtime, provider) for provider in ready))
    return replace(diagnosis, findings=(*diagnosis.findings, *found))


async def _ask(runtime: Runtime, provider: str) -> Finding:
    from modelyard.errors import DeadlineError, ModelyardError, UnsupportedFeatureError

    try:
        listed = await runtime.list_models(provider, deadlines=_ONLINE_SECONDS, max_attempts=1)
    except UnsupportedFeatureError:
        return Finding("warning", provider, "its plugin cannot ask the provider anything")
    except DeadlineError:
        return Finding("error", provider, f"it did not answer within {_ONLINE_SECONDS:g} s", "check the network")
    except ModelyardError as error:
        return Finding("error", provider, f"{type(error).__name__}: {error}", error.hint)
    return Finding("ok", provider, f"it answered, and serves {len(listed)} models")


def _of_provider(status: ProviderStatus) -> Finding | None:
    if status.state in ("ready", "disabled"):
        return None
    level: Level = "warning" if status.state == "no_credential" else "error"
    return Finding(level, status.provider, status.reason or status.state, status.fix)


def _broken_others(runtime: Runtime) -> list[Finding]:
    """What packages bring beside providers and cannot be used."""
    from modelyard.loading.discovery import PROVIDER_GROUP
    from modelyard.loading.kinds import word_of

    return [
        Finding(
            "error",
            f"{word_of(status.group)} {status.name}",
            f"{status.distribution} {status.version} failed at {status.stage}: {status.error}",
            f"repair, upgrade or uninstall {status.distribution}",
        )
        for status in runtime.plugins()
        if status.group != PROVIDER_GROUP and status.state == "quarantined"
    ]


def _retirements(runtime: Runtime) -> list[Finding]:
    """Models that retire soon, and defaults that are gone: what a host may still be using."""
    catalog = runtime.catalog
    today, findings = catalog.today, []
    for card in catalog:
        retires, replacement = card.lifecycle.retires, card.lifecycle.replacement
        if retires is None or not today < retires <= today + timedelta(days=NOTICE_DAYS):
            continue
        fix = f"move to {card.provider}:{replacement}" if replacement else "choose another model"
        findings.append(Finding("warning", card.ref, f"retires {_in(retires, today)}", fix))
    return findings


def _in(day: date, today: date) -> str:
    return f"on {day.isoformat()}, in {(day - today).days} days"


def _proxies() -> dict[str, str]:
    """Proxies of the environment, credentials in their URLs blotted out."""
    from urllib.parse import urlsplit

    found = {}
    for name in _PROXIES:
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            secret = urlsplit(value).password if "://" in value else None
            found[name] = value.replace(secret, "[redacted]") if secret else value
    return found
