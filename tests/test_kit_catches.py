"""A plugin broken in any of the usual ways does not pass the kit, which names the rule that is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.scaffold.names import check_name
from modelyard.scaffold.shapes import SHAPES
from modelyard.scaffold.write import write_project

SUITE = """
import modelyard_acme.plugin
from modelyard.testing.conformance import ProviderConformance
from modelyard_acme.testing.dialect import DIALECT


class TestConformance(ProviderConformance):
    provider = "acme"
    plugin = modelyard_acme.plugin
    dialect = DIALECT
"""


@dataclass(frozen=True, slots=True)
class Break:
    """A change of one file of a sound plugin, and the rule the kit must name."""

    file: str
    before: str
    after: str
    rule: str
    case: str
    """The case that catches it, or the beginning of its name."""


SWAP = """
                held = self.__dict__.setdefault("_held", [])
                held.append(ContentDelta(self._part("text"), _text(event, "text")))
                for delta in held[::-1] if len(held) == 2 else held[2:][-1:]:
                    emit(delta)
"""
DONE = """
    def on_end(self, emit: Emit) -> None:
        self.finished = True
        emit(Done(finish_reason="stop", raw_finish_reason="end"))

    def _think("""
LOUD = """
    import logging
    logging.getLogger("modelyard_acme").debug("Bearer %s", settings.credential.secret.reveal())
    headers = {"""
SLEEPY = """
@hookimpl
async def modelyard_complete(session, request, card):
    import time

    time.sleep(0.001)
    return await session.complete(request, card)


"""
BREAKS = {
    "two deltas are swapped": Break(
        "events.py",
        """emit(ContentDelta(self._part("text"), _text(event, "text")))
            case "thought":""",
        f"""{SWAP.strip()}
            case "thought":""",
        "deltas arrive in the order they were sent",
        "test_deltas_keep",
    ),
    "the usage is dropped": Break(
        "events.py",
        "read_usage(usage) if isinstance(usage, dict) else None",
        "None",
        "usage is what the provider sent",
        "test_usage",
    ),
    "a signature is lost on the way in": Break(
        "events.py",
        'if "seal" in event:',
        'if "sealed" in event:',
        "requests are what the API accepts",
        "test_opaque",
    ),
    "a signature is changed on the way out": Break(
        "messages.py",
        'part.opaque.data["seal"]',
        'part.opaque.data["seal"].upper()',
        "requests are what the API",
        "test_opaque",
    ),
    "an error event is swallowed": Break(
        "events.py",
        """case "error":
                raise error_in_answer(event.get("error"))""",
        """case "error":
                pass""",
        "an error event 'rate_limit' raises RateLimitError",
        "test_an_error_event",
    ),
    "the key is logged": Break(
        "session.py", "    headers = {", LOUD, "a credential is shown nowhere", "test_a_key"
    ),
    "a call blocks the event loop": Break(
        "plugin.py",
        "modelyard_complete = SessionHooks.complete\n",
        SLEEPY,
        "waiting never blocks the event loop",
        "test_waiting",
    ),
    "the finish reason is wrong": Break(
        "finish.py", '"limit": "length"', '"limit": "stop"', "finish reasons are told apart", "test_finish"
    ),
    "a cut stream ends with stop": Break(
        "events.py",
        "\n    def _think(",
        DONE,
        "a stream cut before its terminator raises StreamInterruptedError",
        "test_a_stream_cut",
    ),
    "parallel calls share an id": Break(
        "events.py",
        'wire_id=_text(event, "id")',
        'wire_id="call_1"',
        "calls arrive whole and in order",
        "test_calls_arrive",
    ),
    "arguments that were cut off are completed": Break(
        "events.py",
        'self._calls.end_all(emit, cut_off=reason == "length")',
        """if reason == "length":
            self._calls.fragment(emit, index=None, wire_id=None, name=None, arguments='"}')
        self._calls.end_all(emit)""",
        "arguments that are no JSON object are None",
        "test_arguments",
    ),
    "the HTTP library is imported at once": Break(
        "plugin.py",
        "from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl\n",
        "from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl\nimport httpx\n",
        "imports no HTTP library and no SDK",
        "test_listing",
    ),
    "connections stay open": Break(
        "session.py",
        "    def build(",
        "    async def aclose(self, kept=[]) -> None:\n        kept.append(self._client)\n\n    def build(",
        "closing the runtime closes all connections",
        "test_closing",
    ),
    "a retry delay is lost": Break(
        "errors.py", 'details.get("wait_seconds")', "None", "a retry delay is passed on", "test_a_retry"
    ),
    "a figure has no source": Break(
        "models.json", '"limits": "docs", ', "", "every group of figures names its source", "test_every_figure"
    ),
    "a control is dropped silently": Break(
        "request.py",
        '    "seed": "seed",\n',
        "",
        "a control is sent or noted in the report",
        "seed",
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small plugin with a wire of its own, as the scaffold writes it."""
    folder = tmp_path_factory.mktemp("acme") / "plugin"
    write_project(check_name("acme", ()), SHAPES["own-wire"], folder)
    return folder


def run_kit(project: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the kit on a plugin in a fresh process; what was printed is in ``stdout``."""
    (folder / "test_acme.py").write_text(SUITE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    paths = [str(project / "src"), *filter(None, sys.path)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options, "test_acme.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sound_plugin_passes(sound: Path, tmp_path: Path) -> None:
    done = run_kit(sound, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_plugin_is_caught(sound: Path, tmp_path: Path, name: str) -> None:
    broken = BREAKS[name]
    project = tmp_path / "plugin"
    _copy_broken(sound, project, broken)
    done = run_kit(project, tmp_path, "-k", broken.case)
    assert done.returncode == 1, f"the kit passes a plugin in which {name}:\n{done.stdout}"
    told = [line for line in done.stdout.splitlines() if line.startswith("E ")]
    assert any("rule: " in line and broken.rule in line for line in told), done.stdout
    assert any("fix: " in line for line in told), done.stdout


def _copy_broken(sound: Path, project: Path, broken: Break) -> None:
    for source in (sound / "src").rglob("*"):
        if source.is_file() and source.suffix != ".pyc":
            text = source.read_text(encoding="utf-8")
            if source.name == broken.file:
                assert broken.before in text, f"{broken.file} has no {broken.before!r} to break"
                text = text.replace(broken.before, broken.after)
            target = project / source.relative_to(sound)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
