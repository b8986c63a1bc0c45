"""What goes on the wire; everything built here is also shown to the strict dialect and to the SDK's types."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from modelyard import (
    CitationPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard.http.session import WireRequest
from modelyard.types.base import JsonObject, Opaque

Wire: TypeAlias = Callable[..., WireRequest]

MODEL = "gpt-6-sol"
PNG = b"\x89PNG\r\n\x1a\n0000"
PDF = b"%PDF-1.7"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
OPTIONAL = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


def notes(built: WireRequest) -> list[tuple[str, str]]:
    return [(note.field, note.action) for note in built.report.notes] if built.report else []


def own(kind: str, data: JsonObject, model: str = MODEL) -> Opaque:
    return Opaque(provider="openai", model=model, kind=kind, data=data)


def reasoning(number: int = 1, model: str = MODEL, **more: Any) -> ReasoningPart:
    item = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "enc", **more}
    return ReasoningPart(kind="hidden", opaque=own("reasoning", item, model))


def said(text: str, number: int = 1, model: str = MODEL, **more: Any) -> TextPart:
    kept = {"id": f"msg_{number}", "status": "completed", **more}
    return TextPart(text=text, opaque=own("message", kept, model))


def call(call_id: str = "call_1", **arguments: Any) -> ToolCall:
    return ToolCall(id=call_id, name="get_weather", arguments=arguments)


def result(call_id: str = "call_1", content: Any = "Sunny", **more: Any) -> Message:
    return Message.tool(ToolResult(tool_call_id=call_id, content=content, **more))


def user_parts(built: WireRequest) -> Any:
    key = "input" if built.api == "responses" else "messages"
    return built.body[key][-1]["content"]


# The whole body


def test_the_smallest_responses_request(wire: Wire) -> None:
    built = wire("Hi", model="gpt-4.1")
    assert (built.path, built.report) == ("/responses", None)
    content = [{"type": "input_text", "text": "Hi"}]
    item = {"type": "message", "role": "user", "content": content}
    assert built.body == {"model": "gpt-4.1", "input": [item], "store": False}


def test_the_smallest_chat_request(wire: Wire) -> None:
    built = wire("Hi", model="gpt-4.1", api="chat")
    assert (built.path, built.report) == ("/chat/completions", None)
    assert built.body == {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_reasoning_model_is_asked_for_its_encrypted_reasoning(wire: Wire) -> None:
    assert wire(model=MODEL).body["include"] == ["reasoning.encrypted_content"]


def test_streams_ask_for_usage_and_for_no_padding(wire: Wire) -> None:
    assert wire(stream=True).body["stream_options"] == {"include_obfuscation": False}
    assert wire(stream=True, api="chat").body["stream_options"] == {"include_usage": True}


def test_options_of_the_caller_reach_the_wire_untouched(wire: Wire) -> None:
    options = {"openai": {"truncation": "auto", "reasoning": {"context": "all_turns"}, "store": True}}
    body = wire(reasoning="low", provider_options=options).body
    assert body["truncation"] == "auto"
    assert body["reasoning"] == {"effort": "low", "context": "all_turns"}
    assert body["store"] is True
    assert wire(api="chat", provider_options={"openai": {"n": 2}}).body["n"] == 2


def test_options_of_other_providers_do_not(wire: Wire) -> None:
    assert "thinking" not in wire(provider_options={"claude": {"thinking": {}}}).body


# Turns


def test_system_messages_at_the_start_are_instructions_and_later_ones_stay_in_place(wire: Wire) -> None:
    history = [Message.system("One."), Message.system("Two."), Message.user("a"), Message.system("Three.")]
    body = wire(history).body
    assert body["instructions"] == "One.\n\nTwo."
    assert [item["role"] for item in body["input"]] == ["user", "developer"]
    assert body["input"][1]["content"] == "Three."


def test_chat_keeps_every_system_message_in_its_place(wire: Wire) -> None:
    history = [Message.system("One."), Message.system("Two."), Message.user("a"), Message.system("Three.")]
    messages = wire(history, api="chat").body["messages"]
    assert [message["role"] for message in messages] == ["system", "system", "user", "system"]


def test_names_go_to_chat_and_are_noted_for_responses(wire: Wire) -> None:
    history = [Message(role="user", content="a", name="Ada"), Message(role="user", content="b", name="Bob")]
    assert [message["name"] for message in wire(history, api="chat").body["messages"]] == ["Ada", "Bob"]
    built = wire(history)
    assert notes(built) == [("name", "dropped")]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ImagePart(data=PNG), {"image_url": "data:image/png;base64,iVBORw0KGgowMDAw", "detail": "auto"}),
        (
            ImagePart(url="https://x.test/a.png", detail="low"),
            {"image_url": "https://x.test/a.png", "detail": "low"},
        ),
        (FilePart(file_id="file-1", media_type="image/png"), {"file_id": "file-1", "detail": "auto"}),
        (FilePart(url="https://x.test/a.png", media_type="image/png"), {"image_url": "https://x.test/a.png"}),
        (
            FilePart(data=PDF, name="a.pdf"),
            {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjc="},
        ),
        (
            FilePart(data=b"a,b", media_type="text/csv"),
            {"filename": "file", "file_data": "data:text/csv;base64,YSxi"},
        ),
        (FilePart(url="https://x.test/a.pdf"), {"file_url": "https://x.test/a.pdf"}),
        (FilePart(file_id="file-1"), {"file_id": "file-1"}),
    ],
)
def test_images_and_files_by_bytes_url_and_id_for_responses(wire: Wire, part: Any, expected: JsonObject) -> None:
    content = user_parts(wire(Message.user(["Look", part])))
    assert content[0] == {"type": "input_text", "text": "Look"}
    kind = "input_image" if "image_url" in expected or expected.get("detail") else "input_file"
    assert content[1].items() >= {"type": kind, **expected}.items()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            ImagePart(url="data:image/png;base64,iVBORw0KGgowMDAw", detail="high"),
            {
                "type": "image_url",
                "image_url": {"url": "data:image/png;base64,iVBORw0KGgowMDAw", "detail": "high"},
            },
        ),
        (ImagePart(url="https://x.test/a"), {"type": "image_url", "image_url": {"url": "https://x.test/a"}}),
        (FilePart(file_id="file-1"), {"type": "file", "file": {"file_id": "file-1"}}),
        (
            FilePart(data=PDF),
            {
                "type": "file",
                "file": {"filename": "file", "file_data": "data:application/pdf;base64,JVBERi0xLjc="},
            },
        ),
        (
            FilePart(data=PNG, media_type="image/png"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgowMDAw"}},
        ),
    ],
)
def test_images_and_files_by_bytes_url_and_id_for_chat(wire: Wire, part: Any, expected: JsonObject) -> None:
    assert user_parts(wire(Message.user(["Look", part]), api="chat"))[1] == expected


@pytest.mark.parametrize(
    ("media_type", "form"), [("audio/wav", "wav"), ("audio/x-wav", "wav"), ("audio/mpeg", "mp3")]
)
def test_audio_goes_to_chat_models_that_take_it(wire: Wire, media_type: str, form: str) -> None:
    clip = FilePart(data=b"RIFF", media_type=media_type)
    content = user_parts(wire(Message.user(["Hear", clip]), model="gpt-audio-mini", api="chat"))
    assert content[1] == {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": form}}


@pytest.mark.parametrize(
    ("part", "model", "api", "feature"),
    [
        (FilePart(data=b"RIFF", media_type="audio/wav"), MODEL, "responses", "audio"),
        (FilePart(data=b"RIFF", media_type="audio/wav"), "gpt-4.1", "chat", "audio"),
        (FilePart(data=b"fLaC", media_type="audio/flac"), "gpt-audio-mini", "chat", "audio"),
        (FilePart(url="https://x.test/a.wav", media_type="audio/wav"), "gpt-audio-mini", "chat", "audio"),
        (FilePart(url="https://x.test/a.pdf"), "gpt-4.1", "chat", "files"),
        (FilePart(file_id="file-1", media_type="image/png"), "gpt-4.1", "chat", "images"),
    ],
)
def test_content_an_api_cannot_take_is_refused_here(
    wire: Wire, part: Any, model: str, api: str, feature: str
) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        wire(Message.user(["Hear", part]), model=model, api=api)
    assert (caught.value.feature, caught.value.hint is None) == (feature, False)


def test_citations_of_documents_are_noted(wire: Wire) -> None:
    for api in ("responses", "chat"):
        assert notes(wire(Message.user(FilePart(file_id="f", citations=True)), api=api)) == [
            ("citations", "dropped")
        ]


def test_results_of_tools_keep_their_images_on_both_apis(wire: Wire) -> None:
    history = [
        Message.user("a"),
        Message.assistant([call("call_1"), call("call_2")]),
        result("call_1", [ImagePart(data=PNG)]),
        result("call_2", "Rain"),
        Message.user("b"),
    ]
    items = wire(history, tools=[WEATHER]).body["input"]
    assert items[3]["output"][0]["type"] == "input_image"
    built = wire(history, model="gpt-4.1", api="chat", tools=[WEATHER])
    messages = built.body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert messages[2]["content"] == "The files follow."
    assert messages[4]["content"][1]["type"] == "image_url"
    assert notes(built) == [("messages", "converted")]


def test_a_failed_tool_says_so_in_its_text_and_the_lost_mark_is_noted(wire: Wire) -> None:
    history = [Message.user("a"), Message.assistant(call()), result(content="No such city", is_error=True)]
    for api in ("responses", "chat"):
        assert notes(wire(history, model="gpt-4.1", api=api)) == [("messages", "dropped")]


def test_the_models_own_items_go_back_as_they_came(wire: Wire) -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    note = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2}
    history = [
        Message.user("a"),
        Message.assistant(
            [
                reasoning(1),
                OpaquePart(opaque=own("web_search_call", search)),
                reasoning(2),
                said("Hm", 1, phase="commentary"),
                said("Yes", 1, phase="commentary"),
                CitationPart(url="https://x.test", raw=note),
                call(),
            ]
        ),
        result(),
    ]
    items = wire(history).body["input"][1:]
    assert [item["type"] for item in items] == [
        "reasoning", "web_search_call", "reasoning", "message", "function_call", "function_call_output",
    ]  # fmt: skip
    assert items[1] == search
    assert (items[3]["id"], items[3]["phase"], len(items[3]["content"])) == ("msg_1", "commentary", 2)
    assert items[3]["content"][1]["annotations"] == [note]


def test_what_another_model_or_provider_made_goes_back_as_plain_text(wire: Wire) -> None:
    signature = Opaque(provider="claude", model="c", kind="thinking", data={"type": "thinking"})
    history = [
        Message.user("a"),
        Message.assistant([reasoning(model="gpt-5.4"), said("Yes", model="gpt-5.4")]),
        Message.assistant([ReasoningPart(text="Hm", opaque=signature), TextPart(text="So", opaque=signature)]),
        Message.user("b"),
    ]
    built = wire(history)
    assert [item["content"] for item in built.body["input"][1:3]] == ["Yes", "So"]
    assert notes(built) == [("messages", "dropped")]
    assert notes(wire(history, model="gpt-4.1", api="chat")) == [("messages", "dropped")]


def test_the_phase_of_a_message_goes_back_even_without_its_reasoning(wire: Wire) -> None:
    items = wire([Message.user("a"), Message.assistant(said("Yes", phase="final_answer")), Message.user("b")]).body
    assert items["input"][1] == {"type": "message", "role": "assistant", "content": "Yes", "phase": "final_answer"}


def test_a_refusal_goes_back(wire: Wire) -> None:
    history = [Message.user("a"), Message.assistant(RefusalPart(text="No.")), Message.user("b")]
    assert wire(history).body["input"][1]["content"] == "No."
    assert wire(history, api="chat").body["messages"][1] == {"role": "assistant", "refusal": "No."}


def test_a_custom_tools_call_and_output_go_back_in_their_own_form(wire: Wire) -> None:
    item = {"type": "custom_tool_call", "id": "ct_1", "call_id": "call_1", "name": "sql", "input": "SELECT 1"}
    made = ToolCall(id="call_1", name="sql", arguments_text="SELECT 1", opaque=own("custom_tool_call", item))
    history = [Message.user("a"), Message.assistant(made), result()]
    items = wire(history).body["input"]
    assert items[1] == item
    assert items[2] == {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Sunny"}
    message = wire(history, api="chat").body["messages"][1]
    custom = {"name": "sql", "input": "SELECT 1"}
    assert message["tool_calls"] == [{"id": "call_1", "type": "custom", "custom": custom}]


def test_a_message_without_text_and_the_reasoning_before_it_are_left_out(wire: Wire) -> None:
    empty = OpaquePart(opaque=own("message", {"id": "msg_1", "status": "completed"}))
    built = wire([Message.user("a"), Message.assistant([reasoning(), empty]), Message.user("b")])
    assert [item["role"] for item in built.body["input"]] == ["user", "user"]
    assert notes(built) == [("messages", "repaired")]


def test_media_in_the_assistants_turns_is_noted(wire: Wire) -> None:
    history = [Message.user("a"), Message.assistant([ImagePart(data=PNG), "Here."]), Message.user("b")]
    for api in ("responses", "chat"):
        assert notes(wire(history, api=api)) == [("messages", "dropped")]


# Reasoning


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-6.2-astra", "none", "low"),
        ("gpt-6.2-astra", "minimal", "low"),
        ("gpt-6-astra", "none", "low"),
        ("gpt-6.1-sol", "minimal", "low"),
        ("gpt-5.4", "minimal", "low"),
        ("gpt-5.4", "max", "xhigh"),
        ("gpt-5.1", "xhigh", "high"),
        ("gpt-5", "none", "minimal"),
        ("o3", "max", "high"),
    ],
)
def test_an_effort_a_model_lacks_becomes_the_nearest_and_is_noted(
    wire: Wire, model: str, asked: str, sent: str
) -> None:
    built = wire(model=model, reasoning=asked)
    assert built.body["reasoning"] == {"effort": sent}
    assert notes(built) == [("reasoning", "clamped")]
    assert wire(model=model, api="chat", reasoning=asked).body["reasoning_effort"] == sent
    with pytest.raises(UnsupportedFeatureError):
        wire(model=model, reasoning=asked, on_unsupported="error")


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_an_effort_a_model_has_is_sent_as_asked(wire: Wire, effort: str) -> None:
    for model in (MODEL, "a-model-of-next-year"):
        built = wire(model=model, reasoning=effort)
        assert (built.body["reasoning"], built.report) == ({"effort": effort}, None)


def test_a_model_that_does_not_reason_is_asked_for_none(wire: Wire) -> None:
    for api in ("responses", "chat"):
        built = wire(model="gpt-4.1", api=api, reasoning={"effort": "high", "summary": "auto"})
        assert not {"reasoning", "reasoning_effort"} & built.body.keys()
        assert notes(built) == [("reasoning", "dropped")] * 2
        assert wire(model="gpt-4.1", api=api, reasoning="none").report is None


@pytest.mark.parametrize(
    ("model", "summary", "sent", "noted"),
    [
        (MODEL, "auto", {"summary": "auto"}, []),
        (MODEL, "concise", {"summary": "concise"}, []),
        (MODEL, "none", None, []),
        ("gpt-5", "concise", {"summary": "auto"}, [("reasoning", "clamped")]),
    ],
)
def test_summaries_by_model(wire: Wire, model: str, summary: str, sent: Any, noted: list[Any]) -> None:
    built = wire(model=model, reasoning={"summary": summary})
    assert built.body.get("reasoning") == sent
    assert notes(built) == noted


def test_chat_has_no_summaries_and_no_model_a_budget(wire: Wire) -> None:
    assert notes(wire(api="chat", reasoning={"summary": "auto"})) == [("reasoning", "dropped")]
    assert notes(wire(reasoning={"budget_tokens": 0})) == [("reasoning", "dropped")]


# Sampling


def test_sampling_is_for_models_that_do_not_reason(wire: Wire) -> None:
    given = {"temperature": 0, "top_p": 0, "top_logprobs": 0}
    fields = {"temperature": 0, "top_p": 0, "top_logprobs": 0}
    for more in ({"model": "gpt-4.1"}, {"model": MODEL, "reasoning": "none"}, {"model": "gpt-5.4"}):
        built = wire(**given, **more)
        assert built.body.items() >= fields.items()
        assert "message.output_text.logprobs" in built.body["include"]
        assert built.report is None
    for model in (MODEL, "gpt-6.2-astra", "o3", "gpt-5"):
        built = wire(model=model, **given)
        assert not fields.keys() & built.body.keys()
        assert [field for field, _ in notes(built)] == ["top_logprobs", "temperature", "top_p"]


def test_an_effort_among_the_callers_options_counts_too(wire: Wire) -> None:
    options = {"openai": {"reasoning": {"effort": "none"}}}
    assert wire(temperature=0.5, provider_options=options).body["temperature"] == 0.5


def test_chat_takes_seed_penalties_and_logprobs_where_sampling_is_taken(wire: Wire) -> None:
    given = {"seed": 0, "frequency_penalty": 0, "presence_penalty": -1, "top_logprobs": 2}
    for more in ({"model": "gpt-4.1"}, {"model": MODEL, "reasoning": "none"}):
        built = wire(api="chat", **given, **more)
        assert built.body.items() >= {**given, "logprobs": True}.items()
    built = wire(api="chat", model="gpt-6.1-sol", **given)
    assert {field for field, _ in notes(built)} == given.keys()


def test_responses_has_no_seed_stop_or_penalties(wire: Wire) -> None:
    given = {"seed": 0, "stop": [], "frequency_penalty": 0, "presence_penalty": 0, "top_k": 0}
    built = wire(model="gpt-4.1", **given)
    assert {(field, "dropped") for field in given} == set(notes(built))
    assert built.body.keys() == {"model", "input", "store"}


def test_too_high_a_temperature_is_clamped(wire: Wire) -> None:
    built = wire(model="gpt-4.1", temperature=3)
    assert (built.body["temperature"], notes(built)) == (2, [("temperature", "clamped")])


# Other controls


@pytest.mark.parametrize(("asked", "sent"), [(0, 16), (15, 16), (16, 16), (32_768, 32_768), (99_999, 32_768)])
def test_responses_output_limits_stay_within_the_apis_bounds(wire: Wire, asked: int, sent: int) -> None:
    built = wire(model="gpt-4.1", max_output_tokens=asked)
    assert built.body["max_output_tokens"] == sent
    assert notes(built) == ([] if asked == sent else [("max_output_tokens", "clamped")])


@pytest.mark.parametrize(("asked", "sent"), [(0, 1), (1, 1), (16, 16)])
def test_chat_output_limits_too(wire: Wire, asked: int, sent: int) -> None:
    assert wire(api="chat", max_output_tokens=asked).body["max_completion_tokens"] == sent


def test_verbosity_by_model_and_api(wire: Wire) -> None:
    assert wire(verbosity="low").body["text"] == {"verbosity": "low"}
    assert wire(api="chat", verbosity="low").body["verbosity"] == "low"
    for api in ("responses", "chat"):
        assert notes(wire(model="gpt-4.1", api=api, verbosity="low")) == [("verbosity", "dropped")]
        assert notes(wire(model="gpt-4.1", api=api, verbosity="medium")) == []


def test_who_asks_and_what_for(wire: Wire) -> None:
    for api in ("responses", "chat"):
        body = wire(api=api, user="u-1", cache_key="k", metadata={"a": "b"}, service_tier="flex").body
        assert body["safety_identifier"] == "u-1"
        assert body["prompt_cache_key"] == "k"
        assert body["metadata"] == {"a": "b"}
        assert body["service_tier"] == "flex"
        assert "user" not in body


def test_service_tiers_an_api_lacks(wire: Wire) -> None:
    assert wire(service_tier="ultrafast").body["service_tier"] == "ultrafast"
    built = wire(api="chat", service_tier="ultrafast")
    assert (built.body["service_tier"], notes(built)) == ("fast", [("service_tier", "clamped")])
    assert notes(wire(service_tier="standard_only")) == [("service_tier", "dropped")]


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "u" * 129},
        {"metadata": {str(n): "" for n in range(17)}},
        {"metadata": {"k" * 65: ""}},
        {"metadata": {"k": "v" * 513}},
    ],
)
def test_what_is_too_long_is_refused_here(wire: Wire, fields: Any) -> None:
    for api in ("responses", "chat"):
        with pytest.raises(InvalidRequestError) as caught:
            wire(api=api, **fields)
        assert caught.value.status is None


# Prompt caching


def test_cache_markers_become_breakpoints(wire: Wire) -> None:
    history = [
        Message(role="system", content=(TextPart(text="S", cache="12h"),)),
        Message.user([TextPart(text="a", cache=True), ImagePart(data=PNG, cache="30m")]),
        Message.assistant(call()),
        result(cache="5m"),
        Message.user(FilePart(file_id="f", cache="1h")),
    ]
    built = wire(history)
    items = built.body["input"]
    assert items[0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit", "ttl": "12h"}
    marks = [part["prompt_cache_breakpoint"].get("ttl") for part in items[1]["content"]]
    assert marks == [None, "30m"]
    assert items[3]["output"][0]["prompt_cache_breakpoint"]["ttl"] == "30m"
    assert notes(built) == [("cache", "clamped"), ("cache", "clamped")]
    messages = wire(history, api="chat").body["messages"]
    assert messages[0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit", "ttl": "12h"}
    assert messages[3]["content"][0]["prompt_cache_breakpoint"]["ttl"] == "30m"


def test_models_without_breakpoints_get_none_and_the_marker_is_noted_once(wire: Wire) -> None:
    marked = [Message(role="system", content=(TextPart(text="S", cache=True),))]
    history = [
        *marked,
        Message.user([TextPart(text="a", cache=True)]),
        Message.assistant(call()),
        result(cache=True),
    ]
    for api in ("responses", "chat"):
        built = wire(history, model="gpt-5.2", api=api)
        assert "prompt_cache_breakpoint" not in str(built.body)
        assert {field for field, _ in notes(built)} == {"cache"}


def test_tools_carry_no_breakpoint(wire: Wire) -> None:
    for api in ("responses", "chat"):
        assert notes(wire(model="gpt-5.2", api=api, tools=[{**WEATHER, "cache": True}])) == [("cache", "dropped")]


# The form of the answer


def test_output_is_flat_for_responses_and_nested_for_chat(wire: Wire) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    output = {"schema": schema, "name": "thing", "description": "A thing."}
    form = {"name": "thing", "description": "A thing.", "schema": schema, "strict": True}
    built = wire(output=output, verbosity="low")
    assert built.body["text"] == {"verbosity": "low", "format": {"type": "json_schema", **form}}
    assert built.report is None
    assert wire(api="chat", output=output).body["response_format"] == {"type": "json_schema", "json_schema": form}


def test_json_of_any_shape_is_spoken_of_where_nobody_does(wire: Wire) -> None:
    built = wire("Name a river", output="json")
    assert built.body["text"] == {"format": {"type": "json_object"}}
    assert built.body["input"][0] == {"type": "message", "role": "developer", "content": "Answer in JSON."}
    assert notes(built) == [("output", "converted")]
    built = wire("Name a river", output="json", api="chat")
    assert built.body["response_format"] == {"type": "json_object"}
    assert built.body["messages"][0]["content"] == "Answer in JSON."
    assert wire("A river as json", output="json").report is None
    assert wire("A river", system="Use JSON.", output="json", api="chat").report is None
    assert wire("A river", system="Use JSON.", output="json").report is not None


def test_a_schema_that_cannot_be_strict_is_sent_as_it_is_and_noted(wire: Wire) -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    for api in ("responses", "chat"):
        built = wire(api=api, output=schema)
        form = built.body["text"]["format"] if api == "responses" else built.body["response_format"]["json_schema"]
        assert (form["strict"], form["schema"]) == (False, schema)
        assert notes(built) == [("output", "relaxed")]


def test_a_schema_whose_root_is_no_object_is_refused(wire: Wire) -> None:
    for api in ("responses", "chat"):
        with pytest.raises(UnsupportedFeatureError, match="objects only"):
            wire(api=api, output={"type": "array", "items": {"type": "string"}})


# Tools


def test_tools_are_flat_for_responses_and_nested_for_chat(wire: Wire) -> None:
    assert wire(tools=[WEATHER]).body["tools"] == [{"type": "function", "strict": False, **WEATHER}]
    body = wire(model="gpt-4.1", api="chat", tools=[WEATHER]).body
    assert body["tools"] == [{"type": "function", "function": WEATHER}]


@pytest.mark.parametrize("choice", ["auto", "required", "none", "get_weather"])
def test_every_form_of_tool_choice(wire: Wire, choice: str) -> None:
    named = choice == "get_weather"
    body = wire(tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False).body
    assert body["tool_choice"] == ({"type": "function", "name": choice} if named else choice)
    assert body["parallel_tool_calls"] is False
    body = wire(model="gpt-4.1", api="chat", tools=[WEATHER], tool_choice=choice, parallel_tool_calls=True).body
    assert body["tool_choice"] == ({"type": "function", "function": {"name": choice}} if named else choice)
    assert body["parallel_tool_calls"] is True


def test_allowed_tools_come_as_an_option_of_the_wire(wire: Wire) -> None:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_weather"}]}
    body = wire(tools=[WEATHER], provider_options={"openai": {"tool_choice": allowed}}).body
    assert body["tool_choice"] == allowed


def test_strict_tools_are_made_to_fit_and_the_change_is_noted(wire: Wire) -> None:
    built = wire(tools=[{"name": "f", "parameters": OPTIONAL, "strict": True}])
    tool = built.body["tools"][0]
    assert tool["strict"] is True
    assert tool["parameters"]["required"] == ["city", "days"]
    assert tool["parameters"]["properties"]["days"] == {"type": ["integer", "null"]}
    assert notes(built) == [("tools.f.parameters", "converted")]


def test_tools_of_the_caller_are_never_changed(wire: Wire) -> None:
    tool = Tool(name="f", parameters=OPTIONAL, strict=True)
    before = copy.deepcopy(tool.parameters)
    wire(tools=[tool])
    wire(tools=[tool], model="gpt-4.1", api="chat")
    assert tool.parameters == before


# Who serves what


def test_a_model_of_one_api_is_refused_on_the_other(wire: Wire) -> None:
    for model, api in (("gpt-5.5-pro", "chat"), ("gpt-6.2-astra-law", "chat"), ("gpt-audio-mini", "responses")):
        with pytest.raises(UnsupportedFeatureError) as caught:
            wire(model=model, api=api)
        assert caught.value.feature == "api"
