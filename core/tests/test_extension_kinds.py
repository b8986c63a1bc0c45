"""What each kind of package does: gives keys, orders routes, adds to the catalog, executes tools."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelCard, ProviderInfo, Runtime, hookimpl
from modelyard.catalog.catalog import Catalog
from modelyard.loading.kinds import CATALOG, CREDENTIALS, ORDERS, TOOLS
from modelyard.testing import Script, ScriptedProvider

Package = Callable[[str, Mapping[str, Mapping[str, str]], str], None]

CARDS = tuple(ModelCard(provider="acme", id=name, label=name) for name in ("a", "b", "c"))

VAULT = """
asked = []

def resolve(scope, query):
    asked.append((scope, query.provider, query.user))
    return f"sk-vault-{query.user}" if scope == "user" else None
"""
FAILING = "def resolve(scope, query): raise KeyError('sk-secret')"
SECOND = "def resolve(scope, query): return 'sk-second-key'"
BACKWARDS = """
def backwards(candidates, needs):
    yield from reversed(candidates)

def failing(candidates, needs):
    raise ZeroDivisionError("no weights")

def stranger(candidates, needs):
    return ["acme:zzz"]

def number(candidates, needs):
    return 7

def text(candidates, needs):
    return "acme:a"
"""
HOUSE = """
from pathlib import Path

overlay = {
    "models": {"acme:house": {"like": "acme:a", "label": "House"}},
    "aliases": {"fast": "acme:b"},
    "defaults": {"chat": "acme:c"},
}
toml = Path(__file__).with_name("house.toml")
toml.write_text('[aliases]\\nfast = "acme:b"\\n', encoding="utf-8")

def build():
    return overlay

def nothing():
    return None

misspelt = {"modles": {}}
unknown = {"models": {"acme:a": {"lable": "A"}}}
"""
DICE = """
from modelyard import tool

rolled = []

def roll(sides: int) -> int:
    "Roll a die."
    rolled.append(sides)
    return sides

@tool(name="throw")
def toss(sides: int) -> int:
    "Throw a die."
    return sides
