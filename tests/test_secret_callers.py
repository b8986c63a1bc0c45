"""Credentials that come with a call or from a resolver: wrong ones are refused unseen, and nothing is sent."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelyardError, ProviderInfo, Runtime, SyncRuntime, hookimpl, tool
from modelyard.credentials.resolve import CredentialQuery
from modelyard.testing import LoopbackServer, Reply, Script, ScriptedProvider

from .conftest import PROVIDERS

KEY = "sentinel-KEY-771"

WRONG: dict[str, Any] = {
    "none": {"openai": None},
    "bytes": {"openai": KEY.encode()},
    "list": {"openai": [KEY]},
    "number": {"openai": 12345678},
    "dict": {"openai": {"key": KEY}},
    "plain bytes": KEY.encode(),
    "plain list": [KEY],
    "plain number": 12345678,
    "unknown provider": {"opnai": KEY},
    "no name": {1: KEY, None: KEY},
}

ASKING: dict[str, Callable[[Runtime, Any], Any]] = {
    "complete": lambda runtime, given: runtime.complete("openai:m", "Hi", credential=given),
    "stream": lambda runtime, given: runtime.stream("openai:m", "Hi", credential=given).collect(),
    "run": lambda runtime, given: runtime.run("openai:m", "Hi", credential=given),
    "generate": lambda runtime, given: runtime.generate("openai:m", "Hi", output=dict, credential=given),
    "count": lambda runtime, given: runtime.count_tokens("openai:m", "Hi", credential=given),
    "route": lambda runtime, given: runtime.complete(["openai:m", "openai:n"], "Hi", credential=given),
    "list": lambda runtime, given: runtime.list_models("openai", credential=given),
    "session": lambda runtime, given: runtime.session("openai", credential=given),
}


def told(error: BaseException) -> str:
    """All that an error shows, the locals of frames in our code included."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame.locals for frame in summary.stack if frame.filename != __file__]
    return f"{error} {error!r} {pickle.dumps(error)!r} {frames} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("how", ASKING)
async def test_fault_a40_a_credential_of_a_wrong_type_is_refused_before_sending(how: str, given: Any) -> None:
    """A40, P57."""
    with LoopbackServer(lambda received: Reply.json({})) as server:
        async with Runtime({"openai": {"api_key": KEY, "base_url": server.url}}, plugins=["openai"]) as runtime:
            with pytest.raises(ConfigurationError, match="(?i)credential") as caught:
                await ASKING[how](runtime, given)
        assert server.requests == []
    assert KEY not in told(caught.value)


async def test_a_key_in_the_place_of_a_providers_name_is_not_repeated() -> None:
    async with Runtime({"openai": {"api_key": KEY}}, plugins=["openai"]) as runtime:
        for given in ({KEY: KEY}, {KEY: 5}):
            with pytest.raises(ConfigurationError, match="not shown here") as caught:
                await runtime.complete("openai:m", "Hi", credential=given)  # type: ignore[arg-type]
            assert KEY.lower() not in f"{caught.value!r} {caught.value} {caught.value.to_dict()}".lower()
        with pytest.raises(ConfigurationError, match="'opnai'"):
            await runtime.complete("openai:m", "Hi", credential={"opnai": KEY})


def test_fault_a40_a_runtime_that_blocks_hides_it_as_well() -> None:
    with SyncRuntime(plugins=[ScriptedProvider("acme")]) as runtime:
        for given in ({"acme": KEY.encode()}, {"acme": f"{KEY}\n x"}, f"{KEY}\nx"):
            with pytest.raises(ConfigurationError) as caught:
                runtime.complete("acme:m", "Hi", credential=given)  # type: ignore[arg-type]
            assert KEY not in told(caught.value)
            with pytest.raises(ConfigurationError) as caught:
                runtime.list_models("acme", credential=given)  # type: ignore[arg-type]
            assert KEY not in told(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        SyncRuntime({"acme": {"api_kye": KEY}})
    assert KEY not in told(caught.value)


async def test_fault_a40_credentials_of_other_providers_may_come_along() -> None:
    """One mapping for all calls, whatever is installed or allowed here."""
    provider = ScriptedProvider("acme", default=Script().say("Hello."))
    async with Runtime(plugins=[provider]) as runtime:
        answer = await runtime.complete("acme:m", "Hi", credential={"acme": KEY, "openai": KEY, "google": KEY})
    assert answer.text == "Hello."


async def test_fault_a40_a_key_of_the_environment_is_in_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY} x")
    async with Runtime(plugins=["openai"]) as runtime:
        with pytest.raises(ConfigurationError, match="OPENAI_API_KEY") as caught:
            await runtime.complete("openai:m", "Hi")
    assert KEY not in told(caught.value)


class NeedsKey(ScriptedProvider):
    """A scripted provider that does not answer without a key."""

    @hookimpl
    def modelyard_provider(self) -> ProviderInfo:
        return ProviderInfo(
            self.provider, self.provider.title(), "https://x.invalid", (f"{self.provider.upper()}_API_KEY",)
        )


