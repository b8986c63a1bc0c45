"""Finding and loading plugins: a broken one is set aside, named with its stage, and harms nobody else."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelCard, PluginPolicy, PluginStatus, Runtime, hookimpl
from modelyard.loading.policy import PluginPolicy as Policy
from modelyard.testing import Script, ScriptedProvider

InstallPlugin = Callable[..., None]

GOOD = textwrap.dedent(
    """
    from modelyard import hookimpl
    from modelyard.testing import ScriptedProvider
    from modelyard.catalog.card import ModelCard

    MODELYARD_API = 1
    _provider = ScriptedProvider({provider!r}, cards=[ModelCard(provider={provider!r}, id="one", label="One")])
    for _name in dir(_provider):
        if _name.startswith("modelyard_"):
            _function = getattr(_provider, _name)
            globals()[_name] = _function
    """
)


def good(provider: str = "acme") -> str:
    return GOOD.format(provider=provider)


BROKEN: dict[str, tuple[str, str, str]] = {
    "raises on import": ("raise RuntimeError('no such library')", "import", "RuntimeError: no such library"),
    "exits on import": ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
    "syntax error": ("def f(:", "import", "SyntaxError"),
    "no api version": ("", "api_version", "does not state MODELYARD_API"),
    "api version of the past": (
        "MODELYARD_API = 0",
        "api_version",
        "plugin API 0, this core speaks 1; upgrade the plugin",
    ),
    "api version of the future": ("MODELYARD_API = 99", "api_version", "upgrade modelyard"),
    "misspelt hook": (
        good("broken") + "\ndel modelyard_complete\n@hookimpl\ndef modelyard_compelte(session): ...\n",
        "pending",
        "does not implement modelyard_complete (did you mean modelyard_compelte?)",
    ),
    "misspelt argument": (
        good("broken") + "\n@hookimpl\ndef modelyard_open(setings): ...\n",
        "register",
        "setings",
    ),
    "wrong kind: async where plain": (
        good("broken") + "\n@hookimpl\nasync def modelyard_validate(request, card): ...\n",
        "register",
        "modelyard_validate must be a plain function",
    ),
    "wrong kind: coroutine stream": (
        good("broken") + "\n@hookimpl\nasync def modelyard_stream(session, request, card): return []\n",
        "register",
        "modelyard_stream must be an async generator",
    ),
    "missing hook": (
        good("broken") + "\ndel modelyard_complete\n",
        "pending",
        "does not implement modelyard_complete",
    ),
    "an id that cannot be addressed": (
        good("Broken"),
        "provider",
        "lower-case letters, digits and single hyphens",
    ),
    "an alias as id": (good("anthropic"), "provider", "an alias of 'claude'"),
    "no range of versions": ("MODELYARD_API = ('1', 2)", "api_version", "a number or (lowest, highest)"),
    "a range of the future": ("MODELYARD_API = (2, 3)", "api_version", "plugin API 2 to 3, this core speaks 1"),
    "provider hook fails": (
        good("broken") + "\n@hookimpl\ndef modelyard_provider(): raise KeyError('x')\n",
        "provider",
        "KeyError",
    ),
    "provider of another name": (
        good("other"),
        "provider",
        "the entry point is named 'broken', the provider 'other'",
    ),
    "no provider info": (
        good("broken") + "\n@hookimpl\ndef modelyard_provider(): return 'me'\n",
        "provider",
        "returned str",
    ),
    "cards of another provider": (
        good("broken").replace("ModelCard(provider='broken'", "ModelCard(provider='other'"),
        "models",
        "a card of another provider",
    ),
    "models hook exits": (
        good("broken") + "\n@hookimpl\ndef modelyard_models(): raise SystemExit\n",
        "models",
        "SystemExit",
    ),
}


def statuses(runtime: Runtime) -> dict[str, PluginStatus]:
    return {status.distribution: status for status in runtime.plugins() if status.distribution.startswith("acme")}


@pytest.mark.parametrize(("source", "stage", "error"), BROKEN.values(), ids=BROKEN)
async def test_g08_g11_g12_a_broken_plugin_is_set_aside_and_the_others_work(
    source: str, stage: str, error: str, install: InstallPlugin
) -> None:
    install("acme-broken", "broken", source, version="2.3")
    install("acme-good", "good", good("good"))
    async with Runtime() as runtime:
        status = statuses(runtime)["acme-broken"]
        assert (status.state, status.stage, status.version) == ("quarantined", stage, "2.3")
        assert error in (status.error or "")
        assert "good:one" in runtime.catalog
        assert (await runtime.complete("good:one", "Hi")).text == "Hello from a script."
        with pytest.raises(ConfigurationError, match="acme-broken 2.3 failed at"):
            await runtime.complete("broken:one", "Hi")
        with pytest.raises(ConfigurationError, match="acme-broken 2.3 failed at"):
            _ = Runtime(plugins=["broken", "good"], strict=True).catalog


async def test_g10_two_distributions_claiming_one_id_are_both_named_and_one_can_be_allowed(
    install: InstallPlugin,
) -> None:
    install("acme-first", "acme", good())
    install("acme-second", "acme", good())
    runtime = Runtime()
    found = statuses(runtime)
    for status in found.values():
        assert (status.state, status.stage) == ("quarantined", "discovery")
        assert "acme-first 1.0 and acme-second 1.0 claim the provider id 'acme'" in (status.error or "")
    with pytest.raises(ConfigurationError, match="acme-first 1.0 and acme-second 1.0"):
        await runtime.complete("acme:one", "Hi")
    chosen = Runtime(plugins=["acme-second"])
    assert statuses(chosen)["acme-second"].state == "loaded"
    assert (await chosen.complete("acme:one", "Hi")).text


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_plugin_not_allowed_is_never_imported(
    how: str, install: InstallPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-loud", "loud", "raise AssertionError('imported')", module="loud_plugin")
    install("acme-good", "good", good("good"))
    if how == "environment":
        monkeypatch.setenv("MODELYARD_DISABLE_PLUGINS", "loud")
        runtime = Runtime()
    else:
        runtime = Runtime(plugins=["good"])
    assert statuses(runtime)["acme-loud"].state == "disabled"
    assert "loud_plugin" not in sys.modules
    with pytest.raises(ConfigurationError, match="installed but not allowed"):
        runtime.stream("loud:one", "Hi")


def test_denying_wins_and_vendor_names_count() -> None:
    policy = PluginPolicy.make(["anthropic", "openai"], ["OpenAI"], environ={})
    assert policy.allows("claude", "modelyard-claude")
    assert not policy.allows("openai", "modelyard-openai")
    assert not policy.allows("mistral", "modelyard-mistral")
    assert Policy.make(environ={}).allows("anything", "acme")
    assert not Policy.make(environ={"MODELYARD_PLUGINS": "claude, mistral"}).allows("openai", "x")


def test_g12_nothing_is_imported_before_it_is_needed(install: InstallPlugin) -> None:
    install("acme-good", "acme", good(), module="acme_lazy_plugin")
    runtime = Runtime()
    assert "acme_lazy_plugin" not in sys.modules
    assert "acme:one" in runtime.catalog
    assert "acme_lazy_plugin" in sys.modules


@pytest.mark.parametrize(
    ("reference", "advice"),
    [
        ("cohere:x", "No installed plugin provides 'cohere'"),
        ("gemni:x", "Did you mean 'gemini'?"),
        ("noprovider", "Write provider:model"),
        (":x", "Write provider:model"),
        ("acme:", "Write provider:model"),
    ],
)
def test_an_unknown_provider_says_what_to_do(reference: str, advice: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Runtime(plugins=[]).stream(reference, "Hi")
    assert advice in str(caught.value)


def test_a_broken_object_of_the_host_is_an_error_at_once() -> None:
    with pytest.raises(ConfigurationError, match="failed at api_version"):
        _ = Runtime(plugins=[object()]).catalog


async def test_an_object_of_the_host_serves_as_a_plugin_and_replaces_an_installed_one(
    install: InstallPlugin,
) -> None:
    install("acme-installed", "acme", good())
    mine = ScriptedProvider("acme", [Script().say("Mine.")])
    async with Runtime(plugins=[mine, "acme"]) as runtime:
        assert (await runtime.complete("acme:one", "Hi")).text == "Mine."


async def test_a_host_wrapper_joins_every_provider() -> None:
    seen: list[str] = []

    class Host:
        @hookimpl(wrapper=True)
        def modelyard_complete(self, request: Any) -> Any:
            seen.append(request.model)
            return (yield)

    async with Runtime(plugins=[ScriptedProvider("a"), ScriptedProvider("b")], hooks=[Host()]) as runtime:
        await runtime.complete("a:one", "Hi")
        await runtime.complete("b:two", "Hi")
    assert seen == ["one", "two"]


def test_a_host_may_not_answer_in_a_providers_place() -> None:
    class Hijacker:
        @hookimpl
        def modelyard_complete(self, request: Any) -> Any: ...

    with pytest.raises(ConfigurationError, match="is no wrapper"):
        Runtime(hooks=[Hijacker()])


async def test_observers_are_told_and_a_failing_one_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, object]] = []

    class Failing:
        @hookimpl
        def modelyard_attempt_finished(self, attempt: Any) -> None:
            raise ValueError("observer is broken")

    class Counting:
        @hookimpl
        def modelyard_attempt_started(self, deployment: str, number: int) -> None:
            told.append((deployment, number))

        @hookimpl
        def modelyard_attempt_finished(self, attempt: Any) -> None:
            told.append((attempt.deployment, attempt.outcome))

    async with Runtime(plugins=[ScriptedProvider("acme")], hooks=[Failing(), Counting()]) as runtime:
        await runtime.complete("acme:one", "Hi")
        await runtime.stream("acme:one", "Hi").collect()
    assert told == [("acme:one", 1), ("acme:one", "ok")] * 2
    assert "observer is broken" in caplog.text


def test_a_misspelt_host_hook_is_an_error() -> None:
    class Misspelt:
        @hookimpl
        def modelyard_atempt_started(self) -> None: ...

    with pytest.raises(Exception, match="modelyard_atempt_started"):
        Runtime(hooks=[Misspelt()])


def test_cards_without_a_plugin_do_not_exist() -> None:
    card = ModelCard(provider="acme", id="one", label="One")
    runtime = Runtime(plugins=[ScriptedProvider("acme", cards=[card])])
    assert [entry.ref for entry in runtime.catalog] == ["acme:one"]


def test_advice_names_each_installed_provider_once() -> None:
    runtime = Runtime(plugins=[ScriptedProvider("acme")])
    assert len(runtime.catalog) == 0
    with pytest.raises(ConfigurationError) as caught:
        runtime.stream("acne:one", "Hi")
    assert str(caught.value).count("acme") == 2  # the near miss, and the list of what is installed
