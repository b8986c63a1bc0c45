"""Rules for opaque data: it goes back to the provider, model and account it came from, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.types.base import Opaque
from modelyard.types.content import OpaquePart, ReasoningPart, TextPart, ToolCall
from modelyard.types.history_rules import HistoryRules
from modelyard.types.messages import Message

__all__ = ["ReplayTarget", "bind_account"]


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """Destination of a conversation. ``account`` is the credential's digest, ``None`` if unknown."""

    rules: HistoryRules
    provider: str
    model: str
    account: str | None = None

    def owns(self, opaque: Opaque) -> bool:
        """Return whether data was made there. Data that names no model belongs to all of its provider's."""
        if opaque.provider != self.provider:
            return False
        if opaque.model is None:
            return True
        if opaque.model != self.model and _bare(opaque.model) != _bare(self.model):
            return False
        if not self.rules.account_bound:
            return True
        return opaque.account is None or self.account is None or opaque.account == self.account


def _bare(model: str) -> str:
    """A model's id without a path before it, such as Google's ``models/``."""
    return model.rpartition("/")[2]


def bind_account(message: Message, account: str) -> Message:
    """Stamp opaque data with the credential's digest; replay under another key drops it."""
    content = list(message.content)
    bound = False
    for position, part in enumerate(content):
        if not isinstance(part, (TextPart, ReasoningPart, ToolCall, OpaquePart)):
            continue
        opaque = part.opaque
        if opaque is not None and opaque.model is not None and opaque.account is None:
            named = opaque.model_copy(update={"account": account})
            content[position] = part.model_copy(update={"opaque": named})
            bound = True
    return message.model_copy(update={"content": tuple(content)}) if bound else message
