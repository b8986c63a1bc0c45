"""A value that never shows itself."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, NoReturn

__all__ = ["Secret", "conceal", "conceal_credential"]


class Secret:
    """A credential that only ``reveal()`` gives out.

    Its text form, its pickle and its copy in a traceback show a fingerprint at most; comparing works.
    """

    __slots__ = ("_value", "fingerprint")

    def __init__(self, value: str) -> None:
        import hashlib

        self._value = value
        self.fingerprint = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def reveal(self) -> str:
        """The value itself. Keep it out of variables that outlive the call it is for."""
        return self._value

    def redact(self, text: str) -> str:
        """The text with every occurrence of the value blotted out."""
        return text.replace(self._value, "[redacted]") if self._value else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<Secret {self.fingerprint}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


def conceal(value: str | Secret) -> Secret:
    """A secret of a key given as text, to take the text's place in a variable that a traceback may show."""
    return value if isinstance(value, Secret) else Secret(value)


def conceal_credential(options: MutableMapping[str, Any]) -> None:
    """Conceal the ``credential`` among the options of a call, in place: they are the locals of many frames."""
    given = options.get("credential")
    if isinstance(given, str):
        options["credential"] = conceal(given)
    elif isinstance(given, Mapping):
        options["credential"] = {name: conceal(key) for name, key in given.items()}
