"""Cache markers: on any block and on tools, as many and in the order the API takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelyard import FilePart, ImagePart, Message, TextPart, ToolCall, ToolResult, UnsupportedFeatureError
from modelyard.http.session import WireRequest

Write = Callable[..., WireRequest]
MARK = {"type": "ephemeral"}
PNG = b"\x89PNG\r\n\x1a\n0000"


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


def marked(text: str = "a", cache: Any = True) -> TextPart:
    return TextPart(text=text, cache=cache)


def system(*parts: TextPart) -> Message:
    return Message(role="system", content=parts)


def test_a_marker_goes_on_every_kind_of_block(write: Write) -> None:
    parts = (marked(), ImagePart(data=PNG, cache=True), FilePart(data=b"%PDF-1", cache=True))
    content = write([Message(role="user", content=parts)]).body["messages"][0]["content"]
    assert [block["cache_control"] for block in content] == [MARK] * 3


def test_a_marker_goes_on_tools_and_results_and_inside_results(write: Write) -> None:
    tools = [{"name": "now"}, {"name": "then", "cache": "1h"}]
    inner = ToolResult(tool_call_id="toolu_1", content=(marked(), TextPart(text="b")), cache=True)
    call = ToolCall(id="toolu_1", name="now", arguments={})
    body = write([Message.user("Hi"), Message.assistant(call), Message.tool(inner)], tools=tools).body
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, {"type": "ephemeral", "ttl": "1h"}]
    (result,) = body["messages"][2]["content"]
    assert result["cache_control"] == MARK
    assert [block.get("cache_control") for block in result["content"]] == [MARK, None]


def test_marked_instructions_are_blocks_and_others_stay_text(write: Write) -> None:
    body = write([Message.system("Be kind."), system(marked("Be brief.", "1h")), Message.user("Hi")]).body
    assert body["system"] == [
        {"type": "text", "text": "Be kind."},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]
    assert write([Message.system("Be kind."), Message.user("Hi")]).body["system"] == "Be kind."


def test_a_turn_of_the_models_can_be_marked(write: Write) -> None:
    body = write([Message.user("Hi"), Message.assistant(marked("Hello.")), Message.user("Go on")]).body
    assert body["messages"][1]["content"][0]["cache_control"] == MARK


@pytest.mark.parametrize(
    ("cache", "ttl", "noted"),
    [(True, None, []), ("5m", "5m", []), ("1h", "1h", []), ("30m", "1h", ["clamped"]), ("12h", "1h", ["clamped"])],
)
def test_a_lifetime_is_one_of_two(write: Write, cache: Any, ttl: str | None, noted: list[str]) -> None:
    built = write([Message.user([marked(cache=cache)])])
    control = built.body["messages"][0]["content"][0]["cache_control"]
    assert control.get("ttl") == ttl
    assert [action for _, action in notes(built)] == noted


def test_of_too_many_markers_the_last_four_stay(write: Write) -> None:
    history = [system(marked("s")), Message.user([marked(f"u{n}") for n in range(5)])]
    built = write(history, tools=[{"name": "now", "cache": True}])
    assert "cache_control" not in built.body["tools"][0]
    assert "cache_control" not in built.body["system"][0]
    kept = ["cache_control" in block for block in built.body["messages"][0]["content"]]
    assert kept == [False, True, True, True, True]
    assert notes(built) == [("cache", "clamped")]
    with pytest.raises(UnsupportedFeatureError, match="4 markers"):
        write(history, on_unsupported="error")


def test_an_automatic_marker_of_the_callers_counts(write: Write) -> None:
    automatic = {"claude": {"cache_control": MARK}}
    built = write([Message.user([marked(f"u{n}") for n in range(4)])], provider_options=automatic)
    kept = ["cache_control" in block for block in built.body["messages"][0]["content"]]
    assert kept == [False, True, True, True]


def test_a_long_lifetime_after_a_short_one_becomes_short(write: Write) -> None:
    built = write([Message.user([marked("a", "1h"), marked("b", "5m"), marked("c", "1h")])])
    controls = [block["cache_control"]["ttl"] for block in built.body["messages"][0]["content"]]
    assert controls == ["1h", "5m", "5m"]
    assert notes(built) == [("cache", "clamped")]


def test_empty_text_carries_no_marker(write: Write) -> None:
    built = write([Message.user(["a", marked(" ")])])
    assert built.body["messages"][0]["content"] == [{"type": "text", "text": "a"}]
    assert notes(built) == [("cache", "dropped")]
