"""Finding credentials, and keeping them out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.credentials.resolve import Credential, CredentialQuery, CredentialResolver, CredentialScope
    from modelyard.credentials.secret import Secret

__all__ = [
    "Credential",
    "CredentialQuery",
    "CredentialResolver",
    "CredentialScope",
    "Secret",
]

_EXPORTS = Exports(
    __name__,
    """
    credentials.resolve: Credential CredentialQuery CredentialResolver CredentialScope
    credentials.secret: Secret
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
