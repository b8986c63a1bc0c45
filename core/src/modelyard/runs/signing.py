"""Signing what is stored, so that nobody changes it unseen."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from modelyard.errors import ConfigurationError

__all__ = ["Signer"]

_LEAST = 16
"""Bytes: RFC 2104 discourages keys shorter than the output, 128 bits are beyond guessing."""
_PURPOSE = b"modelyard run state, version 1\n"
"""Signed along, so that a signature made with the same key for something else is none for this."""


class Signer:
    """Signs JSON data with HMAC-SHA256, however its text is spaced and its keys are ordered; no key, no signature.

    A store may order keys anew, as PostgreSQL's ``jsonb`` does; so what is signed is the data in one fixed form.
    The key itself is not kept, and making a signer never raises: a traceback would show the key among its locals.
    """

    def __init__(self, key: object) -> None:
        self.wanted = key is not None
        self._mac = None
        if isinstance(key, bytes) and len(key) >= _LEAST:
            self._mac = hmac.new(key, _PURPOSE, hashlib.sha256)

    def check(self) -> None:
        """Raise ``ConfigurationError`` if the key was none to sign with."""
        if self.wanted and self._mac is None:
            raise ConfigurationError(
                f"The key to sign with must be bytes, at least {_LEAST} of them.",
                hint="Make one with secrets.token_bytes(32).",
            )

    def sign(self, data: Any) -> str:
        """The signature of JSON data; raises ``RecursionError`` for what is nested too deeply."""
        self.check()
        assert self._mac is not None
        mac = self._mac.copy()
        mac.update(json.dumps(data, sort_keys=True, separators=(",", ":")).encode())
        return f"hmac-sha256:{mac.hexdigest()}"

    def is_signed(self, data: Any, signature: object) -> bool:
        """Return whether a signature is that of the data; a wrong one takes as long as the right one."""
        if not isinstance(signature, str):
            return False
        return hmac.compare_digest(self.sign(data).encode(), signature.encode("utf-8", "surrogatepass"))
