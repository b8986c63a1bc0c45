"""The codec: what of a conversation goes to a provider, under its rules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from modelyard import (
    CitationPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    Note,
    Opaque,
    OpaquePart,
    ReasoningPart,
    Runtime,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
)
from modelyard.catalog.card import ModelCard
from modelyard.history.codec import adapt, replay
from modelyard.history.opaque import ReplayTarget, bind_account
from modelyard.testing import Script, ScriptedProvider
from modelyard.types.history_rules import HistoryRules, rules_for
from modelyard.types.reporter import Reporter
from modelyard.types.request import HistoryPolicy, Request

STRICT = HistoryRules(
    call_id=r"[a-zA-Z0-9]{9}",
    call_id_length=9,
    tool_name=r"[a-zA-Z0-9_-]{1,64}",
    blank_text=False,
    files_in_results=False,
    user_after_tool=False,
    plain_reasoning=False,
    reasoning_last=False,
    account_bound=True,
)
USER = Message.user("Hi")
PNG = b"\x89PNG\r\n\x1a\n"


def target(rules: HistoryRules = STRICT, account: str | None = None) -> ReplayTarget:
    return ReplayTarget(rules, "acme", "one", account)


def send(
    *messages: Message,
    rules: HistoryRules = STRICT,
    account: str | None = None,
    policy: HistoryPolicy = "repair",
) -> tuple[tuple[Message, ...], Sequence[Note]]:
    reporter = Reporter("drop", "acme:one")
    before = [message.model_dump_json() for message in messages]
    sent = replay(messages, target(rules, account), reporter, policy=policy)
    assert [message.model_dump_json() for message in messages] == before
    report = reporter.report()
    return sent, report.notes if report else ()


def call(call_id: str, name: str = "look", **arguments: Any) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, content: str = "found") -> ToolResult:
    return ToolResult(tool_call_id=call_id, content=content)


def calls_and_results(messages: Sequence[Message]) -> list[tuple[list[str], list[str]]]:
    """The ids of each turn's calls, and those the next message answers."""
    return [
        (
            [call.id for call in message.tool_calls],
            [part.tool_call_id for part in after.content if isinstance(part, ToolResult)],
        )
        for message, after in pairwise(messages)
        if message.tool_calls
    ]


def test_a_history_that_needs_no_change_is_the_same_object() -> None:
    own = Opaque(provider="acme", model="one", kind="thinking", data={"signature": "s"})
    plain = (Message.system("Be brief."), USER, Message.assistant(TextPart(text="Hello", opaque=own)), USER)
    assert send(*plain)[0] == plain
    reporter = Reporter("drop", "acme:one")
    assert replay(plain, target(), reporter) is plain
    thought = Message.assistant([ReasoningPart(text="Hm.", opaque=own), call("abcdefgh1"), call("abcdefgh2")])
    loop = (USER, thought, Message.tool([result("abcdefgh1"), result("abcdefgh2")]))
    assert replay(loop, target(), reporter) is loop
    assert reporter.report() is None


def test_a01_foreign_ids_become_legal_and_pair_and_are_the_same_on_every_turn() -> None:
    first = (USER, Message.assistant([call("toolu_01AbCdEf"), call("abcdefgh1")]))
    answer = Message.tool([result("toolu_01AbCdEf"), result("abcdefgh1")])
    sent, notes = send(*first, answer)
    ((calls, results),) = calls_and_results(sent)
    assert calls == results
    assert calls[1] == "abcdefgh1"
    assert len(calls[0]) == 9
    assert calls[0].isalnum()
    assert [note.action for note in notes] == ["renamed"]
    later, _ = send(*first, answer, Message.assistant("Done."), USER)
    assert calls_and_results(later) == [(calls, results)]


def test_a02_an_id_used_again_in_a_later_turn_is_made_unique() -> None:
    turn = (Message.assistant(call("abcdefgh1", city="Rome")), Message.tool(result("abcdefgh1")))
    sent, _ = send(USER, *turn, USER, *turn)
    (first, first_results), (second, second_results) = calls_and_results(sent)
    assert first == first_results == ["abcdefgh1"]
    assert second == second_results != first


def test_a03_two_calls_under_one_id_are_answered_in_order() -> None:
    asked = Message.assistant([call("same", city="Rome"), call("same", city="Oslo")])
    sent, _ = send(USER, asked, Message.tool([result("same", "warm"), result("same", "cold")]))
    ((calls, results),) = calls_and_results(sent)
    assert calls == results
    assert len(set(calls)) == 2
    assert [part.text for part in sent[2].content if isinstance(part, ToolResult)] == ["warm", "cold"]


