"""The part of JSON Schema that Mistral takes, in ``response_format`` and for the arguments of tools.

An object that says nothing of further properties allows none: the official client (mistralai 3.7.0,
``extra/utils/_pydantic_helper.py``) closes every object so. One that does, such as a map, keeps its word. No
keyword is documented as refused; the branches of ``allOf`` are merged, because closing each would let nothing
fit both.
"""

from __future__ import annotations

from modelyard.provider import JsonObject, SchemaChanges, SchemaRules, fit

__all__ = ["RULES", "fit_schema"]

RULES = SchemaRules("Mistral", closed="unsaid", merge_all_of=True)


def fit_schema(schema: JsonObject) -> tuple[JsonObject, SchemaChanges]:
    """A copy of a schema as Mistral holds answers to it, and what was changed.

    Raises ``UnsupportedFeatureError`` naming the path of a reference that leaves the schema.
    """
    return fit(schema, RULES)
