"""The operations of the runtime: what each is called, and what its attempts say of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMPLETE", "COUNT_TOKENS", "LIST_MODELS", "SESSION", "STREAM", "Operation"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of call. Every kind has the same deadlines, retries, limits, records, observers and end.

    ``name`` is what observers are told. ``generates`` says that a model answers: only then do attempts tell how
    healthy and how fast a deployment is, and may a failed one have cost money. A server whose count is broken may
    answer well.

    A new kind takes a constant here, a hook in ``ProviderBinding``, and a module with one function like those of
    ``counting`` and ``listing``, which hands ``carry_out`` what to ask.
    """

    name: str
    generates: bool = False


COMPLETE: Final = Operation("complete", generates=True)
STREAM: Final = Operation("stream", generates=True)
COUNT_TOKENS: Final = Operation("count_tokens")
LIST_MODELS: Final = Operation("list_models")
SESSION: Final = Operation("session")
"""Opening a session for the host: no attempt is made, deadlines and closing hold."""
