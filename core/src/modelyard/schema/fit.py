"""The walk that fits a schema to a provider's rules."""

from __future__ import annotations

import copy
import json
import re
from typing import Any, TypeAlias

from modelyard.errors import UnsupportedFeatureError
from modelyard.schema.changes import ChangeKind, SchemaChange, SchemaChanges
from modelyard.schema.flatten import Chain, Flattener, Unfit
from modelyard.schema.forms import NULL, allows_null, in_plain_forms, without
from modelyard.schema.refs import Definitions, find_cycle
from modelyard.schema.rules import ANNOTATIONS, SchemaRules
from modelyard.types.base import JsonObject
from modelyard.types.schema_check import SCHEMA_KEYS, SCHEMA_LIST_KEYS, SCHEMA_MAP_KEYS

__all__ = ["fit"]

LONGEST_WORDS = 200
"""Characters of a lost constraint that are repeated in the description."""

_LOOKAROUND = re.compile(r"\(\?<?[=!]")

_Pending: TypeAlias = tuple[Any, Any, Any, str, Chain]
"""Work to do: the container and its key, the schema to fit into it, its path, the references on the way."""


def fit(schema: JsonObject, rules: SchemaRules) -> tuple[JsonObject, SchemaChanges]:
    """A new schema the provider takes, and what was changed to make it.

    ``schema`` has passed ``check_schema`` and stays as it is. Definitions are kept as far as something refers
    to them. The time taken is linear in the schema's size.

    Raises ``UnsupportedFeatureError`` naming the path that has no form the provider takes.
    """
    return _Fitter(schema, rules).run()


