"""Putting references with siblings, and the branches of ``allOf``, into one node."""

from __future__ import annotations

from typing import Any, TypeAlias

from modelyard.schema.changes import ChangeKind
from modelyard.schema.forms import Note, without
from modelyard.schema.merge import merge
from modelyard.schema.refs import Definitions
from modelyard.schema.rules import ANNOTATIONS, SchemaRules
from modelyard.types.base import JsonObject

__all__ = ["Chain", "Flattener", "Unfit"]

Chain: TypeAlias = tuple[str, ...]
"""The references put in place on the way to a node; one of them again would never end."""

MOST_INLINED = 2_000
"""Nodes put in the place of references, in one schema: what keeps the work linear in the schema's size."""


class Unfit(Exception):
    """A node has no form the provider takes; the reason is a sentence's end."""


class Flattener:
    """Rewrites one node at a time; its children are left to later calls."""

    def __init__(self, definitions: Definitions, rules: SchemaRules) -> None:
        self._definitions = definitions
        self._rules = rules
        self._inlined = 0

    def flatten(self, node: JsonObject, chain: Chain, note: Note) -> tuple[JsonObject, Chain]:
        """The node without ``allOf`` and without siblings of ``$ref`` where the provider takes neither."""
        if "allOf" in node and self._rules.merge_all_of:
            node, chain = self._merge_all(node, chain)
        while "$ref" in node and self._rules.ref_alone and len(node) > 1:
            bare = {"$ref": node["$ref"]}
            siblings = {key for key in node if key not in ("$ref", "$defs", "definitions")}
            if not siblings - (ANNOTATIONS - {"description"}):
                return bare, chain
            opened = self._open(node, chain)
            if opened is None:
                self._note_lost(siblings, note)
                return bare, chain
            node, chain = opened
            if "allOf" in node and self._rules.merge_all_of:
                node, chain = self._merge_all(node, chain)
        return node, chain

    def open_root(self, node: JsonObject) -> JsonObject:
        """The root without a reference at its top: providers want to see an object there."""
        seen: set[str] = set()
        while isinstance(node.get("$ref"), str) and node["$ref"] not in seen and node["$ref"] != "#":
            seen.add(node["$ref"])
            target = self._definitions.find(node["$ref"])
            merged = merge(target, without(node, "$ref")) if isinstance(target, dict) else ""
            if isinstance(merged, str):
                return node
            node = merged
        return node

    def _open(self, node: JsonObject, chain: Chain) -> tuple[JsonObject, Chain] | None:
        """The node with its reference's target in place of the reference; ``None`` where that may not be."""
        reference = node["$ref"]
        target = self._definitions.find(reference)
        if not isinstance(target, dict) or reference in chain or self._inlined >= MOST_INLINED:
            return None
        self._inlined += _count(target, MOST_INLINED)
        merged = merge(target, without(node, "$ref"))
        return None if isinstance(merged, str) else (merged, (*chain, reference))

    def _merge_all(self, node: JsonObject, chain: Chain) -> tuple[JsonObject, Chain]:
        while "allOf" in node:
            parts, node = node["allOf"], without(node, "allOf")
            referring = sum(isinstance(part, dict) and "$ref" in part for part in parts) + ("$ref" in node)
            constrains = [key for part in (node, *parts) if isinstance(part, dict) for key in part]
            alone = referring == 1 and not set(constrains) - ANNOTATIONS - {"$ref", "$defs", "definitions"}
            for part in (node, *parts) if not alone else ():
                chain = self._extend(part, chain)
            node = self._merge_parts([node, *parts], open_refs=not alone)
        return node, chain

    def _extend(self, part: Any, chain: Chain) -> Chain:
        reference = part.get("$ref") if isinstance(part, dict) else None
        if reference is None:
            return chain
        if reference in chain:
            raise Unfit("joins a schema with itself")
        return (*chain, reference)

    def _merge_parts(self, parts: list[Any], *, open_refs: bool) -> JsonObject:
        whole: JsonObject = {}
        own, *others = parts
        for part in (*others, own):  # what stands beside allOf speaks last
            if part is True:
                continue
            if not isinstance(part, dict):
                raise Unfit("allows no value at all")
            merged = merge(whole, self._opened(part) if open_refs and "$ref" in part else part)
            if isinstance(merged, str):
                raise Unfit(f"joins schemas whose {merged!r} have no common form")
            whole = merged
        return whole

    def _opened(self, part: JsonObject) -> JsonObject:
        opened = self._open(part, ())
        if opened is None:
            raise Unfit(f"joins {part['$ref']} with constraints that have no common form")
        return opened[0]

    def _note_lost(self, siblings: set[str], note: Note) -> None:
        for key in sorted(siblings):
            kind: ChangeKind = "dropped" if key in ANNOTATIONS else "relaxed"
            note(kind, key, f"{key} is left out beside a $ref, which must stand alone")


def _count(node: object, most: int) -> int:
    """How many values a schema consists of, counted up to ``most``."""
    count, pending = 0, [node]
    while pending and count < most:
        current = pending.pop()
        count += 1
        if isinstance(current, dict):
            pending += current.values()
        elif isinstance(current, list):
            pending += current
    return count
