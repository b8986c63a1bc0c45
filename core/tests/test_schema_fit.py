"""Fitting schemas to the rules of a provider: what is kept, what is said otherwise, what is refused."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard import UnsupportedFeatureError
from modelyard.schema import SchemaRules, fit, fit_or_loosen
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter
from modelyard.types.schema_check import check_schema

KEYWORDS = frozenset({"title", "description", "format", "minItems", "additionalProperties"})
STRICT = SchemaRules(
    "Strict",
    keywords=KEYWORDS,
    formats=frozenset({"date"}),
    min_items=frozenset({0, 1}),
    enum_types=(str, int),
    closed="always",
    all_required=True,
    typed=True,
    type_lists=False,
    ref_alone=True,
    merge_all_of=True,
    recursion="refused",
)
LISTS = SchemaRules("Lists", keywords=KEYWORDS, ref_alone=True, merge_all_of=True, recursion="optional")
OPEN = SchemaRules("Open", closed="unsaid")
ALL_RULES = (STRICT, LISTS, OPEN)


def objects(**properties: Any) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(properties)}


def closed(**properties: Any) -> JsonObject:
    return {**objects(**properties), "additionalProperties": False}


def refused(schema: JsonObject, rules: SchemaRules = STRICT) -> str:
    with pytest.raises(UnsupportedFeatureError) as caught:
        fit(schema, rules)
    return caught.value.feature


@pytest.mark.parametrize("rules", ALL_RULES, ids=lambda rules: rules.provider)
def test_c01_definitions_are_kept_below_defs_as_far_as_they_are_used(rules: SchemaRules) -> None:
    address = objects(city={"type": "string"})
    schema = {
        **objects(home={"$ref": "#/definitions/Address"}, work={"$ref": "#/definitions/Address"}),
        "definitions": {"Address": address, "Unused": objects()},
    }
    fitted, _ = fit(schema, rules)
    assert fitted["properties"]["home"] == fitted["properties"]["work"] == {"$ref": "#/$defs/Address"}
    assert set(fitted["$defs"]) == {"Address"}
    assert "definitions" not in fitted


def test_c01_recursion_is_refused_with_its_path() -> None:
    tree = objects(name={"type": "string"}, children={"type": "array", "items": {"$ref": "#/$defs/Tree"}})
    schema = {"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}}
    assert refused(schema) == "schema.$defs.Tree.properties.children.items.$ref"
    assert refused(schema, LISTS) == "schema.$defs.Tree.properties.children.items.$ref"
    optional = {**schema, "$defs": {"Tree": {**tree, "required": ["name"]}}}
    fitted, _ = fit(optional, LISTS)
    assert fitted["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert fit(schema, OPEN)[0]["$defs"]["Tree"]["additionalProperties"] is False


def test_c02_a_reference_with_siblings_is_replaced_by_its_target() -> None:
    schema = {
        **objects(unit={"$ref": "#/$defs/Unit", "description": "Of the answer."}),
        "$defs": {"Unit": {"type": "string", "enum": ["C", "F"], "description": "Any."}},
    }
    fitted, changes = fit(schema, STRICT)
    unit = fitted["properties"]["unit"]
    assert unit == {"type": "string", "enum": ["C", "F"], "description": "Of the answer."}
    assert not changes


def test_c02_a_recursive_reference_loses_its_siblings_and_says_so() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node", "description": "The next.", "minProperties": 1}},
    }
    fitted, changes = fit({"$ref": "#/$defs/Node", "$defs": {"Node": node}}, LISTS)
    assert fitted["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert "$defs.Node.properties.next.minProperties" in list(changes)


@pytest.mark.parametrize(
    "nullable",
    [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}],
    ids=["anyOf", "list of types"],
)
def test_c03_a_nullable_property_stays_nullable(nullable: JsonObject) -> None:
    fitted, changes = fit(objects(name=nullable), STRICT)
    assert fitted["properties"]["name"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert not changes
    kept, _ = fit(objects(name=nullable), LISTS)
    assert kept["properties"]["name"] == nullable


def test_c04_enums_of_integers_constants_and_empty_texts_keep_their_meaning_or_are_reported() -> None:
    schema = objects(
        level={"enum": [1, 2, 3]}, kind={"const": "a"}, unit={"enum": ["", "C"]}, flag={"enum": [True, "on"]}
    )
    fitted, changes = fit(schema, STRICT)
    properties = fitted["properties"]
    assert properties["level"] == {"enum": [1, 2, 3]}
    assert properties["kind"] == {"enum": ["a"]}
    assert properties["unit"] == {"enum": ["C"]}
    assert properties["flag"] == {"anyOf": [{"type": "boolean"}, {"type": "string"}]}
    assert list(changes) == ["properties.flag.enum"]
    assert {change.place for change in changes.all} >= {"properties.kind.const", "properties.unit.enum"}


def test_a_null_among_the_values_of_an_enum_becomes_a_branch() -> None:
    fitted, changes = fit(objects(unit={"type": ["string", "null"], "enum": ["C", None]}), STRICT)
    assert fitted["properties"]["unit"] == {"anyOf": [{"type": "string", "enum": ["C"]}, {"type": "null"}]}
    assert not changes


def test_c05_keywords_a_provider_lacks_are_removed_and_reported() -> None:
    schema = objects(
        code={"type": "string", "pattern": "^a", "default": "a", "format": "uri"},
        tags={"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
    )
    fitted, changes = fit({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, STRICT)
    assert "$schema" not in fitted
    assert fitted["properties"]["code"] == {"type": "string", "description": "{pattern: ^a, format: uri}"}
    assert fitted["properties"]["tags"]["description"] == "{minItems: 2, uniqueItems: true}"
    assert sorted(changes) == [
        "properties.code.format",
        "properties.code.pattern",
        "properties.tags.minItems",
        "properties.tags.uniqueItems",
    ]
    assert {c.place for c in changes.all if c.kind == "dropped"} == {"$schema", "properties.code.default"}


def test_c06_every_property_is_required_and_an_optional_one_may_be_null() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "note": {"type": "string", "description": "Any."},
            "age": {"type": ["integer", "null"]},
        },
        "required": ["name"],
    }
    fitted, changes = fit(schema, STRICT)
    assert fitted["required"] == ["name", "note", "age"]
    assert fitted["additionalProperties"] is False
    assert fitted["properties"]["note"] == {
        "description": "Any.",
        "anyOf": [{"type": "string"}, {"type": "null"}],
    }
    assert fitted["properties"]["age"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert not changes


def test_c06_what_the_strict_form_lacks_goes_out_as_not_strict_and_is_reported() -> None:
    schema = objects(scores={"type": "object", "additionalProperties": {"type": "integer"}})
    assert refused(schema) == "schema.properties.scores"
    reporter = Reporter("drop", "acme:one")
    sent, strict = fit_or_loosen(lambda given: fit(given, STRICT), schema, reporter, "output")
    assert (sent, strict) == (schema, False)
    report = reporter.report()
    assert report is not None
    assert "properties.scores" in report.about("output")[0].reason
    with pytest.raises(UnsupportedFeatureError):
        fit_or_loosen(lambda given: fit(given, STRICT), schema, Reporter("error", "acme:one"), "output")


def test_c08_properties_named_like_keywords_stay() -> None:
    names = ("title", "type", "properties", "$defs", "pattern", "default", "$ref", "required", "enum", "items")
    schema = objects(**{name: {"type": "string", "minLength": 1} for name in names})
    for rules in ALL_RULES:
        fitted, _ = fit(schema, rules)
        assert tuple(fitted["properties"]) == names
        assert all(child["type"] == "string" for child in fitted["properties"].values())


@pytest.mark.parametrize("rules", ALL_RULES, ids=lambda rules: rules.provider)
def test_c09_the_schema_given_is_not_changed_and_nothing_of_it_is_shared(rules: SchemaRules) -> None:
    schema = {
        **objects(
            unit={"$ref": "#/$defs/Unit", "description": "x"}, tags={"type": "array", "items": {"type": "string"}}
        ),
        "$defs": {"Unit": {"type": "string", "enum": ["C", "F"]}},
    }
    before = copy.deepcopy(schema)
    fitted, _ = fit(schema, rules)
    fitted["properties"]["tags"]["items"]["type"] = "number"
    fitted["required"].append("more")
    for child in (fitted["properties"]["unit"], *fitted.get("$defs", {}).values()):
        child.get("enum", []).append("K")
    assert schema == before
    assert fit(schema, rules)[0]["properties"]["unit"].get("enum", []) in ([], ["C", "F"])


def test_all_of_is_merged_into_one_object() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/Base"}, objects(age={"type": "integer"}), {"required": ["name"]}],
        "description": "A person.",
        "$defs": {"Base": objects(name={"type": "string"})},
    }
    fitted, changes = fit(schema, STRICT)
    person = closed(name={"type": "string"}, age={"type": "integer"})
    assert fitted == {**person, "description": "A person."}
    assert not changes


def test_all_of_without_a_common_form_is_refused_with_its_path() -> None:
    impossible = {"allOf": [{"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "integer"}]}]}
    assert refused(objects(value=impossible)) == "schema.properties.value"


@pytest.mark.parametrize(
    "value",
    [
        {},
        True,
        {"description": "anything"},
        {"type": "array"},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"$ref": "https://example.com/schema.json"},
    ],
    ids=str,
)
def test_a_value_of_no_stated_type_is_refused_with_its_path(value: Any) -> None:
    assert refused(objects(value=value)) == "schema.properties.value"


def test_a_tuple_becomes_a_list_of_its_types() -> None:
    point = {
        "type": "array",
        "prefixItems": [{"type": "number"}, {"type": "number"}],
        "minItems": 2,
        "maxItems": 2,
    }
    fitted, changes = fit(objects(at=point), STRICT)
    assert fitted["properties"]["at"]["items"] == {"type": "number"}
    assert fitted["properties"]["at"]["description"] == "{minItems: 2, maxItems: 2}"
    assert "properties.at.prefixItems" in list(changes)


def test_c13_a_schema_that_would_explode_when_written_out_stays_small() -> None:
    level = {f"L{n}": objects(a=_ref(n + 1), b=_ref(n + 1)) for n in range(60)}
    schema = {**objects(top=_ref(0)), "$defs": {**level, "L60": {"type": "string"}}}
    for rules in ALL_RULES:
        fitted, _ = fit(schema, rules)
        assert len(str(fitted)) < 1_000_000


def test_c13_a_schema_200_levels_deep_is_fitted() -> None:
    schema: JsonObject = {"type": "string"}
    for _ in range(190):
        schema = objects(inner=schema)
    for rules in ALL_RULES:
        assert fit(schema, rules)[0]["type"] == "object"


def _ref(number: int) -> JsonObject:
    return {"$ref": f"#/$defs/L{number}", "description": f"Level {number}."}


_TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
_KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=3), min_size=1, max_size=4),
        "const": st.none() | st.integers() | st.text(max_size=3),
        "description": st.text(max_size=10),
        "title": st.text(max_size=10),
        "default": st.none() | st.integers(),
        "minLength": st.integers(0, 5),
        "maximum": st.integers(0, 5),
        "minItems": st.integers(0, 5),
        "format": st.sampled_from(["date", "uri", "made-up"]),
        "pattern": st.just("^a"),
        "uniqueItems": st.booleans(),
        "required": st.lists(st.sampled_from(["type", "title", "$ref", "a"]), unique=True),
        "$ref": st.sampled_from(["#", "#/$defs/A", "#/$defs/B", "#/$defs/A/properties/a"]),
    },
)


def _grow(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.dictionaries(st.sampled_from(["type", "title", "$ref", "a", "properties"]), children, max_size=3)
    some = st.lists(children, min_size=1, max_size=3)
    nested = st.fixed_dictionaries(
        {},
        optional={
            "properties": names,
            "items": children,
            "additionalProperties": children | st.booleans(),
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "prefixItems": some,
            "not": children,
            "patternProperties": names,
        },
    )
    return st.builds(lambda plain, deep: {**plain, **deep}, _KEYWORDS, nested)


_SCHEMAS = st.recursive(_KEYWORDS | st.booleans(), _grow, max_leaves=12)
_WITH_A = st.builds(lambda node, a: {**node, "properties": {"a": a}}, _KEYWORDS, _SCHEMAS)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(root=_grow(_SCHEMAS), a=_WITH_A, b=_SCHEMAS, rules=st.sampled_from(ALL_RULES))
def test_any_schema_is_fitted_or_refused_and_never_changed(
    root: JsonObject, a: JsonObject, b: Any, rules: SchemaRules
) -> None:
    schema = {**root, "$defs": {"A": a, "B": b}}
    before = copy.deepcopy(schema)
    with contextlib.suppress(UnsupportedFeatureError):
        fitted, changes = fit(schema, rules)
        assert check_schema(fitted) is None
        assert all(isinstance(place, str) for place in changes)
        if rules is STRICT:
            _check_strict(fitted)
    assert schema == before


def _check_strict(node: JsonObject) -> None:
    assert set(node) <= KEYWORDS | {"$ref", "$defs", "type", "properties", "required", "items", "anyOf", "enum"}
    if "$ref" in node:
        assert set(node) <= {"$ref", "$defs"}
    if "properties" in node:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    for key in ("properties", "$defs"):
        for child in node.get(key, {}).values():
            _check_strict(child)
    for child in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())):
        _check_strict(child)
