"""Control characters in what others say, on screens and in logs."""

from __future__ import annotations

import logging

import pytest

from modelyard import Runtime
from modelyard.log import logger
from modelyard.observe.logs import LogObserver
from modelyard.testing import Script, ScriptedProvider
from modelyard.visible import one_line, visible


def test_fault_a33_every_control_character_but_line_feed_and_tab_is_shown() -> None:
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        character = chr(number)
        kept = character in "\n\t"
        assert visible(f"a{character}b") == (
            "a%sb" % (character if kept else f"\\x{number:02x}" if character != "\r" else r"\r")
        )


def test_text_of_any_language_is_left_alone() -> None:
    text = "Grüße, 世界, שלום, 👩‍👩‍👧, e\u0301, a\u00a0b\n\tc"
    assert visible(text) == text


def test_a_line_may_end_as_on_windows() -> None:
    assert visible("a\r\nb\rc") == "a\nb\\rc"


@pytest.mark.parametrize("character", ["\u202a", "\u202e", "\u2066", "\u2069", "\ud83d"])
def test_what_turns_text_around_or_cannot_be_written_is_shown(character: str) -> None:
    assert visible(character) == ascii(character)[1:-1]


def test_a_log_record_is_one_line() -> None:
    assert one_line("a\r\nb\u2028c\x85d\te") == r"a\r\nb\u2028c\x85d\te"


def test_warnings_show_what_a_provider_wrote_as_text(caplog: pytest.LogCaptureFixture) -> None:
    logger("test").warning("%s said %s after %.1f s", "acme", "\x1b]52;c;x\x07\nWARNING forged", 1.25)
    assert caplog.messages == [r"acme said \x1b]52;c;x\x07\nWARNING forged after 1.2 s"]
    assert caplog.records[0].funcName == "test_warnings_show_what_a_provider_wrote_as_text"


async def test_records_of_calls_hold_control_characters_as_data_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "modelyard.calls")
    provider = ScriptedProvider("acme", default=Script().say("ok"))
    async with Runtime(plugins=[provider], hooks=[LogObserver()]) as runtime:
        await runtime.complete("acme:m\x1b[2J\nx", "hi")
    assert [record.getMessage() for record in caplog.records if not record.getMessage().isprintable()] == []
    assert any(r"acme:m\x1b[2J\nx" in message for message in caplog.messages)
