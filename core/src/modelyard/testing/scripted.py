"""A provider plugin without a wire: it answers from scripts, in this process.

For tests of a host application, and of the core, that are about what happens with an answer and not about
HTTP. Hand it to a runtime: ``Runtime(plugins=[ScriptedProvider("acme", [Script().say("Hello")])])``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from modelyard.errors import (
    AuthenticationError,
    ContextWindowError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from modelyard.hookspecs import API_VERSION, hookimpl
from modelyard.streaming.collect import collect
from modelyard.streaming.tool_calls import emit_call, make_call_id
from modelyard.testing.script import Failure, FailureKind, Script, Text, Think
from modelyard.types.events import ContentDelta, Done, Event, ReasoningDelta, ResponseInfo
from modelyard.types.history_rules import HistoryRules
from modelyard.types.provider import ProviderInfo
from modelyard.types.usage import Usage

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.session import SessionSettings
    from modelyard.types.completion import Completion
    from modelyard.types.request import Request

__all__ = ["ScriptedProvider", "ScriptedSession"]

_ERRORS: Final[dict[FailureKind, type[ProviderError]]] = {
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "quota": QuotaExceededError,
    "rate_limit": RateLimitError,
    "overloaded": OverloadedError,
    "server": ServerError,
    "invalid_request": InvalidRequestError,
    "context_window": ContextWindowError,
    "model_not_found": ModelNotFoundError,
}


class ScriptedSession:
    """A session that only knows whether it has been closed."""

    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings
        self.closed = False

    async def aclose(self) -> None:
        """Close it."""
        self.closed = True


class ScriptedProvider:
    """A provider that answers each request with the next script, then with ``default``.

    ``requests`` lists what it was asked, ``sessions`` what was opened. ``pause`` is the time, in seconds,
    between two events of a stream. ``history`` holds the rules it declares for a conversation, ``fields`` the
    fields of a request it says it takes.
    """

    MODELYARD_API = API_VERSION

    def __init__(
        self,
        provider: str = "scripted",
        scripts: Iterable[Script] = (),
        *,
        cards: Sequence[ModelCard] = (),
        default: Script | None = None,
        pause: float = 0.0,
        history: HistoryRules | None = None,
        fields: frozenset[str] | None = None,
    ) -> None:
        self.provider = provider
        self.scripts: deque[Script] = deque(scripts)
        self.default = default or Script().say("Hello from a script.")
        self.pause = pause
        self.history = history or HistoryRules()
        self.fields = fields
        self.requests: list[Request] = []
        self.sessions: list[ScriptedSession] = []
        self._cards = tuple(cards)
        self._answers = 0

    @hookimpl
    def modelyard_provider(self) -> ProviderInfo:
        """Say who this is."""
        return ProviderInfo(
            self.provider,
            self.provider.title(),
            "https://scripted.invalid",
            key_optional=True,
            history=self.history,
            fields=self.fields,
        )

    @hookimpl
    def modelyard_models(self) -> Sequence[ModelCard]:
        """List the cards it was made with."""
        return self._cards

    @hookimpl
    async def modelyard_open(self, settings: SessionSettings) -> ScriptedSession:
        """Open a session."""
        session = ScriptedSession(settings)
        self.sessions.append(session)
        return session

    @hookimpl
    async def modelyard_complete(self, session: ScriptedSession, request: Request, card: ModelCard) -> Completion:
        """Answer with the next script, whole."""
        items = [item async for item in self._events(request)]
        events = [item for item in items if not isinstance(item, ResponseInfo)]
        return collect(events, provider=self.provider, model=request.model)

    @hookimpl
    async def modelyard_stream(
        self, session: ScriptedSession, request: Request, card: ModelCard
    ) -> AsyncIterator[ResponseInfo | Event]:
        """Answer with the next script, event by event."""
        async with aclosing(self._events(request)) as events:
            async for item in events:
                yield item
                await asyncio.sleep(self.pause)

    @hookimpl
    def modelyard_map_error(self, error: BaseException) -> ProviderError:
        """Map what no script raises."""
        return ProviderError(f"{type(error).__name__}: {error}")

    async def _events(self, request: Request) -> AsyncGenerator[ResponseInfo | Event, None]:
        self.requests.append(request)
        self._answers += 1
        script = self.scripts.popleft() if self.scripts else self.default
        if script.failure is not None and not script.steps:
            raise _error(script.failure)
        yield ResponseInfo(request_id=f"req_{self._answers}")
        for event in _content(script, f"{self.provider}-{self._answers}"):
            yield event
        if script.failure is not None:
            raise _error(script.failure)
        used = script.usage
        usage = Usage.build(
            raw={}, input_tokens=used.input, output_tokens=used.output, cached_input_tokens=used.cached
        )
        yield Done(script.ends, raw_finish_reason=script.ends, usage=usage, response_id=f"resp_{self._answers}")


def _content(script: Script, seed: str) -> list[Event]:
    events: list[Event] = []
    for index, step in enumerate(script.steps):
        if isinstance(step, Text):
            events += [ContentDelta(index, piece) for piece in step.pieces]
        elif isinstance(step, Think):
            events += [ReasoningDelta(index, piece) for piece in step.pieces]
        else:
            emit_call(events.append, step.id or make_call_id(seed, index), step.name, step.text)
    return events


def _error(failure: Failure) -> ProviderError:
    kind = _ERRORS[failure.kind]
    return kind(failure.message, status=failure.status, retry_after=failure.retry_after)
