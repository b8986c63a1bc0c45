"""Every operation is a call: counting and listing have the deadlines, retries, records and end of an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from modelyard import (
    DeadlineError,
    Limits,
    ModelCard,
    OverloadedError,
    Request,
    Runtime,
    RuntimeClosedError,
    ServerError,
    SyncRuntime,
    UnsupportedFeatureError,
    hookimpl,
)
from modelyard.bounds import Bounds
from modelyard.deployments.session_pool import SessionPool
from modelyard.session import SessionSettings
from modelyard.testing import ScriptedProvider
from modelyard.testing.scripted import ScriptedSession

Use = Callable[[Runtime], Awaitable[object]]

USES: dict[str, Use] = {
    "count_tokens": lambda runtime: runtime.count_tokens("acme:m", "hi"),
    "list_models": lambda runtime: runtime.list_models("acme"),
    "refresh": lambda runtime: runtime.refresh("acme"),
}


class Asked(ScriptedProvider):
    """Answers a count with 12 and a list with one model, after it has raised what it was given to raise."""

    def __init__(
        self, provider: str = "acme", *, failures: Sequence[Exception] = (), silent: bool = False
    ) -> None:
        super().__init__(provider)
        self.failures = list(failures)
        self.silent = silent
        self.asked = 0

    async def _think(self) -> None:
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)

    @hookimpl
    async def modelyard_count_tokens(self) -> int:
        await self._think()
        return 12

    @hookimpl
    async def modelyard_list_models(self) -> list[ModelCard]:
        await self._think()
        return [ModelCard.unknown(self.provider, "newest")]


class Watching:
    """Notes what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.results: list[object] = []

    @hookimpl
    def modelyard_call_started(self, operation: str, deployment: str) -> None:
        self.told.append(("call started", f"{operation} at {deployment}"))

    @hookimpl
    def modelyard_attempt_started(self, deployment: str) -> None:
        self.told.append(("attempt started", deployment))

    @hookimpl
    def modelyard_attempt_finished(self, attempt: Any) -> None:
        self.told.append(("attempt finished", attempt.outcome))

    @hookimpl
    def modelyard_call_finished(self, operation: str, result: object) -> None:
        self.told.append(("call finished", operation))
        self.results.append(result)


def runtime(tmp_path: Path, *plugins: object, **arguments: Any) -> Runtime:
    return Runtime(plugins=plugins, catalog_cache=tmp_path / "models.json", **arguments)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_p33_a_failure_that_may_pass_is_tried_again(use: Use, tmp_path: Path) -> None:
    plugin = Asked(failures=[OverloadedError("busy", retry_after=0.05)] * 2)
    async with runtime(tmp_path, plugin, max_attempts=3) as running:
        await use(running)
    assert plugin.asked == 3


async def test_p33_the_count_is_that_of_the_third_attempt(tmp_path: Path) -> None:
    plugin = Asked(failures=[OverloadedError("busy", retry_after=0.05)] * 2)
    async with runtime(tmp_path, plugin, max_attempts=3) as running:
        count = await running.count_tokens("acme:m", "hi")
    assert (count.tokens, count.estimated, count.deployment) == (12, False, "acme:m")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_the_error_of_the_last_attempt_has_the_record_of_all(use: Use, tmp_path: Path) -> None:
    async with runtime(tmp_path, Asked(failures=[ServerError("down", retry_after=0.01)] * 3)) as running:
        with pytest.raises(ServerError, match="down") as caught:
            await use(running)
    assert [attempt.outcome for attempt in caught.value.attempts] == ["error"] * 3
    assert not any(attempt.maybe_billed for attempt in caught.value.attempts)


@pytest.mark.parametrize(
    ("use", "name", "where"),
    [
        (USES["count_tokens"], "count_tokens", "acme:m"),
        (USES["list_models"], "list_models", "acme"),
        (USES["refresh"], "list_models", "acme"),
    ],
)
async def test_p35_observers_are_told_of_every_operation(use: Use, name: str, where: str, tmp_path: Path) -> None:
    watching = Watching()
    async with runtime(tmp_path, Asked(), hooks=[watching]) as running:
        await use(running)
    assert watching.told == [
        ("call started", f"{name} at {where}"),
        ("attempt started", where),
        ("attempt finished", "ok"),
        ("call finished", name),
    ]
    assert watching.results[0] is not None


OPERATIONS: dict[str, Use] = {
    **USES,
    "all": lambda runtime: runtime.refresh(),
    "session": lambda runtime: runtime.session("acme"),
}


@pytest.mark.parametrize("use", OPERATIONS.values(), ids=OPERATIONS)
async def test_p36_closing_the_runtime_ends_every_operation(use: Use, tmp_path: Path) -> None:
    plugin = Unopened("acme") if use is OPERATIONS["session"] else Asked(silent=True)
    running = runtime(tmp_path, plugin)
    task = asyncio.ensure_future(use(running))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(1):
        await running.aclose()
        with pytest.raises(RuntimeClosedError):
            await task


async def test_a_limit_holds_for_a_count_as_for_an_answer(tmp_path: Path) -> None:
    plugin = Asked(silent=True)
    limits = {"acme": Limits(concurrency=1)}
    async with runtime(tmp_path, plugin, limits=limits, deadlines=0.3) as running:
        counts = [running.count_tokens("acme:m", "hi") for _ in range(2)]
        await asyncio.gather(*counts, return_exceptions=True)
    assert plugin.asked == 1


