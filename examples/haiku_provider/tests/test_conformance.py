"""The poet does what every provider must do."""

from __future__ import annotations

from typing import ClassVar

from modelyard.testing import ProviderConformance
from modelyard_haiku import plugin
from modelyard_haiku.testing.dialect import DIALECT


class TestConformance(ProviderConformance):
    """Plugin and dialect are named because the example need not be installed."""

    provider = "haiku"
    plugin: ClassVar = plugin
    dialect: ClassVar = DIALECT
