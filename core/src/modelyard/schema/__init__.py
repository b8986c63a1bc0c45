"""Fitting JSON Schemas to what a provider takes: one walk, steered by each plugin's rules.

A plugin's ``schema.py`` states its ``SchemaRules`` and calls ``fit``. The caller's schema is never changed; what
was dropped, relaxed or converted is told path by path.
"""

from modelyard.schema.changes import SchemaChange, SchemaChanges
from modelyard.schema.fit import fit
from modelyard.schema.loosen import fit_or_loosen
from modelyard.schema.refs import is_object
from modelyard.schema.rules import SchemaRules

__all__ = ["SchemaChange", "SchemaChanges", "SchemaRules", "fit", "fit_or_loosen", "is_object"]
