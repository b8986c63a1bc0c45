"""Which attacks there are, who is asked, and whether what came of one is within its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .cases import CASES, MODES, WIRES
from .states import STATES
from .terminal import TERMINALS, TerminalCase

__all__ = ["ALL", "Job", "Outcome", "Seen", "jobs"]

ALL = {case.name: case for case in (*CASES, *STATES, *TERMINALS)}


@dataclass(frozen=True, slots=True)
class Job:
    """One case at one API, asked whole or as a stream, served at ``url``; the number is told back."""

    case: str
    wire: str
    mode: str
    url: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: ``answer``, ``list``, ``shown``, the error's class, or what went wrong; and its cost."""

    outcome: str
    peak: int = 0
    stood: float = 0.0
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a case at one API."""

    job: Job
    outcome: Outcome

    @property
    def problems(self) -> list[str]:
        """Bounds that did not hold, in words."""
        return _problems(self.job, self.outcome)


def jobs(*, short: bool = False, names: Sequence[str] = ()) -> list[Job]:
    """The cases to run, at each API, whole and as a stream.

    The short form leaves the long ones out, and tries each stored run at one of the providers.
    """
    providers = [wire for wire in WIRES if "-" not in wire]
    upstream = [
        Job(case.name, wire, mode)
        for case in CASES
        for wire in WIRES
        for mode in case.modes
        if not (short and case.long) and not (case.asks == "list" and "-" in wire)
    ]
    states = [
        Job(case.name, wire, mode)
        for number, case in enumerate(STATES)
        for wire in (providers if not short else [providers[number % len(providers)]])
        for mode in MODES
    ]
    terminals = [Job(case.name, wire, "stream") for case in TERMINALS for wire in providers]
    chosen = [*upstream, *states, *terminals]
    return [job for job in chosen if not names or any(name in job.case for name in names)]


def _problems(job: Job, outcome: Outcome) -> list[str]:
    """Bounds that did not hold, in words."""
    case = ALL[job.case]
    found = []
    if outcome.outcome not in case.outcomes:
        found.append(f"{outcome.outcome}, not {' or '.join(case.outcomes)}")
    if outcome.peak > case.peak * 2**20:
        found.append(f"{outcome.peak / 2**20:.0f} MiB more, {case.peak} at most")
    if not isinstance(case, TerminalCase) and outcome.stood > case.stood:
        found.append(f"the loop stood for {outcome.stood:.2f} s, {case.stood} at most")
    if outcome.took > case.seconds:
        found.append(f"it took {outcome.took:.1f} s, {case.seconds} at most")
    return [f"{job.case} ({job.wire}, {job.mode}): {one}" for one in found]
