"""What a routing decision costs: needs, filter and order over 10, 100 and 1,000 deployments."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date

from modelyard import Message, ModelCard, Runtime, Tool
from modelyard.catalog.card import ModelLimits, PriceStep
from modelyard.health.local_state import LocalState
from modelyard.routing.filter_cache import FilterCache
from modelyard.routing.needs import derive_needs
from modelyard.routing.order import RankingInputs
from modelyard.routing.policy import RoutePolicy
from modelyard.routing.router import route
from modelyard.testing import ScriptedProvider
from modelyard.types.request import Request

__all__ = ["BUDGETS", "SIZES", "routing_cost"]

SIZES = (10, 100, 1000)
BUDGETS = {10: 10.0, 100: 60.0, 1000: 400.0}
"""Microseconds for a decision."""
_MODELS = 50
_CAPABILITIES = dict.fromkeys(("streaming", "tools", "system", "structured_output"), "supported")


def routing_cost(rounds: int, order: str = "given") -> dict[int, float]:
    """Microseconds of CPU for one decision by the number of deployments: a request with tools, two constraints."""
    request = Request(
        model="m",
        messages=(Message.system("Be brief."), Message.user("What is the weather in Paris?")),
        tools=(Tool(name="get_weather"),),
    )
    policy = RoutePolicy.make({"order": order, "max_price": 5, "min_window": 1000})
    assert policy is not None
    inputs = RankingInputs(date(2026, 11, 25), LocalState())
    return {size: _of_size(size, request, policy, inputs, rounds) for size in SIZES}


def _of_size(size: int, request: Request, policy: RoutePolicy, inputs: RankingInputs, rounds: int) -> float:
    names, runtime = _pool(size)
    candidates, cache = runtime._planner._finder.find(names), FilterCache()
    assert len(candidates) == size

    def decide() -> None:
        assert route(candidates, derive_needs(request), policy, inputs, cache).kept

    return _median(decide, rounds, repeat=max(2000 // size, 20))


def _pool(size: int) -> tuple[tuple[str, ...], Runtime]:
    """A runtime whose deployments are ``size``: up to 50 models, with as many keys as it takes."""
    models = min(size, _MODELS)
    cards = [
        ModelCard.model_validate(
            {
                "provider": "pool",
                "id": f"m{number}",
                "label": f"M {number}",
                "capabilities": _CAPABILITIES,
                "limits": ModelLimits(context_window=200_000),
                "prices": (PriceStep(input=1 + number % 7, output=5),),
            }
        )
        for number in range(models)
    ]
    keys = [f"key-{number}" for number in range(size // models)]
    runtime = Runtime({"pool": {"api_keys": keys}}, plugins=[ScriptedProvider("pool", cards=cards)])
    return tuple(card.ref for card in cards), runtime


def _median(job: Callable[[], None], rounds: int, *, repeat: int) -> float:
    job()
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(repeat):
            job()
        times.append((time.process_time() - begun) / repeat)
    return statistics.median(times) * 1e6
