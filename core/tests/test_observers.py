"""Observers change nothing: whatever they raise stays with them, and what could never work is refused at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelyard import ConfigurationError, Limits, Runtime, hookimpl
from modelyard.testing import Script, ScriptedProvider

RAISED = [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RuntimeError]
HOOKS = (
    "modelyard_call_started",
    "modelyard_attempt_started",
    "modelyard_attempt_finished",
    "modelyard_call_finished",
)


def raising(hook: str, error: type[BaseException]) -> object:
    """An observer with one hook, which raises."""

    def observe(self: object) -> None:
        raise error("mine")

    return type("Clumsy", (), {hook: hookimpl(observe)})()


class Counting:
    """Counts the calls that have ended."""

    ended = 0

    @hookimpl
    def modelyard_call_finished(self) -> None:
        self.ended += 1


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", RAISED)
async def test_fault_a44_p59_nothing_an_observer_raises_reaches_a_call_or_keeps_its_place(
    hook: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    counting, failing = Counting(), Script().fail("server", retry_after=0)
    provider = ScriptedProvider("acme", [failing])
    hooks, limits = [raising(hook, error), counting], {"acme": Limits(concurrency=1)}
    async with Runtime(plugins=[provider], hooks=hooks, limits=limits, deadlines=5) as runtime:
        for _ in range(2):
            assert (await runtime.complete("acme:m", "Hi")).text == "Hello from a script."
            assert (await runtime.stream("acme:m", "Hi").collect()).text == "Hello from a script."
        assert (await runtime.count_tokens("acme:m", "Hi")).estimated
    assert counting.ended == 5, "one observer's failure is not another's"
    told = [record.getMessage() for record in caplog.records if hook in record.getMessage()]
    assert len(told) == 1, "a failure of one kind is told once"
    assert error.__name__ in told[0]
    assert "Clumsy" in told[0]


async def test_a_call_that_is_really_cancelled_is_cancelled_whatever_an_observer_raises() -> None:
    provider = ScriptedProvider("acme", default=Script().say(*["word "] * 100), pause=0.05)
    observer = raising("modelyard_attempt_finished", asyncio.CancelledError)
    limits = {"acme": Limits(concurrency=1)}
    async with Runtime(plugins=[provider], hooks=[observer], limits=limits) as runtime:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(runtime.stream("acme:m", "Hi").collect(), 0.1)
        async with runtime.stream("acme:m", "Hi", deadlines=1) as stream:
            assert (await anext(stream)).type == "status"


async def test_an_observer_that_returns_an_awaitable_is_told_that_it_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def later() -> None:
        """Never runs."""

    class Hidden:
        @hookimpl
        def modelyard_call_started(self) -> Any:
            return later()

    async with Runtime(plugins=[ScriptedProvider("acme")], hooks=[Hidden()]) as runtime:
        await runtime.complete("acme:m", "Hi")
    assert "returned an awaitable" in caplog.text


class Asynchronous:
    @hookimpl
    async def modelyard_call_started(self) -> None: ...


class Generating:
    @hookimpl(wrapper=True)
    def modelyard_call_started(self) -> Any:
        yield


class Unmarked:
    def modelyard_call_started(self) -> None: ...


class Misspelt:
    @hookimpl
    def modelyard_call_started(self, call_idd: str) -> None: ...


class Retired:
    @hookimpl(wrapper=True)
    def modelyard_tools(self) -> Any:
        return (yield)


class Answering:
    @hookimpl
    def modelyard_validate(self) -> None: ...


@pytest.mark.parametrize(
    ("hooks", "complaint"),
    [
        ([Asynchronous()], "modelyard_call_started of Asynchronous is asynchronous"),
        ([Generating()], "modelyard_call_started of Generating wraps nothing"),
        ([Unmarked()], "modelyard_call_started of Unmarked is not marked"),
        ([Counting], r"belongs to a class, not to an object. Write hooks=\[Counting\(\)\]"),
        ([Answering()], "modelyard_validate of Answering is no wrapper"),
        ([Misspelt()], r"A hook of Misspelt cannot be used: modelyard_call_started\(call_idd"),
        ([Retired()], "A hook of Retired cannot be used: unknown hook 'modelyard_tools'"),
        ([5], "int has no hook"),
        (Counting(), "hooks must be a list of objects, not Counting"),
    ],
)
def test_an_observer_that_could_never_work_is_refused(hooks: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Runtime(hooks=hooks)
