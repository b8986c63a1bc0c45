"""Which files of a package are slow as a whole: ``make quick`` leaves them out, as it does tests marked ``slow``.

They go through the conformance suite or look for counterexamples. ``--durations=20`` tells what else takes long.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SLOW = frozenset(
    f"plugins/{provider}/tests/{name}.py"
    for provider in ("claude", "gemini", "mistral", "openai")
    for name in ("test_conformance", "test_fuzz", "test_properties")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the slow files."""
    for item in items:
        if item.path.is_relative_to(ROOT) and item.path.relative_to(ROOT).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)
