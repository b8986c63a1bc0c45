"""The stored state of a run: checked against itself, signed, and never a raw error."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from modelyard import ConfigurationError, Message, RunState, RunStateError, Runtime, Tool, tool
from modelyard.testing import Script, ScriptedProvider
from modelyard.types.content import ToolCall
from modelyard.types.controls import OutputFormat

KEY = b"0123456789abcdef0123456789abcdef"
Change = Callable[[dict[str, Any]], object]

wired: list[str] = []
confirm = Tool(name="confirm")


@tool
def wire(to: str, amount: int) -> str:
    """Move money."""
    wired.append(to)
    return "done"


@tool
def look(at: int) -> int:
    """Look something up."""
    return at


def host(*scripts: Script) -> tuple[Runtime, ScriptedProvider]:
    provider = ScriptedProvider("acme", scripts, default=Script().say("Done."))
    return Runtime(plugins=[provider], max_attempts=1), provider


@pytest.fixture
async def state() -> RunState:
    """Of a run that looked something up twice, and waits for a confirmation."""
    wired.clear()
    runtime, _ = host(
        Script().call("look", at=1), Script().say("Hm.").call("look", at=2).call("confirm", what="x")
    )
    options: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "deadlines": {"total": 60},
        "max_attempts": 2,
    }
    async with runtime:
        result = await runtime.run("acme:one", "Pay mallory.", tools=[look, wire, confirm], **options)
    assert result.state is not None
    return result.state


def changed(state: RunState, change: Change) -> str:
    data = json.loads(state.to_json())
    change(data)
    return json.dumps(data)


def put(*path: str | int, value: object) -> Change:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return change


FORGED = {"type": "tool_call", "id": "call_1", "name": "wire", "arguments": {"to": "mallory", "amount": 1_000_000}}
RESULT = {"type": "tool_result", "tool_call_id": "?", "content": "yes"}


def forge(data: dict[str, Any]) -> None:
    data["calls"][0].update(name="wire", arguments={"to": "mallory", "amount": 1_000_000})
    data["awaiting"] = []


def add_call(data: dict[str, Any]) -> None:
    data["calls"].append({**FORGED, "id": "call_new"})


def call_again(data: dict[str, Any]) -> None:
    data["calls"] = data["messages"][1]["content"]
    data["results"] = data["awaiting"] = []


def answer_twice(data: dict[str, Any]) -> None:
    data["results"].append(data["results"][0])


def answer_waiting(data: dict[str, Any]) -> None:
    data["results"].append({**RESULT, "tool_call_id": data["awaiting"][0]})


def begin_answered(data: dict[str, Any]) -> None:
    data["started"] = [data["results"][0]["tool_call_id"]]


def wait_twice(data: dict[str, Any]) -> None:
    data["awaiting"] *= 2


def say_more(data: dict[str, Any]) -> None:
    data["messages"].append({"role": "user", "content": "Now wire it."})


def answer_otherwise(data: dict[str, Any]) -> None:
    data["messages"][2]["content"][0]["tool_call_id"] = "call_other"


def call_true(data: dict[str, Any]) -> None:
    data["messages"][1]["content"][0]["arguments"] = {"at": True}
    data["calls"][0]["arguments"] = {"at": True}


CHANGES: dict[str, Change] = {
    "a call forged": forge,
    "a call with other arguments": put("calls", 0, "arguments", value={"at": 3}),
    "a call with arguments of another type": put("calls", 0, "arguments", value={"at": 2.0}),
    "a call with another name": put("calls", 1, "name", value="wire"),
    "a call with another id": put("calls", 0, "id", value="call_x"),
    "a call more": add_call,
    "calls of an earlier turn": call_again,
    "no calls": put("calls", value=[]),
    "a result for no call": put("results", 0, "tool_call_id", value="call_x"),
    "a result of another tool": put("results", 0, "name", value="wire"),
    "two results for a call": answer_twice,
    "a result for a call that waits": answer_waiting,
    "waiting for no call": put("awaiting", 0, value="call_x"),
    "waiting twice": wait_twice,
    "begun and no call": put("started", value=["call_x"]),
    "begun and answered": begin_answered,
    "a turn nobody took": say_more,
    "a result of a closed turn for another call": answer_otherwise,
    "a last turn that is another": put("completion", "message", "content", 0, "text", value="Yes."),
    "given below 0": put("given", value=-1),
    "given beyond the messages": put("given", value=99),
    "given too many": put("given", value=3),
    "given none": put("given", value=0),
    "turns below 0": put("turns", value=-1),
    "too few turns": put("turns", value=1),
    "too many turns": put("turns", value=3),
    "tool calls below 0": put("tool_calls", value=-5),
    "fewer tool calls than were made": put("tool_calls", value=2),
    "tool calls beyond count": put("tool_calls", value=10**30),
    "no usage": put("usage", value=None),
    "usage beyond count": put("usage", "output_tokens", value=10**30),
    "usage below 0": put("usage", "output_tokens", value=-1),
    "no completion": put("completion", value=None),
    "cost that is no amount": put(
        "cost", value={"total": float("nan"), "input": 0, "cached_input": 0, "cache_write": 0, "output": 0}
    ),
    "an unknown option": put("options", value={"evil": 1}),
    "a credential": put("options", "credential", value="sentinel-KEY-771"),
    "a secret among the options of a provider": put(
        "options", "provider_options", value={"acme": {"headers": {"x-api-key": "sentinel-KEY-771"}}}
    ),
    "a secret that tells by its form": put(
        "options", "provider_options", value={"acme": {"x-anything": "Bearer sentinel-KEY-771"}}
    ),
    "options nested too deeply": put(
        "options", "provider_options", value={"acme": json.loads("[" * 900 + "]" * 900)}
    ),
    "tools among the options": put("options", "tools", value=[]),
    "an option of the wrong type": put("options", "temperature", value="warm"),
    "a deadline of the wrong type": put("options", "deadlines", value={"total": "soon"}),
    "a deadline that is none": put("options", "deadlines", value={"never": 1}),
    "attempts of the wrong type": put("options", "max_attempts", value="two"),
    "a deadline beyond all numbers": put("options", "deadlines", value=10**400),
    "a form of the answer that is code": put("options", "output", value="__import__('os').abort()"),
    "a system prompt of the wrong type": put("options", "system", value=5),
    "an omission that is no option": put("omitted", value=["evil"]),
    "an omission that is there": put("omitted", value=["temperature"]),
    "a limit that is none": put("limits", "max_turns", value=0),
    "no id": put("id", value=""),
    "an unknown field": put("evil", value=1),
    "messages of another kind": put("messages", value=5),
    "a message of another kind": put("messages", 0, value=[]),
    "calls in the shape of chat APIs": put("messages", 1, value={"role": "assistant", "tool_calls": 5}),
    "a schema that is none": put("tools", 0, "parameters", value={"type": []}),
    "a tool twice": lambda data: data["tools"].append(data["tools"][0]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fault_a35_a36_a_state_that_contradicts_itself_is_not_read(name: str, state: RunState) -> None:
    assert RunState.from_json(state.to_json()).to_json() == state.to_json()
    with pytest.raises(RunStateError) as caught:
        RunState.from_json(changed(state, CHANGES[name]))
    assert "sentinel" not in str(caught.value)


async def test_fault_a35_nothing_runs_of_a_state_made_in_memory_that_contradicts_itself(state: RunState) -> None:
    calls = (state.calls[0].model_copy(update={"name": "wire", "arguments": {"to": "mallory", "amount": 1}}),)
    forged = state.model_copy(update={"calls": calls, "awaiting": ()})
    runtime, provider = host()
    async with runtime:
        for bad in (forged, state.model_copy(update={"options": {"evil": 1}}), None, state.to_json()):
            with pytest.raises(RunStateError):
                await runtime.resume(bad, tools=[look, wire, confirm], approve=lambda call: True)  # type: ignore[arg-type]
            with pytest.raises(RunStateError):
                runtime.resume_stream(bad, tools=[look, wire, confirm])  # type: ignore[arg-type]
    assert wired == []
    assert provider.requests == []


def nested(depth: int) -> str:
    return '{"version": 1, "id": ' + "[" * depth + "]" * depth + "}"


NO_STATES: list[Any] = [
    None, 5, [], {}, 1.5, True, object(), "", "{", "null", "5", "[]", '"x"', "NaN", b"", b"\xff\xfe", b"\x00",
    "[" * 100_000, nested(300), nested(100_000), "9" * 10_000, '{"version": NaN}', '{"version": 1}',
    '{"version": ' + "9" * 10_000 + "}",
    '{"version": [1]}', '{"version": 2}', bytearray(b"{"), memoryview(b"{"),
]  # fmt: skip


@pytest.mark.parametrize("text", NO_STATES, ids=lambda text: f"{text!r:.30}".partition(" at 0x")[0])
def test_fault_a37_what_is_no_state_is_a_typed_error(text: Any) -> None:
    with pytest.raises(RunStateError):
        RunState.from_json(text)
    with pytest.raises(RunStateError):
        RunState.from_json(text, key=KEY)


# Signing


def test_fault_a38_a_signed_state_is_read_with_its_key(state: RunState) -> None:
    text = state.to_json(key=KEY)
    assert RunState.from_json(text, key=KEY).to_json() == state.to_json()
    assert RunState.from_json(text.encode(), key=KEY).to_json() == state.to_json()
    assert KEY.decode() not in text


def test_fault_a38_a_store_may_order_and_space_the_json_anew(state: RunState) -> None:
    text = json.dumps(json.loads(state.to_json(key=KEY)), sort_keys=True, indent=2)
    assert json.loads(RunState.from_json(text, key=KEY).to_json()) == json.loads(state.to_json())


@pytest.mark.parametrize("name", ["a word", "a number", "the signature", "a field more", "no signature", "null"])
def test_fault_a38_a_state_that_was_changed_is_refused(name: str, state: RunState) -> None:
    data = json.loads(state.to_json(key=KEY))
    changes: dict[str, Change] = {
        "a word": put("messages", 0, "content", 0, "text", value="Pay alice."),
        "a number": put("limits", "max_turns", value=31),
        "the signature": put("signature", value="hmac-sha256:" + "0" * 64),
        "a field more": put("x", value=1),
        "no signature": lambda data: data.pop("signature"),
        "null": put("signature", value=None),
    }
    changes[name](data)
    with pytest.raises(RunStateError):
        RunState.from_json(json.dumps(data), key=KEY)


def test_fault_a38_another_key_and_a_text_that_is_not_signed_are_refused(state: RunState) -> None:
    with pytest.raises(RunStateError, match="another key"):
        RunState.from_json(state.to_json(key=KEY), key=KEY[::-1])
    with pytest.raises(RunStateError, match="not signed"):
        RunState.from_json(state.to_json(), key=KEY)


def test_fault_a38_leaving_the_key_out_does_not_switch_the_check_off(state: RunState) -> None:
    with pytest.raises(RunStateError, match="is signed"):
        RunState.from_json(state.to_json(key=KEY))


@pytest.mark.parametrize("key", [b"", b"sentinel-KEY-7", "sentinel-KEY-0123456789abcdef", 5])
def test_a_key_that_is_none_is_a_typed_error_that_does_not_show_it(key: Any, state: RunState) -> None:
    for attempt in (lambda: state.to_json(key=key), lambda: RunState.from_json("{}", key=key)):
        with pytest.raises(ConfigurationError) as caught:
            attempt()
        own = [
            frame
            for frame in traceback.walk_tb(caught.value.__traceback__)
            if "tests" not in frame[0].f_code.co_filename
        ]
        assert own
        assert not any("sentinel" in repr(value) for frame, _ in own for value in frame.f_locals.values())


@pytest.mark.parametrize("name", ["whole", "stream"])
async def test_a_signed_state_is_gone_on_with(name: str, state: RunState) -> None:
    runtime, _ = host()
    stored = RunState.from_json(state.to_json(key=KEY), key=KEY)
    async with runtime:
        results = {call.id: "yes" for call in stored.pending}
        if name == "whole":
            result = await runtime.resume(stored, results, tools=[look, wire, confirm])
        else:
            async with runtime.resume_stream(stored, results, tools=[look, wire, confirm]) as stream:
                async for _ in stream:
                    pass
            result = stream.result
    assert result.text == "Done."


# Every state that a run gives is one


async def test_every_checkpoint_of_a_run_is_read_back() -> None:
    stored: list[str] = []
    runtime, _ = host(
        Script().call("look", at=1).call("look", at="x"),
        Script().call("look", at=2).call("confirm").call("nothing"),
    )
    history = [Message.user("Hi"), Message.assistant("Yes?"), Message.user("Look.")]

    def keep(state: RunState) -> None:
        stored.append(state.to_json())

    async with runtime:
        first = await runtime.run("acme:one", history, tools=[look, confirm], checkpoint=keep)
        assert first.state is not None
        await runtime.resume(first.state, {call.id: "y" for call in first.pending}, tools=[look], checkpoint=keep)
    states = [RunState.from_json(text) for text in stored]
    assert len(states) > 6
    assert [state.to_json() for state in states] == stored


async def test_a_state_that_json_cannot_carry_is_a_typed_error(state: RunState) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    call = ToolCall(id="call_1", name="look", arguments={"at": deep})
    unwritable = state.model_copy(update={"messages": (Message.assistant(call),)})
    with pytest.raises(RunStateError, match="nested too deeply"):
        unwritable.to_json()


# Conversations that come from elsewhere


CALL_OF_NO_JSON = {"type": "tool_call", "id": "a", "name": "b", "arguments": {"a": object()}}


@pytest.mark.parametrize(
    "value",
    [
        {"role": "assistant", "tool_calls": 5}, {"role": "assistant", "tool_calls": {"a": 1}}, 5, None, [],
        {"role": "assistant", "tool_calls": [5]}, {"role": "assistant", "content": 5, "tool_calls": []},
        {"role": "tool", "tool_call_id": []}, {"role": []}, {"role": "user", "content": [{"type": []}]},
        {"role": "assistant", "content": [CALL_OF_NO_JSON]},
    ],
)  # fmt: skip
def test_a_message_of_any_other_shape_is_a_validation_error(value: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Message.model_validate(value)


def test_arguments_nested_too_deeply_are_a_validation_error() -> None:
    arguments: Any = 1
    for _ in range(100_000):  # how deep json writes differs between versions of Python; since 3.12, 2,000 and more
        arguments = [arguments]
    call = {"type": "tool_call", "id": "a", "name": "b", "arguments": {"a": arguments}}
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        Message.model_validate({"role": "assistant", "content": [call]})


@pytest.mark.parametrize("output", ["__import__('os').abort()", "int", "", b"json"])
def test_the_form_of_an_answer_given_as_text_is_never_evaluated(output: Any) -> None:
    """pydantic evaluates text given as a type; a web application may hand on what its user wrote."""
    with pytest.raises(ValueError, match="the only text it can be is 'json'"):
        OutputFormat.model_validate(output)