def failing(raised: Any) -> Any:
    """A resolver that has a key for ``good`` alone, and raises or returns something else for others."""

    def resolve(scope: str, query: CredentialQuery) -> Any:
        if query.provider == "good":
            return "the-good-key"
        if isinstance(raised, BaseException):
            raise raised
        return raised

    return resolve


NONSENSE: dict[str, Any] = {
    "a lookup that fails": KeyError(f"vault said no for {KEY}"),
    "an error of ours": ConfigurationError(f"no {KEY}", hint=KEY),
    "a timeout": TimeoutError(KEY),
    "a cancellation": asyncio.CancelledError(KEY),
    "bytes": KEY.encode(),
    "a list": [KEY],
    "a number": 5,
    "a dict": {"api_key": KEY},
    "a key with a line break": f"{KEY}\nx",
}


@pytest.mark.parametrize("raised", NONSENSE.values(), ids=NONSENSE)
async def test_fault_a41_a_resolver_that_fails_sets_its_candidate_aside(raised: Any) -> None:
    """A41, P58: with a reason that does not repeat its words."""
    plugins = [NeedsKey("bad", default=Script().say("Bad.")), NeedsKey("good", default=Script().say("Good."))]
    async with Runtime(credentials=failing(raised), plugins=plugins) as runtime:
        answer = await runtime.complete(["bad:m", "good:m"], "x", fallback="before_output")
        trace = runtime.explain(["bad:m", "good:m"], "x")
        states = {status.provider: status for status in runtime.providers()}
        with pytest.raises(ConfigurationError, match="resolver") as caught:
            await runtime.complete("bad:m", "x")
        described = runtime.catalog.describe()
    assert answer.text == "Good."
    assert trace.chosen == "good:m"
    assert [step.deployment for step in trace.steps if not step.kept] == ["bad:m"]
    assert "resolver" in trace.steps[-1].reason
    assert states["good"].state == "ready"
    assert (states["bad"].state, "resolver" in (states["bad"].reason or "")) == ("misconfigured", True)
    assert KEY not in f"{told(caught.value)} {trace.to_dict()} {trace!r} {states} {described}"


@pytest.mark.parametrize("model", [5, b"acme:m", {}, int, 1.5])
async def test_what_names_no_model_is_a_typed_error(model: Any) -> None:
    """A40, a neighbour: of the first argument of a call."""
    async with Runtime(plugins=[ScriptedProvider("acme")]) as runtime:
        with pytest.raises(ConfigurationError, match="model"):
            await runtime.complete(model, "x")
        with pytest.raises(ConfigurationError, match="model"):
            await runtime.count_tokens(model, "x")


@pytest.mark.parametrize("resolver", ["key", 5, {"openai": KEY}])
def test_fault_a41_a_resolver_that_cannot_be_asked_is_refused(resolver: Any) -> None:
    with pytest.raises(ConfigurationError, match="credentials"):
        Runtime(credentials=resolver)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
async def test_fault_a41_an_interrupt_is_nobodys_fault(interrupt: type[BaseException]) -> None:
    async with Runtime(credentials=failing(interrupt()), plugins=[NeedsKey("bad")]) as runtime:
        with pytest.raises(interrupt):
            runtime.explain("bad:m", "x")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a04_a_secret_among_the_options_of_a_call_is_one(
    provider: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    options = {provider: {"extra": [{"authorization_token": KEY, "max_tokens": 12345678}]}}
    error = {"error": {"message": f"bad {KEY} of 12345678", "type": "x", "code": "c"}, "message": f"bad {KEY}"}
    with LoopbackServer(lambda received: Reply.json(error, 400)) as server:
        async with Runtime({provider: {"api_key": "k", "base_url": server.url}}, plugins=[provider]) as runtime:
            asked: dict[str, Any] = {"provider_options": options, "max_attempts": 1}
            with pytest.raises(ModelyardError, match=r"bad \[redacted\]") as caught:
                await (
                    runtime.stream(f"{provider}:m", "Hi", **asked).collect()
                    if stream
                    else runtime.complete(f"{provider}:m", "Hi", **asked)
                )
            with pytest.raises(ModelyardError) as local:
                await runtime.complete(f"{provider}:m", "", **asked)
        assert KEY.encode() in server.requests[0].body
    assert KEY not in told(caught.value) + told(local.value) + str(caught.value.to_dict()) + caplog.text


@tool
def look() -> str:
    """Look."""
    return "seen"


async def test_a_secret_among_the_options_of_a_run_is_not_in_its_state() -> None:
    states: list[str] = []
    provider = ScriptedProvider("acme", [Script().call("look"), Script().say("Done.")])
    async with Runtime(plugins=[provider]) as runtime:
        await runtime.run(
            "acme:m",
            "Hi",
            tools=[look],
            provider_options={"acme": {"authorization": KEY}},
            checkpoint=lambda state: states.append(state.to_json()),
        )
    assert states
    assert all(KEY not in state and '"provider_options"' in state for state in states)
