"""Media a provider does not fetch itself: fetched by us where the host allows it, and turned into bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.media.policy import FetchPolicy, Resolve

__all__ = [
    "FetchPolicy",
    "Resolve",
]

_EXPORTS = Exports(
    __name__,
    """
    media.policy: FetchPolicy Resolve
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
