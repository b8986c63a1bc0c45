"""The conformance kit raises every exception of a plugin's libraries, and of nothing else."""

from __future__ import annotations

from modelyard.testing.conformance.exceptions import library_names


def test_tools_for_the_tests_of_a_plugin_are_no_libraries_of_it() -> None:
    required = [
        "anthropic<1,>=0.80",
        "HTTPX2 (>=2)",
        "tomli>=2; python_version < '3.11'",
        "build>=1; extra == 'test'",
        'mypy>=1.15; python_version >= "3.11" and extra == "test"',
    ]
    assert library_names(required) == {"anthropic", "httpx2", "tomli"}
