"""The part of JSON Schema that Gemini takes, in ``parametersJsonSchema`` and ``responseJsonSchema``.

The keywords are those of Google's API reference, where ``$ref`` stands alone, ``oneOf`` is read as ``anyOf`` and a
schema may contain itself through optional properties only. An object whose list of properties is empty is refused.
"""

from __future__ import annotations

from modelyard.provider import JsonObject, SchemaChanges, SchemaRules, fit

__all__ = ["RULES", "fit_schema"]

RULES = SchemaRules(
    "Gemini",
    keywords=frozenset(
        "format title description prefixItems minItems maxItems minimum maximum oneOf additionalProperties "
        "propertyOrdering".split()
    ),
    enum_types=(str, int, float),
    ref_alone=True,
    merge_all_of=True,
    recursion="optional",
    empty_properties=False,
)


def fit_schema(schema: JsonObject) -> tuple[JsonObject, SchemaChanges]:
    """A copy of a schema as Gemini takes it, and what was changed.

    Raises ``UnsupportedFeatureError`` naming the path that cannot be expressed.
    """
    return fit(schema, RULES)
