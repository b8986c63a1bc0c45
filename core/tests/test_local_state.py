"""What is remembered of deployments is bounded: anybody with a key may ask for one."""

from __future__ import annotations

from modelyard import LocalState
from modelyard.health.local_state import IDLE, MOST
from modelyard.testing import FakeClock


async def called(state: LocalState, key: str, *, failed: bool = False) -> None:
    await state.admit(key)
    await state.report(key, "failed" if failed else "ok", latency=0.1)


async def test_any_number_of_deployments_leaves_a_bounded_number_of_records() -> None:
    """A26."""
    state = LocalState(clock=FakeClock())
    for number in range(3 * MOST):
        await called(state, f"acme:m#{number}@")
    assert len(state._windows.known) <= MOST
    assert state.latency(f"acme:m#{3 * MOST - 1}@") == 0.1, "the latest are remembered"


async def test_what_is_well_and_idle_is_forgotten_and_what_is_not_is_kept() -> None:
    clock = FakeClock()
    state = LocalState(clock=clock)
    await called(state, "well")
    await state.admit("failing")
    await state.report("failing", "failed", delay=10 * IDLE)
    await state.admit("under way")
    clock.advance(IDLE + 1)
    await called(state, "new")
    assert set(state._windows.known) == {"failing", "under way", "new"}
    assert state.available_in("failing") > 0
    assert state.in_flight("under way") == 1


async def test_a_flood_of_keys_neither_opens_a_breaker_again_nor_loses_a_request_under_way() -> None:
    state = LocalState(clock=FakeClock())
    await state.admit("under way")
    for _ in range(5):
        await state.admit("failing")
        await state.report("failing", "failed")
    for number in range(3 * MOST):
        await called(state, f"acme:m#{number}@")
    assert state.available_in("failing") == 5.0
    assert state.in_flight("under way") == 1
