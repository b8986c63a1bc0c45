"""Streams in great number over four emulated providers that fail at random: no promise may be broken.

``make soak`` runs it for two minutes, ``make soak ARGS="--seconds 20"`` for less. In each round a new runtime
opens 200 streams at a time, with every fallback policy; some consumers leave early or are cancelled, and some
rounds end with the runtime closed under the streams. Exits with 1 on a breach.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelyard import BreakerPolicy, LocalState, ProviderError, Runtime, Status
from modelyard.testing import Emulator, Received, Reply, Script, faults, load_dialects

from .fault_matrix import CASES, GOOD, POLICIES, PROVIDERS, Case, warm_up

CHAOS = [
    case for case in CASES if case.script is not None and case.name not in ("slow drip", "a stream without end")
]
DEADLINES = {"first_output": 3.0, "between_outputs": 1.5, "total": 12.0}
PIECES = 12
GROWTH = 24 * 2**20
"""Bytes the process may have grown by at the end, over its size after the first two rounds."""


def story(number: int) -> list[str]:
    """The pieces of the answer to one request; no two requests have the same."""
    return [f"{number}.{piece} " for piece in range(PIECES)]


class Chaos:
    """What one emulator does to each request: half are answered well, the others go wrong in some way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._case = Case("none")

    def script(self, received: Received) -> Script:
        """The answer, or the failure of the chosen case."""
        found = re.search(rb"story (\d+)", received.body)
        pieces = story(int(found[1])) if found else ["lost"]
        self._case = self._random.choice(CHAOS) if self._random.random() < 0.5 else Case("none")
        script = self._case.script or GOOD
        return (
            Script().say(*pieces) if not script.steps else replace(Script().say(*pieces), failure=script.failure)
        )

    def fault(self, reply: Reply) -> Reply:
        """The chosen case's fault, or a way of cutting the bytes that must change nothing."""
        if self._case.script is not None and not self._case.script.steps:
            return reply
        harmless = [faults.split(7), faults.coalesce(), faults.drip(0.002), lambda same: same]
        return (self._case.fault or self._random.choice(harmless))(reply)


@dataclass
class Tally:
    """What happened, and what should not have."""

    ends: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    attempts: int = 0
    rounds: int = 0
    grown: int = 0
    breaches: list[str] = field(default_factory=list)

    def check(self, holds: bool, what: str) -> None:
        """Note a breach unless something holds."""
        if not holds:
            self.breaches.append(what)

    def __str__(self) -> str:
        ends = "\n".join(f"  {count:7} {end}" for end, count in self.ends.most_common())
        work = f"{self.attempts} attempts, {self.restarts} restarts, memory grew by {self.grown / 2**20:.1f} MiB"
        total = f"{self.ends.total()} streams in {self.rounds} rounds, {work}"
        return f"{total}\n{ends}\n{len(self.breaches)} breaches" + "".join(
            f"\n  {one}" for one in self.breaches[:20]
        )


async def consume(runtime: Runtime, number: int, chance: random.Random, tally: Tally) -> None:
    """One stream, whose consumer mostly stays to its end."""
    route = [f"{name}:{load_dialects([name])[name].model}" for name in chance.sample(PROVIDERS, 4)]
    policy = chance.choice(POLICIES)
    leave_after = chance.randrange(1, 15) if chance.random() < 0.1 else None
    text, seen, done = "", 0, False
    truth = "".join(story(number))
    end = "done"
    try:
        async with runtime.stream(route, f"Tell me story {number}", fallback=policy) as stream:
            async for event in stream:
                tally.check(not done, f"{number}: {event.type} after done")
                seen += 1
                if event.type == "content_delta":
                    text += event.text
                elif isinstance(event, Status) and event.state == "restarted":
                    tally.check(policy == "restart", f"{number}: restarted under {policy}")
                    text, tally.restarts = "", tally.restarts + 1
                done = done or event.type == "done"
                if seen == leave_after:
                    break
        end = "done" if done else "left early" if seen == leave_after else "no end"
        tally.attempts += len(stream.completion.record.attempts) if done else 1
    except ProviderError as error:
        end = type(error).__name__
        tally.check(not done, f"{number}: {end} after done")
        partial = error.partial.text if error.partial is not None else ""
        tally.check(partial == text, f"{number}: the error holds {partial!r}, delivered was {text!r}")
        tally.attempts += len(error.attempts)
    except asyncio.CancelledError:
        end = "cancelled"
        raise
    except BaseException as error:
        end = f"untyped {type(error).__name__}"
        tally.check(holds=False, what=f"{number}: {error!r}")
    finally:
        tally.ends[end] += 1
        tally.check(truth.startswith(text), f"{number}: {text!r} is no beginning of {truth!r}")
        tally.check(end != "done" or text == truth, f"{number}: done with {text!r}")
        tally.check(end != "no end", f"{number}: ended without done or error")


