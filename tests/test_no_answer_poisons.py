"""Whatever a model wrote, its answer can be written as JSON, read back, copied, and the conversation goes on."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from modelyard import Completion, InvalidResponseError, Message, RunState, ToolCall, ToolResult, tool
from modelyard.testing import Received, Reply
from modelyard.types.content import parse_arguments

from .hostile import WIRES, answer_of, calling, events_of
from .wires import Said, events, reply, whole

WIRE = pytest.mark.parametrize("wire", WIRES)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def deep(levels: int) -> str:
    """Objects in objects."""
    return '{"a":' * levels + "1" + "}" * levels


def in_turn(wire: str, *answers: Said) -> Callable[[Received], Reply]:
    """One answer after another, streamed where the request asks for it."""
    left = list(answers)

    def serve(received: Received) -> Reply:
        streamed = "stream" in received.path.lower() or (received.body and received.json.get("stream"))
        return reply(wire, left.pop(0) if len(left) > 1 else left[0], stream=bool(streamed))

    return serve


def assert_sound(completion: Completion) -> None:
    """It can be written, read back, pickled, copied and compared."""
    assert Completion.model_validate_json(completion.model_dump_json()) == completion
    assert pickle.loads(pickle.dumps(completion)) == completion
    assert copy.deepcopy(completion) == completion
    json.dumps(completion.model_dump(mode="json"), ensure_ascii=False).encode()


def texts_in(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in texts_in(item)]


@STREAM
@WIRE
@pytest.mark.parametrize("half", ["ok \ud83d", "\ude00 ok", "o\ud83dk", "\ude00\ud83d", "\ud83d\ud83d\ude00"])
async def test_half_a_pair_becomes_a_replacement_character(wire: str, half: str, *, stream: bool) -> None:
    """A27: written, read back, and the next turn is sent; a note says so."""
    said = Said(texts=[half])
    async with calling(wire, in_turn(wire, said, Said(texts=["fine"]))) as (runtime, model, _):
        first = await answer_of(runtime, model, stream=stream)
        assert first.text == half.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        assert_sound(first)
        assert first.report.about("answer")
        history = [Message.user("Hi"), first.message, Message.user("And?")]
        assert (await runtime.complete(model, history)).text == "fine"


@WIRE
async def test_the_halves_of_two_deltas_are_joined(wire: str) -> None:
    """A27: in text and in arguments, with other deltas between; one that stays alone is replaced."""
    arguments = ['{"a": "', "\ud83d", "\ude00", '"}']
    calls = [] if wire in ("gemini", "claude") else [("c00000001", "look", arguments)]
    said = Said(texts=["Hi \ud83d", "\ude00 you", " \ud83d", "x", "\ud83d"], calls=calls)
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        taken = await events_of(runtime, model)
        completion = await answer_of(runtime, model, stream=True)
    assert completion.text == "Hi 😀 you �x�"
    assert "".join(event.text for event in taken if event.type == "content_delta") == completion.text
    for call in completion.tool_calls:
        assert call.arguments == {"a": "😀"}
        assert call.arguments_text == '{"a": "😀"}'
    assert_sound(completion)


async def test_halves_are_joined_in_arguments_that_claude_streams() -> None:
    sent: list[Any] = [
        {"type": "message_start", "message": {"id": "r"}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "c", "name": "look", "input": {}},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": piece},
            }
            for piece in ('{"a": "\ud83d', '\ude00"}')
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]
    body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in sent)
    async with calling("claude", lambda _: Reply.sse([body])) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=True)
    assert completion.tool_calls[0].arguments == {"a": "😀"}
    assert_sound(completion)


async def test_halves_are_joined_in_a_stream_of_gemini_that_is_a_list() -> None:
    """A27, a neighbour: events in a JSON array, as Google sends them without ``alt=sse``."""
    listed = [json.loads(event) for event in events("gemini", Said(texts=["Hi \ud83d", "\ude00", "\ud83d"]))]
    answer = Reply(200, {"content-type": "application/json"}, (json.dumps(listed).encode(),))
    async with calling("gemini", lambda _: answer) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=True)
    assert completion.text == "Hi 😀�"
    assert_sound(completion)


@STREAM
@WIRE
async def test_halves_in_arguments_names_and_ids_are_replaced(wire: str, *, stream: bool) -> None:
    """A27: wherever a model or a server may write."""
    said = Said(calls=[("c\ud83d0000001", "lo\ude00ok", [json.dumps({"a\ud83d": ["\ude00"]})])])
    async with calling(wire, in_turn(wire, said, Said(texts=["fine"]))) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
        (call,) = completion.tool_calls
        assert call.arguments == {"a�": ["�"]}
        assert call.name == "lo�ok"
        assert_sound(completion)
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        assert (await runtime.complete(model, [Message.user("Hi"), completion.message, result])).text == "fine"


@WIRE
async def test_a_half_in_an_error_leaves_the_error_writable(wire: str) -> None:
    body = json.dumps({"error": {"message": "no \ud83d", "code": "x\ude00", "type": "t"}, "message": "no \ud83d"})
    answer = Reply(400, {"content-type": "application/json"}, (body.encode(),))
    async with calling(wire, lambda _: answer) as (runtime, model, _):
        with pytest.raises(Exception, match="no") as caught:
            await runtime.complete(model, "Hi")
    str(caught.value).encode()
    json.dumps(caught.value.to_dict(), ensure_ascii=False).encode()  # type: ignore[attr-defined]


@STREAM
@WIRE
@pytest.mark.parametrize("levels", [101, 250, 400])
async def test_arguments_nested_too_deep_are_none(wire: str, levels: int, *, stream: bool) -> None:
    """A28, A29: no valid arguments, a note, and what was written is read back as it was."""
    said = Said(calls=[("c00000001", "look", [deep(levels)])])
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
    (call,) = completion.tool_calls
    assert call.arguments is None
    assert completion.report.notes
    assert_sound(completion)


@STREAM
@WIRE
async def test_arguments_of_a_hundred_levels_are_arguments(wire: str, *, stream: bool) -> None:
    said = Said(calls=[("c00000001", "look", [deep(100)])])
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
    assert completion.tool_calls[0].arguments == json.loads(deep(100))
    assert not completion.report
    assert_sound(completion)


@WIRE
async def test_the_depth_of_arguments_can_be_set(wire: str) -> None:
    said = Said(calls=[("c00000001", "look", [deep(4)])])
    async with calling(wire, in_turn(wire, said), bounds={"argument_depth": 3}) as (runtime, model, _):
        for stream in (False, True):
            completion = await answer_of(runtime, model, stream=stream)
            assert completion.tool_calls[0].arguments is None
            assert_sound(completion)


@WIRE
async def test_a_run_goes_on_after_arguments_without_end(wire: str) -> None:
    """A28: the model is told, every state is read back, the run ends with its next answer."""

    @tool
    def look(a: dict[str, Any]) -> str:
        """Look."""
        raise AssertionError("called with arguments that are none")

    states: list[str] = []
    said = Said(calls=[("c00000001", "look", [deep(400)])])
    async with calling(wire, in_turn(wire, said, Said(texts=["fine"]))) as (runtime, model, server):
        result = await runtime.run(
            model, "Hi", tools=[look], checkpoint=lambda state: states.append(state.to_json())
        )
    assert result.text == "fine"
    assert "no valid arguments" in server.requests[-1].body.decode()
    assert states
    assert all(RunState.from_json(state).to_json() == state for state in states)


@WIRE
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 5000])
async def test_numbers_that_are_none_make_no_arguments(wire: str, value: str) -> None:
    """A29, a neighbour: they could not be written as they were read."""
    marked = whole(wire, Said(calls=[("c00000001", "look", ['{"a": 12345}'])]))
    body = marked.replace(b"12345", value.encode())
    answer = Reply(200, {"content-type": "application/json"}, (body,))
    async with calling(wire, lambda _: answer) as (runtime, model, _):
        completion = await runtime.complete(model, "Hi")
    (call,) = completion.tool_calls
    assert call.arguments in (None, {"a": None})
    assert_sound(completion)


@STREAM
@WIRE
async def test_calls_without_an_id_get_one_each(wire: str, *, stream: bool) -> None:
    """A30, a neighbour: servers behind gateways send empty ids."""
    said = Said(calls=[("", "look", ['{"a": 1}']), ("", "find", ['{"a": 2}'])])
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        ("look", {"a": 1}),
        ("find", {"a": 2}),
    ]
    assert len({call.id for call in completion.tool_calls if call.id}) == 2
    assert_sound(completion)


@STREAM
@WIRE
@pytest.mark.parametrize("arguments", ["[1]", '"text"', "7", "true"])
async def test_arguments_that_are_no_object_are_none(wire: str, arguments: str, *, stream: bool) -> None:
    """A29, a neighbour: the call stays, and the loop tells the model."""
    said = Said(calls=[("c00000001", "look", [arguments])])
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
    (call,) = completion.tool_calls
    assert (call.name, call.arguments) == ("look", None)
    assert_sound(completion)


@STREAM
@WIRE
@pytest.mark.parametrize("names", [("look", "find"), ("look", "look")], ids=["two tools", "one tool"])
async def test_calls_of_one_id_are_calls_of_their_own(wire: str, names: Sequence[str], *, stream: bool) -> None:
    """A30: own names and arguments, ids told apart by a suffix, a note."""
    calls = [("same00000", name, [json.dumps({"a": at})]) for at, name in enumerate(names)]
    async with calling(wire, in_turn(wire, Said(calls=calls), Said(texts=["fine"]))) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=stream)
        assert [call.name for call in completion.tool_calls] == list(names)
        assert [call.arguments for call in completion.tool_calls] == [{"a": 0}, {"a": 1}]
        assert [call.id for call in completion.tool_calls] == ["same00000", "same00000_2"]
        assert completion.report.about("answer.tool_calls")
        results = [Message.tool(ToolResult(tool_call_id=call.id, content="x")) for call in completion.tool_calls]
        again = await runtime.complete(model, [Message.user("Hi"), completion.message, *results])
    assert again.text == "fine"
    assert_sound(completion)


@pytest.mark.parametrize("place", [{}, {"index": 0}], ids=["no index", "one index"])
async def test_calls_of_one_id_in_one_delta_are_two(place: dict[str, int]) -> None:
    """A30: elements of a list are calls of their own, however they are numbered."""
    calls = [
        {**place, "id": "same", "function": {"name": name, "arguments": json.dumps({"a": at})}}
        for at, name in enumerate(["look", "look", "find"])
    ]
    sent = [
        {"id": "r", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]},
        {"id": "r", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in sent) + b"data: [DONE]\n\n"
    async with calling("openai-chat", lambda _: Reply.sse([body])) as (runtime, model, _):
        completion = await answer_of(runtime, model, stream=True)
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        ("look", {"a": 0}),
        ("look", {"a": 1}),
        ("find", {"a": 2}),
    ]
    assert len({call.id for call in completion.tool_calls}) == 3


@WIRE
async def test_twenty_thousand_calls_of_one_id_are_as_many_calls(wire: str) -> None:
    """A30: no element is lost."""
    calls = [("same00000", "look", ["{}"])] * 20_000
    async with calling(wire, in_turn(wire, Said(calls=calls))) as (runtime, model, _):
        completion = await runtime.complete(model, "Hi")
    assert len({call.id for call in completion.tool_calls}) == 20_000


@WIRE
async def test_more_calls_than_the_bound_are_a_typed_error(wire: str) -> None:
    calls = [(f"c{at:08}", "look", ["{}"]) for at in range(5)]
    async with calling(wire, in_turn(wire, Said(calls=calls)), bounds={"tool_calls": 4}) as (runtime, model, _):
        for stream in (False, True):
            with pytest.raises(InvalidResponseError, match="more than 4 tool calls"):
                await answer_of(runtime, model, stream=stream)


@STREAM
@WIRE
@pytest.mark.parametrize("levels", [190, 300, 900, 100_000])
async def test_nesting_anywhere_is_cut_off_or_a_typed_error(wire: str, levels: int, *, stream: bool) -> None:
    """A29, a neighbour: opaque data, usage and citations are kept as sent, and must be written again."""
    nest = "[" * levels + "]" * levels
    said = Said(texts=["fine"], inputs=f'1, "more": {nest}, "extra": 1')
    async with calling(wire, in_turn(wire, said)) as (runtime, model, _):
        try:
            completion = await answer_of(runtime, model, stream=stream)
        except InvalidResponseError:
            assert levels >= 900
            return
        assert completion.text == "fine"
        assert_sound(completion)
        await runtime.complete(model, [Message.user("Hi"), completion.message, Message.user("And?")])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("null", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        ('{"a": "\\ud83d"}', {"a": "�"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (deep(100_000), None),
        ("[" * 100, None),
        ('{"a": ' + "9" * 5000 + "}", None),
    ],
)
def test_arguments_are_an_object_that_can_be_written_again(text: str, arguments: Any) -> None:
    assert parse_arguments(text) == arguments


def test_a_call_stored_without_valid_arguments_does_not_get_any_by_being_read() -> None:
    """A29, a neighbour: a call that was cut off before its arguments must not be executed with none."""
    call = ToolCall.model_construct(id="c", name="look", arguments=None, arguments_text="")
    assert ToolCall.model_validate_json(call.model_dump_json()) == call
