"""Errors without secrets: every text on them, and on what caused them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError, ProviderError

if TYPE_CHECKING:
    from modelyard.credentials.redactor import Redactor
    from modelyard.types.completion import Completion

__all__ = ["clean_error", "clean_ids", "safe_cause"]

_LEFT_ALONE = frozenset({"attempts", "partial", "run"})
"""Records are made of errors cleaned already, what a model wrote is its own, a run's state the host's."""


def clean_error(error: ModelyardError, redactor: Redactor) -> None:
    """Cut secrets out of an error in place, and forget its frames, whose variables hold headers."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    if not redactor:
        return
    for name, value in list(vars(error).items()):
        if name not in _LEFT_ALONE:
            setattr(error, name, _clean(value, redactor))
    error.args = (error.message,)
    if isinstance(error, ProviderError) and error.partial is not None:
        error.partial = clean_ids(error.partial, redactor)


def clean_ids(completion: Completion, redactor: Redactor) -> Completion:
    """A completion whose ids hold no secret that a careless server put there; its content stays as it is."""
    ids = {"request_id": completion.request_id, "response_id": completion.response_id}
    found = {name: redactor.redact(text) for name, text in ids.items() if text and redactor.finds(text)}
    return completion.model_copy(update=found) if found else completion


def safe_cause(raised: BaseException, redactor: Redactor) -> BaseException | None:
    """Strip an exception of its frames, to be the cause of an error; ``None`` if a secret is on it."""
    link: BaseException | None = raised
    while link is not None:
        if redactor.finds(_told(link)):
            return None
        link.__traceback__ = None
        link.__context__ = None
        link = link.__cause__
    return raised


def _clean(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, bytes):
        return redactor.redact(value.decode("latin-1")).encode("latin-1", "replace")
    if isinstance(value, (list, tuple)):
        cleaned = [_clean(item, redactor) for item in value]
        return cleaned if isinstance(value, list) else tuple(cleaned)
    if isinstance(value, dict):
        return {_clean(name, redactor): _clean(item, redactor) for name, item in value.items()}
    return value


def _told(error: BaseException) -> str:
    """Everything an exception says in any form."""
    try:
        return f"{error!r} {error} {vars(error)}"
    except Exception:  # an exception that cannot be printed tells nothing
        return ""
