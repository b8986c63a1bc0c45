"""TLS contexts, built when first needed: whom to trust, and which certificate to show."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.credentials.secret import Secret
from modelyard.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

__all__ = ["SharedTls", "Trust"]

_CERTIFICATES = frozenset({".pem", ".crt", ".cer"})
"""How files of certificates are named in a folder that no ``c_rehash`` has prepared."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are believed, and which one is shown to a server that asks.

    ``ca`` is a file of certificates or a folder of such files, ``None`` for the operating system's.
    ``client_cert`` is a file with a certificate, one with its key (``None`` if in the same), and its password.
    """

    ca: str | None = None
    client_cert: tuple[str, str | None, Secret | None] | None = field(default=None, repr=False)


class SharedTls:
    """Builds one context for each trust and hands it to every client; calling is safe from any thread.

    Building takes some 30 ms, so it happens off the event loop and not at all for plain ``http`` URLs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[Trust, ssl.SSLContext] = {}

    def __call__(self, trust: Trust | None = None) -> ssl.SSLContext:
        """The context for a trust; raises ``ConfigurationError`` for files that hold no certificates."""
        trust = trust or Trust()
        with self._lock:
            found = self._contexts.get(trust)
            if found is None:
                found = self._contexts[trust] = _build(trust)
            return found

    def trusting(self, trust: Trust) -> Callable[[], ssl.SSLContext]:
        """The same, for one trust."""
        return lambda: self(trust)


def _build(trust: Trust) -> ssl.SSLContext:
    context = _of_ca(trust.ca, "ca") if trust.ca is not None else _of_environment()
    if trust.client_cert is not None:
        _show(context, *trust.client_cert)
    return context


def _of_environment() -> ssl.SSLContext:
    """What ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, else what the operating system trusts."""
    import ssl

    named = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    for name, value in named.items():
        # OpenSSL takes a list of folders, and says nothing of those that are not there.
        if value and not any(Path(part).exists() for part in value.split(os.pathsep)):
            raise ConfigurationError(
                f"{name} names {value!r}, which does not exist.", hint=f"Correct or unset {name}."
            )
    if named["SSL_CERT_FILE"]:
        return _of_ca(named["SSL_CERT_FILE"], "SSL_CERT_FILE")
    if named["SSL_CERT_DIR"]:
        return ssl.create_default_context()
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _of_ca(path: str, setting: str) -> ssl.SSLContext:
    import ssl

    folder = Path(path).is_dir()
    try:
        context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
        for file in sorted(Path(path).iterdir()) if folder else ():
            if file.suffix in _CERTIFICATES:
                context.load_verify_locations(cafile=file)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable(setting, path, error) from None
    return context


def _show(context: ssl.SSLContext, certificate: str, key: str | None, password: Secret | None) -> None:
    # Without a password to give, OpenSSL would ask the terminal for one.
    secret = password.reveal() if password is not None else ""
    try:
        context.load_cert_chain(certificate, key, secret)
    except (OSError, ValueError) as error:
        raise _unusable("client_cert", certificate, error) from None


def _unusable(setting: str, path: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{setting} names {path!r}, which cannot be used: {error}.",
        hint="Certificates and keys are read in PEM form; a key that is encrypted needs its password.",
    )
