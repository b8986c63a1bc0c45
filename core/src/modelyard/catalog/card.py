"""The model card: what is known about one model, group by group, each with its source and date."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from pydantic import Field

from modelyard.catalog.capability import UNKNOWN, Capability, CapabilityName
from modelyard.catalog.retention import Retention
from modelyard.types.base import Frozen, JsonObject
from modelyard.types.controls import Effort

__all__ = [
    "Context",
    "Group",
    "Lifecycle",
    "ModelCard",
    "ModelKind",
    "ModelLimits",
    "PriceStep",
    "Reasoning",
    "Source",
]

Context: TypeAlias = Literal["chat", "structured", "summary", "doc"]
ModelKind: TypeAlias = Literal["chat", "embedding", "rerank", "image", "speech", "moderation", "other"]
Group: TypeAlias = Literal["limits", "capabilities", "reasoning", "lifecycle", "prices", "retention"]


class Source(Frozen):
    """Source of a group of figures, and the day it was read."""

    title: str
    as_of: date
    url: str | None = None


class ModelLimits(Frozen):
    """Sizes in tokens; ``None`` where no source gives one."""

    context_window: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class Reasoning(Frozen):
    """Reasoning of a model, and the controls that steer it.

    ``tier`` sorts models for a selector. ``control`` is the provider's own kind of dial: an ``effort``
    word, a ``level`` word, a token ``budget``, or ``adaptive`` (the model decides, an effort guides it).
    ``efforts`` are the neutral efforts the model accepts, ``default`` the one it uses unasked.
    """

    tier: Literal["none", "light", "standard", "deep"] = "none"
    control: Literal["effort", "level", "budget", "adaptive"] | None = None
    efforts: tuple[Effort, ...] = ()
    default: Effort | None = None


class Lifecycle(Frozen):
    """Dates of a model's life; ``replacement`` is the id to move to."""

    released: date | None = None
    deprecated: date | None = None
    retires: date | None = None
    replacement: str | None = None


class PriceStep(Frozen):
    """US dollars per million tokens, from a date on and above a prompt size.

    The step that applies is the latest one begun whose ``above_input_tokens`` is below the whole prompt.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    starts: date | None = None
    above_input_tokens: int = 0


class ModelCard(Frozen):
    """Facts about one model. What no source states is absent or ``unknown``, never guessed."""

    provider: str
    id: str
    label: str
    kind: ModelKind | str = "chat"
    """Purpose of the model; only ``chat`` models take part in routing. A newer plugin may have further words."""
    aliases: tuple[str, ...] = ()
    limits: ModelLimits = Field(default_factory=ModelLimits)
    capabilities: dict[CapabilityName, Capability] = Field(default_factory=dict)
    reasoning: Reasoning = Field(default_factory=Reasoning)
    tool_choice: tuple[Literal["auto", "required", "none", "name"], ...] = ()
    apis: tuple[str, ...] = ()
    """The provider's APIs that serve the model, where it has several; the preferred one first."""
    rules: JsonObject = Field(default_factory=dict)
    """Facts a plugin must know to write a request the model accepts, in its own vocabulary."""
    default_contexts: tuple[Context, ...] = ()
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    prices: tuple[PriceStep, ...] = ()
    retention: Retention = Field(default_factory=Retention)
    sources: dict[Group, Source] = Field(default_factory=dict)
    extra: JsonObject = Field(default_factory=dict, repr=False)
    """Fields and words of a ``models.json`` that only a newer core knows, group by group."""
    known: bool = True
    """``False`` for a card made up for a model id that no catalog lists."""

    @property
    def ref(self) -> str:
        """The model reference, ``provider:id``."""
        return f"{self.provider}:{self.id}"

    def capability(self, name: CapabilityName) -> Capability:
        """The state of one capability; ``unknown`` when the card does not speak of it."""
        return self.capabilities.get(name, UNKNOWN)

    @classmethod
    def unknown(cls, provider: str, model: str) -> ModelCard:
        """Make the card of a model nothing is known about: allowed, and ``unknown`` in every respect."""
        return cls(provider=provider, id=model, label=model, known=False)
