"""Writing a new provider package: from a name to a project that passes the conformance suite.

The templates beside this file are the package's files with ``$name`` where the author's names go. A folder named
``package`` takes the package's name, ``dot_`` at the beginning of a name becomes a dot.
"""

from __future__ import annotations

from modelyard.scaffold.names import Names, check_name
from modelyard.scaffold.shapes import SHAPES, Shape
from modelyard.scaffold.write import write_project

__all__ = ["SHAPES", "Names", "Shape", "check_name", "write_project"]
