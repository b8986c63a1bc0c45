"""A value that never shows itself."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final, NoReturn

from modelyard.errors import ConfigurationError

__all__ = ["Misfit", "Secret", "Veiled", "conceal", "conceal_key", "conceal_options"]

_DIGEST_LABEL: Final = b"modelyard digest of a credential, 1"


class Secret:
    """A credential that only ``reveal()`` gives out.

    Its text form, its pickle and its copy in a traceback show a fingerprint at most. Two are equal when their
    values are. Raises ``ConfigurationError`` for a value that is no text.
    """

    __slots__ = ("_digest", "_fingerprint", "_value")

    def __init__(self, value: str) -> None:
        if not _is_text(value):
            given, value = type(value).__name__, ""  # a traceback may show the locals of this frame
            raise ConfigurationError(f"A credential must be text, not {given}.", hint="Pass the key as str.")
        self._value = value
        self._fingerprint: str | None = None
        self._digest: str | None = None

    @property
    def fingerprint(self) -> str:
        """Eight hex digits to show. Others may have the same: never tell two secrets apart by them."""
        if self._fingerprint is None:
            import hashlib

            self._fingerprint = hashlib.sha256(self._bytes()).hexdigest()[:8]
        return self._fingerprint

    @property
    def digest(self) -> str:
        """A name for the secret in keys and in stored data: 256 bits, the same in every process.

        It is worked out under a label of its own, so that nothing that is shown leads to it.
        """
        if self._digest is None:
            import hashlib

            self._digest = hashlib.blake2b(self._bytes(), digest_size=32, key=_DIGEST_LABEL).hexdigest()
        return self._digest

    def reveal(self) -> str:
        """The value itself. Keep it out of variables that outlive the call it is for."""
        return self._value

    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"<Secret {self.fingerprint}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def conceal(value: str | Secret) -> Secret:
    """Wrap a plain key so that tracebacks with locals do not print it."""
    return value if isinstance(value, Secret) else Secret(value)


class Misfit:
    """Stands for a value of a wrong type, of which the type may be shown and the value may not."""

    __slots__ = ("kind",)

    def __init__(self, value: object) -> None:
        self.kind = "text" if isinstance(value, str) else type(value).__name__

    def __repr__(self) -> str:
        return f"<{self.kind}>"


class Veiled(dict[str, Any]):
    """A dict whose text form shows names only."""

    def __repr__(self) -> str:
        return f"<values of {', '.join(map(str, self)) or 'nothing'}>"


def conceal_key(given: object) -> Any:
    """A credential as a caller gave it, out of sight; whatever is none becomes a ``Misfit``, to be refused later.

    Text becomes a ``Secret``, a mapping by provider a dict of such. Raises nothing: the frame that would raise
    still holds what was given.
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {name: _concealed(key) for name, key in given.items()}
    return _concealed(given)


def _concealed(given: object) -> Secret | Misfit:
    if isinstance(given, (str, Secret)):
        return conceal(given)
    return given if isinstance(given, Misfit) else Misfit(given)


def conceal_options(options: MutableMapping[str, Any]) -> None:
    """Conceal what may be secret among the options of a call, in place: they are the locals of many frames."""
    if "credential" in options:
        options["credential"] = conceal_key(options["credential"])
    if isinstance(options.get("provider_options"), Mapping):
        options["provider_options"] = Veiled(options["provider_options"])
