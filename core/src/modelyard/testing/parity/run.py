"""Running the criteria over the emulators: every provider, every model card."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from modelyard.catalog.card import ModelCard
from modelyard.errors import ModelyardError
from modelyard.runtime import Runtime
from modelyard.testing.dialect import load_dialects
from modelyard.testing.emulator import Emulator
from modelyard.testing.parity.bench import Bench, Shortfall
from modelyard.testing.parity.criteria import CRITERIA, Criterion

__all__ = ["judge", "measure"]


async def measure() -> dict[str, dict[str, str]]:
    """For each model reference the cell of each criterion: ``yes``, or ``no: why``, or ``partly: why``."""
    async with _emulated() as (runtime, emulators):
        cards = [card for card in runtime.catalog if card.provider in emulators]
        return {
            card.ref: {one.id: await judge(one, Bench(runtime, emulators, card)) for one in CRITERIA}
            for card in cards
        }


@asynccontextmanager
async def _emulated() -> AsyncIterator[tuple[Runtime, dict[str, Emulator]]]:
    with ExitStack() as stack:
        emulators = {
            provider: stack.enter_context(Emulator(dialect))
            for provider, dialect in sorted(load_dialects().items())
        }
        providers = {provider: emulator.settings() for provider, emulator in emulators.items()}
        async with Runtime(providers, max_attempts=1) as runtime:
            yield runtime, emulators


async def judge(criterion: Criterion, bench: Bench) -> str:
    """Judge whether a criterion holds for a model: ``yes``, or ``no: why``, or ``partly: why``."""
    ruled_out = _ruled_out(criterion, bench.card)
    if ruled_out is not None:
        return f"no: {ruled_out}"
    for emulator in bench.emulators.values():
        emulator.scripts.clear()
    try:
        await criterion.check(bench)
    except Shortfall as shortfall:
        return f"{'partly' if shortfall.partly else 'no'}: {_sentence(str(shortfall))}"
    except ModelyardError as error:
        return f"no: {_sentence(error.message)}"
    return "yes"


def _ruled_out(criterion: Criterion, card: ModelCard) -> str | None:
    for name in criterion.needs:
        capability = card.capability(name)
        if capability.state == "unsupported":
            return _sentence(capability.limits or f"the model has no {name.replace('_', ' ')}")
    return None


def _sentence(reason: str) -> str:
    return " ".join(reason.split()).rstrip(".").replace("|", "/")