"""


def runtime(provider: ScriptedProvider | None = None, **settings: Any) -> Runtime:
    chosen = provider or ScriptedProvider("acme", cards=CARDS)
    return Runtime(plugins=[chosen], catalog_cache=False, **settings)


def ref(catalog: Catalog, name: str) -> str | None:
    card = catalog.get(name)
    return card.ref if card is not None else None


def label(catalog: Catalog, name: str) -> str | None:
    card = catalog.get(name)
    return card.label if card is not None else None


async def key_of(provider: ScriptedProvider, running: Runtime, **options: Any) -> tuple[str | None, str | None]:
    """The key a call is made with, and where it was found."""
    async with running:
        await running.complete("acme:a", "Hi", **options)
    credential = provider.sessions[-1].settings.credential
    return (credential.secret.reveal(), credential.source) if credential is not None else (None, None)


async def test_a_key_of_a_package_is_used_where_nobody_else_has_one(package: Package) -> None:
    package("acme-vault", {CREDENTIALS: {"vault": "resolve"}}, VAULT)
    provider = ScriptedProvider("acme")
    found = await key_of(provider, runtime(provider), user="anna")
    assert found == ("sk-vault-anna", "the resolver vault of acme-vault 1.0 (user)")
    assert ("user", "acme", "anna") in sys.modules["acme_vault"].asked


@pytest.mark.parametrize(
    "settings",
    [
        {"providers": {"acme": {"api_key": "sk-of-the-host"}}},
        {"credentials": lambda scope, query: "sk-of-the-host"},
    ],
    ids=["api_key", "resolver"],
)
async def test_what_the_host_says_wins_over_a_package(settings: dict[str, Any], package: Package) -> None:
    package("acme-vault", {CREDENTIALS: {"vault": "resolve"}}, VAULT)
    provider = ScriptedProvider("acme")
    assert (await key_of(provider, runtime(provider, **settings), user="anna"))[0] == "sk-of-the-host"
    assert "acme_vault" not in sys.modules


async def test_a_resolver_that_fails_is_passed_over_and_its_words_are_not_repeated(
    package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    package("acme-broken", {CREDENTIALS: {"abc": "resolve"}}, FAILING)
    package("acme-second", {CREDENTIALS: {"xyz": "resolve"}}, SECOND)
    provider = ScriptedProvider("acme")
    assert (await key_of(provider, runtime(provider)))[0] == "sk-second-key"
    assert "the resolver abc of acme-broken 1.0 failed" in caplog.text
    assert "sk-secret" not in caplog.text


class NeedsKey(ScriptedProvider):
    """A scripted provider that does not answer without a key."""

    @hookimpl
    def modelyard_provider(self) -> ProviderInfo:
        return ProviderInfo(self.provider, "Acme", "https://x.invalid", ("ACME_API_KEY",))


def test_a_provider_that_needs_a_key_says_which_resolver_failed(package: Package) -> None:
    package("acme-broken", {CREDENTIALS: {"vault": "resolve"}}, FAILING)
    (status,) = (each for each in Runtime(plugins=[NeedsKey("acme")]).providers() if each.provider == "acme")
    assert status.state == "misconfigured"
    assert "the resolver vault of acme-broken 1.0 failed for the request with KeyError" in (status.reason or "")


def test_an_order_of_a_package_is_used_by_its_name(package: Package) -> None:
    package("acme-orders", {ORDERS: {"backwards": "backwards"}}, BACKWARDS)
    trace = runtime().explain(["acme:a", "acme:b", "acme:c"], "Hi", route="backwards")
    assert [candidate.ref for candidate in trace.kept] == ["acme:c", "acme:b", "acme:a"]
    assert trace.steps[0].reason == "the order 'backwards' of acme-orders 1.0"
    assert trace.to_dict()["policy"]["order"] == "backwards"
    assert runtime(route={"order": "backwards"}).explain(["acme:a", "acme:b"], "Hi").chosen == "acme:b"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("failing", "failed with ZeroDivisionError: no weights"),
        ("stranger", "names 'acme:zzz', which is no candidate left"),
        ("number", "must give candidates or references, not int"),
        ("text", "must give candidates or references, not str"),
    ],
)
def test_an_order_that_fails_is_named_with_its_package(name: str, told: str, package: Package) -> None:
    package("acme-orders", {ORDERS: {name: name}}, BACKWARDS)
    with pytest.raises(ConfigurationError, match=f"{name}' of acme-orders 1.0 {told}"):
        runtime().explain(["acme:a", "acme:b"], "Hi", route=name)


def test_an_order_that_is_not_allowed_is_refused_by_name(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("acme-orders", {ORDERS: {"backwards": "backwards"}}, BACKWARDS)
    monkeypatch.setenv("MODELYARD_DISABLE_PLUGINS", "acme-orders")
    with pytest.raises(ConfigurationError, match="order 'backwards' is installed but not allowed"):
        runtime().explain(["acme:a", "acme:b"], "Hi", route="backwards")
    with pytest.raises(ConfigurationError, match="Did you mean 'backwards'"):
        runtime().explain(["acme:a", "acme:b"], "Hi", route="backward")


@pytest.mark.parametrize("form", ["overlay", "toml", "build"])
def test_a_package_adds_to_the_catalog(form: str, package: Package) -> None:
    package("acme-house", {CATALOG: {"house": form}}, HOUSE)
    catalog = runtime().catalog
    assert ref(catalog, "fast") == "acme:b"
    if form != "toml":
        assert label(catalog, "acme:house") == "House"
        assert catalog.default("chat").ref == "acme:c"


def test_what_the_host_adds_lies_over_what_packages_add(package: Package) -> None:
    package("acme-house", {CATALOG: {"house": "overlay"}}, HOUSE)
    catalog = runtime(catalog={"aliases": {"fast": "acme:a"}}, defaults={"chat": "acme:b"}).catalog
    assert (ref(catalog, "fast"), catalog.default("chat").ref) == ("acme:a", "acme:b")
    assert label(catalog, "acme:house") == "House"


@pytest.mark.parametrize(
    ("form", "stage", "error"),
    [
        ("nothing", "register", "it must be the path of a TOML file, a dict or cards, not NoneType"),
        ("misspelt", "models", "house of acme-house 1.0: modles: no such table."),
        ("unknown", "models", "Did you mean 'label'?"),
    ],
)
def test_a_catalog_with_an_error_is_set_aside_and_the_models_stay(
    form: str, stage: str, error: str, package: Package
) -> None:
    package("acme-house", {CATALOG: {"house": form}}, HOUSE)
    running = runtime()
    assert [card.ref for card in running.catalog] == ["acme:a", "acme:b", "acme:c"]
    (status,) = (each for each in running.plugins() if each.name == "house")
    assert (status.state, status.stage) == ("quarantined", stage)
    assert error in (status.error or "")


def test_the_list_of_plugins_shows_an_error_in_a_catalog_that_nobody_has_used_yet(package: Package) -> None:
    package("acme-house", {CATALOG: {"house": "misspelt"}}, HOUSE)
    (status,) = (each for each in runtime().plugins() if each.name == "house")
    assert (status.state, status.stage) == ("quarantined", "models")


async def test_a_tool_of_a_package_is_declared_and_executed_by_its_name(package: Package) -> None:
    package("acme-dice", {TOOLS: {"dice": "roll", "other": "toss"}}, DICE)
    provider = ScriptedProvider("acme", [Script().call("roll", sides=6), Script().say("A six.")])
    async with runtime(provider) as running:
        result = await running.run("acme:a", "Roll a die.", tools=["dice", "other"])
    assert result.text == "A six."
    assert sys.modules["acme_dice"].rolled == [6]
    assert [tool.name for tool in provider.requests[0].tools] == ["roll", "throw"]


async def test_a_tool_of_a_package_is_declared_in_a_single_call(package: Package) -> None:
    package("acme-dice", {TOOLS: {"dice": "roll"}}, DICE)
    provider = ScriptedProvider("acme")
    async with runtime(provider) as running:
        await running.complete("acme:a", "Roll a die.", tools=["dice"])
        await running.stream("acme:a", "Roll a die.", tools=("dice",)).collect()
        assert running.explain("acme:a", "Roll a die.", tools=["dice"]).chosen == "acme:a"
    assert [[tool.name for tool in request.tools] for request in provider.requests] == [["roll"]] * 2


async def test_a_tool_nobody_brings_is_refused_with_a_suggestion(package: Package) -> None:
    package("acme-dice", {TOOLS: {"dice": "roll"}}, DICE)
    async with runtime() as running:
        for ask in (running.complete, running.run):
            with pytest.raises(ConfigurationError, match="brings the tool 'dise'. Did you mean 'dice'"):
                await ask("acme:a", "Roll a die.", tools=["dise"])
    assert "acme_dice" not in sys.modules


def test_nothing_of_a_package_is_imported_that_is_not_used(
    package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    groups = {CREDENTIALS: {"vault": "resolve"}, ORDERS: {"backwards": "backwards"}, TOOLS: {"dice": "roll"}}
    package("acme-all", groups, "raise RuntimeError('imported')")
    running = runtime(providers={"acme": {"api_key": "sk-of-the-host"}})
    assert running.explain(["acme:a", "acme:b"], "Hi", route="cheapest").chosen == "acme:a"
    assert "acme_all" not in sys.modules
    assert not caplog.records
