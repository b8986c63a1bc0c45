"""What every request type shares: frozen models, JSON aliases and opaque provider data."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Frozen", "JsonObject", "Opaque"]

JsonObject: TypeAlias = dict[str, Any]
"""A decoded JSON object. ``Any`` is confined to such edges and narrowed at once."""


class Frozen(BaseModel):
    """A value that is validated once, never changes and refuses unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        defer_build=True,
        hide_input_in_errors=True,
    )


class Opaque(Frozen):
    """Provider data the runtime carries but does not read.

    Thinking signatures, encrypted reasoning items and the like are only valid when they come back
    byte for byte, in place, to the provider and model that made them, and with some to the account. ``kind`` is
    the provider's own name for the thing, ``data`` what its plugin needs to put it back, ``account`` the
    digest of the credential it was made under, as far as that is known.
    """

    provider: str
    kind: str
    data: JsonObject
    model: str | None = None
    account: str | None = Field(default=None, repr=False)
