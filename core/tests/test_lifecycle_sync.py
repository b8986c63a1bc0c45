"""Closing a ``SyncRuntime`` while other threads use it."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from modelyard import ConfigurationError, RuntimeClosedError, SyncRuntime
from modelyard.testing import ScriptedProvider


class Held(ScriptedProvider):
    """Says that it was asked, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__("acme")
        self.asked, self.let = threading.Event(), threading.Event()

    async def _events(self, request: Any) -> AsyncGenerator[Any, None]:
        import asyncio

        self.asked.set()
        await asyncio.to_thread(self.let.wait, 0.5)
        async for event in super()._events(request):
            yield event


def call(runtime: SyncRuntime, provider: Held) -> tuple[threading.Thread, list[Any]]:
    """A call in a thread of its own, under way, and where its outcome will be."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(runtime.complete("acme:one", "Hi").text)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert provider.asked.wait(10)
    return thread, outcome


def test_closing_ends_the_calls_of_other_threads_with_a_typed_error() -> None:
    provider = Held()
    runtime = SyncRuntime(plugins=[provider])
    thread, outcome = call(runtime, provider)
    runtime.close()
    thread.join(10)
    assert [type(error) for error in outcome] == [RuntimeClosedError]
    assert all(session.closed for session in provider.sessions)


def test_a_drain_lets_the_calls_of_other_threads_finish_and_takes_no_new_ones() -> None:
    provider = Held()
    runtime = SyncRuntime(plugins=[provider])
    thread, outcome = call(runtime, provider)
    closing = threading.Thread(target=runtime.close, kwargs={"drain": 60})
    closing.start()
    while closing.is_alive():
        try:
            runtime.stream("acme:one", "Hi")
        except ConfigurationError:
            break
    provider.let.set()
    thread.join(10)
    closing.join(10)
    assert outcome == ["Hello from a script."]
    with pytest.raises(ConfigurationError, match="closed"):
        runtime.complete("acme:one", "Hi")
