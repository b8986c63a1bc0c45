"""Printing results as they come, each beside its budget."""

from __future__ import annotations

from tests.benchmarks.measure import Result

__all__ = ["Report"]


class Report:
    """One line for each measurement; a budget that is missed is marked, not hidden."""

    def imports(self, found: dict[str, tuple[float, int]]) -> None:
        """Import time and modules against the libraries alone."""
        (base, _), (ours, modules) = found["libraries"], found["modelyard"]
        detail = f"{ours * 1000:.0f} ms CPU against {base * 1000:.0f} ms, {modules} modules (budget 420)"
        within = ours / base <= 1.6 and modules <= 420
        self._line("import and catalog", "-", f"{ours / base:.2f}x libraries", within, "1.6x", detail)

    def first(self, provider: str, found: dict[str, float]) -> None:
        """The first answer of a process, against raw aiohttp or the vendor's SDK."""
        against, budget = ("sdk", 1.1) if "sdk" in found else ("aiohttp", 2.0)
        ratio = found["modelyard"] / found[against]
        detail = "  ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in found.items())
        value = f"{ratio:.2f}x {against}"
        self._line("process to first answer", provider, value, ratio <= budget, f"{budget}x", detail)

    def ratio(self, what: str, provider: str, found: Result, budget: float) -> None:
        """A ratio to raw httpx."""
        ratio = found["modelyard"][1]
        detail = "  ".join(f"{name} {time * 1e6:.0f} us ({part:.2f}x)" for name, (time, part) in found.items())
        self._line(what, provider, f"{ratio:.2f}x httpx", ratio <= budget, f"{budget}x", detail)

    def rate(self, what: str, provider: str, found: Result) -> None:
        """Calls per second of one core, and their part of raw aiohttp's."""
        rate, part = 1 / found["modelyard"][0], 1 / found["modelyard"][1]
        detail = "  ".join(f"{name} {1 / seconds:.0f}/s" for name, (seconds, _) in found.items())
        within = rate >= 2000 and part >= 0.25
        self._line(what, provider, f"{rate:.0f}/s, {part:.2f} of aiohttp", within, "2000/s, 0.25", detail)

    def wall(self, what: str, provider: str, found: dict[str, float], budget: float) -> None:
        """Wall time over the ideal."""
        ours = found["modelyard"]
        detail = "  ".join(f"{name} {times:.2f}x" for name, times in found.items())
        self._line(what, provider, f"{ours:.2f}x ideal", ours <= budget, f"{budget}x", detail)

    def routing(self, order: str, found: dict[int, float], budgets: dict[int, float]) -> None:
        """A routing decision by the number of deployments, and how it grows with them."""
        sizes = sorted(found)
        value = " / ".join(f"{found[size]:.0f}" for size in sizes) + " us"
        budget = "/".join(f"{budgets[size]:.0f}" for size in sizes)
        growth = found[sizes[-1]] / found[sizes[0]] / (sizes[-1] / sizes[0])
        detail = f"{'/'.join(map(str, sizes))} deployments; {growth:.2f} of linear growth"
        within = all(found[size] <= budgets[size] for size in sizes)
        self._line("routing decision", order, value, within, budget, detail)

    def _line(self, what: str, provider: str, value: str, within: bool, budget: str, detail: str) -> None:
        mark = "ok  " if within else "OVER"
        print(f"{mark} {what:24} {provider:8} {value:>23}  (budget {budget:12})  {detail}", flush=True)
