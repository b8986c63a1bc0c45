"""Answers: every figure, word and id that the provider sends is read, and none that it does not send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from modelyard.errors import ProviderError
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import Script
from modelyard.testing.server import Reply

__all__ = ["AnswerCases"]

_INPUT: Final = 10_007
_OUTPUT: Final = 20_011
_REASONING: Final = 3_001
_CACHED: Final = 5_003
_COUNTED: Final = (
    Script().think("Hm.").say("Hi.").using(input=_INPUT, output=_OUTPUT, reasoning=_REASONING, cached=_CACHED)
)
_COUNTS: Final = {
    _INPUT: "input_tokens",
    _OUTPUT: "output_tokens",
    _REASONING: "reasoning_tokens",
    _CACHED: "cached_input_tokens",
}
_STREAM: Final = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
Edit = Callable[[Any], Any]


class AnswerCases:
    """Cases about what an answer says beside its text."""

    @case
    @_STREAM
    async def test_a_finish_reason_nobody_knows_stays_unknown(self, wire: Bench, stream: bool) -> None:
        """A word of tomorrow read as ``stop`` makes half an answer pass for a whole one."""
        usual = await wire.ask(Script().say("Hi."), stream=stream)
        word = usual.raw_finish_reason or ""
        with _edited(wire, lambda value: "zq_reason" if value == word else value) as replies:
            try:
                answer = await wire.ask(Script().say("Hi."), stream=stream)
            except ProviderError:
                return  # the word says more than why the answer ended, and is refused as a whole
        if "zq_reason" not in _data(replies[-1]):
            return  # a wire that is no JSON
        found = (answer.finish_reason, answer.raw_finish_reason)
        require(
            found == ("unknown", "zq_reason"),
            "a finish reason nobody knows is 'unknown', with the raw word beside it",
            f"{found} for 'zq_reason' in the place of {word!r}",
            "look the word up in a table, and say 'unknown' for every other",
        )

    @case
    @_STREAM
    async def test_reasoning_tokens_are_read_where_they_are_sent(self, wire: Bench, stream: bool) -> None:
        """They are billed, and often the greatest part of the bill."""
        if not wire.allows("reasoning"):
            return
        with _watched(wire) as replies:
            answer = await wire.ask(_COUNTED, stream=stream)
        sent = _REASONING in _data(replies[-1])
        require(
            not sent or answer.usage.reasoning_tokens == _REASONING,
            "usage.reasoning_tokens is what was sent",
            f"{answer.usage.reasoning_tokens}, not {_REASONING}",
            "pass reasoning_tokens to Usage.build",
        )

    @case
    @_STREAM
    async def test_a_count_that_was_not_sent_is_none(self, wire: Bench, stream: bool) -> None:
        """0 says that nothing was used, and budgets believe it."""
        script = _COUNTED if wire.allows("reasoning") else Script().say("Hi.").using(input=_INPUT, output=_OUTPUT)
        for sentinel, name in _COUNTS.items():
            with _watched(wire) as replies:
                await wire.ask(script, stream=stream)
            if sentinel not in _data(replies[-1]):
                continue  # the provider sends it in parts
            with _edited(wire, partial(_without, gone=sentinel)) as replies:
                try:
                    answer = await wire.ask(script, stream=stream)
                except ProviderError:
                    continue  # an answer without it is no answer of this API
            found = getattr(answer.usage, name)
            require(
                found is None or (found and found in _data(replies[-1])),  # the head of a stream may count too
                "a count that was not sent is None, never 0",
                f"usage.{name} is {found}",
                "read figures with `count`, and give None for one that is not there",
            )

    @case
    @_STREAM
    async def test_model_and_id_of_an_answer_are_read(self, wire: Bench, stream: bool) -> None:
        """An alias leads to another model from one day to the next, and the answer alone says so."""
        model = wire.card.id
        with _edited(wire, lambda value: "zq-model" if value == model else value) as replies:
            answer = await wire.ask(Script().say("Hi."), stream=stream)
        said = _data(replies[-1])
        if not said:
            return  # a wire that is no JSON
        require(
            "zq-model" not in said or answer.response_model == "zq-model",
            "the model an answer names is on it",
            f"response_model is {answer.response_model!r}, not 'zq-model'",
            "set response_model from the answer, not from the request",
        )
        whole = answer if not stream else await wire.ask(Script().say("Hi."))
        require(
            answer.response_id in said or (answer.response_id is None and whole.response_id is None),
            "the id of an answer is what was sent, whole and streamed",
            f"response_id is {answer.response_id!r}, of a whole answer {whole.response_id!r}",
            "set response_id from the answer",
        )

    @case
    @_STREAM
    async def test_the_request_id_is_read(self, wire: Bench, stream: bool) -> None:
        """It is the first thing a provider's support asks for."""
        with _watched(wire) as replies:
            answer = await wire.ask(Script().say("Hi."), stream=stream)
        ids = _request_ids(replies[-1])
        require(
            not ids or answer.request_id in ids,
            "the request id of the response is on the answer",
            f"request_id is {answer.request_id!r}; the headers said {ids}",
            "pass request_id on, of a whole answer and in the ResponseInfo of a stream",
        )

    @case
    @_STREAM
    async def test_code_and_request_id_of_an_error_are_kept(self, wire: Bench, stream: bool) -> None:
        """The code says what the class does not, and hosts act on it."""
        with _watched(wire) as replies:
            wire.emulator.add(Script().fail("rate_limit"))
            error = await wire.fails(stream=stream)
        code = getattr(error, "code", None)
        said = {str(value) for value in _data(replies[-1])}
        require(
            code is not None and code in said,
            "error.code is what was sent",
            f"code is {code!r}; the body said {sorted(said)}",
            "pass code= to http_error",
        )
        ids, found = _request_ids(replies[-1]), getattr(error, "request_id", None)
        require(
            not ids or found in ids,
            "error.request_id is what was sent",
            f"request_id is {found!r}; the headers said {ids}",
            "pass request_id= to http_error, from the headers of the failure",
        )


