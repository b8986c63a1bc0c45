"""Make of a request what the plugin it goes to takes, and say what that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from modelyard.history.adaptation import Adaptation
from modelyard.history.codec import adapt
from modelyard.types.reporter import Reporter

if TYPE_CHECKING:
    from modelyard.history.opaque import ReplayTarget
    from modelyard.types.provider import ProviderInfo
    from modelyard.types.report import Note
    from modelyard.types.request import Request

__all__ = ["as_taken"]


def as_taken(request: Request, taken: frozenset[str], info: ProviderInfo, target: ReplayTarget) -> Request:
    """Return a request that holds no field but those taken, and its history as the provider takes it.

    Fields left out are noted on ``Request.adaptation``. Raises ``UnsupportedFeatureError`` for the first of them
    under ``on_unsupported="error"``, and ``InvalidRequestError`` for a conversation that cannot be sent.
    """
    strange = request.model_fields_set - taken
    if not strange:
        return adapt(request, target)
    fitting, notes = _without(request, strange, info, f"{target.provider}:{target.model}")
    return _with_notes(adapt(fitting, target), notes)


def _without(
    request: Request, fields: Iterable[str], info: ProviderInfo, model: str
) -> tuple[Request, tuple[Note, ...]]:
    defaults = _defaults(request, fields)
    if not defaults:
        return request, ()
    policy = request.on_unsupported
    # A request that waits for the bytes behind its URLs is written once more: log it then, not twice.
    reporter = Reporter("drop" if request.awaits_urls and policy == "warn" else policy, model)
    for field in defaults:
        reporter.drop(field, info.absent.get(field) or f"the plugin for {info.id!r} does not take {field}")
    report = reporter.report()
    assert report is not None
    return request.model_copy(update=dict(defaults)), report.notes


def _with_notes(request: Request, notes: tuple[Note, ...]) -> Request:
    """Let the answer report these notes, before those of its history."""
    if not notes:
        return request
    before = request.adaptation
    adaptation = Adaptation(notes, {}) if before is None else Adaptation((*notes, *before.notes), before.names)
    return request.model_copy().remembering(adaptation)


def _defaults(request: Request, fields: Iterable[str]) -> Mapping[str, object]:
    """The defaults of those fields that hold something else, in the order of the class."""
    wanted = set(fields)
    known = {name: field for name, field in type(request).model_fields.items() if name in wanted}
    defaults = {name: field.get_default(call_default_factory=True) for name, field in known.items()}
    return {name: default for name, default in defaults.items() if getattr(request, name) != default}
