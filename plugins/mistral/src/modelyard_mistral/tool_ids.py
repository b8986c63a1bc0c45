"""Tool call ids in the only form Mistral reads: nine letters and digits."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable, Iterator

from modelyard.types.content import ToolCall, ToolResult
from modelyard.types.messages import Message

__all__ = ["ToolIds"]

_NATIVE = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = string.digits + string.ascii_letters


class ToolIds:
    """The ids of one conversation, each with the one it is sent under.

    An id in Mistral's form stays as it is. Any other becomes a hash of itself, so that the same call has the
    same id on every turn; should a hash be taken already, it is hashed again. ``changed`` says whether any was.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        ids = list(dict.fromkeys(_ids(messages)))
        self._sent = {call_id: call_id for call_id in ids if _NATIVE.fullmatch(call_id)}
        taken = set(self._sent)
        self.changed = len(taken) < len(ids)
        for call_id in ids:
            if call_id not in self._sent:
                alias = _hash(call_id)
                while alias in taken:
                    alias = _hash(f"{call_id}/{alias}")
                taken.add(alias)
                self._sent[call_id] = alias

    def __getitem__(self, call_id: str) -> str:
        return self._sent[call_id]


def _ids(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.content:
            if isinstance(part, ToolCall):
                yield part.id
            elif isinstance(part, ToolResult):
                yield part.tool_call_id


def _hash(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