@contextmanager
def _watched(bench: Bench) -> Iterator[list[Reply]]:
    """The replies of the emulator, as they are sent."""
    replies: list[Reply] = []

    def watch(reply: Reply) -> Reply:
        replies.append(reply)
        return reply

    bench.emulator.fault = watch
    try:
        yield replies
    finally:
        bench.emulator.fault = None


@contextmanager
def _edited(bench: Bench, edit: Edit) -> Iterator[list[Reply]]:
    """Let every value of the replies pass through a function; gives the replies as they were sent."""
    replies: list[Reply] = []

    def change(reply: Reply) -> Reply:
        steps = [_edit_step(step, edit) if isinstance(step, bytes) else step for step in reply.steps]
        replies.append(replace(reply, steps=steps))
        return replies[-1]

    bench.emulator.fault = change
    try:
        yield replies
    finally:
        bench.emulator.fault = None


def _edit_step(step: bytes, edit: Edit) -> bytes:
    return b"\n".join(_edit_line(line, edit) for line in step.split(b"\n"))


def _edit_line(line: bytes, edit: Edit) -> bytes:
    head, colon, text = line.partition(b"data: ") if line.startswith(b"data: ") else (b"", b"", line)
    try:
        value = json.loads(text)
    except ValueError:
        return line
    return head + colon + json.dumps(_each(value, edit), ensure_ascii=False).encode()


def _each(value: Any, edit: Edit) -> Any:
    value = edit(value)
    if isinstance(value, dict):
        return {name: _each(item, edit) for name, item in value.items()}
    return [_each(item, edit) for item in value] if isinstance(value, list) else value


def _without(value: Any, gone: int) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if isinstance(item, (dict, list)) or item != gone}


def _data(reply: Reply) -> list[Any]:
    """Everything of a reply that is JSON."""
    found: list[Any] = []

    def keep(value: Any) -> Any:
        found.append(value)
        return value

    for step in reply.steps:
        if isinstance(step, bytes):
            _edit_step(step, keep)
    return [value for value in found if not isinstance(value, (dict, list))]


def _request_ids(reply: Reply) -> list[str]:
    """The values of headers that are named like an id of the request."""
    names = ("request-id", "correlation-id")
    return [value for name, value in reply.headers.items() if name.lower().endswith(names)]
