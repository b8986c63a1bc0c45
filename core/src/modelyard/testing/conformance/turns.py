"""Conversations: every message, part and mark of a part is on the wire, noted, or refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from modelyard.catalog.capability import CapabilityName
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.fields import REFUSALS, send
from modelyard.testing.conformance.media import PIXEL
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.conformance.samples import SAMPLE_TOOL
from modelyard.types.content import FilePart, ImagePart, Part, RefusalPart, TextPart, ToolCall, ToolResult
from modelyard.types.messages import Message

__all__ = ["TurnCases"]

_FILE: Final = b"%PDF-1.4 zq"
_SAID: Final[Mapping[str, tuple[list[Message], tuple[str, ...]]]] = {
    "several system messages": (
        [
            Message.system("zq first rule"),
            Message.system("zq second rule"),
            Message.user("Hi"),
            Message.assistant("Hello"),
            Message.system("zq third rule"),
            Message.user("Go on"),
        ],
        ("zq first rule", "zq second rule", "zq third rule"),
    ),
    "a refusal of the model's": (
        [
            Message.user("Hi"),
            Message(role="assistant", content=(RefusalPart(text="zq I will not"),)),
            Message.user("Why?"),
        ],
        ("zq I will not",),
    ),
    "several texts in one message": (
        [Message.user([TextPart(text="zq one"), TextPart(text="zq two")])],
        ("zq one", "zq two"),
    ),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """The same conversation with and without a mark on one of its parts."""

    marked: list[Message]
    plain: list[Message]
    options: Mapping[str, Any] = field(default_factory=dict)
    plain_options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[CapabilityName, ...] = ()


def _turn(**marks: Any) -> list[Message]:
    return [Message.user([TextPart(text="Hi", **marks)])]


def _loop(**marks: Any) -> list[Message]:
    call = ToolCall(id="call_zq12", name=SAMPLE_TOOL.name, arguments={"zq_argument": "a"})
    result = ToolResult(tool_call_id=call.id, name=call.name, content="no such place", **marks)
    return [Message.user("Hi"), Message(role="assistant", content=(call,)), Message.tool(result)]


def _image(**marks: Any) -> list[Message]:
    picture = ImagePart.model_validate({"data": PIXEL, "media_type": "image/png", **marks})
    return [Message.user([TextPart(text="What is this?"), picture])]


_TOOLS: Final = {"tools": [SAMPLE_TOOL]}
_MARKS: Final[Mapping[str, Mark]] = {
    "is_error of a tool result": Mark(_loop(is_error=True), _loop(), _TOOLS, _TOOLS, ("tools",)),
    "cache of a text": Mark(_turn(cache=True), _turn()),
    "cache of a system text": Mark(
        [Message(role="system", content=(TextPart(text="Be brief.", cache=True),)), *_turn()],
        [Message.system("Be brief."), *_turn()],
    ),
    "cache of a tool": Mark(
        _turn(), _turn(), {"tools": [SAMPLE_TOOL.model_copy(update={"cache": True})]}, _TOOLS, ("tools",)
    ),
    "cache of a tool result": Mark(_loop(cache=True), _loop(), _TOOLS, _TOOLS, ("tools",)),
    "detail of an image": Mark(_image(detail="low"), _image(), needs=("images",)),
    "cache of an image": Mark(_image(cache=True), _image(), needs=("images",)),
    "name of a speaker": Mark([_turn()[0].model_copy(update={"name": "zq_ada"})], _turn()),
}


class TurnCases:
    """Cases about what a conversation holds."""

    @case
    @pytest.mark.parametrize("what", _SAID)
    async def test_everything_said_is_on_the_wire(self, wire: Bench, what: str) -> None:
        """A turn that is left out is an instruction not followed, or a promise forgotten."""
        messages, said = _SAID[what]
        async with wire.runtime() as runtime:
            for stream in (False, True):
                sent = await send(wire, runtime, messages, stream=stream)
                lost = [text for text in said if not sent.count(text)]
                require(
                    not lost, f"{what}: all is on the wire", f"{lost} is not in the request", "write every message"
                )

    @case
    @pytest.mark.parametrize("what", _MARKS)
    async def test_a_mark_of_a_part_is_sent_or_noted(self, wire: Bench, what: str) -> None:
        """A cache marker left out costs money at every turn; an error told as a success misleads the model."""
        mark = _MARKS[what]
        if not wire.allows(*mark.needs):
            return
        async with wire.runtime() as runtime:
            for stream in (False, True):
                try:
                    plain = await send(wire, runtime, mark.plain, stream=stream, **mark.plain_options)
                    sent = await send(wire, runtime, mark.marked, stream=stream, **mark.options)
                except REFUSALS:
                    return
                require(
                    sent.body != plain.body or sent.new_notes(plain),
                    f"{what} is sent or noted",
                    f"the {'streamed' if stream else 'whole'} request is the same without it, without a note",
                    "write it, say it in the text, or note it with the Reporter",
                )

    @case
    async def test_a_file_is_sent_or_refused(self, served: Bench) -> None:
        """A file that is left out gives an answer about nothing."""
        part: Part = FilePart(data=_FILE, media_type="application/pdf", name="zq.pdf")
        async with served.runtime() as runtime:
            for stream in (False, True):
                try:
                    sent = await send(
                        served, runtime, [Message.user([TextPart(text="Read."), part])], stream=stream
                    )
                except REFUSALS:
                    return
                require(
                    sent.count(base64.b64encode(_FILE).decode()) or sent.count(_FILE.decode()),
                    "a file is on the wire or refused as UnsupportedFeatureError, never left out",
                    f"{served.reference}: its bytes are not in the request",
                    "write the part, or raise UnsupportedFeatureError",
                )