async def play_round(
    state: LocalState, emulators: dict[str, Emulator], streams: int, tally: Tally, seed: int
) -> None:
    """Some waves of streams over one runtime, which is then closed, now and then under them."""
    chance = random.Random(seed)
    providers: dict[str, Any] = {name: emulator.settings() for name, emulator in emulators.items()}
    runtime = Runtime(providers, state=state, deadlines=DEADLINES, max_attempts=2)
    numbers = iter(range(seed * 100_000, (seed + 1) * 100_000))

    async def worker() -> None:
        for _ in range(3):
            await consume(runtime, next(numbers), chance, tally)

    tasks = [asyncio.ensure_future(worker()) for _ in range(streams)]
    if chance.random() < 0.2:
        await asyncio.sleep(chance.uniform(1.0, 3.0))
        await runtime.aclose(drain=chance.choice([0.0, 0.5]))
    else:
        while any(not task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.2)
            if chance.random() < 0.5:
                chance.choice(tasks).cancel()
    await asyncio.wait(tasks)
    await runtime.aclose()
    tally.rounds += 1


async def settle(
    before: set[asyncio.Task[Any]], files: int, emulators: dict[str, Emulator], state: LocalState, tally: Tally
) -> None:
    """Everything must be as it was before the round."""
    for _ in range(200):
        if not any(emulator.open_connections for emulator in emulators.values()) and open_files() <= files:
            break
        await asyncio.sleep(0.01)
    where = f"round {tally.rounds}"
    left = {name: emulator.open_connections for name, emulator in emulators.items() if emulator.open_connections}
    tally.check(not left, f"{where}: connections stayed open: {left}")
    tally.check(open_files() <= files, f"{where}: {open_files()} files are open, {files} were before")
    tally.check(asyncio.all_tasks() <= before, f"{where}: tasks stayed: {asyncio.all_tasks() - before}")
    flying = {key: state.in_flight(key) for key in list(state._windows.known) if state.in_flight(key)}
    tally.check(not flying, f"{where}: counted as under way: {flying}")
    for emulator in emulators.values():
        tally.check(not emulator.rejected, f"{where}: refused as malformed: {emulator.rejected[:1]}")
        emulator.requests.clear()


def open_files() -> int:
    """How many descriptors the process holds; 0 where that cannot be seen."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def memory() -> int:
    """Bytes of memory the process holds; 0 where that cannot be seen."""
    gc.collect()
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if file.exists() else 0


@contextlib.contextmanager
def serve(seed: int) -> Iterator[dict[str, Emulator]]:
    """The four emulators, each with its own chance."""
    with contextlib.ExitStack() as stack:
        emulators = {}
        for index, name in enumerate(PROVIDERS):
            chaos = Chaos(seed + index)
            emulator = Emulator(load_dialects([name])[name], default=chaos.script, fault=chaos.fault)
            emulators[name] = stack.enter_context(emulator)
        yield emulators


async def soak(seconds: float, streams: int = 200, seed: int = 1) -> Tally:
    """Play rounds until the time is over."""
    await warm_up()
    tally, until, size = Tally(), time.monotonic() + seconds, 0
    # Calm enough that providers stay in play, tight enough that breakers do open.
    state = LocalState(breaker=BreakerPolicy(failures=20, cooldown=0.2, longest=1.0))
    before = asyncio.all_tasks()
    with serve(seed) as emulators:
        files = open_files()
        while time.monotonic() < until:
            await play_round(state, emulators, streams, tally, seed=seed + tally.rounds + 1)
            await settle(before, files, emulators, state, tally)
            if tally.rounds == 2:
                size = memory()
        grown = memory() - size if size else 0
    tally.check(grown < GROWTH, f"memory grew by {grown / 2**20:.1f} MiB after the second round")
    tally.grown = grown
    return tally


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--streams", type=int, default=200, help="how many at a time")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tally = asyncio.run(soak(given.seconds, given.streams, given.seed))
    print(tally)
    return 1 if tally.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
