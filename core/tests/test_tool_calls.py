"""Tool-call fragments, in every form servers are known to send them (gauntlet rows A19 to A22, A02, A03)."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard import Event, ToolCall
from modelyard.streaming.collect import collect
from modelyard.streaming.tool_calls import ToolCallTracker, make_call_id
from modelyard.types.events import Done

Fragment = tuple[int | None, str | None, str | None, Any]


def calls(fragments: list[Fragment], *, cut_off: bool = False) -> tuple[ToolCall, ...]:
    events: list[Event] = []
    tracker = ToolCallTracker()
    tracker.seed = "resp_1"
    for index, wire_id, name, arguments in fragments:
        tracker.fragment(events.append, index=index, wire_id=wire_id, name=name, arguments=arguments)
    tracker.end_all(events.append, cut_off=cut_off)
    return collect([*events, Done("tool_calls")], provider="acme", model="one").tool_calls


FORMS: dict[str, list[Fragment]] = {
    "by index": [(0, "a", "f", ""), (1, "b", "g", ""), (0, None, None, '{"x":1}'), (1, None, None, '{"y":2}')],
    "gaps in the index": [(3, "a", "f", '{"x":'), (7, "b", "g", '{"y":2}'), (3, None, None, "1}")],
    "index always 0": [(0, "a", "f", '{"x":1}'), (0, "b", "g", '{"y":2}')],
    "no index, id once": [(None, "a", "f", '{"x":'), (None, None, None, "1}"), (None, "b", "g", '{"y":2}')],
    "id and name in every fragment": [
        (0, "a", "f", '{"x":'),
        (0, "a", "f", "1}"),
        (1, "b", "g", '{"y":'),
        (1, "b", "g", "2}"),
    ],
    "whole calls with objects": [(0, "a", "f", {"x": 1}), (1, "b", "g", {"y": 2})],
}


@pytest.mark.parametrize("fragments", FORMS.values(), ids=FORMS)
def test_two_calls_stay_two_calls(fragments: list[Fragment]) -> None:
    assert [(call.id, call.name, call.arguments) for call in calls(fragments)] == [
        ("a", "f", {"x": 1}),
        ("b", "g", {"y": 2}),
    ]


def test_without_ids_each_call_gets_its_own() -> None:
    first, second = calls([(None, None, "f", '{"x":1}'), (None, None, "f", '{"x":2}')])
    assert first.id != second.id
    assert [first.arguments, second.arguments] == [{"x": 1}, {"x": 2}]


def test_ids_made_up_are_stable_in_a_turn_and_differ_between_turns() -> None:
    assert make_call_id("resp_1", 0) == make_call_id("resp_1", 0)
    assert len({make_call_id(seed, place) for seed in ("resp_1", "resp_2", None) for place in range(3)}) == 9


def test_text_that_is_json_early_does_not_end_the_call() -> None:
    (call,) = calls([(0, "a", "f", "{}"), (0, None, None, " ")])
    assert call.arguments == {}
    (call,) = calls([(0, "a", "f", "12"), (0, None, None, "3")])
    assert (call.arguments, call.arguments_text) == (None, "123")


def test_a_call_cut_off_has_no_arguments() -> None:
    (call,) = calls([(0, "a", "f", '{"x": 1, "y')], cut_off=True)
    assert (call.arguments, call.arguments_text) == (None, '{"x": 1, "y')


def test_a_call_cut_off_before_its_arguments_is_no_call_without_arguments() -> None:
    whole, cut = calls([(0, "a", "f", ""), (1, "b", "g", "")], cut_off=True)
    assert whole.arguments == {}
    assert cut.arguments is None


def test_a_stray_fragment_is_ignored() -> None:
    assert calls([(0, None, None, "{}")]) == ()
