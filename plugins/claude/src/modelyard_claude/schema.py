"""The part of JSON Schema that Claude takes, in ``output_config.format`` and for tools with ``strict``.

The subset is that of Anthropic's documentation of structured outputs and of ``transform_schema`` in its SDK
(2.12.0): objects are closed, nothing contains itself, numbers and texts have no bounds, ``minItems`` is 0 or 1.
What is left out is said in the description, as the SDK does.
"""

from __future__ import annotations

from modelyard.provider import JsonObject, SchemaChanges, SchemaRules, fit

__all__ = ["RULES", "fit_schema"]

RULES = SchemaRules(
    "Claude",
    keywords=frozenset("const title description default format minItems additionalProperties".split()),
    formats=frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split()),
    min_items=frozenset({0, 1}),
    enum_types=(str, int, float, bool, type(None)),
    closed="always",
    typed=True,
    type_lists=False,
    ref_alone=True,
    merge_all_of=True,
    recursion="refused",
)


def fit_schema(schema: JsonObject) -> tuple[JsonObject, SchemaChanges]:
    """A copy of a schema as Claude takes it, and what was changed.

    Raises ``UnsupportedFeatureError`` naming the path that cannot be expressed.
    """
    return fit(schema, RULES)
