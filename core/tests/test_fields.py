"""No field of a request is lost: what a plugin does not take is taken out, and noted or refused."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from modelyard import Message, ModelCard, Runtime, UnsupportedFeatureError
from modelyard.credentials.resolve import Credential
from modelyard.deployments.deployment import Deployment
from modelyard.hookspecs import API_VERSION
from modelyard.loading.binding import ProviderBinding
from modelyard.loading.register import new_manager
from modelyard.testing import ScriptedProvider
from modelyard.types.fields import CORE_FIELDS, FIELDS_OF_API, fields_of_api
from modelyard.types.provider import ProviderInfo
from modelyard.types.request import Request

CARD = ModelCard(provider="acme", id="m", label="m")
TAKES_TEMPERATURE = frozenset({"temperature"})


class TomorrowsRequest(Request):
    """A request with a field that no plugin of today can know."""

    creativity: int | None = None


def provider(fields: frozenset[str] | None = TAKES_TEMPERATURE, name: str = "acme") -> ScriptedProvider:
    card = CARD if name == "acme" else CARD.model_copy(update={"provider": name})
    return ScriptedProvider(name, cards=[card], fields=fields)


async def ask(plugin: ScriptedProvider, *, stream: bool = False, **options: Any) -> Any:
    async with Runtime(plugins=[plugin], catalog_cache=False) as runtime:
        if stream:
            return await runtime.stream("acme:m", "Hi", **options).collect()
        return await runtime.complete("acme:m", "Hi", **options)


def write(info: ProviderInfo, request: Request) -> Request:
    binding = ProviderBinding(new_manager(), info, "acme", "1.0", api=API_VERSION)

    def no_session() -> Any:
        raise AssertionError("nothing is sent")

    credential: Credential | None = None
    return Deployment(binding, CARD, "m", credential, None, no_session).write(request)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_field_the_plugin_does_not_declare_is_taken_out_and_noted(stream: bool) -> None:
    """P29."""
    plugin = provider()
    answer = await ask(plugin, stream=stream, verbosity="low", temperature=0.3)
    [note] = answer.report.about("verbosity")
    assert note.action == "dropped"
    assert plugin.requests[-1].verbosity is None
    assert plugin.requests[-1].temperature == 0.3


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_field_the_plugin_does_not_declare_is_refused_under_error(stream: bool) -> None:
    """P29."""
    plugin = provider()
    with pytest.raises(UnsupportedFeatureError, match="verbosity") as caught:
        await ask(plugin, stream=stream, verbosity="low", on_unsupported="error")
    assert caught.value.feature == "verbosity"
    assert not plugin.requests


async def test_a_declared_field_reaches_the_plugin_without_a_note() -> None:
    """P31."""
    plugin = provider()
    answer = await ask(plugin, temperature=0.3, on_unsupported="error")
    assert plugin.requests[-1].temperature == 0.3
    assert not answer.report


async def test_what_carries_the_conversation_needs_no_declaration() -> None:
    plugin = provider(frozenset())
    options: dict[str, Any] = {"provider_options": {"acme": {"x": 1}}, "history": "refuse", "system": "Be brief."}
    answer = await ask(plugin, on_unsupported="error", **options)
    assert not answer.report
    assert plugin.requests[-1].options_for("acme") == {"x": 1}


@pytest.mark.parametrize(("policy", "logged"), [("warn", 1), ("drop", 0)])
async def test_a_field_taken_out_is_logged_once_where_the_caller_wants_warnings(
    policy: str, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modelyard"):
        answer = await ask(provider(), seed=7, on_unsupported=policy)
    assert len(answer.report.about("seed")) == 1
    assert sum("seed" in record.getMessage() for record in caplog.records) == logged


async def test_zero_and_empty_values_are_asked_for_and_defaults_are_not() -> None:
    answer = await ask(provider(), seed=0, metadata={}, tools=[], top_p=None)
    assert {note.field for note in answer.report.notes} == {"seed", "metadata"}


async def test_under_error_a_fallback_that_takes_the_field_answers() -> None:
    first, second = provider(), provider(None, "other")
    async with Runtime(plugins=[first, second], catalog_cache=False) as runtime:
        answer = await runtime.complete(["acme:m", "other:m"], "Hi", seed=7, on_unsupported="error")
    assert answer.provider == "other"
    assert (len(first.requests), second.requests[-1].seed) == (0, 7)


async def test_a_plugin_that_declares_nothing_takes_the_fields_of_its_version() -> None:
    plugin = provider(None)
    answer = await ask(plugin, seed=7, verbosity="low", on_unsupported="error")
    assert not answer.report
    assert (plugin.requests[-1].seed, plugin.requests[-1].verbosity) == (7, "low")


@pytest.mark.parametrize("fields", [None, frozenset(FIELDS_OF_API[1])], ids=["declares nothing", "declares all"])
def test_a_field_of_tomorrow_is_noted_or_refused_for_every_plugin_of_today(fields: frozenset[str] | None) -> None:
    info = ProviderInfo("acme", "Acme", "https://x.example", fields=fields)
    asked = TomorrowsRequest(model="m", messages=(Message.user("Hi"),), creativity=3)
    written = write(info, asked)
    assert isinstance(written, TomorrowsRequest)
    assert written.creativity is None
    assert written.adaptation is not None
    assert [(note.field, note.action) for note in written.adaptation.notes] == [("creativity", "dropped")]
    with pytest.raises(UnsupportedFeatureError, match="creativity"):
        write(info, asked.model_copy(update={"on_unsupported": "error"}))


def test_the_reason_a_plugin_gives_for_a_field_ends_the_note() -> None:
    info = ProviderInfo("acme", "Acme", "https://x.example", absent={"seed": "Acme never repeats itself"})
    written = write(info, Request(model="m", messages=(Message.user("Hi"),), seed=3, top_p=0.5))
    assert written.adaptation is not None
    assert [(note.field, note.reason) for note in written.adaptation.notes] == [
        ("seed", "Acme never repeats itself")
    ]
    assert (written.seed, written.top_p) == (None, 0.5)


def test_a_request_whose_fields_are_all_taken_is_passed_on_as_it_is() -> None:
    request = Request(model="m", messages=(Message.user("Hi"),), temperature=0.3)
    info = ProviderInfo("acme", "Acme", "https://x.example", fields=TAKES_TEMPERATURE)
    assert write(info, request) is request


def test_every_field_of_a_request_belongs_to_the_core_or_to_one_version_of_the_api() -> None:
    """A new field goes under the version after the current one: no plugin in use can know it."""
    tables = [CORE_FIELDS, *FIELDS_OF_API.values()]
    assert sorted(name for table in tables for name in table) == sorted(Request.model_fields)


def test_a_newer_version_of_the_api_knows_the_fields_of_the_older_ones() -> None:
    assert fields_of_api(max(FIELDS_OF_API)) >= fields_of_api(1) == FIELDS_OF_API[1]
    assert fields_of_api(0) == frozenset()