async def test_a_count_falls_back_as_an_answer_does(tmp_path: Path) -> None:
    down, up = Asked("down", failures=[ServerError("down")] * 3), Asked("up")
    async with runtime(tmp_path, down, up, max_attempts=1, fallback="before_output") as running:
        count = await running.count_tokens(["down:m", "up:m"], "hi")
    assert (count.tokens, count.deployment) == (12, "up:m")


async def test_a_broken_count_says_nothing_of_the_health_of_a_deployment(tmp_path: Path) -> None:
    plugin = Asked(failures=[ServerError("no such path")] * 30)
    async with runtime(tmp_path, plugin, max_attempts=1) as running:
        for _ in range(30):
            with pytest.raises(ServerError):
                await running.count_tokens("acme:m", "hi")
        assert (await running.complete("acme:m", "hi")).text == "Hello from a script."


async def test_what_cannot_be_asked_is_not_asked_twice(tmp_path: Path) -> None:
    watching = Watching()
    async with runtime(tmp_path, ScriptedProvider("acme"), hooks=[watching]) as running:
        with pytest.raises(UnsupportedFeatureError):
            await running.list_models("acme")
    assert [news for news, _ in watching.told].count("attempt started") == 1


# Opening and closing sessions


class Unopened(ScriptedProvider):
    """Never finishes to open a session."""

    @hookimpl
    async def modelyard_open(self, settings: SessionSettings) -> ScriptedSession:
        await asyncio.Event().wait()
        raise AssertionError


class Unclosed(ScriptedProvider):
    """Opens sessions that never finish to close."""

    class _Session(ScriptedSession):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    @hookimpl
    async def modelyard_open(self, settings: SessionSettings) -> ScriptedSession:
        return self._Session(settings)


@pytest.mark.parametrize(
    "use",
    [
        *OPERATIONS.values(),
        lambda runtime: runtime.complete("acme:m", "hi"),
        lambda runtime: runtime.stream("acme:m", "hi").collect(),
    ],
    ids=[*OPERATIONS, "complete", "stream"],
)
async def test_a_session_that_never_opens_breaks_the_total_deadline(use: Use, tmp_path: Path) -> None:
    async with runtime(tmp_path, Unopened("acme"), deadlines=0.2) as running, asyncio.timeout(3):
        if use is OPERATIONS["all"]:
            (told,) = await running.refresh()
            assert "total deadline" in (told.error or "")
            return
        with pytest.raises(DeadlineError) as caught:
            await use(running)
    assert caught.value.phase == "total"


async def test_an_opening_that_takes_too_long_is_given_up_and_made_anew() -> None:
    pool = SessionPool(Bounds(), open_within=0.05)
    openings: list[int] = []

    async def opener() -> ScriptedSession:
        openings.append(len(openings))
        if len(openings) == 1:
            await asyncio.Event().wait()
        return ScriptedSession(settings)

    settings = cast("SessionSettings", None)
    with pytest.raises(DeadlineError) as caught:
        await pool.use("acme", "way", opener).session()
    assert caught.value.phase == "connect"
    assert isinstance(await pool.use("acme", "way", opener).session(), ScriptedSession)
    await pool.aclose()
    assert openings == [0, 1]


async def test_a_session_that_never_closes_is_left_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    running = Runtime(plugins=[Unclosed("acme"), Unclosed("other")])
    await asyncio.gather(running.complete("acme:m", "hi"), running.complete("other:m", "hi"))
    async with asyncio.timeout(5):
        await running.aclose()
    assert "the session of acme did not close" in caplog.text
    assert "the session of other did not close" in caplog.text


def test_a_synchronous_runtime_ends_as_well(tmp_path: Path) -> None:
    with SyncRuntime(plugins=[Asked(silent=True)], catalog_cache=tmp_path / "m.json", deadlines=0.2) as running:
        with pytest.raises(DeadlineError):
            running.count_tokens("acme:m", "hi")
        with pytest.raises(DeadlineError):
            running.list_models("acme")
        with pytest.raises(DeadlineError):
            running.refresh("acme")


def test_closing_a_synchronous_runtime_ends_a_list_in_another_thread() -> None:
    running, ended = SyncRuntime(plugins=[Asked(silent=True)]), threading.Event()

    def ask() -> None:
        with pytest.raises(RuntimeClosedError):
            running.list_models("acme")
        ended.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    while not running._runtime._planner.running._loops:
        ended.wait(0.01)
    ended.wait(0.05)
    running.close()
    assert ended.wait(1)


class Earlier(Asked):
    """A plugin for an earlier core, which had one hook more."""

    @hookimpl
    def modelyard_tools(self, request: Request, card: ModelCard) -> Mapping[str, object]:
        return {}


async def test_p37_a_plugin_that_has_the_hook_for_tools_loads_as_one_without_it() -> None:
    async with Runtime(plugins=[Earlier("old"), Asked("new")]) as running:
        assert [status.state for status in running.plugins() if status.name in ("old", "new")] == ["loaded"] * 2
        assert (await running.complete("old:m", "hi")).text == "Hello from a script."
