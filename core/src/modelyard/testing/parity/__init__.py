"""What "the same with every provider" means for tools and structured output, as criteria that are run."""

from modelyard.testing.parity.criteria import CRITERIA, Criterion
from modelyard.testing.parity.run import measure
from modelyard.testing.parity.table import render

__all__ = ["CRITERIA", "Criterion", "measure", "render"]
