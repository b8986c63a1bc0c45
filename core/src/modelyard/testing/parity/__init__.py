"""Criteria, to be run, for "the same with every provider" in tools and structured output."""

from modelyard.testing.parity.criteria import CRITERIA, Criterion
from modelyard.testing.parity.run import measure
from modelyard.testing.parity.table import render

__all__ = ["CRITERIA", "Criterion", "measure", "render"]
