"""Messages and parts: what a caller may write, and what is refused."""

from __future__ import annotations

import base64
import pickle

import pytest
from pydantic import ValidationError

from modelyard import FilePart, ImagePart, Message, ReasoningPart, TextPart, ToolCall, ToolResult
from modelyard.types.content import parse_arguments

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


def test_text_becomes_one_text_part() -> None:
    assert Message(role="user", content="Hi").content == (TextPart(text="Hi"),)
    assert Message.user("Hi") == Message.model_validate({"role": "user", "content": "Hi"})


def test_a_message_never_changes() -> None:
    with pytest.raises(ValidationError):
        Message.user("Hi").role = "system"  # type: ignore[misc]


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="contents"):
        Message.model_validate({"role": "user", "contents": "Hi"})


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("system", ImagePart(url="https://example.com/a.png")),
        ("user", ReasoningPart(text="Hm.")),
        ("user", ToolCall(id="1", name="f")),
        ("tool", TextPart(text="sunny")),
    ],
)
def test_a_part_that_does_not_fit_the_role_is_refused(role: str, part: TextPart) -> None:
    with pytest.raises(ValidationError, match="cannot hold"):
        Message.model_validate({"role": role, "content": [part]})


def test_chat_shaped_dicts_are_understood() -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    call = Message.model_validate(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        }
    )
    assert call.tool_calls[0].arguments == {"city": "Paris"}
    result = Message.model_validate({"role": "tool", "tool_call_id": "c1", "content": "sunny"})
    assert result.content == (ToolResult(tool_call_id="c1", content="sunny"),)
    assert Message.model_validate({"role": "developer", "content": "Be brief."}).role == "system"


def test_a_data_url_is_taken_apart() -> None:
    part = ImagePart(url=f"data:image/png;base64,{base64.b64encode(PNG).decode()}")
    assert (part.data, part.media_type, part.url) == (PNG, "image/png", None)


def test_the_media_type_is_read_from_the_bytes() -> None:
    assert ImagePart(data=PNG).mime == "image/png"
    assert ImagePart(data=b"\xff\xd8\xff\xe0").mime == "image/jpeg"
    assert ImagePart(data=b"RIFF0000WEBP").mime == "image/webp"
    assert FilePart(data=b"%PDF-1.7").mime == "application/pdf"


@pytest.mark.parametrize("fields", [{}, {"data": PNG, "url": "https://example.com/a.png"}])
def test_an_image_has_exactly_one_source(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either data or url"):
        ImagePart.model_validate(fields)


def test_data_given_as_text_must_be_base64() -> None:
    with pytest.raises(ValidationError, match="base64"):
        ImagePart.model_validate({"data": "not base64!"})


def test_validation_errors_do_not_repeat_what_was_said() -> None:
    with pytest.raises(ValidationError) as caught:
        Message.model_validate({"role": "user", "content": [{"type": "text", "text": 1, "more": "a secret wish"}]})
    assert "a secret wish" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ('{"a": 1', None),
        ("[1]", None),
        ('"a"', None),
        ("[" * 100_000, None),
    ],
)
def test_arguments_are_an_object_or_nothing(text: str, arguments: dict[str, int] | None) -> None:
    assert parse_arguments(text) == arguments
    assert ToolCall(id="1", name="f", arguments_text=text).arguments == arguments


def test_both_forms_of_arguments_are_filled_in() -> None:
    assert ToolCall(id="1", name="f", arguments={"ü": 1}).arguments_text == '{"ü": 1}'
    assert ToolCall.model_validate({"id": "1", "name": "f", "arguments": '{"a":2}'}).arguments == {"a": 2}


def test_a_conversation_survives_json_and_pickle() -> None:
    message = Message.user(["Look", ImagePart(data=PNG)])
    assert Message.model_validate_json(message.model_dump_json()) == message
    assert pickle.loads(pickle.dumps(message)) == message
