"""Credentials: whose key is taken, what a resolver may say, and that no key is ever shown."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modelyard import ConfigurationError, CredentialQuery, ModelCard, ProviderInfo, Runtime, hookimpl
from modelyard.diagnosis import diagnose
from modelyard.testing import ScriptedProvider

KEYS = {
    scope: f"sk-sentinel-{scope}" for scope in ("argument", "request", "user", "workspace", "setting", "environ")
}


class Provider(ScriptedProvider):
    """A scripted provider that needs a key."""

    @hookimpl
    def modelyard_provider(self) -> ProviderInfo:
        name = self.provider
        return ProviderInfo(name, name.title(), "https://acme.invalid", (f"{name.upper()}_API_KEY",))


class Resolver:
    """A host's store of keys; remembers what it was asked."""

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.asked: list[tuple[str, CredentialQuery]] = []

    def __call__(self, scope: str, query: CredentialQuery) -> str | None:
        self.asked.append((scope, query))
        return self.keys.get(scope)


def runtime(*names: str, resolver: Any = None, providers: Any = None) -> Runtime:
    plugins = [
        Provider(name, cards=[ModelCard(provider=name, id="m", label="M", default_contexts=("chat",))])
        for name in names or ("acme",)
    ]
    return Runtime(providers, plugins=plugins, credentials=resolver, catalog_cache=False)


def key_of(running: Runtime, **options: Any) -> str:
    call = running._planner.prepare("acme:m", "Hi", options, stream=False)  # type: ignore[arg-type]
    credential = call.deployments[0].credential
    assert credential is not None
    return credential.secret.reveal()


@pytest.mark.parametrize("missing", range(6))
def test_the_five_steps_of_precedence(missing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = list(KEYS)
    have = scopes[missing:]
    given = {scope: KEYS[scope] for scope in have if scope in ("request", "user", "workspace")}
    if "environ" in have:
        monkeypatch.setenv("ACME_API_KEY", KEYS["environ"])
    settings = {"acme": {"api_key": KEYS["setting"]}} if "setting" in have else None
    running = runtime(resolver=Resolver(**given), providers=settings)
    options = {"credential": KEYS["argument"]} if "argument" in have else {}
    assert key_of(running, **options) == KEYS[have[0]]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_key_of_a_resolver_counts_as_none(blank: str | None) -> None:
    running = runtime(resolver=lambda scope, query: blank, providers={"acme": {"api_key": "set"}})
    assert key_of(running) == "set"


def test_a_resolver_learns_the_provider_and_the_user() -> None:
    resolver = Resolver(user="sk-user")
    assert key_of(runtime(resolver=resolver), user="u-7") == "sk-user"
    assert resolver.asked[-1] == ("user", CredentialQuery("acme", "u-7"))


def test_keys_of_two_users_never_mix() -> None:
    running = runtime(resolver=lambda scope, query: f"sk-{query.user}" if scope == "user" else None)
    assert [key_of(running, user=name) for name in ("a", "b", "a")] == ["sk-a", "sk-b", "sk-a"]


@pytest.mark.parametrize("raised", [KeyError("vault"), asyncio.CancelledError()], ids=repr)
def test_p58_providers_survive_a_resolver_that_fails_whatever_it_raises(raised: BaseException) -> None:
    def failing(scope: str, query: CredentialQuery) -> None:
        raise raised

    status = next(each for each in runtime(resolver=failing).providers() if each.provider == "acme")
    assert status.state == "misconfigured"
    assert type(raised).__name__ in str(status)
    assert "vault" not in str(status)


def test_a_resolver_that_is_a_coroutine_function_is_named() -> None:
    async def resolve(scope: str, query: CredentialQuery) -> str:
        return "sk"

    with pytest.raises(ConfigurationError, match="returned coroutine for the request") as caught:
        key_of(runtime(resolver=resolve))
    assert "plain function" in (caught.value.hint or "")


def test_a_variable_that_changes_is_seen_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    running = runtime()
    for key in ("one", "two"):
        monkeypatch.setenv("ACME_API_KEY", key)
        assert key_of(running) == key
    monkeypatch.delenv("ACME_API_KEY")
    with pytest.raises(ConfigurationError, match="Set ACME_API_KEY"):
        key_of(running)


def test_g09_a_missing_key_leaves_the_rest_listed_and_usable() -> None:
    running = runtime("acme", "other", providers={"other": {"api_key": "k"}})
    states = {status.provider: status for status in running.providers()}
    assert (states["acme"].state, states["other"].state) == ("no_credential", "ready")
    assert states["acme"].reason == "No API key was found for Acme."
    assert "ACME_API_KEY" in (states["acme"].fix or "")
    described = {entry["provider_id"]: entry for entry in running.catalog.describe()["providers"]}
    assert described["acme"] == {"provider_id": "acme", "status": "planned", "label": "Acme"}
    assert described["other"]["status"] == "ready"
    assert [card.ref for card in running.catalog] == ["acme:m", "other:m"]
    assert running.catalog.default("chat").ref == "other:m"
    assert running.explain(None, "Hi").chosen == "other:m"


def test_a_malformed_key_is_a_state_and_not_an_exception() -> None:
    statuses = runtime(providers={"acme": {"api_key": "sk-x\n"}}).providers()
    status = next(each for each in statuses if each.provider == "acme")
    assert status.state == "misconfigured"
    assert "line break" in (status.reason or "")


def test_no_key_is_in_a_status_a_diagnosis_or_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:sk-sentinel-proxy@proxy.invalid:3128")
    running = runtime(providers={"acme": {"api_keys": [KEYS["setting"], KEYS["user"]]}})
    diagnosis = diagnose(running)
    shown = json.dumps([diagnosis.to_dict(), running.explain("acme:m", "Hi").to_dict()])
    shown += f"{diagnosis} {running.providers()} {running!r} {running.explain('acme:m', 'Hi')!r}"
    assert "sk-sentinel" not in shown
    assert diagnosis.providers[0].credentials[0].startswith("the api_key setting (")
    assert diagnosis.proxies["HTTPS_PROXY"] == "http://me:[redacted]@proxy.invalid:3128"
    assert diagnosis.exit_code == 0


def test_a_diagnosis_without_a_usable_provider_fails() -> None:
    diagnosis = diagnose(runtime())
    assert diagnosis.exit_code == 1
    assert [found.level for found in diagnosis.findings] == ["warning", "error"]
