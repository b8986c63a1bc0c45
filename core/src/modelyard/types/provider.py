"""Who a provider is."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelyard.types.history_rules import HistoryRules

__all__ = ["ProviderInfo"]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """What the core must know of a provider before it opens a session.

    ``api_key_variables`` and ``base_url_variables`` are environment variables, the one that wins first;
    ``MODELYARD_<ID>_BASE_URL`` wins over the latter for every provider. ``key_optional`` is for providers
    that serve without a credential, or find one in a way of their own. ``options`` names the settings the
    plugin takes under ``ProviderConfig.options``. ``history`` says what must hold of a conversation before the
    plugin writes it; the core sees to it.
    """

    id: str
    name: str
    base_url: str
    api_key_variables: tuple[str, ...] = ()
    base_url_variables: tuple[str, ...] = ()
    key_optional: bool = False
    options: frozenset[str] = frozenset()
    history: HistoryRules = field(default_factory=HistoryRules)

    @property
    def base_url_variable(self) -> str:
        """``MODELYARD_<ID>_BASE_URL``, a hyphen of the id as an underscore: shells know no hyphens in names."""
        return f"MODELYARD_{self.id.upper().replace('-', '_')}_BASE_URL"
