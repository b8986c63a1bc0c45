"""What is wrong with a request is said before anything is sent, in words that name the argument."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard import InvalidRequestError, Message, Tool
from modelyard.types.request import Request, build_request


def build(messages: Any = "Hi", system: str | None = None, **fields: Any) -> Request:
    return build_request("acme", "one", messages, system, fields)


def test_text_is_one_user_turn_and_system_comes_first() -> None:
    request = build("Hi", system="Be brief.")
    assert [message.role for message in request.messages] == ["system", "user"]


def test_messages_may_be_mixed_dicts_and_objects() -> None:
    request = build(
        [{"role": "user", "content": "Hi"}, Message.assistant("Hello"), {"role": "user", "content": "?"}]
    )
    assert [message.text for message in request.messages] == ["Hi", "Hello", "?"]


def test_message_objects_are_shared_and_not_copied() -> None:
    message = Message.user("Hi")
    assert build([message]).messages[0] is message


def test_zero_and_empty_are_values_and_none_is_absence() -> None:
    request = build(temperature=0, max_output_tokens=0, stop=[], seed=0, top_p=None)
    assert (request.temperature, request.max_output_tokens, request.stop, request.seed) == (0, 0, (), 0)
    assert request.top_p is None


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "there are no messages"),
        ("", "there are no messages"),
        ([{"role": "system", "content": "Be brief."}], "only system messages"),
        ([{"role": "usr", "content": "Hi"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "txt"}]}], "messages[0].content[0]"),
        (42, "messages"),
    ],
)
def test_bad_messages_are_named(messages: Any, complaint: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build(messages)
    assert complaint in str(caught.value)
    assert caught.value.status is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_output_tokens": -5}, "max_output_tokens"),
        ({"on_unsupported": "ignore"}, "on_unsupported"),
        ({"tools": [{"name": "f", "parameters": {"type": "banana"}}]}, "tools[0].parameters"),
        ({"tools": [{"name": "f"}, {"name": "f"}]}, "two tools are named 'f'"),
        ({"tools": [{"name": "get_weather"}], "tool_choice": "get_wether"}, "Did you mean 'get_weather'?"),
        ({"tool_choice": "get_weather"}, "which is no tool of the request"),
    ],
)
def test_bad_options_are_named(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build(**fields)
    assert complaint in str(caught.value)


def test_provider_options_are_found_under_the_vendor_name_too() -> None:
    request = build(provider_options={"anthropic": {"speed": "fast"}})
    assert request.options_for("claude") == {"speed": "fast"}
    assert request.options_for("openai") == {}


def test_a_request_is_not_changed_by_what_it_was_made_of() -> None:
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    history = [Message.user("Hi")]
    request = build(history, tools=[Tool(name="f", parameters=parameters)])
    history.append(Message.user("More"))
    assert len(request.messages) == 1
