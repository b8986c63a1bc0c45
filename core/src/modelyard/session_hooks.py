"""Hooks that hand a call to the session a plugin opened, for a plugin's module to take by name.

Importing this module costs nothing beside ``pluggy``: what the hooks speak of is imported for checking only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modelyard.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from modelyard.catalog.card import ModelCard
    from modelyard.types.completion import Completion
    from modelyard.types.content import FilePart, ImagePart
    from modelyard.types.events import StreamItem
    from modelyard.types.request import Request

__all__ = ["SessionHooks"]


class _Answers(Protocol):
    async def complete(self, request: Request, card: ModelCard) -> Completion: ...

    def stream(self, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]: ...


class _Counts(Protocol):
    async def count_tokens(self, request: Request, card: ModelCard) -> int | None: ...


class _Lists(Protocol):
    async def list_models(self) -> Sequence[ModelCard]: ...


class _Fetches(Protocol):
    def fetches(self, part: ImagePart | FilePart, card: ModelCard) -> bool: ...


class SessionHooks:
    """Ready-made hooks, each of which calls the method of its own name on the session.

    A plugin assigns those its session answers in its module, ``modelyard_complete = SessionHooks.complete``, and
    leaves the others out. ``complete`` and ``stream`` are methods of every ``HttpSession``.
    """

    @staticmethod
    @hookimpl
    async def complete(session: _Answers, request: Request, card: ModelCard) -> Completion:
        """Ask for a whole answer: ``session.complete(request, card)``."""
        return await session.complete(request, card)

    @staticmethod
    @hookimpl
    def stream(session: _Answers, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
        """Ask for an answer in pieces: ``session.stream(request, card)``."""
        return session.stream(request, card)

    @staticmethod
    @hookimpl
    async def count_tokens(session: _Counts, request: Request, card: ModelCard) -> int | None:
        """Count the input tokens of a request: ``session.count_tokens(request, card)``."""
        return await session.count_tokens(request, card)

    @staticmethod
    @hookimpl
    async def list_models(session: _Lists) -> Sequence[ModelCard]:
        """List the models served now: ``session.list_models()``."""
        return await session.list_models()

    @staticmethod
    @hookimpl
    def fetches(session: _Fetches, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Say whether the provider fetches a part's URL: ``session.fetches(part, card)``."""
        return session.fetches(part, card)
