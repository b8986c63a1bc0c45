"""What goes over the wire. Every request is also held to the rules of the strict emulator."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelyard import Message, Runtime, Tool, UnsupportedFeatureError
from modelyard.catalog.card import ModelCard
from modelyard.history.codec import replay
from modelyard.history.opaque import ReplayTarget
from modelyard.testing import Emulator
from modelyard.types.base import JsonObject, Opaque
from modelyard.types.content import (
    FilePart,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from modelyard.types.reporter import Reporter
from modelyard.types.request import Request
from modelyard_gemini.messages import MISSING_SIGNATURE, Rules, write_conversation
from modelyard_gemini.plugin import modelyard_provider
from modelyard_gemini.request import build_generate_request
from modelyard_gemini.schema import fit_schema
from modelyard_gemini.tools import tool_fields

from .conftest import sent

FLASH = "gemini:gemini-3.8-flash"
OLDER = "gemini:gemini-3.5-flash"
PNG = b"\x89PNG\r\n\x1a\n0000"
WEATHER = Tool(
    name="get_weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def contents(*messages: Message, model: str = "m", rules: Rules | None = None) -> list[JsonObject]:
    reporter = Reporter("warn", "gemini:m")
    target = ReplayTarget(modelyard_provider().history, "gemini", model)
    return write_conversation(replay(tuple(messages), target, reporter), model, rules or Rules(), reporter)[1]


def call(
    call_id: str = "call_1", name: str = "get_weather", opaque: Opaque | None = None, **args: Any
) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=args, opaque=opaque)


async def test_text_is_one_user_turn_and_nothing_is_stored(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(FLASH, "Hello")
    assert sent(emulator) == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "store": False}
    assert emulator.requests[-1].path == "/v1beta/models/gemini-3.8-flash:generateContent"


async def test_the_key_travels_in_a_header_and_never_in_the_url(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.stream(FLASH, "Hello").collect()
    received = emulator.requests[-1]
    assert received.headers["x-goog-api-key"] == "test-key"
    assert received.query == "alt=sse"
    assert "authorization" not in received.headers


async def test_system_messages_at_the_start_become_the_system_instruction(
    runtime: Runtime, emulator: Emulator
) -> None:
    completion = await runtime.complete(
        FLASH, [Message.system("Be kind."), Message.user("Hi")], system="Be brief."
    )
    assert sent(emulator)["systemInstruction"] == {"parts": [{"text": "Be brief.\n\nBe kind."}]}
    assert not completion.report


async def test_a_later_system_message_joins_the_system_instruction_with_a_note(
    runtime: Runtime, emulator: Emulator
) -> None:
    history = [Message.user("Hi"), Message.assistant("Hello"), Message.system("Now in French."), Message.user("?")]
    completion = await runtime.complete(FLASH, history)
    body = sent(emulator)
    assert body["systemInstruction"] == {"parts": [{"text": "Now in French."}]}
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert completion.report.about("messages")[0].action == "converted"


async def test_every_option_of_a_model_that_takes_it_reaches_the_generation_config(
    runtime: Runtime, emulator: Emulator
) -> None:
    completion = await runtime.complete(
        OLDER, "Hi", max_output_tokens=9, temperature=0.0, top_p=0.5, top_k=3, seed=0, stop="END"
    )
    assert sent(emulator)["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "topP": 0.5,
        "topK": 3,
        "seed": 0,
        "stopSequences": ["END"],
    }
    assert not completion.report


async def test_sampling_is_sent_with_a_note_to_models_that_may_ignore_it(
    runtime: Runtime, emulator: Emulator
) -> None:
    completion = await runtime.complete(FLASH, "Hi", temperature=0.2, top_p=0.5, top_k=3)
    assert sent(emulator)["generationConfig"] == {"temperature": 0.2, "topP": 0.5, "topK": 3}
    assert [note.action for note in completion.report.notes] == ["relaxed"] * 3
    assert [note.field for note in completion.report.notes] == ["temperature", "top_p", "top_k"]


async def test_a_caller_may_refuse_that_anything_is_left_out(runtime: Runtime, emulator: Emulator) -> None:
    with pytest.raises(UnsupportedFeatureError, match="temperature"):
        await runtime.complete(FLASH, "Hi", temperature=0.2, on_unsupported="error")
    assert emulator.requests == []


async def test_a_model_no_card_lists_gets_what_was_asked_for(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete("gemini:gemini-9-neon", "Hi", temperature=0.2)
    assert sent(emulator)["generationConfig"] == {"temperature": 0.2}


async def test_more_than_five_stop_sequences_are_cut_with_a_note(runtime: Runtime, emulator: Emulator) -> None:
    completion = await runtime.complete(FLASH, "Hi", stop=list("abcdef"))
    assert sent(emulator)["generationConfig"]["stopSequences"] == list("abcde")
    assert completion.report.about("stop")[0].action == "clamped"


async def test_provider_options_come_last_and_are_merged_into_objects(
    runtime: Runtime, emulator: Emulator
) -> None:
    options = {"google": {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}, "store": True}}
    await runtime.complete(FLASH, "Hi", max_output_tokens=9, provider_options=options)
    body = sent(emulator)
    assert body["generationConfig"] == {"maxOutputTokens": 9, "thinkingConfig": {"thinkingLevel": "LOW"}}
    assert body["store"] is True


@pytest.mark.parametrize(("option", "expected"), [(None, "absent"), (True, True), (False, False)])
async def test_the_store_option_sets_the_field_or_leaves_it_out(
    emulator: Emulator, option: bool | None, expected: object
) -> None:
    settings = {**emulator.settings(), "options": {"store": option}}
    async with Runtime({"gemini": settings}, plugins=["gemini"]) as runtime:
        await runtime.complete(FLASH, "Hi")
    assert sent(emulator).get("store", "absent") == expected


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3.8-flash", "/models/gemini-3.8-flash:generateContent"),
        ("ft:a/b?c#d é", "/models/ft%3Aa%2Fb%3Fc%23d%20%C3%A9:generateContent"),
        ("../../x", "/models/..%2F..%2Fx:generateContent"),
    ],
)
def test_a_model_id_is_written_so_that_it_stays_one_step_of_the_path(model: str, path: str) -> None:
    request = Request(model=model, messages=(Message.user("Hi"),))
    assert build_generate_request(request, ModelCard.unknown("gemini", model)).path == path


async def test_an_id_with_the_prefix_google_writes_finds_its_card(runtime: Runtime, emulator: Emulator) -> None:
    completion = await runtime.complete("gemini:models/gemini-3.8-flash", "Hi")
    assert emulator.requests[-1].path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert completion.model == "models/gemini-3.8-flash"
    assert completion.cost is not None


async def test_images_and_files_go_in_line_or_by_uri(runtime: Runtime, emulator: Emulator) -> None:
    message = Message.user(
        [
            "Look:",
            ImagePart(data=PNG),
            ImagePart(url="https://example.com/cat.jpg?size=1"),
            FilePart(data=b"%PDF-1.7"),
            FilePart(data=b"a,b", name="table.csv"),
            FilePart(file_id="files/abc", media_type="audio/mpeg"),
            FilePart(url="https://youtu.be/xyz"),
        ]
    )
    await runtime.complete(FLASH, message)
    assert sent(emulator)["contents"][0]["parts"] == [
        {"text": "Look:"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgowMDAw"}},
        {"fileData": {"fileUri": "https://example.com/cat.jpg?size=1", "mimeType": "image/jpeg"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
        {
            "fileData": {
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                "mimeType": "audio/mpeg",
            }
        },
        {"fileData": {"fileUri": "https://youtu.be/xyz"}},
    ]


async def test_the_detail_of_an_image_is_left_out_with_a_note(runtime: Runtime, emulator: Emulator) -> None:
    completion = await runtime.complete(FLASH, Message.user(ImagePart(data=PNG, detail="high")))
    assert completion.report.about("messages.image.detail")[0].action == "dropped"
    assert sent(emulator)["contents"][0]["parts"][0].keys() == {"inlineData"}


async def test_tools_are_declared_with_json_schema(runtime: Runtime, emulator: Emulator) -> None:
    completion = await runtime.complete(FLASH, "Hi", tools=[WEATHER])
    body = sent(emulator)
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "get_weather",
                    "description": "Tell the weather.",
                    "parametersJsonSchema": WEATHER.parameters,
                }
            ]
        }
    ]
    assert "toolConfig" not in body
    assert not completion.report


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {"type": "object", "properties": {}},
        {"type": "object", "title": "None", "properties": {}, "required": []},
    ],
)
async def test_a_tool_without_arguments_has_no_parameters(
    runtime: Runtime, emulator: Emulator, parameters: JsonObject | None
) -> None:
    await runtime.complete(FLASH, "Hi", tools=[{"name": "now", "parameters": parameters}])
    assert sent(emulator)["tools"][0]["functionDeclarations"] == [{"name": "now"}]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ("get_weather", {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}),
    ],
)
async def test_the_choice_among_tools_is_a_mode(
    runtime: Runtime, emulator: Emulator, choice: str, config: JsonObject
) -> None:
    await runtime.complete(FLASH, "Hi", tools=[WEATHER], tool_choice=choice)
    assert sent(emulator)["toolConfig"] == {"functionCallingConfig": config}


async def test_a_strict_tool_asks_for_validated_arguments(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(FLASH, "Hi", tools=[WEATHER.model_copy(update={"strict": True})])
    assert sent(emulator)["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


@pytest.mark.parametrize(("asked", "notes"), [(True, 0), (False, 1)])
async def test_there_is_no_switch_against_parallel_calls(
    runtime: Runtime, emulator: Emulator, asked: bool, notes: int
) -> None:
    completion = await runtime.complete(FLASH, "Hi", tools=[WEATHER], parallel_tool_calls=asked)
    assert sent(emulator).keys() == {"contents", "tools", "store"}
    assert len(completion.report.about("parallel_tool_calls")) == notes


async def test_without_tools_nothing_is_said_of_them(runtime: Runtime, emulator: Emulator) -> None:
    await runtime.complete(FLASH, "Hi", tools=[], tool_choice="auto", parallel_tool_calls=False)
    assert sent(emulator).keys() == {"contents", "store"}


def test_the_fields_for_tools_are_those_the_request_holds() -> None:
    request = Request(model="m", messages=(Message.user("Hi"),), tools=(WEATHER,))
    card = ModelCard.unknown("gemini", "m")
    body = build_generate_request(request, card).body
    assert tool_fields(request, Reporter("warn", card.ref)) == {"tools": body["tools"]}


def test_keywords_gemini_lacks_are_removed_but_properties_of_their_names_stay() -> None:
    schema: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^a", "default": "a"},
            "title": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
            "properties": {"type": "object", "properties": {}, "additionalProperties": {"not": {"type": "null"}}},
        },
        "required": ["pattern"],
    }
    before = copy.deepcopy(schema)
    fitted, lost = fit_schema(schema)
    assert fitted == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "description": "{pattern: ^a}"},
            "title": {
                "type": "array",
                "items": {"type": "string", "description": "{minLength: 1}"},
                "description": "{uniqueItems: true}",
            },
            "properties": {
                "type": "object",
                "additionalProperties": {"description": '{not: {"type": "null"}}'},
            },
        },
        "required": ["pattern"],
    }
    assert sorted(lost) == [
        "properties.pattern.pattern",
        "properties.properties.additionalProperties.not",
        "properties.title.items.minLength",
        "properties.title.uniqueItems",
    ]
    assert schema == before


def test_what_gemini_says_otherwise_is_rewritten() -> None:
    schema: JsonObject = {
        "type": "object",
        "definitions": {"unit": {"const": "C"}},
        "properties": {
            "a": {"$ref": "#/definitions/unit", "description": "A unit."},
            "b": {"allOf": [{"type": "string"}], "description": "A text."},
            "c": {"anyOf": [True, {"type": ["string", "null"]}]},
        },
    }
    fitted, lost = fit_schema(schema)
    assert fitted == {
        "type": "object",
        "properties": {
            "a": {"enum": ["C"], "description": "A unit."},
            "b": {"type": "string", "description": "A text."},
            "c": {"anyOf": [{}, {"type": ["string", "null"]}]},
        },
    }
    assert not lost


async def test_lost_constraints_are_reported_by_tool(runtime: Runtime, emulator: Emulator) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "minLength": 2, "default": "x"}}}
    completion = await runtime.complete(FLASH, "Hi", tools=[{"name": "find", "parameters": schema}])
    assert "minLength" in completion.report.about("tools.find.parameters")[0].reason
    assert sent(emulator)["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "{minLength: 2}"}},
    }


def test_results_are_objects_in_the_order_of_their_calls() -> None:
    history = [
        Message.user("Weather?"),
        Message.assistant([call("c1", city="Paris"), call("c2", city="Rome"), call("c3", "now")]),
        Message.tool(ToolResult(tool_call_id="c3", content="12:00")),
        Message.tool(
            [
                ToolResult(tool_call_id="c2", content="no such city", is_error=True),
                ToolResult(tool_call_id="c1", content='{"degrees": 20}'),
            ]
        ),
    ]
    assert contents(*history)[-1] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "get_weather", "response": {"result": '{"degrees": 20}'}}},
            {"functionResponse": {"name": "get_weather", "response": {"error": "no such city"}}},
            {"functionResponse": {"name": "now", "response": {"result": "12:00"}}},
        ],
    }


def test_an_id_goes_back_only_if_google_sent_it() -> None:
    own = Opaque(provider="gemini", model="m", kind="function_call", data={"id": "g1", "thoughtSignature": "s"})
    history = [
        Message.user("Weather?"),
        Message.assistant([call("g1", opaque=own, city="Paris"), call("call_x", city="Rome")]),
        Message.tool([ToolResult(tool_call_id="g1", content="a"), ToolResult(tool_call_id="call_x", content="b")]),
    ]
    model, results = contents(*history)[1:]
    assert model["parts"] == [
        {
            "functionCall": {"name": "get_weather", "args": {"city": "Paris"}, "id": "g1"},
            "thoughtSignature": "s",
        },
        {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}},
    ]
    assert [part["functionResponse"].get("id") for part in results["parts"]] == ["g1", None]


def test_a_result_that_answers_no_call_is_left_out() -> None:
    orphan = ToolResult(tool_call_id="gone", content="x", name="f")
    assert contents(Message.user("Hi"), Message.tool(orphan)) == contents(Message.user("Hi"))


@pytest.mark.parametrize("inside", [True, False])
def test_media_of_a_result_stand_inside_it_or_beside_it_as_the_model_wants(inside: bool) -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgowMDAw"}}
    result = ToolResult(tool_call_id="c1", content=(ImagePart(data=PNG),))
    history = [Message.user("Draw"), Message.assistant(call("c1", "draw")), Message.tool(result)]
    parts = contents(*history, rules=Rules(media_in_results=inside))[-1]["parts"]
    response: JsonObject = {"name": "draw", "response": {}}
    if inside:
        assert parts == [{"functionResponse": {**response, "parts": [image]}}]
    else:
        assert parts == [{"functionResponse": response}, image]


def test_a_call_of_the_current_turn_without_signature_is_marked_the_first_of_each_step_only() -> None:
    history = [
        Message.user("Earlier"),
        Message.assistant(call("c0")),
        Message.tool(ToolResult(tool_call_id="c0", content="x")),
        Message.assistant("Done."),
        Message.user("Now"),
        Message.assistant([call("c1"), call("c2")]),
        Message.tool([ToolResult(tool_call_id="c1", content="x"), ToolResult(tool_call_id="c2", content="x")]),
        Message.assistant(call("c3")),
        Message.tool(ToolResult(tool_call_id="c3", content="x")),
    ]

    def signatures(rules: Rules) -> list[str | None]:
        parts = [part for content in contents(*history, rules=rules) for part in content["parts"]]
        return [part.get("thoughtSignature") for part in parts if "functionCall" in part]

    assert signatures(Rules()) == [None, MISSING_SIGNATURE, None, MISSING_SIGNATURE]
    assert signatures(Rules(call_signatures=False)) == [None, None, None, None]


async def test_a_conversation_of_another_provider_is_taken_with_notes(
    runtime: Runtime, emulator: Emulator
) -> None:
    foreign = Opaque(provider="claude", model="x", kind="thinking", data={"signature": "zzz"})
    history = [
        Message.user("Weather?"),
        Message.assistant(
            [
                ReasoningPart(text="Hm.", opaque=foreign),
                TextPart(text="Looking."),
                OpaquePart(opaque=foreign),
                call("toolu_1", city="Paris"),
            ]
        ),
        Message.tool(ToolResult(tool_call_id="toolu_1", content="sunny")),
    ]
    completion = await runtime.complete(FLASH, history, tools=[WEATHER])
    assert sent(emulator)["contents"][1]["parts"] == [
        {"text": "Looking."},
        {
            "functionCall": {"name": "get_weather", "args": {"city": "Paris"}},
            "thoughtSignature": MISSING_SIGNATURE,
        },
    ]
    assert {note.action for note in completion.report.about("messages")} == {"repaired", "dropped"}


def test_turns_of_the_model_in_a_row_are_one_and_empty_texts_are_left_out() -> None:
    history = [
        Message.user(["", "Hi"]),
        Message.assistant("One."),
        Message.assistant(""),
        Message.assistant("Two."),
        Message.user("Go on"),
    ]
    assert [(content["role"], content["parts"]) for content in contents(*history)] == [
        ("user", [{"text": "Hi"}]),
        ("model", [{"text": "One."}, {"text": "Two."}]),
        ("user", [{"text": "Go on"}]),
    ]


def test_a_call_that_was_cut_off_is_sent_without_arguments() -> None:
    cut = ToolCall.model_construct(id="c1", name="find", arguments=None, arguments_text='{"a": ')
    part = contents(Message.user("Hi"), Message.assistant(cut))[1]["parts"][0]
    assert part["functionCall"] == {"name": "find", "args": {}}


async def test_neither_messages_nor_opaque_data_are_changed(runtime: Runtime, emulator: Emulator) -> None:
    own = Opaque(provider="gemini", model="gemini-3.8-flash", kind="function_call", data={"id": "g1"})
    history = [
        Message.user("Weather?"),
        Message.assistant(call("g1", opaque=own, city="Paris")),
        Message.tool(ToolResult(tool_call_id="g1", content="sunny")),
    ]
    before = [message.model_dump() for message in history]
    await runtime.complete(FLASH, history, tools=[WEATHER])
    assert sent(emulator)["contents"][1]["parts"][0]["thoughtSignature"] == MISSING_SIGNATURE
    assert [message.model_dump() for message in history] == before
