"""Names and ids a provider does not take, and what stands for them."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable

from modelyard.types.history_rules import HistoryRules

__all__ = ["CallIds", "tool_aliases"]

_DIGITS = string.digits + string.ascii_letters
_PREFIX = "call_"


class CallIds:
    """The ids of one conversation's calls, each as it is sent.

    An id the provider takes stays as it is the first time. Any other, and the second use of the same one, becomes
    a hash of itself and of how often it was used, so that the same call has the same id on every turn.
    """

    def __init__(self, rules: HistoryRules, given: Iterable[str]) -> None:
        self._legal = re.compile(rules.call_id).fullmatch
        self._length = rules.call_id_length
        self._uses: dict[str, int] = {}
        self._taken = {call_id for call_id in given if self._legal(call_id)}

    def send(self, call_id: str) -> str:
        """The id for the next call that has this one."""
        use = self._uses.get(call_id, 0)
        self._uses[call_id] = use + 1
        if not use and call_id in self._taken:
            return call_id
        seed = f"{call_id}#{use}" if use else call_id
        alias = self._make(seed)
        while alias in self._taken:
            seed += "/"
            alias = self._make(seed)
        self._taken.add(alias)
        return alias

    def _make(self, seed: str) -> str:
        if self._length <= 2 * len(_PREFIX):
            return _hash(seed, self._length)
        return _PREFIX + _hash(seed, self._length - len(_PREFIX))


def tool_aliases(rules: HistoryRules, names: Iterable[str]) -> dict[str, str]:
    """The names a provider does not take, each with the one that stands for it; empty when it takes all.

    An alias reads like its name and ends in a hash of it: it is the same on every turn, and no two names, and no
    other tool of the request, share one.
    """
    legal = re.compile(rules.tool_name).fullmatch
    given = dict.fromkeys(names)
    aliases: dict[str, str] = {}
    for name in given:
        if not legal(name):
            alias = _alias(name, rules.tool_name_length)
            while alias in given or alias in aliases.values():
                alias = _alias(alias + name, rules.tool_name_length)
            aliases[name] = alias
    return aliases


def _alias(name: str, length: int) -> str:
    readable = re.sub(r"[^a-zA-Z0-9_]+", "_", name)[: length - 9].strip("_") or "tool"
    if readable[0].isdigit():
        readable = f"t{readable}"[: length - 9]
    return f"{readable}_{_hash(name, 8)}"


def _hash(text: str, length: int) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest)
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
