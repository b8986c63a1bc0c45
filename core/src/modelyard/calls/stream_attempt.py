"""One attempt at a streamed answer: its events, its deadlines, and what is left of it when it fails."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from modelyard.errors import ModelyardError, ProviderError, StreamInterruptedError
from modelyard.streaming.collect import Collector, NoEventError
from modelyard.types.completion import Completion
from modelyard.types.events import Done, Event, ResponseInfo, Status

if TYPE_CHECKING:
    from modelyard.calls.attempt import Attempt
    from modelyard.calls.call import Call
    from modelyard.calls.engine import Engine
    from modelyard.calls.watchdog import Watchdog

__all__ = ["StreamAttempt"]


class _End(Enum):
    END = "the iterator is exhausted"


_END: Final = _End.END


class StreamAttempt:
    """Yields the batches of one attempt. ``failure`` is set when they end without ``completion``."""

    def __init__(self, call: Call, engine: Engine, attempt: Attempt) -> None:
        self.attempt = attempt
        self.completion: Completion | None = None
        self.failure: ModelyardError | None = None
        self._call = call
        self._engine = engine
        self._collector = Collector()
        self._info: ResponseInfo | None = None
        self._cancelled = False

    @property
    def winner(self) -> StreamAttempt:
        """The attempt whose events reach the caller: this one, as it runs alone."""
        return self

    @property
    def committed(self) -> bool:
        """True if output has come: it may have been delivered."""
        return self._collector.seen

    def partial(self) -> Completion | None:
        """The answer as far as it has arrived; ``None`` if nothing has."""
        deployment = self.attempt.deployment
        return self.completion or self._collector.partial(
            provider=deployment.provider,
            model=deployment.model,
            info=self._info,
            finish_reason="cancelled" if self._cancelled else "error",
        )

    async def batches(self, statuses: Sequence[Event]) -> AsyncGenerator[list[Event], None]:
        """Yield the statuses of the attempt, then its events.

        The connection is still open when the batch with ``Done`` is yielded, so that the consumer need not
        wait for its orderly end.
        """
        call, deployment = self._call, self.attempt.deployment
        watchdog, use = self._engine.watchdog(), deployment.use()
        source: AsyncIterator[ResponseInfo | Event | Sequence[Event]] | None = None
        try:
            yield list(statuses)
            session = await watchdog.prepare(use.session())
            request = await watchdog.prepare(call.final_request(deployment, session))
            source = deployment.binding.stream(session, request, deployment.card)
            while self.completion is None:
                batch = self._take(await watchdog.wait(anext(source, _END)), watchdog)
                if self._collector.done is not None:
                    batch[-1:] = await self._finish(self._collector.done)
                if batch:
                    yield batch
        except Exception as error:
            self._fail(deployment.to_error(error, answered=self._info is not None))
        except BaseException as error:  # cancelled, left by its consumer, or something that ends the process
            own = deployment.binding.cancelled_itself(error)
            if own is None:
                await self._given_up()
                raise
            self._fail(deployment.to_error(own))
        finally:
            watchdog.stop()
            try:
                if source is not None:
                    await _close(source)
            finally:
                use.release()

    async def _given_up(self) -> None:
        if self.completion is None:
            self._cancelled = True
            await self._engine.cancelled(self.attempt)

    def _take(self, item: ResponseInfo | Event | Sequence[Event] | _End, watchdog: Watchdog) -> list[Event]:
        if isinstance(item, ResponseInfo):
            self._info = item
            self.attempt.request_id = self.attempt.deployment.clean(item.request_id)
            self.attempt.rate_limits = item.rate_limits
            return []
        if item is _END:
            raise StreamInterruptedError("The stream ended before its terminator.")
        batch = [*item] if isinstance(item, (list, tuple)) else self._one(item)
        try:
            self._collector.extend(batch)
        except NoEventError as error:
            raise self.attempt.deployment.binding.wrong_item(error.item) from None
        if self._collector.unknown:
            batch = self._without_unknown(batch)
        if batch and self._collector.seen:
            self.attempt.output()
            watchdog.output()
        return batch

    def _one(self, item: Event | Sequence[Event]) -> list[Event]:
        """A batch of what is no list: one event, or a sequence of another kind."""
        if isinstance(item, (str, bytes)):
            raise self.attempt.deployment.binding.wrong_item(item)
        return [*item] if isinstance(item, Sequence) else [item]

    def _without_unknown(self, batch: list[Event]) -> list[Event]:
        """The events of a batch that the consumer can know; the others are named in a warning."""
        unknown, self._collector.unknown = self._collector.unknown, []
        for event in unknown:
            self.attempt.deployment.binding.unknown_event(str(getattr(event, "type", "")))
        return [event for event in batch if not any(event is each for each in unknown)]

    async def _finish(self, done: Done) -> list[Event]:
        attempt, deployment = self.attempt, self.attempt.deployment
        request_id = deployment.clean(done.request_id) or attempt.request_id
        response_id = deployment.clean(done.response_id)
        done = replace(done, deployment=deployment.ref, request_id=request_id, response_id=response_id)
        self._collector.done = done
        completion = self._collector.completion(
            provider=deployment.provider, model=deployment.model, info=self._info
        )
        self.completion = await self._engine.succeeded(attempt, completion)
        return [Status("completed", deployment=deployment.ref), done]

    def _fail(self, failure: ModelyardError) -> None:
        if isinstance(failure, ProviderError):
            failure.partial = _joined(failure.partial, self.partial())
        self.failure = failure


def _joined(known: Completion | None, arrived: Completion | None) -> Completion | None:
    """What had arrived, with the usage that a plugin found on the failure itself."""
    if known is None or arrived is None:
        return known or arrived
    return arrived.model_copy(update={"usage": known.usage})


async def _close(source: AsyncIterator[object]) -> None:
    """Close a plugin's iterator, whatever it is; what closing raises is of no use to anybody."""
    close = getattr(source, "aclose", None)
    if close is None:
        return
    with contextlib.suppress(Exception):
        await close()
