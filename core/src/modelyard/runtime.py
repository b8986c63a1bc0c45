"""The runtime: what a host application holds and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

from modelyard.bounds import Bounds
from modelyard.config import ProviderConfig
from modelyard.credentials.secret import conceal_key
from modelyard.credentials.veil import veil
from modelyard.deadlines import Deadlines, seconds
from modelyard.loading.catalogs import InstalledCatalogs
from modelyard.loading.discovery import scan
from modelyard.loading.extensions import Extensions
from modelyard.loading.named_tools import with_tools
from modelyard.loading.observers import Observers
from modelyard.loading.policy import PluginPolicy
from modelyard.loading.registry import PluginRegistry
from modelyard.refs import canonical_provider
from modelyard.runtime_settings import (
    cache_path,
    check_resolver,
    extension_policy,
    make_configs,
    make_defaults,
    make_fetch,
    make_limits,
    make_route,
    make_state,
    plugin_policy,
)
from modelyard.structured.calls import StructuredCalls

if TYPE_CHECKING:
    import ssl

    from modelyard.calls.call import Observe
    from modelyard.calls.fallback import FallbackPolicy
    from modelyard.calls.options import CallOptions, GenerateOptions, RunOptions
    from modelyard.calls.planner import Planner
    from modelyard.calls.retry import RetryPolicy
    from modelyard.calls.stream import CompletionStream
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.catalog import Catalog
    from modelyard.catalog.overrides import Additions
    from modelyard.catalog.refresh import Refreshed
    from modelyard.credentials.resolve import CredentialResolver
    from modelyard.credentials.secret import Secret
    from modelyard.deadlines import DeadlinesLike
    from modelyard.health.clock import Clock
    from modelyard.health.limits import Limits
    from modelyard.health.state import SharedState
    from modelyard.loading.failures import PluginStatus
    from modelyard.loading.readiness import ProviderStatus
    from modelyard.media.policy import FetchPolicy
    from modelyard.routing.policy import RouteChoice, RoutePolicy
    from modelyard.routing.trace import RouteTrace
    from modelyard.runs.result import RunResult
    from modelyard.runs.run import GivenResults
    from modelyard.runs.run_stream import RunStream
    from modelyard.runs.state import RunState
    from modelyard.session import Session
    from modelyard.structured.strategy import Strategy
    from modelyard.structured.turns import Turns
    from modelyard.types.completion import Completion
    from modelyard.types.request import Messages, Models
    from modelyard.types.size import TokenCount

    class _Policies(TypedDict):
        """What a planner is made with beside its sources."""

        route: RoutePolicy | None
        deadlines: Deadlines
        retry: RetryPolicy
        fallback: FallbackPolicy
        hedge_after: float | None
        limits: Mapping[str, Limits]
        state: SharedState | None
        clock: Clock | None
        observe: Observe
        fetch: FetchPolicy | None
        tls: Callable[[], ssl.SSLContext]


__all__ = ["Runtime"]

T = TypeVar("T")


class Runtime(StructuredCalls):
    """Calls models of any installed provider.

    Use it as ``async with Runtime() as runtime``, which closes connections at the end. Making one is cheap:
    plugins are discovered at the first question and loaded at the first use. It may be used from several
    event loops and threads, one after another or at once.

    Parameters
    ----------
    providers:
        Settings by provider id, each a ``ProviderConfig`` or a dict of its fields; a list of them makes a pool.
    route:
        How requests are routed unless a call says otherwise: a ``RoutePolicy``, a dict of its fields and of
        constraints, the name of an order, or a function. Constraints given here hold for every call.
    credentials:
        The host's ``CredentialResolver``: gives keys for a request, its user and its workspace.
    defaults:
        The host's choice of models by context, such as ``{"chat": "mistral:mistral-large-4"}``, or lists of them.
    catalog:
        Models, aliases, defaults and prices of the host's own: the path of a TOML file, a dict of the same shape,
        or cards; left out, the file that ``MODELYARD_CATALOG`` names.
    catalog_cache:
        The file that keeps what ``refresh`` learned; left out, one in the user's cache folder, ``False`` for none.
    today:
        The day by which retirements and prices are judged; for tests.
    max_attempts:
        How often a call is tried when it fails in a way that may pass; 1 means no retry.
    fallback:
        ``"never"``, ``"before_output"``, ``"restart"``, or a ``FallbackPolicy``: whether the next deployment of a
        route answers in place of one that failed.
    hedge_after:
        Seconds without output after which a second attempt is made beside the first, at another deployment where
        ``fallback`` allows it; the one that answers first is heard, the other cancelled.
    limits:
        ``Limits``, or dicts of their fields, by model reference or provider id.
    state:
        Where health, limits and retry budgets are kept: in this process, unless a ``RedisState`` or the URL of a
        Redis server is given.
    clock:
        The time that waits and breakers go by; for tests.
    deadlines:
        ``Deadlines``, a dict of its fields, or a number of seconds for the whole call.
    fetch_urls:
        Whether the runtime fetches images and files whose URLs a provider does not fetch itself: ``True``, or a
        ``FetchPolicy`` or a dict of its fields to set limits. Left out, such URLs are refused.
    bounds:
        ``Bounds``, or a dict of its fields: how much of an answer, an error, a list is taken.
    plugins:
        Which plugins may load: names of plugins or distributions, or a ``PluginPolicy``. An item that is no
        text is itself used as a provider's plugin, in place of an installed one of the same id. ``None`` allows
        every installed plugin, within ``MODELYARD_PLUGINS`` and ``MODELYARD_DISABLE_PLUGINS``. It holds for
        providers and for what else packages bring, such as observers; a list of objects alone chooses the
        providers and leaves the others as they are.
    hooks:
        Objects with host hooks: wrappers of a provider's hooks, and observers of attempts.
    strict:
        Raise ``ConfigurationError`` for the first broken plugin instead of setting it aside.
    """

    def __init__(
        self,
        providers: Mapping[str, Any] | None = None,
        *,
        route: RouteChoice | None = None,
        credentials: CredentialResolver | None = None,
        defaults: Mapping[str, str | Sequence[str]] | None = None,
        catalog: Additions = None,
        catalog_cache: str | os.PathLike[str] | bool | None = None,
        today: Callable[[], date] = date.today,
        max_attempts: int = 3,
        fallback: FallbackPolicy | Mapping[str, Any] | str = "never",
        hedge_after: float | None = None,
        limits: Mapping[str, Limits | Mapping[str, Any]] | None = None,
        state: SharedState | str | None = None,
        clock: Clock | None = None,
        deadlines: DeadlinesLike = None,
        fetch_urls: FetchPolicy | Mapping[str, Any] | bool = False,
        bounds: Bounds | Mapping[str, Any] | None = None,
        plugins: PluginPolicy | Iterable[object] | None = None,
        hooks: Sequence[object] = (),
        strict: bool = False,
    ) -> None:
        from modelyard.calls.fallback import FallbackPolicy
        from modelyard.calls.retry import RetryPolicy
        from modelyard.catalog.store import CatalogStore
        from modelyard.deployments.endpoints import Endpoints
        from modelyard.tls import SharedTls

        providers = veil(providers, ProviderConfig)  # a traceback may show the locals of this frame
        self._configs: dict[str, tuple[ProviderConfig, ...]] = {}  # the text form of a half-made one needs it
        self._configs = make_configs(providers)
        policy, objects = plugin_policy(plugins, strict=strict)
        look = cache(scan)  # what is installed is read once, for providers and everything else
        self._extensions = Extensions(extension_policy(policy, objects), look)
        self._observers = Observers(hooks, self._extensions)
        self._observe = self._observers.tell
        self._registry = PluginRegistry(policy, plugins=objects, wrappers=self._observers.wrappers, look=look)
        wait, tls = Deadlines.make(deadlines), SharedTls()
        self._endpoints = Endpoints(
            self._configs,
            resolver=check_resolver(credentials),
            connect_timeout=wait.connect,
            tls=tls,
            bounds=Bounds.make(bounds),
            extensions=self._extensions,
        )
        self._store = CatalogStore(
            self._registry,
            self._endpoints,
            additions=catalog,
            defaults=make_defaults(defaults),
            cache=cache_path(catalog_cache),
            today=today,
            installed=InstalledCatalogs(self._extensions),
        )
        self._policies: _Policies = {
            "route": None if route is None else make_route(route),
            "deadlines": wait,
            "retry": RetryPolicy(max_attempts=max_attempts),
            "fallback": FallbackPolicy.make(fallback),
            "hedge_after": seconds(hedge_after, "hedge_after"),
            "limits": make_limits(limits),
            "state": make_state(state),
            "clock": clock,
            "observe": self._observe,
            "fetch": make_fetch(fetch_urls),
            "tls": tls,
        }

    @cached_property
    def _planner(self) -> Planner:
        """Made for the first call: listing the catalog needs none of what it imports."""
        from modelyard.calls.planner import Planner

        self._observers.join_installed()
        return Planner(self._registry, self._endpoints, self._store, **self._policies, extensions=self._extensions)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Runtime configured for {', '.join(sorted(self._configs)) or 'the environment'}>"

    async def aclose(self, *, drain: float = 0.0) -> None:
        """End the calls of this event loop and close its sessions. The runtime can be used again afterwards.

        Calls under way get ``drain`` seconds to finish; then they end with ``RuntimeClosedError``, which is also
        what new calls get meanwhile.
        """
        if "_planner" in vars(self):
            await self._planner.aclose(drain)
        else:
            await self._endpoints.sessions.aclose()

    @property
    def catalog(self) -> Catalog:
        """The cards of every usable provider. Touches no network."""
        return self._store.current()

    def providers(self) -> tuple[ProviderStatus, ...]:
        """List whether each provider could be called, and why not.

        Judged by plugin and credential, without a call. One that is broken or lacks a key says so; the others stay
        usable.
        """
        from modelyard.loading.readiness import provider_statuses

        return provider_statuses(self._registry, self._endpoints)

    async def refresh(
        self, provider: str | None = None, *, deadlines: DeadlinesLike = None
    ) -> tuple[Refreshed, ...]:
        """Ask a provider, or every one that is ready, which models it serves now, and add them to the catalog.

        A new model gets what the list says of it, and is ``unknown`` in every other respect. What was learned is
        kept on disk with its date. Requests under way keep the catalog they began with. All are asked at once,
        each within the deadlines. A provider that cannot be asked is told in ``error``; asked for by name, its
        error is raised.
        """
        from modelyard.calls.refreshing import refresh

        name = canonical_provider(provider) if provider is not None else None
        return await refresh(name, self._planner, self._store, self._registry, self._endpoints, deadlines)

    def explain(
        self, model: Models, messages: Messages, *, stream: bool = False, **options: Unpack[CallOptions]
    ) -> RouteTrace:
        """Show how a request would be routed now: every candidate, kept or dropped, with the reason.

        Takes what ``complete`` takes. Calls nobody and touches no network. A trace without a route has no
        ``chosen``; what is wrong with the request itself is raised.
        """
        return self._planner.explain(model, messages, options, stream=stream)

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin found: loaded, disabled by policy, or set aside with the stage and the reason.

        Providers come first, then what packages bring beside them: observers, credentials, orders, catalogs, tools
        and commands. All are loaded for it, and the catalogs laid over the cards, which shows an error in one.
        """
        self._store.current()
        return (*self._registry.status(), *self._extensions.status())

    async def complete(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> Completion:
        """Ask for a whole answer.

        ``model`` is a reference such as ``"claude:claude-sonnet-5"``, a list of them, or ``None`` or
        ``"default:<context>"`` for a default. ``messages`` is text, a message, or a conversation of messages or
        dicts.

        Raises ``ConfigurationError``, ``InvalidRequestError`` or ``UnsupportedFeatureError`` before anything is
        sent, another ``ProviderError`` when the last attempt failed.
        """
        from modelyard.calls.execute import run_complete

        await self._ready(model, options)
        return await run_complete(self._planner.prepare(model, messages, options, stream=False))

    def stream(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> CompletionStream:
        """Ask for an answer in pieces: ``async with runtime.stream(...) as stream: async for event in stream``.

        Takes what ``complete`` takes. What is wrong with the request is raised here, what goes wrong on the way
        by the iteration.
        """
        from modelyard.calls.stream import CompletionStream

        return CompletionStream(self._planner.prepare(model, messages, options, stream=True))

    async def run(self, model: Models, messages: Messages, **options: Unpack[RunOptions]) -> RunResult:
        """Ask, execute the tools the model calls, and ask again, until it answers without calling any.

        Takes what ``complete`` takes; ``tools`` made with ``@tool`` are executed, others need ``handlers`` or are
        left to the host (see ``RunResult``). ``limits`` are ``RunLimits`` or a dict of them, ``approve`` is asked
        before each call, ``checkpoint`` receives the state at every step.

        Raises what ``complete`` raises, with the run so far as ``error.run``.
        """
        from modelyard.runs.run import finish, start_run

        return await finish(start_run(self, model, messages, with_tools(options, self._extensions), self._observe))

    def run_stream(self, model: Models, messages: Messages, **options: Unpack[RunOptions]) -> RunStream:
        """``run``, with everything that happens as a stream of events; see ``RunStream`` for their order."""
        from modelyard.runs.run import start_run
        from modelyard.runs.run_stream import RunStream

        return RunStream(start_run(self, model, messages, with_tools(options, self._extensions), self._observe))

    async def resume(
        self, state: RunState, results: GivenResults = (), *, model: Models = None, **options: Unpack[RunOptions]
    ) -> RunResult:
        """Go on from a state of ``run``: with one result for each pending call, or after a limit or an error.

        ``results`` are ``ToolResult`` objects, or a mapping of ids to what a tool would return. ``tools``
        brings the functions again, which a state cannot hold; ``model`` and other options replace those of the
        state.

        Raises ``ToolResultsError`` or ``RunStateError`` before anything is sent, and what ``run`` raises.
        """
        from modelyard.runs.run import finish, resume_run

        return await finish(
            resume_run(self, state, results, model, with_tools(options, self._extensions), self._observe)
        )

    def resume_stream(
        self, state: RunState, results: GivenResults = (), *, model: Models = None, **options: Unpack[RunOptions]
    ) -> RunStream:
        """``resume``, as a stream of events."""
        from modelyard.runs.run import resume_run
        from modelyard.runs.run_stream import RunStream

        return RunStream(
            resume_run(self, state, results, model, with_tools(options, self._extensions), self._observe)
        )

    async def _ready(self, model: Models, options: Mapping[str, Any]) -> None:
        await self._observers.ready()
        await self._planner.ready(model, options)

    def _turns(
        self,
        model: Models,
        messages: Messages,
        output: Any,
        options: GenerateOptions,
        repair: int,
        strategy: Strategy | None,
    ) -> Turns:
        from modelyard.structured.generate import turns_for

        return turns_for(self._planner, model, messages, output, options, repair, strategy)

    async def count_tokens(self, model: Models, messages: Messages, **options: Unpack[CallOptions]) -> TokenCount:
        """Count the input tokens of a request, by its provider where that can be asked, else by an estimate.

        Takes what ``complete`` takes and raises what it raises: it has the same deadlines, retries and limits.
        """
        from modelyard.calls.operation import COUNT_TOKENS
        from modelyard.calls.questions import count_tokens

        await self._ready(model, options)
        call = self._planner.prepare(model, messages, options, stream=False, operation=COUNT_TOKENS)
        return await count_tokens(call)

    async def list_models(
        self,
        provider: str,
        *,
        credential: str | Secret | None = None,
        deadlines: DeadlinesLike = None,
        max_attempts: int | None = None,
    ) -> tuple[ModelCard, ...]:
        """Ask a provider which models it serves now; what it does not say of one is ``unknown``.

        ``deadlines`` and ``max_attempts`` are those of a call. Raises ``UnsupportedFeatureError`` where the plugin
        cannot ask, and what ``complete`` raises when it fails.
        """
        from modelyard.calls.operation import LIST_MODELS
        from modelyard.calls.questions import list_models

        credential = conceal_key(credential)
        name = canonical_provider(provider)
        return await list_models(
            self._planner.ask_provider(LIST_MODELS, name, credential, deadlines, max_attempts)
        )

    async def session(self, provider: str, *, credential: str | Secret | None = None) -> Session:
        """The open session of a provider, for what the runtime does not cover.

        Those of Claude and Mistral have ``client()``, the official SDK client with the same credential, base URL
        and HTTP client. The session stays open until the runtime is closed, which closes it.
        """
        from modelyard.calls.execute import open_session
        from modelyard.calls.operation import SESSION

        credential = conceal_key(credential)
        return await open_session(self._planner.ask_provider(SESSION, canonical_provider(provider), credential))
