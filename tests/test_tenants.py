"""Two credentials share nothing, also where the digits that are shown of them are the same."""

from __future__ import annotations

import asyncio
import pickle
import string
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from itertools import product
from typing import Any

import pytest

from modelyard import Completion, LocalState, Message, ModelyardError, Runtime, hookimpl
from modelyard.credentials.secret import Secret
from modelyard.health.limits import Limits
from modelyard.health.state import Refusal
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Script, ScriptedProvider, load_dialects
from modelyard.types.base import Opaque
from modelyard.types.content import OpaquePart
from modelyard.types.history_rules import HistoryRules

from .conftest import VARIANTS, ask

STATED = ("sk-tenant-000025646", "sk-tenant-000048334")
"""A01: the first eight hex digits of their SHA-256 are the same."""


@cache
def look_alikes() -> tuple[str, str]:
    """Two keys of which the same digits are shown, however these are made: found by trying."""
    seen: dict[str, str] = {}
    for letters in product(string.ascii_lowercase, repeat=5):
        key = f"sk-tenant-{''.join(letters)}"
        twin = seen.setdefault(Secret(key).fingerprint, key)
        if twin is not key:
            return twin, key
    raise AssertionError("no two keys look alike")


PAIRS: dict[str, Callable[[], tuple[str, str]]] = {"stated": lambda: STATED, "found": look_alikes}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Two keys that look alike."""
    return PAIRS[request.param]()


def test_the_keys_of_this_module_look_alike_and_are_two(pair: tuple[str, str]) -> None:
    first, second = map(Secret, pair)
    assert first.fingerprint == second.fingerprint
    assert first != second
    assert first.digest != second.digest
    assert len({first, second}) == 2


def in_headers(received: Received) -> str:
    return " ".join(received.headers.values())


def settings(variant: str, url: str) -> dict[str, Any]:
    provider, _, api = variant.partition("-")
    return {provider: {"base_url": url, **({"options": {"api": api}} if api else {})}}


def reference(variant: str) -> str:
    provider = variant.partition("-")[0]
    return f"{provider}:{load_dialects([provider])[provider].model}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("whose", ["of the call", "of a resolver"])
async def test_every_call_carries_its_own_key(
    variant: str, stream: bool, whose: str, pair: tuple[str, str]
) -> None:
    """A01."""
    provider = variant.partition("-")[0]
    keys = dict(zip(("anna", "bert"), pair, strict=True))

    def resolve(scope: str, query: Any) -> str | None:
        return keys.get(query.user) if scope == "user" else None

    with Emulator(load_dialects([provider])[provider]) as emulator:
        resolver = resolve if whose == "of a resolver" else None
        async with Runtime(settings(variant, emulator.url), plugins=[provider], credentials=resolver) as runtime:
            for user in ("anna", "bert", "anna"):
                named = {"user": user} if resolver else {"credential": keys[user]}
                await ask(runtime, reference(variant), stream=stream, **named)
        carried = [[key for key in pair if key in in_headers(each)] for each in emulator.requests]
    assert carried == [[pair[0]], [pair[1]], [pair[0]]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
async def test_neither_key_shows_when_a_server_repeats_it(
    variant: str, stream: bool, pair: tuple[str, str]
) -> None:
    """A02."""

    def refuse(received: Received) -> Reply:
        message = f"Incorrect API key provided: {in_headers(received)}"
        return Reply.json({"error": {"message": message, "type": "x", "code": "invalid_api_key"}}, 401)

    shown = []
    with LoopbackServer(refuse) as server:
        provider = variant.partition("-")[0]
        async with Runtime(settings(variant, server.url), plugins=[provider], max_attempts=1) as runtime:
            for key in pair:
                with pytest.raises(ModelyardError) as caught:
                    await ask(runtime, reference(variant), stream=stream, credential=key)
                error = caught.value
                shown += [
                    str(error),
                    repr(error),
                    repr(error.to_dict()),
                    repr(vars(error)),
                    repr(pickle.dumps(error)),
                ]
    assert not [text for text in shown if pair[0] in text or pair[1] in text]


class NotingState(LocalState):
    """Notes the names under which it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    async def admit(
        self, key: str, limits: Limits | None = None, tokens: int = 0, *, last_resort: bool = True
    ) -> Refusal | None:
        self.names.append(key)
        return await super().admit(key, limits, tokens, last_resort=last_resort)


async def test_health_is_kept_for_each_key_under_a_name_that_nothing_shown_leads_to(pair: tuple[str, str]) -> None:
    """A03."""
    state, provider = NotingState(), ScriptedProvider("acme")
    async with Runtime(plugins=[provider], state=state) as runtime:
        for key in pair:
            await runtime.complete("acme:m", "Hi", credential=key)
            trace = runtime.explain("acme:m", "Hi", credential=key)
            assert f"({Secret(key).fingerprint})" in str(trace.steps[0].credential)
    assert len(provider.sessions) == 2
    assert len(set(state.names)) == 2
    for key in pair:
        hidden = (key, Secret(key).fingerprint, sha256(key.encode()).hexdigest()[:8])
        assert not [name for name in state.names if any(text in name for text in hidden)]


