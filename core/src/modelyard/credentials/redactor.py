"""Cutting secrets out of texts, in every form in which a server may repeat them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus

from modelyard.credentials.secret import Secret, conceal

__all__ = ["REDACTED", "SHORTEST_SECRET", "Redactor", "forms_of"]

REDACTED: Final = "[redacted]"

SHORTEST_SECRET: Final = 8
"""Characters from which on a text is cut out: shorter ones are placeholders (``none``, ``EMPTY``, ``key``), and
as words too common to be removed from what a provider says. No provider of ours gives out keys under 20."""

_CUT: Final = "…"
"""What marks the place where a long message was cut off."""


class Redactor:
    """A frozen set of secrets that cuts each of them out of texts.

    Texts of fewer than ``SHORTEST_SECRET`` characters are left out of it. A secret is also found in its
    percent-encoded, base64, hex, JSON and HTML forms, in capitals or small letters, and where the end of a long
    message cut it in two. Its text form shows a count only, and it cannot be pickled.
    """

    __slots__ = ("_forms", "_secrets")

    def __init__(self, secrets: Iterable[str | Secret] = ()) -> None:
        concealed = map(conceal, secrets)
        self._secrets = frozenset(each for each in concealed if len(each.reveal().strip()) >= SHORTEST_SECRET)
        self._forms: tuple[str, ...] | None = None

    def redact(self, text: str) -> str:
        """The text with every secret in it replaced by ``[redacted]``."""
        if not self._secrets:
            return text
        for form in self._all_forms():
            if form in text:
                text = text.replace(form, REDACTED)
        return self._without_stump(text) if _CUT in text else text

    def finds(self, text: str) -> bool:
        """Return whether a secret is in a text."""
        return bool(self._secrets) and any(form in text for form in self._all_forms())

    def plus(self, secrets: Iterable[str | Secret]) -> Redactor:
        """A redactor of more secrets; the same one where there are none to add."""
        more = Redactor((*self._secrets, *secrets))
        return self if more._secrets == self._secrets else more

    def _all_forms(self) -> tuple[str, ...]:
        """Every form of every secret, the longest first: made when first needed, for most calls go well."""
        if self._forms is None:
            found = {form for secret in self._secrets for form in forms_of(secret.reveal())}
            self._forms = tuple(sorted(found, key=lambda form: (-len(form), form)))
        return self._forms

    def _without_stump(self, text: str) -> str:
        """The text without the beginning of a secret right before the mark that says it was cut there."""
        head, mark, tail = text.rpartition(_CUT)
        for form in self._all_forms():
            for size in range(min(len(form) - 1, len(head)), SHORTEST_SECRET - 1, -1):
                if head.endswith(form[:size]):
                    return f"{head[:-size]}{REDACTED}{mark}{tail}"
        return text

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Redactor cannot be pickled")


def forms_of(secret: str) -> Iterator[str]:
    """The forms in which a secret may stand in a text, itself among them."""
    import base64
    import html
    import json

    secret = secret.strip()
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret, secret.lower(), secret.upper())
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw), "".join(f"%{byte:02X}" for byte in raw)):
        yield encoded
        yield _lower_hex(encoded)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield from (_inside(encode, raw, before) for before in range(3))
    yield from (raw.hex(), ", ".join(map(str, raw)))
    written = json.dumps(secret)[1:-1]
    yield from (written, written.replace("/", r"\/"), json.dumps(secret, ensure_ascii=False)[1:-1])
    yield json.dumps(written)[1:-1]  # JSON in a text of JSON, as gateways quote what is behind them
    yield html.escape(secret)
    yield html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")  # as markupsafe writes them
    yield repr(secret)[1:-1]


def _inside(encode: Callable[[bytes], bytes], raw: bytes, before: int) -> str:
    """What stays the same of a secret within a longer text in base64, ``before`` bytes after a multiple of three.

    So a whole ``Authorization`` header is found, which begins with a word before its key.
    """
    whole = encode(bytes(before) + raw)
    return whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6].decode()


def _lower_hex(encoded: str) -> str:
    """Percent-encoding with small letters, as some servers write it."""
    first, *others = encoded.split("%")
    return "%".join([first, *(each[:2].lower() + each[2:] for each in others)])
