"""Facts that identify a provider, and the rules it declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.types.history_rules import HistoryRules
from modelyard.types.tolerant import keeping_unknown

__all__ = ["ProviderInfo"]


@keeping_unknown
@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Facts of a provider that the core must know before it opens a session.

    ``api_key_variables`` and ``base_url_variables`` are environment variables, the one that wins first;
    ``MODELYARD_<ID>_BASE_URL`` wins over the latter for every provider. ``key_optional`` is for providers
    that serve without a credential, or find one in a way of their own. ``options`` names the settings the
    plugin takes under ``ProviderConfig.options``. ``history`` says what must hold of a conversation before the
    plugin writes it; the core sees to it.

    ``fields`` names the optional fields of ``Request`` that the plugin reads. The core takes every other one out
    before the plugin sees the request, and notes it as dropped or refuses it, by ``on_unsupported``; ``absent``
    gives the reason for some, in words that end the note. ``None`` stands for the fields of the plugin's API
    version, without those in ``absent``; fields added to the core later are never among them.

    ``extra`` keeps keyword arguments that only a newer core knows; loading the plugin warns of them.
    """

    id: str
    name: str
    base_url: str
    api_key_variables: tuple[str, ...] = ()
    base_url_variables: tuple[str, ...] = ()
    key_optional: bool = False
    options: frozenset[str] = frozenset()
    history: HistoryRules = field(default_factory=HistoryRules)
    fields: frozenset[str] | None = None
    absent: Mapping[str, str] = field(default_factory=dict, hash=False)
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def base_url_variable(self) -> str:
        """``MODELYARD_<ID>_BASE_URL``, a hyphen of the id as an underscore: shells know no hyphens in names."""
        return f"MODELYARD_{self.id.upper().replace('-', '_')}_BASE_URL"
