"""What must hold of every route, whatever the catalog and the request."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import Message, ModelCard, ModelyardError, NoRouteError, Request, Runtime, Tool
from modelyard.catalog.card import ModelLimits, PriceStep
from modelyard.catalog.constraints import Constraints, DeploymentTerms
from modelyard.catalog.retention import Region, Retention
from modelyard.routing.needs import Needs, derive_needs
from modelyard.routing.policy import RoutePolicy
from modelyard.testing import ScriptedProvider
from modelyard.types.content import FilePart, ImagePart, Part

DAY = date(2026, 11, 25)
PROVIDERS = ("acme", "other")
STATES = ("supported", "partial", "unsupported", "unknown")
NAMES = (
    "streaming tools parallel_tools forced_tool_choice structured_output json_mode reasoning images files audio "
    "system prefill sampling stop seed"
).split()
ORDERS = ("given", "default", "cheapest", "fastest", "weighted", "least_busy")

capabilities = st.dictionaries(
    st.sampled_from(NAMES),
    st.sampled_from(STATES).map(lambda state: {"state": state, "limits": "some"} if state == "partial" else state),
)
retentions = st.builds(
    Retention,
    default_days=st.sampled_from([None, 0, 30]),
    minimum_days=st.sampled_from([0, 30]),
    trains=st.sampled_from([None, False, True]),
    regions=st.sampled_from([{}, {"eu": Region(base_url="https://eu.invalid")}, {"us": Region(fields={"x": 1})}]),
)
facts = st.fixed_dictionaries(
    {
        "capabilities": capabilities,
        "limits": st.builds(ModelLimits, context_window=st.sampled_from([None, 8, 1000, 100_000])),
        "prices": st.sampled_from([(), (PriceStep(input=1, output=2),), (PriceStep(input=5, output=20),)]),
        "retention": retentions,
        "default_contexts": st.sampled_from([(), ("chat",)]),
    }
)
PARTS: dict[str, str | Part] = {
    "text": "Hello",
    "image": ImagePart(data=b"\x89PNG\r\n\x1a\n"),
    "file": FilePart(data=b"%PDF", media_type="application/pdf"),
    "sound": FilePart(data=b"RIFF", media_type="audio/wav"),
}
TOOL = Tool(name="look")
options = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.just([TOOL]),
        "parallel_tool_calls": st.booleans(),
        "output": st.sampled_from(["json", {"type": "object", "properties": {}}]),
        "reasoning": st.sampled_from(["none", "high"]),
        "temperature": st.just(0.5),
        "seed": st.just(1),
        "stop": st.just(["x"]),
        "system": st.just("Be brief."),
        "on_unsupported": st.sampled_from(["warn", "error", "drop"]),
    },
)
constraints = st.builds(
    Constraints,
    deny=st.sampled_from([(), ("acme:m0",), ("other",)]),
    regions=st.sampled_from([(), ("eu",), ("us", "eu")]),
    max_retention_days=st.sampled_from([None, 0, 30]),
    no_training=st.booleans(),
    max_price=st.sampled_from([None, 2.0]),
    min_window=st.sampled_from([None, 500]),
)
policies = st.builds(
    RoutePolicy, order=st.sampled_from(ORDERS), strict=st.booleans(), constraints=st.tuples(constraints)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Runtime, list[str], list[Message], dict[str, Any], RoutePolicy]:
    drawn = draw(st.lists(facts, min_size=1, max_size=5))
    cards = [
        ModelCard.model_validate({"provider": PROVIDERS[number % 2], "id": f"m{number}", "label": "M", **one})
        for number, one in enumerate(drawn)
    ]
    plugins = [
        ScriptedProvider(name, cards=[card for card in cards if card.provider == name]) for name in PROVIDERS
    ]
    agreed = draw(st.sampled_from([None, 0]))
    runtime = Runtime(
        {"acme": [{"api_key": "a", "weight": 2, "retention_days": agreed}, {"api_key": "b", "region": "eu"}]},
        plugins=plugins,
        today=lambda: DAY,
        catalog_cache=False,
    )
    messages = [Message.user([PARTS[name] for name in draw(st.sets(st.sampled_from(sorted(PARTS)), min_size=1))])]
    asked = draw(options)
    if asked.get("tools"):
        asked["tool_choice"] = draw(st.sampled_from(["auto", "required", "none"]))
    return runtime, draw(st.permutations([card.ref for card in cards])), messages, asked, draw(policies)


def needs_of(messages: list[Message], asked: dict[str, Any]) -> Needs:
    given = {name: value for name, value in asked.items() if name != "system"}
    turns = [Message.system(asked["system"]), *messages] if asked.get("system") else messages
    return derive_needs(Request(model="m", messages=tuple(turns), **given))


@settings(max_examples=80, deadline=None)
@given(cases())
def test_no_deployment_tried_lacks_what_the_request_needs_or_breaks_a_constraint(case: Any) -> None:
    runtime, names, messages, asked, policy = case
    needs = needs_of(messages, asked)
    single = len(names) == 1
    for deployment in runtime.explain(names, messages, route=policy, **asked).deployments:
        card = deployment.card
        for need in needs.capabilities:
            state = card.capability(need).state
            content = need in ("tools", "images", "files", "audio")
            assert state != "unsupported" or (single and not content and not policy.strict)
            assert not policy.strict or state == "supported"
        terms = DeploymentTerms(deployment.region, deployment.retention_days)
        for constraint in policy.constraints:
            assert not list(constraint.card_exclusions(card, DAY, needs.tokens))
            assert not list(constraint.terms_exclusions(card, terms))


@settings(max_examples=50, deadline=None)
@given(cases())
def test_explain_and_execution_never_disagree(case: Any) -> None:
    runtime, names, messages, asked, policy = case
    for _ in range(3):
        foretold = runtime.explain(names, messages, route=policy, **asked)
        told: tuple[Any, ...] | None = None
        try:
            call = runtime._planner.prepare(names, messages, {**asked, "route": policy}, stream=False)
        except NoRouteError as error:
            told = (set(error.candidates), bool(error.hint))
        except ModelyardError:
            told = ()
        else:
            assert [each.key for each in call.deployments] == [each.key for each in foretold.deployments]
        assert told is None or foretold.chosen is None
        assert not told or told == (set(foretold.candidates()), True)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_an_order_is_total_and_stable(case: Any) -> None:
    runtime, names, messages, asked, policy = case
    first = runtime.explain(names, messages, route=policy, **asked)
    again = runtime.explain(names, messages, route=policy, **asked)
    assert [each.key for each in first.deployments] == [each.key for each in again.deployments]
    listed = [step.deployment for step in first.steps]
    everything = runtime.explain(names, "Hi")
    assert sorted(listed) == sorted(step.deployment for step in everything.steps)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_the_smallest_change_names_a_candidate(case: Any) -> None:
    runtime, names, messages, asked, policy = case
    trace = runtime.explain(names, messages, route=policy, **asked)
    change = trace.smallest_change()
    assert change is None if not trace.dropped else any(name in (change or "") for name in names)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_leaves_equals_as_given(order: str) -> None:
    cards = [ModelCard(provider="acme", id=f"m{number}", label="M") for number in range(5)]
    runtime = Runtime(plugins=[ScriptedProvider("acme", cards=cards)], catalog_cache=False)
    names = [f"acme:m{number}" for number in (3, 1, 4, 0, 2)]
    arranged = [candidate.ref for candidate in runtime.explain(names, "Hi", route=order).kept]
    assert arranged == names
