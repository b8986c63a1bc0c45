"""Routing: the right model for a stated reason, and a wrong one refused before the network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from modelyard import (
    ConfigurationError,
    Message,
    ModelCard,
    NoRouteError,
    ProviderInfo,
    RoutePolicy,
    Runtime,
    Tool,
    UnsupportedFeatureError,
    hookimpl,
)
from modelyard.catalog.card import Lifecycle, ModelLimits, PriceStep
from modelyard.catalog.retention import Region, Retention
from modelyard.deployments.candidates import Candidate
from modelyard.routing.needs import Needs
from modelyard.testing import Script, ScriptedProvider
from modelyard.types.content import ImagePart

PICTURE = Message.user(["What is this?", ImagePart(data=b"\x89PNG\r\n\x1a\n")])
DAY = date(2026, 11, 25)


def card(provider: str, model: str, **facts: Any) -> ModelCard:
    stated = {"tools": "supported", "images": "supported", "streaming": "supported", "system": "supported"}
    capabilities = {**stated, **facts.pop("capabilities", {})}
    return ModelCard.model_validate(
        {"provider": provider, "id": model, "label": model.title(), "capabilities": capabilities, **facts}
    )


class Provider(ScriptedProvider):
    """A scripted provider that needs a key, so that pools and missing keys can be tried."""

    @hookimpl
    def modelyard_provider(self) -> ProviderInfo:
        name = self.provider
        return ProviderInfo(name, name.title(), f"https://{name}.invalid", (f"{name.upper()}_API_KEY",))


def runtime(*cards: ModelCard, keys: Sequence[str] = ("one", "two"), **arguments: Any) -> Runtime:
    """A runtime of scripted providers, one for each provider of the cards; those in ``keys`` have a key."""
    names = dict.fromkeys(entry.provider for entry in cards)
    plugins = [Provider(name, cards=[entry for entry in cards if entry.provider == name]) for name in names]
    settings = {name: {"api_key": f"key-of-{name}"} for name in keys}
    arguments.setdefault("today", lambda: DAY)
    return Runtime({**settings, **arguments.pop("providers", {})}, plugins=plugins, **arguments)


SEEING = card("one", "seeing", default_contexts=("chat",))
BLIND = card("two", "blind", capabilities={"images": "unsupported", "tools": "unsupported"})
UNSURE = card("two", "unsure", capabilities={"images": "unknown"})


async def test_d09_a_fallback_target_that_cannot_take_images_is_excluded() -> None:
    made = Provider("one", [Script().fail("overloaded")], cards=[SEEING])
    blind = Provider("two", cards=[BLIND])
    settings = {"one": {"api_key": "a"}, "two": {"api_key": "b"}}
    async with Runtime(settings, plugins=[made, blind], fallback="before_output", max_attempts=1) as running:
        route = running.explain(["one:seeing", "two:blind"], [PICTURE])
        assert route.candidates() == (("two:blind", "its card says images is unsupported"),)
        with pytest.raises(Exception, match="overloaded|script"):
            await running.complete(["one:seeing", "two:blind"], [PICTURE])
    assert blind.requests == []


@pytest.mark.parametrize(
    ("messages", "options", "need"),
    [
        ([PICTURE], {}, "images"),
        ("Hi", {"tools": [Tool(name="look")]}, "tools"),
    ],
)
def test_a_named_model_that_would_lose_content_is_refused_before_the_network(
    messages: Any, options: Any, need: str
) -> None:
    running = runtime(SEEING, BLIND)
    with pytest.raises(UnsupportedFeatureError, match=f"two:blind cannot serve.*{need}") as caught:
        running.stream("two:blind", messages, **options)
    assert caught.value.feature == need
    assert running.explain("two:blind", messages, **options).chosen is None


async def test_the_record_holds_the_candidates_of_a_route_and_none_where_nothing_was_decided() -> None:
    async with runtime(SEEING, BLIND) as running:
        routed = await running.complete(["two:blind", "one:seeing"], [PICTURE])
        assert routed.record.candidates == (
            ("one:seeing", "as given"),
            ("two:blind", "its card says images is unsupported"),
        )
        assert (await running.complete("one:seeing", "Hi")).record.candidates == ()


async def test_a_named_model_may_miss_what_can_be_left_out() -> None:
    plain = card("one", "plain", capabilities={"sampling": "unsupported", "reasoning": "unsupported"})
    async with runtime(plain) as running:
        assert (await running.complete("one:plain", "Hi", temperature=1, reasoning="high")).text


def test_a_list_is_filtered_by_everything_the_request_needs() -> None:
    plain = card("two", "plain", capabilities={"reasoning": "unsupported"})
    running = runtime(SEEING, plain)
    route = running.explain(["two:plain", "one:seeing"], "Hi", reasoning="high")
    assert route.chosen == "one:seeing"
    assert route.candidates() == (("two:plain", "its card says reasoning is unsupported"),)


def test_wishes_are_needs_only_when_they_may_not_be_dropped() -> None:
    plain = card("two", "plain", capabilities={"sampling": "unsupported", "seed": "unsupported"})
    running = runtime(SEEING, plain)
    names = ["two:plain", "one:seeing"]
    assert running.explain(names, "Hi", temperature=0.5, seed=1).chosen == "two:plain"
    assert running.explain(names, "Hi", temperature=0.5, on_unsupported="error").chosen == "one:seeing"


def test_strict_wants_supported_and_lenient_anything_but_unsupported() -> None:
    running = runtime(SEEING, UNSURE)
    names = ["two:unsure", "one:seeing"]
    assert running.explain(names, [PICTURE]).chosen == "two:unsure"
    assert running.explain(names, [PICTURE], route={"strict": True}).chosen == "one:seeing"


def test_no_route_names_every_candidate_and_the_smallest_change() -> None:
    running = runtime(BLIND, UNSURE)
    with pytest.raises(NoRouteError) as caught:
        running.stream(["two:blind", "two:unsure", "one:gone"], [PICTURE], route={"deny": ["two:unsure"]})
    reasons = dict(caught.value.candidates)
    assert set(reasons) == {"two:blind", "two:unsure", "one:gone"}
    assert "two:unsure is denied" in str(caught.value) or "it is denied" in str(caught.value)
    assert "The smallest change that gives a route" in str(caught.value)


def test_of_two_bounds_the_one_that_must_move_less_is_the_smallest_change() -> None:
    running = runtime(*PRICED)
    with pytest.raises(NoRouteError, match=r"raise max_price to 1 \(then two:cheap can serve it\)"):
        running.stream(["one:dear", "two:cheap"], "Hi", route={"max_price": 0.5})


def test_a_provider_without_a_key_is_a_candidate_with_a_reason() -> None:
    running = runtime(SEEING, UNSURE, keys=["one"])
    route = running.explain(["two:unsure", "one:seeing"], "Hi")
    assert route.chosen == "one:seeing"
    assert route.candidates() == (("two:unsure", "No API key was found for Two"),)
    assert "TWO_API_KEY" in (route.steps[1].fix or "")


PRICED = (
    card("one", "dear", prices=[PriceStep(input=10, output=50)]),
    card("two", "cheap", prices=[PriceStep(input=1, output=5)], limits=ModelLimits(context_window=1000)),
    card("two", "unpriced"),
)


def test_the_cheapest_for_the_estimated_tokens_goes_first_and_the_unpriced_last() -> None:
    running = runtime(*PRICED)
    route = running.explain(["two:unpriced", "one:dear", "two:cheap"], "Hi", route="cheapest")
    assert [candidate.ref for candidate in route.kept] == ["two:cheap", "one:dear", "two:unpriced"]
    assert "$" in route.steps[0].reason


@pytest.mark.parametrize(
    ("constraints", "chosen"),
    [
        ({"max_price": 2}, "two:cheap"),
        ({"deny": "two"}, "one:dear"),
        ({"deny": ["two:che*"], "max_price": 100}, "one:dear"),
        ({"allow": ["two:cheap"]}, "two:cheap"),
        ({"min_window": 1000}, "two:cheap"),
        ({"min_window": 1001}, None),
        ({"max_price": 0.5}, None),
        ({"max_output_price": 5}, "two:cheap"),
    ],
)
def test_constraints_hold_and_what_is_not_known_meets_none(constraints: Any, chosen: str | None) -> None:
    running = runtime(*PRICED)
    assert running.explain(["one:dear", "two:cheap", "two:unpriced"], "Hi", route=constraints).chosen == chosen


def test_a_policy_that_comes_again_is_filtered_once_and_follows_the_size_of_the_prompt() -> None:
    steps = [PriceStep(input=1, output=2), PriceStep(input=9, output=2, above_input_tokens=1000)]
    running = runtime(
        card("one", "tiered", prices=steps), card("two", "flat", prices=[PriceStep(input=2, output=2)])
    )
    names, policy = ["one:tiered", "two:flat"], RoutePolicy.make({"max_price": 5})
    for _ in range(2):
        assert len(running.explain(names, "Hi", route=policy).deployments) == 2
        assert running.explain(names, "word " * 2000, route=policy).candidates() == (
            ("one:tiered", "its input price is $9, at most $5 is allowed"),
        )
    assert running.explain(names, "Hi", route="cheapest").chosen == "one:tiered"
    assert running.explain(names, "word " * 2000, route="cheapest").chosen == "two:flat"


def test_constraints_of_the_runtime_hold_for_every_call() -> None:
    running = runtime(*PRICED, route={"max_price": 2})
    assert running.explain(["one:dear", "two:cheap"], "Hi", route="given").chosen == "two:cheap"
    with pytest.raises(NoRouteError, match=r"its input price is \$10, at most \$2 is allowed"):
        running.stream("one:dear", "Hi")


KEPT = Retention(default_days=30, zero_retention="by_contract", trains=False)
EUROPEAN = card(
    "one", "near", retention=KEPT.model_copy(update={"regions": {"eu": Region(base_url="https://eu.one.invalid")}})
)
FIELDED = card(
    "two",
    "fielded",
    retention=KEPT.model_copy(
        update={"minimum_days": 30, "regions": {"us": Region(fields={"inference_geo": "us"})}}
    ),
)


async def test_a_regional_endpoint_is_taken_when_a_region_is_demanded() -> None:
    plugin = Provider("one", cards=[EUROPEAN])
    async with Runtime({"one": {"api_key": "k"}}, plugins=[plugin]) as running:
        await running.complete("one:near", "Hi", route={"regions": ["eu"]})
        assert plugin.sessions[0].settings.base_url == "https://eu.one.invalid"
        await running.complete("one:near", "Hi")
        assert plugin.sessions[1].settings.base_url is None
        with pytest.raises(NoRouteError, match="not known to be served, not in us"):
            await running.complete("one:near", "Hi", route={"regions": ["us"]})


async def test_a_region_that_is_a_field_of_the_request_is_sent() -> None:
    plugin = Provider("two", cards=[FIELDED])
    async with Runtime({"two": {"api_key": "k"}}, plugins=[plugin]) as running:
        await running.complete("two:fielded", "Hi", route={"regions": ["us"]}, provider_options={"two": {"x": 1}})
    assert plugin.requests[0].options_for("two") == {"x": 1, "inference_geo": "us"}


def test_a_base_url_of_the_hosts_own_is_left_alone_and_its_region_believed() -> None:
    own = {"one": {"api_key": "k", "base_url": "https://gateway.invalid"}}
    route = {"regions": ["eu"]}
    assert runtime(EUROPEAN, providers=own).explain("one:near", "Hi", route=route).chosen is None
    known = {"one": {"api_key": "k", "base_url": "https://eu.one.invalid/v1"}}
    assert runtime(EUROPEAN, providers=known).explain("one:near", "Hi", route=route).steps[0].region == "eu"
    stated = {"one": {"api_key": "k", "base_url": "https://gateway.invalid", "region": "EU"}}
    assert runtime(EUROPEAN, providers=stated).explain("one:near", "Hi", route=route).chosen == "one:near"


def test_a_key_alone_is_no_change_that_gives_a_route_where_a_constraint_would_still_be_broken() -> None:
    running = runtime(EUROPEAN, FIELDED, keys=["two"])
    trace = running.explain(["one:near", "two:fielded"], "Hi", route={"regions": ["eu"], "zero_retention": True})
    assert dict(trace.candidates())["one:near"] == (
        "No API key was found for One; content is kept for 30 days, at most 0 is allowed"
    )
    assert "ONE_API_KEY" in (trace.smallest_change() or "")
    assert "retention_days" in (trace.smallest_change() or "")


def test_zero_retention_needs_a_contract_that_the_card_allows() -> None:
    asked = {"zero_retention": True}
    with pytest.raises(NoRouteError, match="content is kept for 30 days, at most 0 is allowed.*retention_days"):
        runtime(EUROPEAN).stream("one:near", "Hi", route=asked)
    agreed = {name: {"api_key": "k", "retention_days": 0} for name in ("one", "two")}
    running = runtime(EUROPEAN, FIELDED, providers=agreed)
    assert running.explain("one:near", "Hi", route=asked).chosen == "one:near"
    assert running.explain("two:fielded", "Hi", route=asked).chosen is None
    assert running.explain("two:fielded", "Hi", route={"max_retention_days": 30}).chosen == "two:fielded"


POOL = {"one": [{"api_key": "k1", "weight": 3}, {"api_key": "k2", "weight": 1}]}


def test_a_pool_has_a_deployment_for_each_key_and_endpoint() -> None:
    route = runtime(SEEING, providers=POOL).explain("one:seeing", "Hi")
    assert [step.deployment for step in route.steps] == ["one:seeing", "one:seeing"]
    assert len({deployment.key for deployment in route.deployments}) == 2
    keys = runtime(SEEING, providers={"one": {"api_keys": ["k1", " ", "k2", "k1"]}})
    assert len(keys.explain("one:seeing", "Hi").deployments) == 2


async def test_a_weighted_pool_is_used_by_its_weights() -> None:
    plugin = Provider("one", cards=[SEEING])
    async with Runtime(POOL, plugins=[plugin], route="weighted") as running:
        shares: dict[str, int] = {}
        for _ in range(100):
            foretold = running.explain("one:seeing", "Hi").deployments[0].key
            call = running._planner.prepare("one:seeing", "Hi", {}, stream=False)
            assert call.deployments[0].key == foretold
            shares[foretold] = shares.get(foretold, 0) + 1
    assert abs(min(shares.values()) - 25) <= 1


def test_a_function_of_the_host_may_order_a_route() -> None:
    def backwards(candidates: Sequence[Candidate], needs: Needs) -> list[Candidate]:
        assert needs.capabilities == ("images",)
        return list(reversed(candidates))

    running = runtime(SEEING, UNSURE)
    assert running.explain(["one:seeing", "two:unsure"], [PICTURE], route=backwards).chosen == "two:unsure"
    by_name = running.explain(["one:seeing", "two:unsure"], "Hi", route=lambda *_: ["two:unsure"])
    assert [candidate.ref for candidate in by_name.kept] == ["two:unsure", "one:seeing"]
    with pytest.raises(ConfigurationError, match="which is no candidate left"):
        running.explain("one:seeing", "Hi", route=lambda *_: ["two:gone"])


def test_patterns_stand_for_every_model_that_matches() -> None:
    old = card("one", "old", lifecycle=Lifecycle(retires=date(2026, 11, 1), replacement="seeing"))
    running = runtime(SEEING, UNSURE, BLIND, old)
    route = running.explain("*", [PICTURE])
    assert [candidate.ref for candidate in route.kept] == ["one:seeing", "two:unsure"]
    assert dict(route.candidates())["one:old"].startswith("it was retired on 2026-11-01; use one:seeing")
    assert running.explain("two:un*", "Hi").chosen == "two:unsure"
    assert running.explain(None, "Hi", route={"models": ["two:*"]}).chosen == "two:unsure"


def test_one_credential_is_never_shown_to_two_providers() -> None:
    running = runtime(SEEING, UNSURE, keys=[])
    with pytest.raises(ConfigurationError, match="models of several providers: one, two"):
        running.explain(["one:seeing", "two:unsure"], "Hi", credential="secret")
    route = running.explain(["one:seeing", "two:unsure"], "Hi", credential={"one": "a", "two": "b"})
    assert len(route.deployments) == 2
    assert "secret" not in json.dumps(route.to_dict()) + str(route)


def test_a_trace_is_readable_and_json() -> None:
    running = runtime(SEEING, BLIND)
    route = running.explain(["two:blind", "one:seeing"], [PICTURE])
    assert str(route).splitlines()[1].strip() == "1. one:seeing: as given"
    described = json.loads(json.dumps(route.to_dict()))
    assert described["chosen"] == "one:seeing"
    assert described["candidates"][1]["reason"] == "its card says images is unsupported"
    assert described["candidates"][0]["credential"].startswith("the api_key setting (")


def test_alternatives_are_the_other_models_that_could_serve_the_same_request() -> None:
    running = runtime(SEEING, UNSURE, BLIND)
    call = running._planner.prepare("two:unsure", [PICTURE], {}, stream=False)
    assert call.trace is None
    assert call.alternatives() == ("one:seeing", "two:unsure")


@pytest.mark.parametrize(
    "route", ["cheepest", {"ordr": "given"}, {"regoins": ["eu"]}, {"max_price": -1}, 3, {"weights": {"one": "x"}}]
)
def test_a_bad_route_is_named(route: Any) -> None:
    with pytest.raises(ConfigurationError):
        runtime(SEEING).explain("one:seeing", "Hi", route=route)
