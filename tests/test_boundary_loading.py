"""A call that names its model loads one plugin; what must load all does it outside the event loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .packages import GOOD_MODULE, lay, run_fresh

BEATS = """
import asyncio, json, logging, sys, time
import modelyard
logging.basicConfig(level="WARNING")
from tests.packages import GOOD_MODULE, module_of

async def beat(late):
    while True:
        since = time.perf_counter()
        await asyncio.sleep(0.02)
        late.append(time.perf_counter() - since - 0.02)

async def main():
    late = []
    good = module_of(GOOD_MODULE.replace("acme", "good"), "good")
    runtime = modelyard.Runtime(plugins=["acme", "mistral", good])
    beating = asyncio.ensure_future(beat(late))
    await asyncio.sleep(0.05)
    said = ""
    try:
        said = (await {call}).text
    except modelyard.ModelyardError as error:
        said = f"{{type(error).__name__}} {{error}}"
    await asyncio.sleep(0.05)
    beating.cancel()
    print(json.dumps({{"late": max(late), "said": said, "loaded": "acme_plugin" in sys.modules}}))

asyncio.run(main())
"""


def ask(folder: Path, call: str, sleep: float = 0.0) -> tuple[dict[str, Any], str]:
    lay(folder, module=f"import time\ntime.sleep({sleep})\n{GOOD_MODULE}")
    said = run_fresh(folder, BEATS.format(call=call))
    printed = next(line for line in said.splitlines() if line.startswith("{"))
    return json.loads(printed), said


@pytest.mark.parametrize("model", ["'good:m'", "['good:m']", "['good:m', 'good:n']"])
def test_p10_a_reference_loads_its_provider_alone(model: str, tmp_path: Path) -> None:
    facts, _ = ask(tmp_path, f"runtime.complete({model}, 'hi')")
    assert facts["said"] == "hello from good"
    assert not facts["loaded"]


def test_p10_so_does_one_that_the_host_gave_a_name(tmp_path: Path) -> None:
    lay(tmp_path)
    said = run_fresh(
        tmp_path,
        """
        import sys, modelyard
        runtime = modelyard.SyncRuntime(
            {"mistral": {"api_key": "x"}},
            catalog={"aliases": {"fast": "mistral:mistral-large-latest"}, "prices": {}},
        )
        print(runtime.explain("fast", "hi").kept[0].ref, "acme_plugin" in sys.modules)
        """,
    )
    assert said == "mistral:mistral-large-latest False\n"


def test_p08_a_slow_plugin_delays_nobody_who_does_not_ask_for_it(tmp_path: Path) -> None:
    facts, said = ask(tmp_path, "runtime.complete('good:m', 'hi', deadlines=1)", sleep=1.5)
    assert facts["said"] == "hello from good"
    assert facts["late"] < 0.7
    assert "took" not in said


@pytest.mark.parametrize("model", ["['good:*']", "'default:chat', route={'models': ['acme:*', 'good:*']}"])
def test_what_must_load_all_does_it_outside_the_event_loop_and_names_a_slow_one(
    model: str, tmp_path: Path
) -> None:
    facts, said = ask(tmp_path, f"runtime.complete({model.partition(',')[0]}, 'hi', deadlines=1)", sleep=1.5)
    assert facts["late"] < 0.7
    assert "DeadlineError" not in facts["said"]
    assert "modelyard-acme 1.0 took 1." in said


def test_a_slow_plugin_that_is_asked_for_is_loaded_outside_the_event_loop_too(tmp_path: Path) -> None:
    facts, said = ask(tmp_path, "runtime.complete('acme:m', 'hi', deadlines=1)", sleep=1.5)
    assert facts["said"] == "hello from acme"
    assert facts["late"] < 0.7
    assert "modelyard-acme 1.0 took 1." in said


def test_two_threads_at_once_load_a_plugin_once(tmp_path: Path) -> None:
    lay(tmp_path, module="import time\nprint('imported')\ntime.sleep(0.2)\n" + GOOD_MODULE)
    said = run_fresh(
        tmp_path,
        """
        import threading, modelyard
        runtime = modelyard.SyncRuntime()
        threads = [threading.Thread(target=lambda: print(runtime.complete("acme:m", "hi").text)) for _ in range(4)]
        threads += [threading.Thread(target=lambda: runtime.catalog) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        """,
    )
    assert said.count("imported") == 1
    assert said.count("hello from acme") == 4
