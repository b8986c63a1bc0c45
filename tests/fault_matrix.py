"""What each fault comes to, under each policy, asked whole and as a stream: run, and written to the documentation.

``python -m tests.fault_matrix`` runs every case against every provider's emulator and rewrites the table in
``docs/reliability.md``; the tests run the same cases and compare.
"""

from __future__ import annotations

import asyncio
import email.utils
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelyard import AttemptRecord, ProviderError, Runtime, Status
from modelyard.testing import Emulator, FakeClock, Hang, Pause, Reply, Script, ScriptedProvider, load_dialects
from modelyard.testing.faults import Fault, html_page, reset_before_head

PROVIDERS = ("claude", "gemini", "mistral", "openai")
POLICIES = ("never", "before_output", "restart")
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- the table below is written by `make reliability` -->", "<!-- end of the table -->"

PIECES = ("Hello ", "there, ", "dear ", "reader ", "of ", "this ", "long ", "line ", "of ", "words.")
TRUTH = "".join(PIECES)
BACKUP = "From the backup."
GOOD = Script().say(*PIECES)
DEADLINES = {"first_output": 3.0, "between_outputs": 3.0, "total": 7.5}


@dataclass(frozen=True, slots=True)
class Case:
    """A fault: what the script says, and what then happens to the reply. ``None`` is a closed port."""

    name: str
    script: Script | None = GOOD
    fault: Fault | None = None


def _after_output(reply: Reply) -> int:
    """How many steps of a stream bring the first words, or half of a whole answer's."""
    for index, step in enumerate(reply.steps):
        if isinstance(step, bytes) and PIECES[0].strip().encode() in step and reply.chunked:
            return index + 1
    return len(reply.steps) // 2


def _pieces(reply: Reply) -> Reply:
    """A whole answer in many chunks, so that it can break in the middle."""
    if reply.chunked:
        return reply
    body = b"".join(step for step in reply.steps if isinstance(step, bytes))
    return replace(reply, steps=[body[at : at + 20] for at in range(0, len(body), 20)], chunked=True)


def _broken(*tail: Any, cut: bool = False) -> Fault:
    """Stop after the first words, and go on as told."""

    def apply(reply: Reply) -> Reply:
        reply = _pieces(reply)
        return replace(reply, steps=[*reply.steps[: _after_output(reply)], *tail], cut=cut)

    return apply


def _silent(reply: Reply) -> Reply:
    return replace(_pieces(reply), steps=[Hang()])


def _drip(reply: Reply) -> Reply:
    """One piece, then a pause shorter than any clock but the total one's."""
    reply = _pieces(reply)
    middle = _after_output(reply)
    slow = [step for piece in reply.steps[middle:] for step in (Pause(2.1), piece)]
    return replace(reply, steps=[*reply.steps[:middle], *slow, Hang()])


def _endless(reply: Reply) -> Reply:
    """The words again and again, for longer than anybody waits."""
    reply = _pieces(reply)
    word = reply.steps[_after_output(reply) - 1] if reply.headers["content-type"] != "application/json" else b" "
    again = [step for _ in range(2_000) for step in (word, Pause(0.01))]
    return replace(reply, steps=[*reply.steps[: _after_output(reply)], *again])


