"""A hook counts only if pluggy registered it, and what it returns is looked at where it leaves the plugin."""

from __future__ import annotations

import json
import logging
from types import ModuleType
from typing import Any

import pytest

from modelyard import ModelyardError, Runtime
from modelyard.provider import hookimpl, parse_cards

from .packages import GOOD_MODULE, module_of

BOTH = ["bad:m", "good:m"]


def bad(changes: str, name: str = "bad") -> ModuleType:
    """The good plugin under another id, with hooks replaced by those in the source."""
    return module_of(GOOD_MODULE.replace("acme", name) + changes, name)


def pair(changes: str) -> Runtime:
    return Runtime(plugins=[bad(changes), bad("", "good")])


HOOK = """
from asyncio import CancelledError

class Touchy:
    def __getattr__(self, name):
        raise RuntimeError(name)

@hookimpl
"""
ANSWERS = {
    "P14 complete returns None": (
        "modelyard_complete",
        "async def modelyard_complete(session, request, card): pass",
    ),
    "complete returns text": ("modelyard_complete", "async def modelyard_complete(): return 'hi'"),
    "complete is no async def": ("modelyard_complete", "def modelyard_complete(): return 'hi'"),
    "complete returns its module": ("modelyard_complete", "async def modelyard_complete(): return Completion"),
    "P16 validate raises": (
        "modelyard_validate",
        "def modelyard_validate(request): raise KeyError('temperature')",
    ),
    "validate returns": ("modelyard_validate", "def modelyard_validate(request): return True"),
    "P18 open returns None": ("modelyard_open", "async def modelyard_open(settings): pass"),
    "open returns text": ("modelyard_open", "async def modelyard_open(settings): return 'hi'"),
    "open is no async def": ("modelyard_open", "def modelyard_open(settings): return Session()"),
    "open raises": (
        "modelyard_open",
        "async def modelyard_open(settings): raise KeyError('region')",
    ),
    "P22 map_error returns a number": (
        "modelyard_map_error",
        "async def modelyard_complete(): raise ValueError('boom')\n@hookimpl\ndef modelyard_map_error(): return 5",
    ),
    "map_error raises": (
        "modelyard_map_error",
        "async def modelyard_complete(): raise ValueError('boom')\n@hookimpl\ndef modelyard_map_error(): 1 / 0",
    ),
    "open cancels itself": (
        "modelyard_open",
        "async def modelyard_open(settings): raise CancelledError",
    ),
    "open returns what fails when asked": (
        "modelyard_open",
        "async def modelyard_open(settings): return Touchy()",
    ),
    "complete cancels itself": ("modelyard_complete", "async def modelyard_complete(): raise CancelledError"),
    "complete returns what fails when asked": (
        "modelyard_complete",
        "async def modelyard_complete(): return Touchy()",
    ),
    "validate cancels": ("modelyard_validate", "def modelyard_validate(request): raise CancelledError"),
    "validate ends the process": ("modelyard_validate", "def modelyard_validate(request): raise SystemExit(3)"),
    "validate returns what fails when asked": (
        "modelyard_validate",
        "def modelyard_validate(request): return Touchy()",
    ),
    "map_error ends the process": (
        "modelyard_map_error",
        "async def modelyard_complete(): raise ValueError('boom')\n@hookimpl\ndef modelyard_map_error(): exit(3)",
    ),
    "map_error returns None": (
        "modelyard_map_error",
        "async def modelyard_complete(): raise ValueError('boom')\n@hookimpl\ndef modelyard_map_error(): pass",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_a_wrong_return_is_a_typed_error_that_names_hook_and_plugin(case: str) -> None:
    hook, source = ANSWERS[case]
    async with pair(HOOK + source) as runtime:
        with pytest.raises(ModelyardError) as caught:
            await runtime.complete("bad:m", "hi")
        assert hook in str(caught.value)
        assert "bad" in str(caught.value)
        if "map_error" in case:
            assert "ValueError" in str(caught.value)


@pytest.mark.parametrize("case", ANSWERS)
async def test_a_wrong_return_lets_a_fallback_act(case: str) -> None:
    async with pair(HOOK + ANSWERS[case][1]) as runtime:
        answer = await runtime.complete(BOTH, "hi", fallback="before_output")
    assert answer.text == "hello from good"


async def test_p17_explain_survives_a_broken_validator_and_says_so() -> None:
    async with pair(HOOK + ANSWERS["P16 validate raises"][1]) as runtime:
        trace = runtime.explain(BOTH, "hi")
        assert [candidate.ref for candidate in trace.kept] == ["good:m"]
        assert "modelyard_validate" in str(trace)
        assert not runtime.explain("bad:m", "hi").kept


STREAMS = {
    "P24 returns None": "def modelyard_stream(): pass",
    "returns a list": "def modelyard_stream(): return []",
    "yields text": "async def modelyard_stream(): yield 'hello'",
    "yields None": "async def modelyard_stream(): yield None",
    "yields a dict": "async def modelyard_stream(): yield {'type': 'content_delta'}",
    "yields a list of text": "async def modelyard_stream(): yield ['hello']",
    "yields a class": "async def modelyard_stream(): yield [ContentDelta]",
    "cancels itself": "async def modelyard_stream():\n    raise CancelledError\n    yield",
    "yields a number": "async def modelyard_stream(): yield 5",
}


@pytest.mark.parametrize("case", STREAMS)
async def test_a_wrong_item_of_a_stream_is_a_typed_error_and_lets_a_fallback_act(case: str) -> None:
    async with pair(HOOK + STREAMS[case]) as runtime:
        with pytest.raises(ModelyardError, match="modelyard_stream of the plugin for 'bad'"):
            async for _ in runtime.stream("bad:m", "hi"):
                pass
        texts = [text async for text in runtime.stream(BOTH, "hi", fallback="before_output").text()]
    assert texts == ["hello from good"]


@pytest.mark.parametrize(
    "wrong", ["['m']", "'m'", "None", "[None]", "5", "[ModelCard(provider='other', id='m', label='m')]"]
)
async def test_p19_a_list_of_anything_but_cards_is_a_typed_error_that_names_the_hook(wrong: str) -> None:
    async with pair(f"{HOOK}async def modelyard_list_models(session): return {wrong}") as runtime:
        with pytest.raises(ModelyardError, match="modelyard_list_models of the plugin for 'bad'"):
            await runtime.list_models("bad")


@pytest.mark.parametrize("wrong", ["'12'", "-1", "True", "1.5", "[3]"])
async def test_a_count_that_is_no_number_is_a_typed_error_that_names_the_hook(wrong: str) -> None:
    async with pair(f"{HOOK}async def modelyard_count_tokens(session): return {wrong}") as runtime:
        with pytest.raises(ModelyardError, match="modelyard_count_tokens of the plugin for 'bad'"):
            await runtime.count_tokens("bad:m", "hi")


# Registered


def unmarked(hook: str) -> str:
    return f"\n{hook} = lambda *args: None\n"


def reason(source: str) -> str:
    with pytest.raises(ModelyardError) as caught:
        Runtime(plugins=[bad(source)]).plugins()
    return str(caught.value)


@pytest.mark.parametrize(
    "hook", ["modelyard_complete", "modelyard_stream", "modelyard_open", "modelyard_map_error"]
)
def test_p11_a_required_hook_without_hookimpl_is_a_load_error_that_names_it(hook: str) -> None:
    assert f"{hook} is not marked @hookimpl" in reason(unmarked(hook))


def test_p13_an_optional_hook_without_hookimpl_is_one_warning_that_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = Runtime(plugins=[bad("\nasync def modelyard_count_tokens(session): return 3\n")])
    assert next(row for row in runtime.plugins() if row.name == "bad").state == "loaded"
    assert len(warnings(caplog, "modelyard_count_tokens")) == 1


@pytest.mark.parametrize("wrong", ["Acme", "ac_me", "ac me", "", "acme:", "-acme", "anthropic", "ä"])
def test_p25_an_id_that_cannot_be_addressed_is_refused_at_load(wrong: str) -> None:
    said = reason(
        f"{HOOK}def modelyard_provider(): return ProviderInfo(id={wrong!r}, name='x', base_url='https://x.example')"
    )
    assert "an id is of lower-case letters, digits and single hyphens" in said or "is an alias of" in said


@pytest.mark.parametrize(
    "wrong", ["fields='temperature'", "fields=5", "fields={5}", "options=None", "absent=None", "absent=['top_k']"]
)
def test_a_fact_of_the_provider_of_a_wrong_type_is_refused_at_load(wrong: str) -> None:
    info = f"ProviderInfo(id='bad', name='x', base_url='https://x.example', {wrong})"
    assert f"{wrong.partition('=')[0]} of ProviderInfo must" in reason(
        f"{HOOK}def modelyard_provider(): return {info}"
    )


def test_a_required_hook_that_only_wraps_is_a_load_error_that_says_so() -> None:
    source = bad("")
    source.modelyard_complete = hookimpl(wrapper=True)(lambda: (yield))  # type: ignore[attr-defined]
    with pytest.raises(ModelyardError, match="modelyard_complete is marked as a wrapper"):
        Runtime(plugins=[source]).plugins()


@pytest.mark.parametrize(
    "written", ["def modelyard_tools(request, crd): ...", "async def modelyard_tools(session): ..."]
)
def test_p37_a_retired_hook_harms_nobody_however_it_is_written(
    written: str, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime(plugins=[bad(HOOK + written)])
    assert next(row for row in runtime.plugins() if row.name == "bad").state == "loaded"
    assert not warnings(caplog, "modelyard_tools")


# Tomorrow's plugin


async def test_a_field_of_requests_that_only_a_newer_core_has_is_one_warning_with_what_was_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    info = (
        "ProviderInfo(id='bad', name='x', base_url='https://x.example', key_optional=True, fields={'temprature'})"
    )
    async with Runtime(plugins=[bad(f"{HOOK}def modelyard_provider(): return {info}")]) as runtime:
        assert (await runtime.complete("bad:m", "hi")).text == "hello from bad"
    assert len(warnings(caplog, "did you mean 'temperature'?")) == 1


def warnings(caplog: pytest.LogCaptureFixture, word: str) -> list[Any]:
    return [each for each in caplog.records if each.levelno >= logging.WARNING and word in each.getMessage()]


async def test_p38_a_hook_that_only_a_newer_core_calls_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with Runtime(plugins=[bad(f"{HOOK}async def modelyard_embed(session, request): ...")]) as runtime:
        assert (await runtime.complete("bad:m", "hi")).text == "hello from bad"
        await runtime.complete("bad:m", "hi")
    assert len(warnings(caplog, "modelyard_embed")) == 1


@pytest.mark.parametrize(
    "arguments", ["session, request, card, budget", "budget, card", "session, budget, request"]
)
async def test_an_argument_that_only_a_newer_core_has_is_none_and_one_warning(
    arguments: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"""
{HOOK.strip()}
async def modelyard_complete({arguments}):
    answer = Message.assistant(f"{{budget}} {{card.id}}" if {"card" in arguments} else f"{{budget}} m")
    return Completion(message=answer, finish_reason="stop", provider="bad", model="m")
"""
    async with Runtime(plugins=[bad(source)]) as runtime:
        assert (await runtime.complete("bad:m", "hi")).text == "None m"
    assert len(warnings(caplog, "budget")) == 1


async def test_p45_an_event_of_an_unknown_type_is_left_out_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = f"""
class AudioDelta:
    type = "audio_delta"
{HOOK.strip()}
async def modelyard_stream(session):
    yield ContentDelta(0, "hel")
    yield AudioDelta()
    yield [ContentDelta(0, "lo"), AudioDelta()]
    yield Done(finish_reason="stop")
"""
    async with Runtime(plugins=[bad(source)]) as runtime, runtime.stream("bad:m", "hi") as stream:
        events = [event async for event in stream]
        assert stream.completion is not None
        assert stream.completion.text == "hello"
    assert {event.type for event in events} == {"status", "content_delta", "done"}
    assert len(warnings(caplog, "audio_delta")) == 1


@pytest.mark.parametrize("stated", ["(1, 2)", "(0, 1)", "[1, 9]", "1"])
def test_p46_a_plugin_states_a_range_of_versions(stated: str) -> None:
    runtime = Runtime(plugins=[bad(f"\nMODELYARD_API = {stated}\n")])
    assert next(row for row in runtime.plugins() if row.name == "bad").state == "loaded"


@pytest.mark.parametrize(
    "fact",
    ["docs_url='https://docs.example'", "history=HistoryRules(docs_url=True)", "docs_url=None, fields=None"],
)
async def test_p41_a_fact_of_the_provider_that_only_a_newer_core_knows_is_one_warning(
    fact: str, caplog: pytest.LogCaptureFixture
) -> None:
    info = f"ProviderInfo(id='bad', name='x', base_url='https://x.example', key_optional=True, {fact})"
    source = f"from modelyard.provider import HistoryRules\n{HOOK}def modelyard_provider(): return {info}"
    async with Runtime(plugins=[bad(source)]) as runtime:
        assert (await runtime.complete("bad:m", "hi")).text == "hello from bad"
    assert len(warnings(caplog, "docs_url")) == 1


NEWER: dict[str, tuple[dict[str, Any], str]] = {
    "P42 a kind": ({"kind": "video"}, "video"),
    "P44 an effort": ({"reasoning": {"efforts": ["low", "ultra"], "default": "ultra"}}, "ultra"),
    "P44 a field": ({"modalities": ["video"]}, "modalities"),
    "a capability": ({"capabilities": {"video": "supported", "tools": "supported"}}, "video"),
    "a state of a capability": ({"capabilities": {"tools": "beta"}}, "beta"),
    "a fact of a capability": ({"capabilities": {"tools": {"state": "supported", "since": "v2"}}}, "tools"),
    "a limit": ({"limits": {"context_window": 9, "video_seconds": 60}}, "video_seconds"),
    "a price": ({"prices": [{"input": 1, "output": 2, "video": 3}]}, "video"),
    "a context": ({"default_contexts": ["chat", "video"]}, "video"),
    "a way to reason": ({"reasoning": {"control": "dial", "steps": 5}}, "dial"),
    "a choice of tools": ({"tool_choice": ["auto", "several"]}, "several"),
    "a retention": ({"retention": {"zero_retention": "always", "region_days": 3}}, "always"),
    "a source": ({"sources": {"video": {"title": "docs", "as_of": "2026-01-01"}}}, "video"),
    "a fact of a source": ({"sources": {"prices": {"title": "d", "as_of": "2026-01-01", "hash": "x"}}}, "prices"),
    "a fact of the life": ({"lifecycle": {"sunset": "2030-01-01"}}, "sunset"),
}


@pytest.mark.parametrize("case", NEWER)
async def test_a_word_or_field_of_a_card_that_only_a_newer_core_knows_is_kept_with_one_warning(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    facts, word = NEWER[case]
    document = {"models": [{"id": "m", "label": "m"}, {"id": "v", "label": "v", **facts}]}
    source = f"""
from modelyard.provider import hookimpl, parse_cards
{HOOK.strip()}
def modelyard_models(): return parse_cards({json.dumps(document).encode()!r}, "bad", "models.json")
"""
    async with Runtime(plugins=[bad(source)]) as runtime:
        assert (await runtime.complete("bad:m", "hi")).text == "hello from bad"
        card = next(card for card in runtime.catalog if card.id == "v")
        assert card.extra or card.kind == "video"
        offered = [candidate.ref for candidate in runtime.explain("bad:*", "hi").kept]
        assert offered == (["bad:m"] if "kind" in facts else ["bad:m", "bad:v"])
    assert len(warnings(caplog, word)) == 1


@pytest.mark.parametrize(
    "wrong", [{"kind": 5}, {"limits": {"context_window": "many"}}, {"prices": "free"}, {"label": 3}]
)
def test_a_value_that_is_wrong_in_any_version_still_breaks_the_cards(wrong: dict[str, Any]) -> None:
    document = {"models": [{"id": "v", "label": "v", **wrong}]}
    with pytest.raises(ModelyardError, match=next(iter(wrong))):
        parse_cards(json.dumps(document).encode(), "bad", "models.json")
