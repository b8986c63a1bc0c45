"""The part of JSON Schema that OpenAI takes with ``strict``, for answers and for the arguments of tools.

The rules are those of OpenAI's guide to structured outputs and of ``to_strict_json_schema`` in its SDK (3.54.0):
objects are closed, every property is required, an optional one may be null instead, ``$ref`` stands alone. A
pattern that looks around, as pydantic writes for ``Decimal``, is refused ("regex lookaround is not supported", see
https://github.com/vercel/ai/pull/21037). Without ``strict`` any schema goes.
"""

from __future__ import annotations

from modelyard.provider import JsonObject, SchemaChanges, SchemaRules, fit

__all__ = ["RULES", "fit_schema"]

RULES = SchemaRules(
    "OpenAI's strict mode",
    keywords=frozenset(
        "const title description pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
        "minItems maxItems additionalProperties".split()
    ),
    formats=frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split()),
    closed="always",
    all_required=True,
    typed=True,
    ref_alone=True,
    merge_all_of=True,
    lookaround=False,
)


def fit_schema(schema: JsonObject) -> tuple[JsonObject, SchemaChanges]:
    """A copy of a schema as OpenAI's strict mode takes it, and what was changed.

    Raises ``UnsupportedFeatureError`` naming the path that cannot be expressed; such a schema can be sent
    without ``strict``.
    """
    return fit(schema, RULES)
