"""Tools: Python functions and MCP servers as things a model can call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.tools.errors import ToolError
    from modelyard.tools.function import FunctionTool, tool
    from modelyard.tools.mcp import mcp_tools

__all__ = [
    "FunctionTool",
    "ToolError",
    "mcp_tools",
    "tool",
]

_EXPORTS = Exports(
    __name__,
    """
    tools.errors: ToolError
    tools.function: FunctionTool tool
    tools.mcp: mcp_tools
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
