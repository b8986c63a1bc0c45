"""Tools that packages bring, used by their names: ``tools=["dice"]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from modelyard.loading.kinds import TOOLS

if TYPE_CHECKING:
    from modelyard.loading.extensions import Extensions

__all__ = ["with_tools"]

T = TypeVar("T", bound=Mapping[str, object])


def with_tools(options: T, extensions: Extensions | None) -> T:
    """The options of a call, with the tools that packages bring in place of their names.

    Raises ``ConfigurationError`` for a name nobody brings, and for one that is broken or not allowed.
    """
    tools = options.get("tools")
    if extensions is None or not isinstance(tools, (list, tuple)) or str not in map(type, tools):
        return options
    found = [extensions.get(TOOLS, each).value if isinstance(each, str) else each for each in tools]
    return cast("T", {**options, "tools": found})
