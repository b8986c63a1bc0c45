"""``make bench``: run the benchmarks and print where each stands against its budget."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.payloads import PROVIDERS, load_payloads
from tests.benchmarks.report import Report
from tests.benchmarks.routing import BUDGETS, routing_cost
from tests.benchmarks.startup import first_answer, import_cost
from tests.benchmarks.workloads import Bench


@contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


async def _run(root: str, providers: list[str], rounds: int, report: Report) -> None:
    payloads = load_payloads()
    for provider in providers:
        bench = Bench(root, payloads[provider], rounds)
        claude = provider == "claude"
        report.ratio("CPU per call", provider, await bench.call(), 1.0 if claude else 0.8)
        report.ratio("CPU per chunk, together", provider, await bench.chunks("burst"), 0.5)
        report.ratio("CPU per chunk, one by one", provider, await bench.chunks("paced"), 0.75)
        report.ratio("time to first delta", provider, await bench.first_delta(), 1.0)
        report.rate("100 calls at once", provider, await bench.concurrent())
        report.ratio("1,000 messages, 20 tools", provider, await bench.history(), 2.0)
        report.wall("200 streams at once", provider, await bench.many_streams(), 1.15)
        await bench.aclose()


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--provider", choices=PROVIDERS, action="append")
    parser.add_argument("--skip-startup", action="store_true")
    arguments = parser.parse_args()
    providers = arguments.provider or [name for name in PROVIDERS if name in load_payloads()]
    report = Report()
    for order in ("given", "cheapest", "least_busy"):
        report.routing(order, routing_cost(arguments.rounds, order), BUDGETS)
    with _server() as root:
        if not arguments.skip_startup:
            report.imports(import_cost(arguments.rounds))
            payloads = load_payloads()
            for name in providers:
                payload = payloads[name]
                report.first(name, first_answer(root, name, payload.model, payload.path, arguments.rounds))
        asyncio.run(_run(root, providers, arguments.rounds, report))


if __name__ == "__main__":
    main()
