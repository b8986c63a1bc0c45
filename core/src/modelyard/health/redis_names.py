"""The names of deployments in Redis: digests, from which nothing of a credential or an address can be told."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from modelyard.credentials.secret import Secret
from modelyard.errors import ConfigurationError

__all__ = ["RedisNames"]

MOST_KEPT: Final = 128
"""Names kept at a time; one costs two microseconds to make."""

_LABEL: Final = b"modelyard name in a shared state, 1"


class RedisNames:
    """Makes the names of deployments in Redis: digests, keyed with a secret or under a label of their own."""

    def __init__(self, prefix: str, secret: str | Secret | None) -> None:
        if secret is not None and not isinstance(secret, Secret):
            secret = Secret(secret)
        if secret is not None and not secret.reveal():
            raise ConfigurationError(
                "The secret of the shared state is empty.", hint="RedisState(url, secret=...)"
            )
        self._prefix = prefix
        self._secret = secret
        self._names: dict[str, str] = {}
        self.of_probe = (f"{{{prefix}}}:probe", f"{{{prefix}}}:probe:slots")

    def name(self, key: str) -> str:
        """The name of a deployment; its braces keep all names on one node of a cluster."""
        found = self._names.get(key)
        if found is None:
            if len(self._names) >= MOST_KEPT:
                self._names.clear()
            found = self._names[key] = f"{{{self._prefix}}}:{key.partition('#')[0]}:{self._digest(key)}"
        return found

    def _digest(self, key: str) -> str:
        secret = _LABEL if self._secret is None else self._secret.reveal().encode("utf-8", "surrogatepass")
        return hmac.new(secret, key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