def test_a06_an_id_over_the_limit_is_replaced_by_one_within_it() -> None:
    rules = HistoryRules(call_id=r".{1,64}")
    sent, _ = send(USER, Message.assistant(call("x" * 400)), Message.tool(result("x" * 400)), rules=rules)
    ((calls, results),) = calls_and_results(sent)
    assert calls == results
    assert len(calls[0]) == 29


def opaque(provider: str = "acme", model: str | None = "one", account: str | None = None) -> Opaque:
    return Opaque(provider=provider, model=model, kind="thinking", data={"signature": "s"}, account=account)


@pytest.mark.parametrize(
    ("data", "account", "kept"),
    [
        (opaque(), None, True),
        (opaque(model=None), "me", True),
        (opaque(model="path/one"), None, True),
        (opaque(model="two"), None, False),
        (opaque("other"), None, False),
        (opaque(account="me"), "me", True),
        (opaque(account="me"), None, True),
        (opaque(account="me"), "you", False),
    ],
    ids=[
        "own",
        "any model's",
        "a path before it",
        "other model",
        "other provider",
        "own key",
        "no key",
        "other key",
    ],
)
def test_a07_opaque_data_goes_only_where_it_came_from(data: Opaque, account: str | None, *, kept: bool) -> None:
    answer = Message.assistant(
        [
            ReasoningPart(text="Hm.", opaque=data),
            OpaquePart(opaque=data),
            TextPart(text="So.", opaque=data),
            call("abcdefgh1").model_copy(update={"opaque": data}),
        ]
    )
    sent, notes = send(USER, answer, Message.tool(result("abcdefgh1")), account=account)
    if kept:
        assert sent[1] is answer
        assert notes == ()
        return
    assert [part.type for part in sent[1].content] == ["text", "tool_call"]
    assert all(part.opaque is None for part in sent[1].content if isinstance(part, (TextPart, ToolCall)))
    assert [(note.field, note.action) for note in notes] == [("messages", "dropped")]


def test_an_account_matters_only_where_the_rules_say_so() -> None:
    answer = Message.assistant([OpaquePart(opaque=opaque(account="me")), TextPart(text="So.")])
    assert send(USER, answer, USER, rules=HistoryRules(), account="you")[0][1] is answer


def test_an_answer_is_tied_to_the_account_it_was_made_under() -> None:
    answer = Message.assistant([OpaquePart(opaque=opaque()), OpaquePart(opaque=opaque(model=None)), "So."])
    bound = bind_account(answer, "me")
    assert [part.opaque.account for part in bound.content if isinstance(part, OpaquePart)] == ["me", None]
    assert answer.content[0] == OpaquePart(opaque=opaque())
    assert bind_account(USER, "me") is USER


def test_a_card_states_rules_in_place_of_its_provider() -> None:
    card = ModelCard.unknown("acme", "one").model_copy(update={"rules": {"account_bound": True, "other": 1}})
    assert rules_for(HistoryRules(), card) == HistoryRules(account_bound=True)
    assert rules_for(STRICT, ModelCard.unknown("acme", "two")) is STRICT


def test_a10_a_turn_of_nothing_but_foreign_reasoning_is_left_out() -> None:
    thought = Message.assistant(ReasoningPart(text="Hm.", opaque=opaque("other")))
    sent, notes = send(USER, thought, USER)
    assert sent == (USER, USER)
    assert [note.action for note in notes] == ["dropped", "dropped"]


def test_reasoning_that_nothing_follows_is_left_out_where_a_turn_may_not_end_in_it() -> None:
    cut_off = Message.assistant([ReasoningPart(text="Hm.", opaque=opaque())])
    assert send(USER, cut_off, USER)[0] == (USER, USER)
    assert send(USER, cut_off, USER, rules=HistoryRules())[0] == (USER, cut_off, USER)


def test_a11_results_are_one_message_in_the_order_of_the_calls() -> None:
    asked = Message.assistant([call("abcdefgh1"), call("abcdefgh2"), call("abcdefgh3")])
    mixed = Message.user([result("abcdefgh2"), TextPart(text="Hurry."), result("abcdefgh1")])
    sent, notes = send(USER, asked, Message.tool(result("abcdefgh3")), mixed, Message.assistant("Done."), USER)
    assert calls_and_results(sent)[0][1] == ["abcdefgh1", "abcdefgh2", "abcdefgh3"]
    assert [message.role for message in sent] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert sent[4].text == "Hurry."
    assert all(note.action == "repaired" for note in notes)