async def test_the_failures_of_one_key_close_the_way_of_no_other(pair: tuple[str, str]) -> None:
    """A47."""
    provider = ScriptedProvider("acme", default=Script().fail("server"))
    async with Runtime(plugins=[provider], max_attempts=1) as runtime:
        for _ in range(25):
            with pytest.raises(ModelyardError):
                await runtime.complete("acme:m", "Hi", credential=pair[0])
        provider.default = Script().say("Here.")
        assert (await runtime.complete("acme:m", "Hi", credential=pair[1])).text == "Here."


async def test_limits_and_retries_are_counted_for_each_key(pair: tuple[str, str]) -> None:
    provider = ScriptedProvider("acme")
    limits = {"acme": {"requests_per_minute": 2}}
    async with Runtime(plugins=[provider], limits=limits, deadlines={"total": 1.0}) as runtime:
        for _ in range(2):
            for key in pair:
                await runtime.complete("acme:m", "Hi", credential=key)
        with pytest.raises(ModelyardError, match="limit"):
            await runtime.complete("acme:m", "Hi", credential=pair[0])


async def test_another_account_is_tried_when_one_is_refused(pair: tuple[str, str]) -> None:
    provider = ScriptedProvider("acme", [Script().fail("quota")])
    pool = {"acme": {"api_keys": pair}}
    async with Runtime(pool, plugins=[provider], fallback="before_output") as runtime:
        assert (await runtime.complete(["acme:m"], "Hi")).text == "Hello from a script."
    assert len(provider.requests) == 2


async def test_data_made_under_one_key_is_not_sent_under_another(pair: tuple[str, str]) -> None:
    sealed = OpaquePart(opaque=Opaque(provider="acme", kind="sealed", model="m", data={"blob": "x"}))
    provider = SealingProvider(sealed)
    async with Runtime(plugins=[provider]) as runtime:
        answer = await runtime.complete("acme:m", "Hi", credential=pair[0])
        assert answer.message.content[0] != sealed, "it says whose it is"
        history = [Message.user("Hi"), answer.message, Message.user("Go on")]
        for key in pair:
            await runtime.complete("acme:m", history, credential=key)
    kept = [len(request.messages[1].content) for request in provider.requests[1:]]
    assert kept == [2, 1]


class SealingProvider(ScriptedProvider):
    """Puts a part into its answers that is worthless under another key."""

    def __init__(self, sealed: OpaquePart) -> None:
        super().__init__("acme", history=HistoryRules(account_bound=True))
        self.sealed = sealed

    @hookimpl
    async def modelyard_complete(self, session: Any, request: Any, card: Any) -> Completion:
        """Answer with the sealed part first."""
        answer = await super().modelyard_complete(session, request, card)
        message = Message.assistant([self.sealed, *answer.message.content])
        return answer.model_copy(update={"message": message})


HEADERS = ({"x-gateway-key": "sentinel-gateway-key-1"}, {"x-gateway-key": "sentinel-gateway-key-2"})


async def test_keys_in_headers_make_two_deployments_as_well() -> None:
    state, provider = NotingState(), ScriptedProvider("acme", [Script().fail("quota")])
    pool = {"acme": [{"headers": headers} for headers in HEADERS]}
    async with Runtime(pool, plugins=[provider], state=state, fallback="before_output") as runtime:
        await runtime.complete(["acme:m"], "Hi")
    assert len(set(state.names)) == len(provider.requests) == len(provider.sessions) == 2
    assert not [name for name in state.names if "sentinel" in name]


async def test_queries_of_base_urls_make_two_deployments_as_well() -> None:
    state, provider = NotingState(), ScriptedProvider("acme", default=Script().fail("server"))
    pool = {"acme": [{"base_url": f"https://acme.invalid/v1?tenant=sentinel-{number}"} for number in (1, 2)]}
    async with Runtime(pool, plugins=[provider], state=state, fallback="before_output", max_attempts=1) as runtime:
        with pytest.raises(ModelyardError):
            await runtime.complete(["acme:m"], "Hi")
    assert len(set(state.names)) == len(provider.sessions) == 2
    assert not [name for name in state.names if "sentinel" in name]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_many_keys_one_after_the_other_leave_few_connections(variant: str) -> None:
    """A26."""
    provider = variant.partition("-")[0]
    many = 400 if variant == "openai" else 40
    bounds = {"sessions": 256 if variant == "openai" else 16}
    with Emulator(load_dialects([provider])[provider]) as emulator:
        async with Runtime(settings(variant, emulator.url), plugins=[provider], bounds=bounds) as runtime:
            for number in range(many):
                await runtime.complete(reference(variant), "Hi", credential=f"key-of-user-{number:04}")
            await asyncio.sleep(0.1)
            assert emulator.open_connections <= 150 * many // 400
            assert len({received.headers.get("authorization") for received in emulator.requests}) in (1, many)
        await asyncio.sleep(0.1)
        assert emulator.open_connections == 0