class _Fitter:
    def __init__(self, schema: JsonObject, rules: SchemaRules) -> None:
        self._root = schema
        self._rules = rules
        self._definitions = Definitions(schema)
        self._flattener = Flattener(self._definitions, rules)
        self._changes: list[SchemaChange] = []
        self._defs: JsonObject = {}
        self._pending: list[_Pending] = []
        self._path = ""

    def run(self) -> tuple[JsonObject, SchemaChanges]:
        self._check_recursion()
        holder: JsonObject = {}
        root = self._flattener.open_root(self._root) if self._rules.ref_alone else self._root
        self._pending.append((holder, "root", root, "", ()))
        while self._pending:
            container, key, node, self._path, chain = self._pending.pop()
            try:
                container[key] = self._fit(node, chain)
            except Unfit as unfit:
                raise self._refusal(self._path, str(unfit)) from None
        fitted: JsonObject = holder["root"]
        if self._defs:
            fitted["$defs"] = self._defs
        return fitted, SchemaChanges(tuple(self._changes))

    def _check_recursion(self) -> None:
        rule = self._rules.recursion
        if rule == "allowed":
            return
        path = find_cycle(self._root, self._definitions, required_only=rule == "optional")
        if path is not None:
            where = "" if rule == "refused" else " other than through an optional property"
            raise self._refusal(path, f"makes the schema contain itself, which it may not{where}")

    def _refusal(self, path: str, reason: str) -> UnsupportedFeatureError:
        return UnsupportedFeatureError(
            f"{self._rules.provider} has no form for this schema: {path or 'the schema itself'} {reason}.",
            feature=f"schema.{path}" if path else "schema",
            hint="Change the schema there, or ask for JSON in another way than by schema.",
        )

    def _note(self, kind: ChangeKind, keyword: str, reason: str) -> None:
        self._changes.append(SchemaChange(self._path, kind, keyword, reason))

    def _fit(self, node: Any, chain: Chain) -> JsonObject:
        if not isinstance(node, dict):
            return self._boolean(node)
        node, chain = self._flattener.flatten(node, chain, self._note)
        if "$ref" in node and self._rules.ref_alone:
            return {"$ref": self._refer(node["$ref"])}
        node = in_plain_forms(node, self._rules, self._note)
        fitted: JsonObject = {}
        lost: JsonObject = {}
        for key, value in node.items():
            self._keyword(fitted, lost, key, value, node, chain)
        self._close(fitted, node)
        self._explain(fitted, lost)
        self._check_typed(fitted)
        return fitted

    def _keyword(
        self, fitted: JsonObject, lost: JsonObject, key: str, value: Any, node: JsonObject, chain: Chain
    ) -> None:
        match key:
            case "$defs" | "definitions":
                return  # sent when something refers to them
            case "$ref":
                fitted[key] = self._refer(value)
            case "properties":
                self._properties(fitted, value, frozenset(node.get("required", ())), chain)
            case "required":
                self._required(fitted, value, node)
            case "additionalProperties" if self._rules.closed == "always":
                if isinstance(value, dict) and node.get("properties"):
                    self._note("relaxed", key, "further properties cannot be given, the object is closed")
            case _ if self._takes(key, value):
                self._put(fitted, key, value, chain)
            case _:
                self._leave_out(lost, key, value)

    def _takes(self, key: str, value: Any) -> bool:
        rules = self._rules
        if key == "format" and rules.formats is not None and value not in rules.formats:
            return False
        if key == "pattern" and not rules.lookaround and _LOOKAROUND.search(str(value)):
            return False
        if key == "minItems" and rules.min_items is not None and value not in rules.min_items:
            return False
        return rules.takes(key)

    def _boolean(self, node: object) -> JsonObject:
        if node is False:
            self._note("relaxed", "false", "a schema nothing fits is sent as one anything fits")
        if self._rules.typed:
            raise Unfit("allows any value, and every value must be of a stated type")
        return {}

    def _put(self, fitted: JsonObject, key: str, value: Any, chain: Chain) -> None:
        """Copy a keyword, its schemas to be fitted in their turn."""
        if key in SCHEMA_KEYS:
            fitted[key] = None
            self._later(fitted, key, value, key, chain)
        elif key in SCHEMA_LIST_KEYS and isinstance(value, list):
            fitted[key] = [None] * len(value)
            for index, child in enumerate(value):
                self._later(fitted[key], index, child, f"{key}[{index}]", chain)
        elif key in SCHEMA_MAP_KEYS and isinstance(value, dict):
            fitted[key] = dict.fromkeys(value)
            for name, child in value.items():
                self._later(fitted[key], name, child, f"{key}.{name}", chain)
        else:
            fitted[key] = copy.deepcopy(value) if isinstance(value, (dict, list)) else value

    def _later(self, container: Any, key: Any, node: Any, step: str, chain: Chain) -> None:
        if isinstance(node, bool) and key in ("additionalProperties", "items") and not self._rules.typed:
            container[key] = node
            return
        path = f"{self._path}.{step}" if self._path else step
        self._pending.append((container, key, node, path, chain))

    def _refer(self, reference: object) -> str:
        """The reference under which a target is sent; what it refers to is fitted once."""
        target = self._definitions.find(reference)
        if not isinstance(reference, str) or target is None:
            raise Unfit(f"refers to {reference!r}, which is not within the schema")
        name = self._definitions.name(reference)
        if name not in self._defs:
            self._defs[name] = None
            path = reference[2:].replace("/", ".")
            self._pending.append((self._defs, name, target, path, (reference,)))
        return f"#/$defs/{name}"

    def _leave_out(self, lost: JsonObject, key: str, value: Any) -> None:
        if key in ANNOTATIONS:
            self._note("dropped", key, f"{self._rules.provider} takes no {key}")
            return
        if key == "additionalProperties" and value is True:
            return
        said = ", it is said in the description" if self._rules.explain else ""
        self._note("relaxed", key, f"{self._rules.provider} does not hold answers to {key}{said}")
        lost[key] = value

    def _explain(self, fitted: JsonObject, lost: JsonObject) -> None:
        """Say in the description what the keywords left out would have said, in the form Anthropic's SDK does."""
        if not lost or not self._rules.explain:
            return
        words = [f"{key}: {text}" for key, value in lost.items() if len(text := _words(value)) <= LONGEST_WORDS]
        if words:
            said = fitted.get("description")
            fitted["description"] = (f"{said}\n\n" if said else "") + "{" + ", ".join(words) + "}"

    def _properties(
        self, fitted: JsonObject, properties: JsonObject, required: frozenset[str], chain: Chain
    ) -> None:
        if not properties and not self._rules.empty_properties:
            return
        fitted["properties"] = container = dict.fromkeys(properties)
        for name, child in properties.items():
            if name in required or not self._rules.all_required or allows_null(child):
                self._later(container, name, child, f"properties.{name}", chain)
            else:
                self._nullable(container, name, child, chain)

    def _nullable(self, container: JsonObject, name: str, child: Any, chain: Chain) -> None:
        """Send an optional property as one that may be null."""
        self._changes.append(
            SchemaChange(self._path, "converted", f"properties.{name}", "an optional property may be null instead")
        )
        if self._rules.type_lists and isinstance(child, dict) and _is_plain(child):
            self._later(container, name, {**child, "type": [child["type"], "null"]}, f"properties.{name}", chain)
            return
        beside: JsonObject = {}
        if isinstance(child, dict) and "description" in child:
            beside, child = {"description": child["description"]}, without(child, "description")
        branches: list[Any] = [None, dict(NULL)]
        container[name] = {**beside, "anyOf": branches}
        self._later(branches, 0, child, f"properties.{name}", chain)

    def _required(self, fitted: JsonObject, required: list[str], node: JsonObject) -> None:
        if self._rules.all_required and "properties" in node:
            return
        names = list(dict.fromkeys(required))
        if self._rules.closed == "always":
            properties = node.get("properties", {})
            unknown = [name for name in names if name not in properties]
            if unknown:
                raise Unfit(f"requires {unknown[0]!r}, which it does not describe")
        if names or self._rules.keywords is None:
            fitted["required"] = names

    def _close(self, fitted: JsonObject, node: JsonObject) -> None:
        """Close an object as the rules say, and make every property required where they do."""
        rules, kind = self._rules, node.get("type")
        if kind != "object" and not (isinstance(kind, list) and "object" in kind) and "properties" not in node:
            return
        if rules.all_required and "properties" in fitted:
            fitted["required"] = list(fitted["properties"])
        if rules.closed == "unsaid" and "properties" in node:
            fitted.setdefault("additionalProperties", False)
        if rules.closed != "always":
            return
        if not node.get("properties") and (
            "properties" not in node or node.get("additionalProperties") or "patternProperties" in node
        ):
            raise Unfit("is an object of any properties, and each must be named")
        fitted["additionalProperties"] = False

    def _check_typed(self, fitted: JsonObject) -> None:
        if not self._rules.typed:
            return
        if not fitted.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}:
            raise Unfit("allows any value, and every value must be of a stated type")
        kind = fitted.get("type")
        if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and "items" not in fitted:
            raise Unfit("is a list of anything, and its items must be of a stated type")


def _is_plain(node: JsonObject) -> bool:
    """Whether a schema is held to one type by name and to no list of values, so that null can be a type beside."""
    return isinstance(node.get("type"), str) and not node.keys() & {
        "enum",
        "const",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
    }


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
