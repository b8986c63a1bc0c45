"""Finding provider plugins, loading each in isolation, and talking to them with types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.loading.failures import PluginFailure, PluginStatus, Stage
    from modelyard.loading.policy import PluginPolicy
    from modelyard.loading.readiness import ProviderState, ProviderStatus

__all__ = [
    "PluginFailure",
    "PluginPolicy",
    "PluginStatus",
    "ProviderState",
    "ProviderStatus",
    "Stage",
]

_EXPORTS = Exports(
    __name__,
    """
    loading.failures: PluginFailure PluginStatus Stage
    loading.policy: PluginPolicy
    loading.readiness: ProviderState ProviderStatus
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