def test_a11_calls_of_neighbouring_turns_are_answered_together() -> None:
    sent, _ = send(
        USER,
        Message.assistant(["One moment.", call("abcdefgh1")]),
        Message.assistant(call("abcdefgh2")),
        Message.tool([result("abcdefgh1"), result("abcdefgh2")]),
    )
    assert calls_and_results(sent) == [(["abcdefgh1", "abcdefgh2"],) * 2]


def test_a12_a_call_without_its_result_is_answered_cancelled() -> None:
    asked = Message.assistant([call("abcdefgh1"), call("abcdefgh2", "find")])
    sent, notes = send(USER, asked, Message.tool(result("abcdefgh1")), Message.user("Go on."))
    made = sent[2].content[1]
    assert isinstance(made, ToolResult)
    assert (made.tool_call_id, made.name, made.text, made.is_error) == ("abcdefgh2", "find", "cancelled", True)
    assert "'cancelled'" in notes[0].reason
    with pytest.raises(InvalidRequestError, match="a tool call without its result"):
        send(USER, asked, Message.tool(result("abcdefgh1")), policy="refuse")


def test_a12_calls_nobody_answered_at_the_end_are_answered_cancelled() -> None:
    sent, _ = send(USER, Message.assistant(call("abcdefgh1")))
    assert [message.role for message in sent] == ["user", "assistant", "tool"]


def test_a13_a_result_without_its_call_is_left_out() -> None:
    sent, notes = send(Message.tool(result("abcdefgh1")), USER)
    assert sent == (USER,)
    assert [(note.action, note.reason) for note in notes] == [
        ("dropped", "a tool result without its call is left out")
    ]
    with pytest.raises(InvalidRequestError, match="a tool result without its call"):
        send(Message.tool(result("abcdefgh1")), USER, policy="refuse")


def test_a13_a_second_result_is_left_out_and_a_late_one_moves_to_its_call() -> None:
    asked = Message.assistant(call("abcdefgh1"))
    twice, notes = send(USER, asked, Message.tool([result("abcdefgh1"), result("abcdefgh1", "again")]))
    assert calls_and_results(twice) == [(["abcdefgh1"], ["abcdefgh1"])]
    assert "second result" in notes[0].reason
    late, notes = send(USER, asked, USER, Message.assistant("Well."), Message.tool(result("abcdefgh1", "late")))
    assert isinstance(late[2].content[0], ToolResult)
    assert late[2].content[0].text == "late"
    assert "moves behind" in notes[0].reason


def test_a14_the_model_says_a_word_between_a_tool_and_the_user() -> None:
    loop = (USER, Message.assistant(call("abcdefgh1")), Message.tool(result("abcdefgh1")))
    sent, notes = send(*loop, Message.user("And now?"))
    assert [message.role for message in sent] == ["user", "assistant", "tool", "assistant", "user"]
    assert sent[3].text == "OK"
    assert [note.action for note in notes] == ["repaired"]
    assert send(*loop, rules=STRICT)[0] == loop


def test_a15_empty_text_beside_a_call_and_empty_turns_are_left_out() -> None:
    sent, _ = send(
        USER,
        Message.assistant([TextPart(text=""), call("abcdefgh1")]),
        Message.tool(result("abcdefgh1")),
        Message(role="assistant", content=()),
        rules=HistoryRules(),
    )
    assert [part.type for part in sent[1].content] == ["tool_call"]
    assert [message.role for message in sent] == ["user", "assistant", "tool"]


def test_a17_blank_text_is_left_out_where_the_provider_refuses_it() -> None:
    message = Message.user([TextPart(text=" \n"), TextPart(text="Hi")])
    assert send(message)[0] == (USER,)
    assert send(message, rules=HistoryRules())[0] == (message,)


def test_a_conversation_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="nothing|anything to send"):
        send(Message.system("Be brief."), Message.user(" "))


def test_a19_a_call_cut_off_is_sent_without_arguments() -> None:
    cut_off = ToolCall(id="abcdefgh1", name="look", arguments_text='{"city": "Pa')
    sent, notes = send(USER, Message.assistant(cut_off), USER)
    assert sent[1].tool_calls[0].arguments == {}
    assert sent[1].tool_calls[0].arguments_text == "{}"
    assert "no JSON object" in notes[0].reason


