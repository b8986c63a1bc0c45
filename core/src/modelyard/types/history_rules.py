"""Rules of a provider on conversations, as its plugin declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from modelyard.types.tolerant import keeping_unknown

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard

__all__ = ["HistoryRules", "rules_for"]

_ANYTHING: Final = r"(?s).+"


@keeping_unknown
@dataclass(frozen=True, slots=True)
class HistoryRules:
    """Demands on a conversation before a provider's plugin writes it; the defaults demand nothing.

    The core changes a conversation until it obeys, so a plugin can rely on it. Beside these rules every plugin
    can rely on the form of a tool loop: each call has an id of its own and exactly one result, and all results
    of a turn are in one ``tool`` message right after it, in the order of the calls.

    ``call_id`` is a regular expression for ids of tool calls, ``call_id_length`` the length of ids made in place
    of those that do not match; ``tool_name`` and ``tool_name_length`` are the same for names of tools.
    ``blank_text`` says that text of white space alone may be sent (empty text never is), ``files_in_results`` that
    a result may hold images and files, ``user_after_tool`` that something other than a turn of the model's may
    follow results, ``user_first`` that a turn of the user's must come before any of the model's,
    ``plain_reasoning`` that reasoning without opaque data may be sent, ``reasoning_last`` that a turn may end in
    reasoning. ``account_bound`` says that opaque data of a model is worthless under another key.

    ``extra`` keeps rules that only a newer core knows, by name; nobody acts on them.

    A rule of the same name on a model's card takes the place of the provider's.
    """

    call_id: str = _ANYTHING
    call_id_length: int = 29
    tool_name: str = _ANYTHING
    tool_name_length: int = 64
    blank_text: bool = True
    files_in_results: bool = True
    user_after_tool: bool = True
    user_first: bool = False
    plain_reasoning: bool = True
    reasoning_last: bool = True
    account_bound: bool = False
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)


_FIELDS: Final = frozenset(HistoryRules.__dataclass_fields__)


def rules_for(rules: HistoryRules, card: ModelCard) -> HistoryRules:
    """The rules of one model: the provider's, with those its card states in their place."""
    own = {name: value for name, value in card.rules.items() if name in _FIELDS}
    return replace(rules, **own) if own else rules
