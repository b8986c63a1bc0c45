"""One TLS context, from the operating system's trust store, built when first needed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

__all__ = ["SharedTls"]


class SharedTls:
    """Builds the context once and hands it to every client; calling is safe from any thread.

    Building takes some 30 ms, so it happens off the event loop and not at all for plain ``http`` URLs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = _build()
            return self._context


def _build() -> ssl.SSLContext:
    import ssl

    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