def test_files_a_tool_gave_follow_its_result_where_it_cannot_hold_them() -> None:
    image = ImagePart(data=PNG)
    given = ToolResult(tool_call_id="abcdefgh1", content=(TextPart(text="Here."), image))
    sent, _ = send(USER, Message.assistant(call("abcdefgh1")), Message.tool(given))
    assert [message.role for message in sent] == ["user", "assistant", "tool", "assistant", "user"]
    assert sent[4].content == (TextPart(text="Files from tool call abcdefgh1:"), image)
    alone = ToolResult(tool_call_id="abcdefgh1", content=FilePart(data=b"%PDF"))
    sent, _ = send(USER, Message.assistant(call("abcdefgh1")), Message.tool(alone))
    assert isinstance(sent[2].content[0], ToolResult)
    assert sent[2].content[0].text


def _request(*names: str, messages: Sequence[Message] = (USER,), choice: str | None = None) -> Request:
    tools = [Tool(name=name) for name in names]
    return Request.model_validate(
        {"model": "one", "messages": tuple(messages), "tools": tuple(tools), "tool_choice": choice}
    )


def test_a23_names_a_provider_does_not_take_are_replaced_everywhere() -> None:
    name, long = "files.read/all", "n" * 100
    history = (USER, Message.assistant(call("abcdefgh1", name)), Message.tool(result("abcdefgh1")))
    adapted = adapt(_request(name, long, "plain", messages=history, choice=name), target())
    sent = [tool.name for tool in adapted.tools]
    assert sent[2] == "plain"
    assert sent[0].startswith("files_read_all_")
    assert all(len(tool) <= 64 for tool in sent)
    assert adapted.tool_choice is not None
    assert adapted.tool_choice.name == adapted.messages[1].tool_calls[0].name == sent[0]
    assert adapted.adaptation is not None
    assert adapted.adaptation.names == {sent[0]: name, sent[1]: long}
    assert adapt(_request(name), target()).tools[0].name == sent[0]


def test_a23_names_that_differ_only_where_they_are_illegal_stay_apart() -> None:
    adapted = adapt(_request("a.b", "a/b", "a_b"), target())
    assert len({tool.name for tool in adapted.tools}) == 3


def test_a_request_that_needs_no_change_is_the_same_object() -> None:
    request = _request("plain")
    assert adapt(request, target()) is request


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_answer_has_the_names_of_the_caller_and_the_report_the_notes(*, stream: bool) -> None:
    plugin = ScriptedProvider("acme", history=STRICT)
    name = "files.read"
    async with Runtime(plugins=[plugin]) as runtime:
        alias = adapt(_request(name), target()).tools[0].name
        plugin.scripts.append(Script().say("Well.").call(alias, path="/"))
        history = [USER, Message.assistant(call("toolu_1", name)), Message.tool(result("toolu_1"))]
        if stream:
            events = runtime.stream("acme:one", history, tools=[Tool(name=name)])
            names = [event.name async for event in events if event.type in ("tool_call_start", "tool_call_end")]
            assert names == [name, name]
            completion = events.completion
        else:
            completion = await runtime.complete("acme:one", history, tools=[Tool(name=name)])
    assert [called.name for called in completion.tool_calls] == [name]
    assert [note.action for note in completion.report.notes] == ["renamed", "renamed"]
    assert plugin.requests[0].tools[0].name == alias


async def test_the_policy_is_an_argument_of_the_call() -> None:
    async with Runtime(plugins=[ScriptedProvider("acme", history=STRICT)]) as runtime:
        orphan = [USER, Message.tool(result("abcdefgh1"))]
        repaired = await runtime.complete("acme:one", orphan)
        assert [note.action for note in repaired.report.notes] == ["dropped"]
        with pytest.raises(InvalidRequestError, match="without its call"):
            await runtime.complete("acme:one", orphan, history="refuse")
        with pytest.raises(InvalidRequestError, match="history"):
            await runtime.complete("acme:one", orphan, history="forget")  # type: ignore[arg-type]


def test_a15_a_turn_of_nothing_but_citations_is_left_out_like_an_empty_one() -> None:
    citing = Message.assistant([CitationPart(source="a page")])
    messages = (USER, Message.assistant([call("abc123XYZ")]), Message.tool(result("abc123XYZ")), citing, USER)
    sent, notes = send(*messages)
    assert citing not in sent
    assert sent[-2].role == "assistant"  # no user turn stands straight after a tool turn
    assert any(note.action == "dropped" for note in notes)
