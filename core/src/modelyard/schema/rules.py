"""Rules of one provider on JSON Schema, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ANNOTATIONS", "STRUCTURE", "SchemaRules"]

STRUCTURE = frozenset({"$ref", "$defs", "definitions", "type", "properties", "required", "items", "anyOf", "enum"})
"""Keywords every provider takes in some form; the walk rewrites them where one is peculiar about them."""

ANNOTATIONS = frozenset(
    "$schema $id $comment $anchor $vocabulary title description default example examples deprecated readOnly "
    "writeOnly contentEncoding contentMediaType discriminator xml externalDocs".split()
)
"""Keywords that constrain nothing: leaving one out lets no further value through."""


@dataclass(frozen=True, slots=True)
class SchemaRules:
    """One provider's dialect of JSON Schema, for what it holds an answer to.

    Parameters
    ----------
    provider:
        The name reasons are given under.
    keywords:
        The keywords it takes beside ``STRUCTURE``; ``None`` for all.
    formats:
        The values of ``format`` it takes; ``None`` for any.
    min_items:
        The values of ``minItems`` it takes; ``None`` for any.
    enum_types:
        The Python types of the values an ``enum`` may list; ``None`` for any.
    closed:
        Objects take ``additionalProperties: false`` and nothing else (``always``), are closed unless they say
        otherwise (``unsaid``), or stay as they are (``never``).
    all_required:
        Every property must be required; an optional one is sent as one that may be null.
    typed:
        Every schema must say of which type it is, arrays of which items.
    type_lists:
        ``type`` may be a list; otherwise the types become branches of ``anyOf``.
    ref_alone:
        ``$ref`` stands alone; what it refers to is put in its place where it does not.
    merge_all_of:
        ``allOf`` is not taken: its branches are merged.
    lookaround:
        A ``pattern`` may look ahead or behind.
    recursion:
        Whether a schema may contain itself: ``allowed``, only through an ``optional`` property, or ``refused``.
    empty_properties:
        ``properties`` may be empty.
    explain:
        What is left out is said in the description instead, for the model to follow.
    """

    provider: str
    keywords: frozenset[str] | None = None
    formats: frozenset[str] | None = None
    min_items: frozenset[int] | None = None
    enum_types: tuple[type, ...] | None = None
    closed: Literal["always", "unsaid", "never"] = "never"
    all_required: bool = False
    typed: bool = False
    type_lists: bool = True
    ref_alone: bool = False
    merge_all_of: bool = False
    lookaround: bool = True
    recursion: Literal["allowed", "optional", "refused"] = "allowed"
    empty_properties: bool = True
    explain: bool = True

    def takes(self, keyword: str) -> bool:
        """Return whether a keyword may be sent."""
        return self.keywords is None or keyword in STRUCTURE or keyword in self.keywords
