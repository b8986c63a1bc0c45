"""What packages bring beside providers: loaded when used, each for itself, within the lists of what is allowed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping

import pytest

from modelyard import ConfigurationError, PluginStatus, Runtime, diagnose
from modelyard.loading.extensions import Extensions
from modelyard.loading.kinds import KINDS, OBSERVERS, ORDERS, TOOLS
from modelyard.loading.policy import PluginPolicy
from modelyard.testing import ScriptedProvider

Package = Callable[[str, Mapping[str, Mapping[str, str]], str], None]

OBSERVER = """
from modelyard import hookimpl
calls = []

@hookimpl
def modelyard_call_started(call_id):
    calls.append(call_id)
"""
OBSERVER_CLASS = """
from modelyard import hookimpl
calls = []

class Watch:
    @hookimpl
    def modelyard_call_started(self, call_id):
        calls.append(call_id)
"""
PROVIDER_HOOK = """
@hookimpl
def modelyard_complete(session, request, card):
    raise RuntimeError("answers in a provider's place")
"""
BROKEN = {
    "raises": ("raise RuntimeError('no such library')", "import", "RuntimeError: no such library"),
    "exits": ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
    "syntax error": ("def f(:", "import", "SyntaxError"),
    "no hook": ("MODELYARD_API = 1", "register", "it has no observer hook"),
    "not marked": ("def modelyard_call_started(call_id): ...", "register", "is not marked"),
    "asynchronous": (OBSERVER.replace("def modelyard", "async def modelyard"), "register", "is asynchronous"),
    "argument nobody gives": (OBSERVER.replace("(call_id)", "(cal_id)"), "register", "'cal_id'"),
    "wraps": (OBSERVER.replace("@hookimpl", "@hookimpl(wrapper=True)"), "register", "wraps nothing"),
}


def runtime(**settings: object) -> Runtime:
    return Runtime(plugins=[ScriptedProvider("acme")], **settings)  # type: ignore[arg-type]


def others(running: Runtime) -> list[PluginStatus]:
    return [status for status in running.plugins() if status.group != "modelyard.providers"]


async def test_p49_an_installed_observer_hears_of_every_call_of_every_runtime(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    for _ in range(2):
        async with runtime() as running:
            assert "acme_watch" not in sys.modules or sys.modules["acme_watch"].calls
            await running.complete("acme:m", "Hi")
            await running.stream("acme:m", "Hi").collect()
            await running.count_tokens("acme:m", "Hi")
    assert len(sys.modules["acme_watch"].calls) == 6


async def test_installed_observers_are_imported_outside_the_event_loop(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER + "import threading; thread = threading.get_ident()")
    async with runtime() as running:
        await running.complete("acme:m", "Hi")
    watch = sys.modules["acme_watch"]
    assert watch.thread != threading.get_ident()
    assert len(watch.calls) == 1, "the first call is told of too"


async def test_p49_an_installed_observer_is_listed_with_its_kind(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    assert others(runtime()) == [PluginStatus("mine", "acme-watch", "1.0", "loaded", group=OBSERVERS)]


async def test_an_installed_observer_answers_nothing_in_a_providers_place(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER + PROVIDER_HOOK)
    async with runtime() as running:
        assert (await running.complete("acme:m", "Hi")).text == "Hello from a script."
    assert len(sys.modules["acme_watch"].calls) == 1


async def test_a_class_of_an_observer_is_made_an_object(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": "Watch"}}, OBSERVER_CLASS)
    async with runtime() as running:
        await running.complete("acme:m", "Hi")
    assert len(sys.modules["acme_watch"].calls) == 1


async def test_the_hosts_own_observers_are_told_too(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    package("acme-other", {}, OBSERVER)
    own = __import__("acme_other")
    async with runtime(hooks=[own]) as running:
        await running.complete("acme:m", "Hi")
    assert len(own.calls) == len(sys.modules["acme_watch"].calls) == 1


@pytest.mark.parametrize(("source", "stage", "error"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_observer_is_set_aside_and_the_others_hear(
    source: str, stage: str, error: str, package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    package("acme-broken", {OBSERVERS: {"broken": ""}}, source)
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    async with runtime() as running:
        await running.complete("acme:m", "Hi")
        broken = next(status for status in others(running) if status.name == "broken")
    assert (broken.state, broken.stage) == ("quarantined", stage)
    assert error in (broken.error or "")
    assert len(sys.modules["acme_watch"].calls) == 1
    assert any("broken from acme-broken 1.0 failed" in record.getMessage() for record in caplog.records)


def test_the_diagnosis_names_a_broken_one(package: Package) -> None:
    package("acme-broken", {OBSERVERS: {"mine": ""}}, "raise KeyError('x')")
    (finding,) = (found for found in diagnose(runtime()).findings if found.subject == "observer mine")
    assert (finding.level, finding.text) == ("error", "acme-broken 1.0 failed at import: KeyError: 'x'")


async def test_an_observer_of_a_newer_core_is_told_what_this_one_knows(
    package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    source = OBSERVER.replace("(call_id):", "(call_id, tenant):").replace("(call_id)", "((call_id, tenant))")
    package("acme-watch", {OBSERVERS: {"mine": ""}}, source)
    async with runtime() as running:
        await running.complete("acme:m", "Hi")
    ((call_id, tenant),) = sys.modules["acme_watch"].calls
    assert (bool(call_id), tenant) == (True, None)
    assert "modelyard_call_started asks for tenant" in caplog.text


async def test_strict_raises_for_a_broken_one(package: Package) -> None:
    package("acme-broken", {OBSERVERS: {"broken": ""}}, "raise KeyError('x')")
    with pytest.raises(ConfigurationError, match="observer broken from acme-broken 1.0 failed at import"):
        await runtime(strict=True).complete("acme:m", "Hi")


@pytest.mark.parametrize("denied", ["mine", "acme-watch"])
async def test_a_denied_one_is_never_imported(
    denied: str, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    monkeypatch.setenv("MODELYARD_DISABLE_PLUGINS", denied)
    async with runtime() as running:
        await running.complete("acme:m", "Hi")
        assert [status.state for status in others(running)] == ["disabled"]
    assert "acme_watch" not in sys.modules


@pytest.mark.parametrize(
    ("allowed", "state"), [("openai", "disabled"), ("openai,mine", "loaded"), ("acme-watch", "loaded")]
)
def test_the_list_of_what_is_allowed_holds_for_every_kind(
    allowed: str, state: str, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    assert [status.state for status in others(Runtime(plugins=allowed.split(",")))] == [state]
    monkeypatch.setenv("MODELYARD_PLUGINS", allowed)
    assert [status.state for status in others(runtime())] == [state]


def test_nothing_is_allowed_by_an_empty_list(package: Package) -> None:
    package("acme-watch", {OBSERVERS: {"mine": ""}}, OBSERVER)
    assert [status.state for status in Runtime(plugins=[]).plugins() if status.name == "mine"] == ["disabled"]


def test_two_packages_that_claim_a_name_are_both_named(package: Package) -> None:
    package("acme-one", {OBSERVERS: {"mine": ""}}, OBSERVER)
    package("acme-two", {OBSERVERS: {"mine": ""}}, OBSERVER)
    first, second = others(runtime())
    assert (first.stage, first.error) == (second.stage, second.error)
    assert "both acme-one 1.0 and acme-two 1.0" in (first.error or "")


@pytest.mark.parametrize("group", [group for group, kind in KINDS.items() if kind.reserved])
def test_no_package_takes_a_name_of_our_own(group: str, package: Package) -> None:
    taken = sorted(KINDS[group].reserved)[0]
    package("acme-taker", {group: {taken: ""}}, "")
    (status,) = others(runtime())
    assert (status.state, status.stage) == ("quarantined", "discovery")
    assert "acme_taker" not in sys.modules


def test_a_name_nobody_brings_gets_a_suggestion(package: Package) -> None:
    package("acme-dice", {TOOLS: {"roll": "roll"}}, "def roll(): ...")
    installed = Extensions(PluginPolicy())
    with pytest.raises(ConfigurationError, match="Did you mean 'roll'"):
        installed.get(TOOLS, "rol")
    with pytest.raises(ConfigurationError, match="Installed: none"):
        installed.get(ORDERS, "rol")
    assert "acme_dice" not in sys.modules
