"""Maxima: their defaults, what is refused, and that each session knows them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from modelyard import Bounds, ConfigurationError, Runtime, SyncRuntime, hookimpl
from modelyard.session import SessionSettings
from modelyard.testing import Script, ScriptedProvider
from modelyard.testing.scripted import ScriptedSession


def test_the_defaults_are_those_the_documentation_states() -> None:
    bounds = Bounds()
    assert (bounds.answer_bytes, bounds.error_bytes) == (256 * 1024 * 1024, 64 * 1024)
    assert (bounds.argument_depth, bounds.list_pages, bounds.wait_seconds) == (100, 200, 86_400)
    assert (bounds.sessions, bounds.session_idle) == (256, 60)


@pytest.mark.parametrize("name", [entry.name for entry in fields(Bounds)])
@pytest.mark.parametrize("value", [0, -1, True, "3", None, float("nan"), float("inf")])
def test_a_bound_is_a_positive_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Bounds(**{name: value})


@pytest.mark.parametrize("value", [{"anser_bytes": 1}, 5, "256", {"tool_calls": 1.5}, {"argument_depth": 129}])
def test_wrong_bounds_are_refused_when_the_runtime_is_made(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        Runtime(bounds=value)
    with pytest.raises(ConfigurationError):
        SyncRuntime(bounds=value)


@pytest.mark.parametrize("given", [{"tool_calls": 7}, Bounds(tool_calls=7)])
async def test_a_plugin_is_told_the_bounds_of_the_runtime(given: Any) -> None:
    class Told(ScriptedProvider):
        settings: SessionSettings

        @hookimpl
        async def modelyard_open(self, settings: SessionSettings) -> ScriptedSession:
            self.settings = settings
            return await super().modelyard_open(settings)

    provider = Told("acme", [Script().say("Hi")])
    async with Runtime(plugins=[provider], bounds=given) as runtime:
        await runtime.complete("acme:one", "Hi")
    assert provider.settings.bounds == Bounds(tool_calls=7)
