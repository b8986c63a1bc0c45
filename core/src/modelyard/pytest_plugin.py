"""The pytest plugin of ``modelyard[testing]``: stand-ins for providers, and a guard against real ones.

It imports nothing of Modelyard before a fixture or the guard is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelyard.testing.emulator import Emulator
    from modelyard.testing.script import Script
    from modelyard.testing.scripted import ScriptedProvider

pytest.register_assert_rewrite("modelyard.testing.conformance")

_GUARD = "no_real_endpoints"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting that guards every test."""
    parser.addini(_GUARD, "Fail a test that connects to anything but this machine.", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", f"{_GUARD}: fail the test if it connects to anything but this machine")
    config.addinivalue_line("markers", "real_endpoints: let the test connect, whatever the setting says")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run a guarded test with connections to other machines refused, and fail it if it tried one."""
    wanted = item.config.getini(_GUARD) and item.get_closest_marker("real_endpoints") is None
    if not wanted and item.get_closest_marker(_GUARD) is None:
        return (yield)
    from modelyard.testing.guard import only_this_machine

    with only_this_machine() as attempts:
        try:
            outcome = yield
        except BaseException:
            if not attempts:
                raise
            outcome = None
    if attempts:
        pytest.fail(
            f"The test would have called {', '.join(attempts)}. Use the fixture `emulator` or `scripted`, or mark "
            "the test with real_endpoints.",
            pytrace=False,
        )
    return outcome


@pytest.fixture
def scripted() -> Callable[..., ScriptedProvider]:
    """Make a provider that answers from scripts, in this process: ``scripted(Script().say("Hello"))``.

    Hand it to a runtime as ``Runtime(plugins=[...])``. Keyword arguments are those of ``ScriptedProvider``.
    """
    from modelyard.testing.scripted import ScriptedProvider

    def make(*scripts: Script, provider: str = "scripted", **settings: Any) -> ScriptedProvider:
        return ScriptedProvider(provider, scripts, **settings)

    return make


@pytest.fixture
def emulator() -> Iterator[Callable[..., Emulator]]:
    """Start an emulator of an installed provider on loopback: ``emulator("mistral", Script().say("Hello"))``.

    Give a runtime its ``settings()``. It refuses what the real API refuses, and stops with the test.
    """
    from modelyard.testing.dialect import load_dialects
    from modelyard.testing.emulator import Emulator

    with ExitStack() as running:

        def start(provider: str, *scripts: Script, **settings: Any) -> Emulator:
            dialect = load_dialects([provider]).get(provider)
            if dialect is None:
                pytest.fail(f"No installed package has a dialect for {provider!r}.")
            return running.enter_context(Emulator(dialect, scripts, **settings))

        yield start
