"""ChatWriter: one writer for the Chat Completions wire; in what a server is unlike others is data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from modelyard import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    TextPart,
    ToolCall,
    UnsupportedFeatureError,
)
from modelyard.provider import (
    ChatQuirks,
    ChatWriter,
    JsonObject,
    ModelCard,
    ReasoningPart,
    RefusalPart,
    Report,
    Reporter,
    ToolResult,
)

CALL = ToolCall(id="c1", name="f", arguments={"a": 1})
RESULT = Message.tool([ToolResult(tool_call_id="c1", name="f", content=(TextPart(text="4"),))])


def write(messages: Sequence[Message], *, card: ModelCard | None = None, **quirks: Any) -> list[JsonObject]:
    return reported(messages, card=card, **quirks)[0]


def reported(
    messages: Sequence[Message], *, card: ModelCard | None = None, **quirks: Any
) -> tuple[list[JsonObject], Report | None]:
    reporter = Reporter("drop", "acme:one")
    writer = ChatWriter(ChatQuirks("Acme", **quirks), card or ModelCard.unknown("acme", "one"), reporter)
    return writer.write(messages), reporter.report()


def assistant(*parts: Any) -> Message:
    return Message(role="assistant", content=parts)


def test_a_conversation_is_written_with_one_message_for_each_result() -> None:
    second = CALL.model_copy(update={"id": "c2"})
    results = Message.tool(
        [
            ToolResult(tool_call_id="c1", name="f", content=(TextPart(text="4"),)),
            ToolResult(tool_call_id="c2", name="f", content=(TextPart(text="5"),)),
        ]
    )
    wire = write([Message.system("Be brief."), Message.user("2+2?"), assistant(CALL, second), results])
    assert [message["role"] for message in wire] == ["system", "user", "assistant", "tool", "tool"]
    assert wire[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert wire[4] == {"role": "tool", "tool_call_id": "c2", "content": "5"}


@pytest.mark.parametrize(
    ("beside", "content"), [("absent", "left out"), ("null", None), ("empty", "")], ids=["absent", "null", "empty"]
)
def test_what_stands_beside_calls_is_a_quirk(beside: str, content: object) -> None:
    wire = write([Message.user("Hi"), assistant(CALL), RESULT], beside_calls=beside)
    assert wire[1].get("content", "left out") == content


def test_reasoning_goes_back_in_the_field_of_the_server_or_is_dropped_with_a_note() -> None:
    turn = assistant(ReasoningPart(text="Hm. "), ReasoningPart(text="Yes."), TextPart(text="Four."))
    messages = [Message.user("2+2?"), turn, Message.user("Sure?")]
    assert write(messages, reasoning_field="reasoning_content")[1] == {
        "role": "assistant",
        "reasoning_content": "Hm. Yes.",
        "content": "Four.",
    }
    wire, report = reported(messages)
    assert wire[1] == {"role": "assistant", "content": "Four."}
    assert report is not None
    assert [note.action for note in report.about("messages")] == ["dropped"]


def test_servers_that_take_one_system_message_and_want_turns_to_alternate_get_neighbours_as_one() -> None:
    image = ImagePart(data=b"x", media_type="image/png")
    messages = [
        Message.system("Be brief."),
        Message.system("Be kind."),
        Message.user("Hello."),
        Message(role="user", content=(TextPart(text="See:"), image)),
    ]
    system, user = write(messages, merged=frozenset({"system", "user"}))
    assert system["content"] == "Be brief.\n\nBe kind."
    assert [part["type"] for part in user["content"]] == ["text", "text", "image_url"]
    assert len(write(messages)) == 4


def test_results_of_tools_never_become_one() -> None:
    turn = assistant(CALL, CALL.model_copy(update={"id": "c2"}))
    results = Message.tool([ToolResult(tool_call_id="c1", name="f"), ToolResult(tool_call_id="c2", name="f")])
    assert len(write([Message.user("Hi"), turn, results], merged=frozenset({"user", "tool"}))) == 4


def test_a_system_message_where_the_server_takes_none_is_said_as_the_users() -> None:
    messages = [Message.user("Hi"), Message.assistant("Hello"), Message.system("Be brief."), Message.user("Go on")]
    wire, report = reported(messages, system_after=frozenset({"system", "user"}))
    assert [message["role"] for message in wire] == ["user", "assistant", "user", "user"]
    assert report is not None
    assert [message["role"] for message in write(messages)] == ["user", "assistant", "system", "user"]


@pytest.mark.parametrize(("prefill", "last"), [("sent", {}), ("prefix", {"prefix": True})])
def test_an_answer_to_be_continued_is_sent_or_marked(prefill: str, last: JsonObject) -> None:
    wire = write([Message.user("Hi"), Message.assistant("He")], prefill=prefill)
    assert wire[-1] == {"role": "assistant", "content": "He", **last}


def test_content_that_cannot_be_sent_is_refused_and_never_left_out() -> None:
    with pytest.raises(UnsupportedFeatureError, match="does not take files"):
        write([Message(role="user", content=(FilePart(data=b"x", media_type="application/pdf"),))])
    image = ImagePart(data=b"x", media_type="image/png")
    with pytest.raises(UnsupportedFeatureError, match="does not take images"):
        write([Message(role="user", content=(TextPart(text="See"), image))], list_content=False)
    with pytest.raises(UnsupportedFeatureError, match="to be continued"):
        write([Message.user("Hi"), Message.assistant("He")])


def test_a_server_of_plain_text_gets_the_parts_of_a_turn_as_one_text() -> None:
    parts = (TextPart(text="a"), TextPart(text="b"))
    assert write([Message(role="user", content=parts)], list_content=False)[0]["content"] == "ab"
    assert len(write([Message(role="user", content=parts)])[0]["content"]) == 2


def test_files_of_results_follow_once_all_results_stand_together() -> None:
    image = ImagePart(data=b"x", media_type="image/png")
    results = Message.tool(
        [ToolResult(tool_call_id="c1", name="f", content=(image,)), ToolResult(tool_call_id="c2", name="f")]
    )
    turn = assistant(CALL, CALL.model_copy(update={"id": "c2"}))
    wire = write([Message.user("Hi"), turn, results], tool_names=True)
    assert [message["role"] for message in wire] == ["user", "assistant", "tool", "tool", "user"]
    assert (wire[2]["content"], wire[2]["name"]) == ("The files follow.", "f")


def test_a_refusal_stands_in_its_field_or_as_text() -> None:
    messages = [Message.user("Hi"), assistant(RefusalPart(text="No.")), Message.user("Why?")]
    assert write(messages, refusals=True)[1] == {"role": "assistant", "refusal": "No."}
    assert write(messages)[1] == {"role": "assistant", "content": "No."}


def test_a_turn_that_holds_nothing_is_dropped_with_a_note_or_sent_empty() -> None:
    messages = [Message.user("Hi"), assistant(TextPart(text="")), Message.user("Well?")]
    wire, report = reported(messages)
    assert len(wire) == 2
    assert report is not None
    assert write(messages, empty_turns=True)[1] == {"role": "assistant", "content": ""}


def test_names_and_cache_markers_are_dropped_once_where_a_server_knows_none() -> None:
    said = Message(role="user", name="ada", content=(TextPart(text="Hi", cache=True),))
    wire, report = reported([said, said])
    assert wire == [{"role": "user", "content": "Hi"}] * 2
    assert report is not None
    assert [note.field for note in report.notes] == ["name", "cache"]
    assert write([said], names=True)[0]["name"] == "ada"


def test_a_conversation_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="nothing that Acme can read"):
        write([assistant(ReasoningPart(text="Hm."))])
