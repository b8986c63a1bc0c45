"""Falling back to the form that holds a model to nothing, where a provider has one."""

from __future__ import annotations

from collections.abc import Callable

from modelyard.errors import UnsupportedFeatureError
from modelyard.schema.changes import SchemaChanges
from modelyard.types.base import JsonObject
from modelyard.types.reporter import Reporter

__all__ = ["fit_or_loosen"]


def fit_or_loosen(
    fit_schema: Callable[[JsonObject], tuple[JsonObject, SchemaChanges]],
    schema: JsonObject,
    reporter: Reporter,
    field: str,
    *,
    checked: bool = False,
) -> tuple[JsonObject, bool]:
    """The schema to send and whether to send it as strict.

    A schema the strict form cannot express goes out as it is, not strict, and that is reported as relaxed:
    with ``on_unsupported="error"`` it raises ``UnsupportedFeatureError``, unless what comes will be ``checked``.
    """
    try:
        fitted, changes = fit_schema(schema)
    except UnsupportedFeatureError as error:
        refusal = error.message
    else:
        changes.report(reporter, field, checked=checked)
        return fitted, True
    reason = f"sent as not strict: {refusal}"
    if checked:
        reporter.note(field, "relaxed", reason)
    else:
        reporter.relax(field, reason)
    return schema, False
