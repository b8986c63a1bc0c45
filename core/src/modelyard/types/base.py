"""Base of every request type: frozen models, JSON aliases and opaque provider data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, create_model

from modelyard.log import logger

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

    @classmethod
    def model_rebuild(
        cls,
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:
        """Build the validator, which pydantic does at the first use of a class that defers it."""
        _let_pydantic_look_for_its_plugins()
        return super().model_rebuild(
            force=force,
            raise_errors=raise_errors,
            _parent_namespace_depth=_parent_namespace_depth + 1,  # this frame is one more
            _types_namespace=_types_namespace,
        )


@cache
def _let_pydantic_look_for_its_plugins() -> None:
    """Build a model of no interest, so that damaged metadata of any package break that one.

    Before the first model it builds, pydantic reads the entry points of every installed distribution and raises
    what it stumbles over; it looks once (``pydantic.plugin._loader``, 2.12 to 2.14).
    """
    try:
        create_model("Nothing")
    except Exception as error:
        logger("plugins").warning("pydantic cannot look for its plugins: %s", type(error).__name__)


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