def _headers(**headers: str) -> Fault:
    return lambda reply: replace(
        reply, headers={**reply.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )


def _date(reply: Reply) -> Reply:
    return _headers(retry_after=email.utils.formatdate(time.time() + 60, usegmt=True))(reply)


def _body(content: bytes, media_type: str) -> Fault:
    return lambda reply: Reply(200, {"content-type": media_type}, (content,))


LIMITED = Script().fail("rate_limit")
CASES = (
    Case("connection refused", script=None),
    Case("reset before the headers", fault=reset_before_head()),
    Case("headers, then silence", fault=_silent),
    Case("an error before output", script=Script().fail("overloaded")),
    Case("cut after output", fault=_broken(cut=True)),
    Case("reset after output", fault=lambda reply: replace(_broken(Pause(0.05))(reply), cut=True)),
    Case("stall after output", fault=_broken(Hang())),
    Case("slow drip", fault=_drip),
    Case("an error event after output", script=Script().say(*PIECES).fail("overloaded")),
    Case("429 without a delay", script=LIMITED),
    Case("429, `retry-after` in seconds", script=LIMITED, fault=_headers(retry_after="2")),
    Case("429, `retry-after` as a date", script=LIMITED, fault=_date),
    Case("429, `retry-after-ms`", script=LIMITED, fault=_headers(retry_after_ms="1500")),
    Case("429, a long `retry-after`", script=LIMITED, fault=_headers(retry_after="90")),
    Case("quota used up", script=Script().fail("quota")),
    Case("500", script=Script().fail("server")),
    Case("no capacity (503, 529)", script=Script().fail("overloaded")),
    Case("an HTML page, 502", fault=html_page(502)),
    Case("garbage instead of JSON", fault=_body(b"{not json", "application/json")),
    Case("an HTML page, 200", fault=_body(b"<html>hello</html>", "text/html")),
    Case("a stream without end", fault=_endless),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one case. ``text`` is what the consumer holds, after any restart."""

    outcome: str
    requests: int
    text: str
    record: tuple[AttemptRecord, ...]
    sockets: int

    def cell(self) -> str:
        """The cell of the table."""
        got = {"": "nothing", TRUTH: "all", BACKUP: "the backup's"}.get(self.text, "a part")
        return f"{self.outcome}; {self.requests}; {got}"


@contextmanager
def server(provider: str, case: Case) -> Iterator[tuple[dict[str, Any], Callable[[], int], Emulator | None]]:
    """The primary provider with its fault: settings, the number of requests seen, the emulator."""
    if case.script is None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and never listening: every connection is refused
            yield {"api_key": "k", "base_url": f"http://127.0.0.1:{taken.getsockname()[1]}"}, lambda: 0, None
        return
    dialect = load_dialects([provider])[provider]
    with Emulator(dialect, default=case.script, fault=case.fault) as emulator:
        yield emulator.settings(), lambda: len(emulator.requests), emulator


async def observe(provider: str, case: Case, policy: str, *, stream: bool) -> Seen:
    """Run one case once."""
    backup = ScriptedProvider("backup", default=Script().say(BACKUP))
    model = load_dialects([provider])[provider].model
    with server(provider, case) as (settings, requests, emulator):
        runtime = Runtime(
            {provider: settings},
            plugins=[provider, backup],
            fallback=policy,
            max_attempts=2,
            deadlines=DEADLINES,
            clock=FakeClock(),
        )
        async with runtime:
            route = [f"{provider}:{model}", "backup:b"]
            outcome, text, attempts = await (_stream if stream else _complete)(runtime, route)
        sockets = await _open_sockets(emulator)
        return Seen(outcome, requests(), text, attempts, sockets)


async def _complete(runtime: Runtime, route: list[str]) -> tuple[str, str, tuple[AttemptRecord, ...]]:
    try:
        completion = await runtime.complete(route, "Hi")
    except ProviderError as error:
        return type(error).__name__, "", error.attempts
    return "answer", completion.text, completion.record.attempts


async def _stream(runtime: Runtime, route: list[str]) -> tuple[str, str, tuple[AttemptRecord, ...]]:
    text = ""
    try:
        async with runtime.stream(route, "Hi") as stream:
            async for event in stream:
                if event.type == "content_delta":
                    text += event.text
                elif isinstance(event, Status) and event.state == "restarted":
                    text = ""
    except ProviderError as error:
        return type(error).__name__, text, error.attempts
    return "answer", text, stream.completion.record.attempts


async def _open_sockets(emulator: Emulator | None) -> int:
    """Connections still open half a second after the runtime was closed."""
    for _ in range(50):
        if emulator is None or not emulator.open_connections:
            return 0
        await asyncio.sleep(0.01)
    return emulator.open_connections if emulator is not None else 0


def columns() -> list[tuple[str, bool]]:
    """The six ways to ask: each policy, whole and as a stream."""
    return [(policy, stream) for policy in POLICIES for stream in (False, True)]


async def row(provider: str, case: Case) -> list[str]:
    """The cells of one fault for one provider; also holds what must be true of every case."""
    asked = [observe(provider, case, policy, stream=stream) for policy, stream in columns()]
    cells = []
    for seen in await asyncio.gather(*asked):
        assert [attempt.number for attempt in seen.record] == list(range(1, len(seen.record) + 1))
        assert (seen.record[-1].outcome == "ok") == (seen.outcome == "answer")
        assert seen.sockets == 0, f"{case.name}: {seen.sockets} connections stayed open"
        assert seen.outcome != "answer" or seen.text in (TRUTH, BACKUP)
        assert TRUTH.startswith(seen.text) or seen.text == BACKUP or case.fault is _endless
        cells.append(seen.cell())
    return cells


def render(rows: dict[str, list[str]]) -> str:
    """The table in Markdown."""
    heads = [f"`{policy}`, {'stream' if stream else 'whole'}" for policy, stream in columns()]
    lines = [f"| fault | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines)


async def rows_of(case: Case) -> dict[str, list[str]]:
    """A fault's row, and one for each provider that differs from the others."""
    seen = await asyncio.gather(*(row(provider, case) for provider in PROVIDERS))
    usual = max(seen, key=seen.count)
    named = {f"{case.name}, {provider}": cells for provider, cells in zip(PROVIDERS, seen, strict=True)}
    return {case.name: usual, **{name: cells for name, cells in named.items() if cells != usual}}


async def warm_up() -> None:
    """Import what the plugins import on first use, so that no deadline pays for it."""
    for provider in PROVIDERS:
        await observe(provider, Case("none"), "never", stream=False)


async def rows_of_all() -> dict[str, list[str]]:
    """The rows of every fault."""
    await warm_up()
    table: dict[str, list[str]] = {}
    for case in CASES:
        table |= await rows_of(case)
    return table


def main() -> None:
    """Run everything and rewrite the table of the page."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{render(asyncio.run(rows_of_all()))}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
