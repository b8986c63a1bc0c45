"""Token counts of OpenAI's wires, which servers that speak them share."""

from __future__ import annotations

from modelyard.types.base import JsonObject
from modelyard.types.usage import Usage, count

__all__ = ["read_usage"]


def read_usage(
    raw: JsonObject,
    *,
    inputs: str = "prompt_tokens",
    outputs: str = "completion_tokens",
    cached: str | None = None,
) -> Usage:
    """Read a usage object: input includes what was cached, output the reasoning. A figure not sent stays ``None``.

    ``inputs`` and ``outputs`` are the names of the two counts, whose details stand under the same names with
    ``_details``. ``cached`` names a field beside them that holds the cached part where the details do not.
    """
    input_details, output_details = _details(raw, inputs), _details(raw, outputs)
    found = count(input_details, "cached_tokens")
    if found is None and cached is not None:
        found = count(raw, cached)
    return Usage.build(
        raw=raw,
        input_tokens=count(raw, inputs),
        cached_input_tokens=found,
        cache_write_tokens=count(input_details, "cache_write_tokens"),
        output_tokens=count(raw, outputs),
        reasoning_tokens=count(output_details, "reasoning_tokens"),
        total_tokens=count(raw, "total_tokens"),
    )


def _details(raw: JsonObject, counted: str) -> JsonObject:
    details = raw.get(f"{counted}_details")
    return details if isinstance(details, dict) else {}
