"""Facts about models, and finding the right one by name, capability or context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.catalog.capability import Capability, CapabilityName, CapabilityState
    from modelyard.catalog.card import (
        Context,
        Group,
        Lifecycle,
        ModelCard,
        ModelKind,
        ModelLimits,
        PriceStep,
        Reasoning,
        Source,
    )
    from modelyard.catalog.catalog import Catalog
    from modelyard.catalog.overrides import Additions
    from modelyard.catalog.refresh import Refreshed
    from modelyard.catalog.retention import Region, Retention, ZeroRetention

__all__ = [  # noqa: RUF022  # grouped by subject
    # finding models
    "Additions",
    "Catalog",
    "Refreshed",
    # a model's card
    "Capability",
    "CapabilityName",
    "CapabilityState",
    "Context",
    "Group",
    "Lifecycle",
    "ModelCard",
    "ModelKind",
    "ModelLimits",
    "PriceStep",
    "Reasoning",
    "Region",
    "Retention",
    "Source",
    "ZeroRetention",
]

_EXPORTS = Exports(
    __name__,
    """
    catalog.capability: Capability CapabilityName CapabilityState
    catalog.card: Context Group Lifecycle ModelCard ModelKind ModelLimits PriceStep Reasoning Source
    catalog.catalog: Catalog
    catalog.overrides: Additions
    catalog.refresh: Refreshed
    catalog.retention: Region Retention ZeroRetention
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
