"""The catalog as JSON data, in the shape a model selector takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from modelyard.catalog.card import ModelCard

__all__ = ["describe_catalog"]


def describe_catalog(
    providers: Iterable[str],
    cards: Iterable[ModelCard],
    labels: Mapping[str, str],
    ready: Collection[str],
    defaults: Mapping[str, ModelCard],
) -> dict[str, Any]:
    """``providers`` (``ready`` with a credential, else ``planned``), ``models`` and ``defaults``."""
    return {
        "providers": [_describe_provider(name, labels, ready) for name in dict.fromkeys([*providers, *labels])],
        "models": [_describe_model(card) for card in cards],
        "defaults": [
            {"context": context, "provider_id": card.provider, "model_id": card.id}
            for context, card in defaults.items()
        ],
    }


def _describe_provider(name: str, labels: Mapping[str, str], ready: Collection[str]) -> dict[str, Any]:
    described = {"provider_id": name, "status": "ready" if name in ready else "planned"}
    return {**described, "label": labels[name]} if name in labels else described


def _describe_model(card: ModelCard) -> dict[str, Any]:
    return {
        "provider_id": card.provider,
        "model_id": card.id,
        "label": card.label,
        "reasoning_tier": card.reasoning.tier,
        "supports_tools": bool(card.capability("tools")),
        "supports_streaming": bool(card.capability("streaming")),
        "default_contexts": list(card.default_contexts),
    }
