"""The plugin passes the kit every plugin must pass."""

from __future__ import annotations

from modelyard.testing import ProviderConformance


class TestConformance(ProviderConformance):
    provider = "gemini"
