"""The pytest plugin of ``modelyard[testing]``; imports nothing of Modelyard before a fixture is used."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("modelyard.testing.conformance")
