"""What a host application's tests get from the pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

HOST_TESTS = """
import asyncio, socket, urllib.request
import pytest
from modelyard import Runtime
from modelyard.testing import Script


def test_scripted(scripted):
    provider = scripted(Script().say("Hello"))
    async def ask():
        async with Runtime(plugins=[provider]) as runtime:
            return (await runtime.complete("scripted:any", "Hi")).text
    assert asyncio.run(ask()) == "Hello"
    assert len(provider.requests) == 1


def test_real(scripted):
    with pytest.raises(OSError):
        socket.create_connection(("api.example.com", 443), 0.1)


def test_address():
    with pytest.raises(OSError):
        socket.socket().connect(("192.0.2.1", 443))


def test_here():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    server.close()


@pytest.mark.real_endpoints
def test_allowed():
    assert not hasattr(socket.getaddrinfo, "__closure__") or socket.getaddrinfo.__closure__ is None
"""


def run(folder: Path, tests: str, settings: str = "") -> str:
    (folder / "test_host.py").write_text(tests, encoding="utf-8")
    (folder / "pytest.ini").write_text(f"[pytest]\n{settings}\n", encoding="utf-8")
    installed = any(found.value == "modelyard.pytest_plugin" for found in entry_points(group="pytest11"))
    named = [] if installed else ["-p", "modelyard.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-q", "-p", "no:cacheprovider", *named, "test_host.py"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "300", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_guard_fails_a_test_that_calls_another_machine_even_if_it_swallows_the_error(tmp_path: Path) -> None:
    printed = run(tmp_path, HOST_TESTS, "no_real_endpoints = true")
    assert "FAILED test_host.py::test_real - Failed: The test would have called api.example.com:443" in printed
    assert "FAILED test_host.py::test_address" in printed
    for name in ("test_scripted", "test_here", "test_allowed"):
        assert f"PASSED test_host.py::{name}" in printed


@pytest.mark.slow
def test_the_guard_works_by_marker_alone(tmp_path: Path) -> None:
    guarded = HOST_TESTS.replace("def test_address", "@pytest.mark.no_real_endpoints\ndef test_address")
    assert "FAILED test_host.py::test_address" in run(tmp_path, guarded)


def test_the_plugin_imports_nothing_before_it_is_used() -> None:
    """Nothing but the root and the tables of where its names live."""
    program = (
        "import sys, modelyard.pytest_plugin; "
        "print([name for name in sys.modules if name.startswith('modelyard.') and '._' not in name "
        "and 'pytest' not in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SUITES = {
    "overrides": ("def test_deltas_keep_their_order(self): pass", "overrides or removes standard cases"),
    "removes": ("test_deltas_keep_their_order = None", "overrides or removes standard cases"),
    "removes all": ("__test__ = False", "overrides or removes standard cases"),
    "waives without a reason": (
        "waived = {'test_deltas_keep_their_order': pytest.mark.xfail()}",
        "must waive 'test_deltas_keep_their_order' by pytest.mark.xfail(reason=...)",
    ),
    "skips": (
        "waived = {'test_deltas_keep_their_order': pytest.mark.skip(reason='no')}",
        "must waive 'test_deltas_keep_their_order' by pytest.mark.xfail(reason=...)",
    ),
    "waives what is none": ("waived = {'test_x': pytest.mark.xfail(reason='no')}", "is no standard case"),
}


@pytest.mark.parametrize(("body", "complaint"), SUITES.values(), ids=SUITES)
def test_a_suite_cannot_leave_a_case_out(body: str, complaint: str) -> None:
    from modelyard.testing.conformance import ProviderConformance

    program = f"class TestConformance(Base):\n    provider = 'any'\n    {body}\n"
    with pytest.raises(TypeError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        exec(program, {"Base": ProviderConformance, "pytest": pytest})


def test_every_case_says_why_it_exists() -> None:
    from modelyard.testing.conformance.suite import STANDARD

    assert len(STANDARD) > 40
    for name, case in STANDARD.items():
        assert getattr(case, "__modelyard_case__", False), name
        assert len((case.__doc__ or "").split()) >= 5, name
