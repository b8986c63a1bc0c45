"""The runtime for code without an event loop: the same methods, carried out by one loop in a thread of its own.

Nothing is implemented twice: every method hands its coroutine to that loop and waits. It works in a plain script,
in many threads at once, and inside a running event loop, which it blocks as any synchronous call does.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from modelyard.calls.sync_stream import SyncStream
from modelyard.config import ProviderConfig
from modelyard.credentials.secret import conceal_key, conceal_options
from modelyard.credentials.veil import veil
from modelyard.errors import ConfigurationError
from modelyard.runtime import Runtime

if TYPE_CHECKING:
    from modelyard.calls.options import CallOptions, RunOptions
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.catalog import Catalog
    from modelyard.catalog.refresh import Refreshed
    from modelyard.credentials.secret import Secret
    from modelyard.deadlines import DeadlinesLike
    from modelyard.loading.failures import PluginStatus
    from modelyard.loading.readiness import ProviderStatus
    from modelyard.routing.trace import RouteTrace
    from modelyard.runs.result import RunResult
    from modelyard.runs.run import GivenResults
    from modelyard.runs.state import RunState
    from modelyard.session import Session
    from modelyard.structured.generated import Generated
    from modelyard.structured.sync_stream import SyncGenerateStream
    from modelyard.types.completion import Completion
    from modelyard.types.request import Messages, Models
    from modelyard.types.size import TokenCount

__all__ = ["SyncRuntime"]

T = TypeVar("T")


class SyncRuntime:
    """A ``Runtime`` whose methods block. Takes what ``Runtime`` takes.

    Use it as ``with SyncRuntime() as runtime``; without ``with``, call ``close()`` or leave it to the end of the
    process. It does not survive a fork: a child process makes its own.
    """

    def __init__(self, providers: Mapping[str, Any] | None = None, **settings: Any) -> None:
        providers = veil(providers, ProviderConfig)  # a traceback may show the locals of this frame
        self._runtime = Runtime(providers, **settings)
        self._loop = _LoopThread()
        self._finalizer = weakref.finalize(self, _close, self._runtime, self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        made = getattr(self, "_runtime", None)  # a traceback may show one that is half made
        return f"<Sync{repr(made).removeprefix('<')}"

    def close(self, *, drain: float = 0.0) -> None:
        """Close all connections and end the thread. The runtime cannot be used again.

        Calls of other threads get ``drain`` seconds to finish; then they end with ``RuntimeClosedError``.
        """
        if self._finalizer.detach() is not None:
            _close(self._runtime, self._loop, drain)

    @property
    def catalog(self) -> Catalog:
        """The cards of every usable provider. Touches no network."""
        return self._runtime.catalog

    def providers(self) -> tuple[ProviderStatus, ...]:
        """List whether each provider could be called, and why not."""
        return self._runtime.providers()

    def refresh(self, provider: str | None = None, *, deadlines: DeadlinesLike = None) -> tuple[Refreshed, ...]:
        """Ask providers which models they serve now; see ``Runtime.refresh``."""
        return self._loop.run(self._runtime.refresh(provider, deadlines=deadlines))

    def explain(
        self, model: Models, messages: Messages, *, stream: bool = False, **options: Unpack[CallOptions]
    ) -> RouteTrace:
        """Show how a request would be routed now; see ``Runtime.explain``."""
        _conceal(options)
        return self._runtime.explain(model, messages, stream=stream, **options)

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin found, with its state."""
        return self._runtime.plugins()

    def complete(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> Completion:
        """Ask for a whole answer; see ``Runtime.complete``."""
        _conceal(options)
        return self._loop.run(self._runtime.complete(model, messages, **options))

    def stream(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> SyncStream:
        """Ask for an answer in pieces: ``with runtime.stream(...) as stream: for event in stream``.

        Events are fetched ahead of the consumer, up to a bound.
        """
        self._loop.check()
        _conceal(options)
        return SyncStream(self._runtime.stream(model, messages, **options), self._loop.spawn)

    def run(self, model: Models, messages: Messages, **options: Unpack[RunOptions]) -> RunResult:
        """Ask and execute tools until the model answers; see ``Runtime.run``."""
        _conceal(options)
        return self._loop.run(self._runtime.run(model, messages, **options))

    def run_stream(self, model: Models, messages: Messages, **options: Unpack[RunOptions]) -> SyncStream:
        """``run`` as a stream of events, with ``result`` at its end."""
        self._loop.check()
        _conceal(options)
        return SyncStream(self._runtime.run_stream(model, messages, **options), self._loop.spawn)

    def resume(
        self, state: RunState, results: GivenResults = (), *, model: Models = None, **options: Unpack[RunOptions]
    ) -> RunResult:
        """Go on from a state of ``run``; see ``Runtime.resume``."""
        _conceal(options)
        return self._loop.run(self._runtime.resume(state, results, model=model, **options))

    def resume_stream(
        self, state: RunState, results: GivenResults = (), *, model: Models = None, **options: Unpack[RunOptions]
    ) -> SyncStream:
        """``resume`` as a stream of events, with ``result`` at its end."""
        self._loop.check()
        _conceal(options)
        return SyncStream(self._runtime.resume_stream(state, results, model=model, **options), self._loop.spawn)

    def generate(self, model: Models, messages: Messages, *, output: Any, **options: Any) -> Any:
        """Ask for an object and return it, validated; see ``Runtime.generate``."""
        _conceal(options)
        return self._loop.run(self._runtime.generate(model, messages, output=output, **options))

    def generate_completion(
        self, model: Models, messages: Messages, *, output: Any, **options: Any
    ) -> Generated[Any]:
        """Ask for an object with the answers it took; see ``Runtime.generate_completion``."""
        _conceal(options)
        return self._loop.run(self._runtime.generate_completion(model, messages, output=output, **options))

    def generate_stream(
        self, model: Models, messages: Messages, *, output: Any, **options: Any
    ) -> SyncGenerateStream:
        """Ask for an object as it is being written; see ``Runtime.generate_stream``."""
        from modelyard.structured.sync_stream import SyncGenerateStream

        self._loop.check()
        _conceal(options)
        stream = self._runtime.generate_stream(model, messages, output=output, **options)
        return SyncGenerateStream(stream, self._loop.spawn)

    def count_tokens(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> TokenCount:
        """Count the input tokens of a request; see ``Runtime.count_tokens``."""
        _conceal(options)
        return self._loop.run(self._runtime.count_tokens(model, messages, **options))

    def list_models(
        self,
        provider: str,
        *,
        credential: str | Secret | None = None,
        deadlines: DeadlinesLike = None,
        max_attempts: int | None = None,
    ) -> tuple[ModelCard, ...]:
        """Ask a provider which models it serves now; see ``Runtime.list_models``."""
        credential = conceal_key(credential)
        return self._loop.run(
            self._runtime.list_models(
                provider, credential=credential, deadlines=deadlines, max_attempts=max_attempts
            )
        )

    def session(self, provider: str, *, credential: str | Secret | None = None) -> Session:
        """The open session of a provider; its asynchronous methods belong to the runtime's own loop."""
        credential = conceal_key(credential)
        return self._loop.run(self._runtime.session(provider, credential=credential))


def _conceal(options: Any) -> None:
    """Conceal what is secret among the options of a call: they are locals of the frame that raises its error."""
    conceal_options(options)


class _LoopThread:
    """An event loop in a daemon thread, started when first needed."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for its result; an interrupt of the wait cancels it."""
        future = self.spawn(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine in the loop."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._running())
        except BaseException:
            coroutine.close()
            raise

    def check(self) -> None:
        """Raise ``ConfigurationError`` unless calls can be made from here."""
        if os.getpid() != self._process:
            raise ConfigurationError(
                "This SyncRuntime was made in another process, before a fork.",
                hint="Make a new SyncRuntime in the child process.",
            )
        if self._closed:
            raise ConfigurationError("This SyncRuntime is closed.", hint="Make a new one.")
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                "A SyncRuntime was called from within its own event loop, which would wait for itself.",
                hint="Use Runtime in asynchronous hooks and tools.",
            )

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Run a last coroutine, end what is still under way, and stop the thread."""
        with self._lock:
            loop, thread, self._closed = self._loop, self._thread, True
        if loop is None or thread is None or os.getpid() != self._process or not thread.is_alive():
            last.close()
            return
        asyncio.run_coroutine_threadsafe(_wind_up(last), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        self.check()
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="modelyard-sync", daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _wind_up(last: Coroutine[Any, Any, None]) -> None:
    """Run the last coroutine, then cancel every other task and wait for its end."""
    await last
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _close(runtime: Runtime, loop: _LoopThread, drain: float = 0.0) -> None:
    loop.close(runtime.aclose(drain=drain))
