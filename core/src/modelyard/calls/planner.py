"""From what a caller asks to a prepared call: a route found, the request validated, nothing sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from modelyard.calls.call import Call
from modelyard.calls.fallback import FallbackPolicy
from modelyard.calls.operation import COMPLETE, STREAM, Operation
from modelyard.calls.options import CALL_OPTIONS, REQUEST_OPTIONS
from modelyard.calls.plan import Plan, settle
from modelyard.calls.running import RunningCalls
from modelyard.catalog.contexts import context_of, is_pattern
from modelyard.credentials.known_secrets import option_secrets
from modelyard.credentials.resolve import missing_credential
from modelyard.credentials.secret import conceal_options
from modelyard.deadlines import Deadlines, seconds
from modelyard.deployments.deployment import Deployment
from modelyard.deployments.finder import Caller, Finder
from modelyard.errors import ConfigurationError
from modelyard.health.clock import SystemClock
from modelyard.health.lines import Lines
from modelyard.health.local_state import LocalState
from modelyard.loading.named_tools import with_tools
from modelyard.routing.filter_cache import FilterCache
from modelyard.routing.installed_order import with_order
from modelyard.routing.needs import CONTENT, content_needs, derive_needs
from modelyard.routing.order import RankingInputs
from modelyard.routing.policy import RoutePolicy
from modelyard.routing.router import route
from modelyard.suggest import did_you_mean
from modelyard.types.request import Request, build_request, has_urls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from modelyard.calls.call import Observe
    from modelyard.calls.options import CallOptions
    from modelyard.calls.retry import RetryPolicy
    from modelyard.catalog.card import ModelCard
    from modelyard.catalog.store import CatalogStore
    from modelyard.credentials.secret import Secret
    from modelyard.deadlines import DeadlinesLike
    from modelyard.deployments.candidates import Candidate
    from modelyard.deployments.endpoints import Endpoints
    from modelyard.health.clock import Clock
    from modelyard.health.limits import Limits
    from modelyard.health.state import SharedState
    from modelyard.loading.extensions import Extensions
    from modelyard.loading.registry import PluginRegistry
    from modelyard.media.allowance import FetchSlots
    from modelyard.media.inline import Inliner
    from modelyard.media.policy import FetchPolicy
    from modelyard.routing.policy import RouteChoice
    from modelyard.routing.trace import RouteTrace
    from modelyard.types.request import Messages, Models

__all__ = ["Planner"]


class Planner:
    """Prepares the calls of one runtime. Touches no network."""

    def __init__(
        self,
        registry: PluginRegistry,
        endpoints: Endpoints,
        store: CatalogStore,
        *,
        route: RoutePolicy | None,
        deadlines: Deadlines,
        retry: RetryPolicy,
        fallback: FallbackPolicy,
        hedge_after: float | None,
        limits: Mapping[str, Limits],
        state: SharedState | None,
        clock: Clock | None,
        observe: Observe,
        fetch: FetchPolicy | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        extensions: Extensions | None = None,
    ) -> None:
        self.running = RunningCalls()
        self._registry = registry
        self._endpoints = endpoints
        self._store = store
        self._finder = Finder(registry, endpoints, store.of)
        self._route = route
        self._extensions = extensions
        self._deadlines = deadlines
        self._retry = retry
        self._fallback = fallback
        self._hedge_after = hedge_after
        self._limits = limits
        self._clock = clock or SystemClock()
        self._state = state or LocalState(clock=self._clock)
        lines = getattr(self._state, "lines", None)
        self._lines = lines if isinstance(lines, Lines) else Lines(told=False)
        self._observe = observe
        self._fetch = fetch
        self._tls = tls
        self._fetch_slots: FetchSlots | None = None
        self._turn = 0
        self._filter_cache = FilterCache()
        self._policies: dict[str | int, tuple[RouteChoice, RoutePolicy]] = {}

    @cached_property
    def _policy(self) -> RoutePolicy | None:
        return None if self._route is None else with_order(self._route, self._extensions)

    async def aclose(self, drain: float) -> None:
        """Let the calls of this event loop finish within so many seconds, end the rest, and close everything."""
        async with self.running.closing(drain):
            await self._endpoints.sessions.aclose()
            await self._state.aclose()

    async def ready(self, model: Models, options: Mapping[str, Any]) -> None:
        """Load what a call needs loaded before ``prepare``, outside the event loop.

        The time it takes is nobody's failure: no deadline of the call runs yet.
        """
        if self._store.whole or (isinstance(model, str) and self._store.knows((model,))):
            return
        given = options.get("route")
        policy = self._policy if given is None else self._laid_over(given)
        names = _names(model, policy)
        if self._store.providers_of(names):
            await self._store.load(names)
        else:
            await self._store.ready()

    async def _look_round(self) -> None:
        await self._store.ready(_LOOK_ROUND)

    def prepare(
        self,
        model: Models,
        messages: Messages,
        options: CallOptions,
        *,
        stream: bool,
        operation: Operation | None = None,
    ) -> Call:
        """Find a route, and validate the request for the deployment tried first.

        ``operation`` is what is asked of it where that is no answer.

        Raises ``ConfigurationError``, ``InvalidRequestError``, ``UnsupportedFeatureError`` or ``NoRouteError``.
        """
        _check_options(options)
        plan = self._plan(model, messages, options, stream=stream)
        if plan.trace is not None:
            self._turn += 1
            if not plan.trace.kept:
                raise plan.refusal()
        self._store.warn_retirement(plan.deployments[0].card)
        operation = operation or (STREAM if stream else COMPLETE)
        deadlines, retry = self._patience(options.get("deadlines"), options.get("max_attempts"))
        fallback = options.get("fallback")
        return Call(
            deployments=_hiding(plan.deployments, plan.request),
            request_for=plan.writer(),
            deadlines=deadlines,
            retry=retry,
            state=self._state,
            clock=self._clock,
            observe=self._observe,
            running=self.running,
            lines=self._lines,
            operation=operation,
            fallback=self._fallback if fallback is None else FallbackPolicy.make(fallback),
            hedge_after=self._hedge(options) if operation.generates else None,
            limits=self._limits,
            alternatives=lambda: self._alternatives(plan),
            look_round=self._look_round,
            trace=plan.trace,
            inliner=self._inliner(plan.request),
        )

    def ask_provider(
        self,
        operation: Operation,
        provider: str,
        credential: str | Secret | None = None,
        deadlines: DeadlinesLike = None,
        max_attempts: int | None = None,
    ) -> Call:
        """Prepare a call that asks something of a provider and not of one of its models."""
        deployment = self._provider(provider, credential)
        nothing = Request.model_construct(model="", messages=())
        waits, retry = self._patience(deadlines, max_attempts)
        return Call(
            deployments=(deployment,),
            request_for=lambda _: nothing,
            deadlines=waits,
            retry=retry,
            state=self._state,
            clock=self._clock,
            observe=self._observe,
            running=self.running,
            lines=self._lines,
            operation=operation,
            limits=self._limits,
        )

    def _hedge(self, options: CallOptions) -> float | None:
        """When a second attempt is made; ``None`` said for the call alone means never."""
        return seconds(options["hedge_after"], "hedge_after") if "hedge_after" in options else self._hedge_after

    def _patience(self, deadlines: DeadlinesLike, attempts: int | None) -> tuple[Deadlines, RetryPolicy]:
        """How long and how often a call is tried: its own say, else the runtime's."""
        waits = self._deadlines if deadlines is None else Deadlines.make(deadlines)
        return waits, self._retry if attempts is None else self._retry.with_attempts(attempts)

    def _inliner(self, request: Request) -> Inliner | None:
        if self._fetch is None or self._tls is None or not request.awaits_urls:
            return None
        from modelyard.media.inline import Inliner

        return Inliner(request, self._fetch, self._tls, self._slots(self._fetch))

    def _slots(self, policy: FetchPolicy) -> FetchSlots:
        """What bounds the URLs all calls of the runtime fetch at the same time."""
        if self._fetch_slots is None:
            from modelyard.media.allowance import FetchSlots

            self._fetch_slots = FetchSlots(policy.concurrency)
        return self._fetch_slots

    def explain(self, model: Models, messages: Messages, options: CallOptions, *, stream: bool) -> RouteTrace:
        """The decision ``prepare`` would make now, and changes nothing by making it."""
        _check_options(options)
        plan = self._plan(model, messages, options, stream=stream)
        trace = plan.trace if plan.trace is not None else self._decide(plan).trace
        assert trace is not None
        return trace

    def card(self, model: Models, messages: Messages, options: CallOptions) -> ModelCard:
        """The card of the model a request goes to first; raises what ``prepare`` raises for the route."""
        _check_options(options)
        plan = self._plan(model, messages, options, stream=False)
        if plan.trace is not None and not plan.trace.kept:
            raise plan.refusal()
        return plan.deployments[0].card

    def _provider(self, provider: str, credential: str | Secret | None) -> Deployment:
        """The way to a provider; ``Deployment`` calls it by the provider's id alone."""
        from modelyard.catalog.card import ModelCard

        binding = self._registry.binding(provider)
        caller = Caller(credential)
        caller.check_names(self._registry.names())
        endpoints = self._endpoints.of(binding, caller.credential(provider))
        if not endpoints:
            raise missing_credential(binding.info)
        endpoint = endpoints[0]
        return Deployment(
            binding=binding,
            card=ModelCard.unknown(provider, "-"),
            model="",
            credential=endpoint.credential,
            base_url=endpoint.base_url,
            use=lambda: endpoint.use_at(endpoint.base_url),
            marks=endpoint.marks,
            redactor=endpoint.redactor,
            own_client=endpoint.config.client is not None,
        )

    def _plan(self, model: Models, messages: Messages, options: CallOptions, *, stream: bool) -> Plan:
        given = options.get("route")
        policy = self._policy if given is None else self._laid_over(given)
        names = _names(model, policy)
        credential = options.get("credential")
        caller = None
        if credential is not None or not self._endpoints.steady:
            caller = Caller(credential, options.get("user"))
        candidates = self._finder.find(names, policy.regions if policy is not None else (), caller)
        named = len(names) == 1 and context_of(names[0]) is None and not is_pattern(names[0])
        request = _build(candidates, messages, with_tools(options, self._extensions), stream=stream)
        if self._fetch is not None and has_urls(request):
            request = request.awaiting_urls(True)
        if policy is None and named and len(candidates) == 1 and _takes_content(candidates[0].card, request):
            return Plan(candidates, request, _PLAIN, named)
        plan = Plan(candidates, request, policy or _PLAIN, named)
        # Candidates with a caller's own key come once: remembering them would only keep the key in memory.
        return self._decide(plan, self._filter_cache if caller is None else None)

    def _laid_over(self, given: RouteChoice) -> RoutePolicy:
        """A call's policy over the runtime's; one that comes again stays one object, by which a cache knows it."""
        if not isinstance(given, (str, RoutePolicy)):
            return self._over(given)
        key = given if isinstance(given, str) else id(given)
        known = self._policies.get(key)
        if known is None:
            if len(self._policies) >= _MAX_POLICIES:
                self._policies.clear()
            known = self._policies[key] = (given, self._over(given))
        return known[1]

    def _over(self, given: RouteChoice) -> RoutePolicy:
        return with_order(_policy(given), self._extensions).over(self._policy)

    def _decide(self, plan: Plan, cache: FilterCache | None = None) -> Plan:
        """Run the stages for a plan."""
        needs = derive_needs(plan.request)
        if plan.named and not plan.policy.strict:
            needs = replace(needs, capabilities=tuple(name for name in needs.capabilities if name in CONTENT))
        trace = route(plan.candidates, needs, plan.policy, self._ranking_inputs(), cache)
        trace, written, error = settle(trace, plan.request)
        return replace(plan, trace=trace, written=written, error=error if plan.named else None)

    def _ranking_inputs(self) -> RankingInputs:
        return RankingInputs(self._store.today(), self._state, self._turn)

    def _alternatives(self, plan: Plan) -> tuple[str, ...]:
        """References of all models that could serve a request under its policy, the context's defaults first."""
        if not self._store.whole and self._registry.pending():
            return ()  # nothing is loaded for it here: this may be the event loop
        policy = replace(plan.policy, order="default")
        candidates = self._finder.find(("*",), policy.regions)
        trace = route(candidates, derive_needs(plan.request), policy, self._ranking_inputs())
        return tuple(dict.fromkeys(candidate.ref for candidate in trace.kept))


_PLAIN = RoutePolicy()
_MAX_POLICIES = 64
_LOOK_ROUND = 1.0
"""Seconds a failed call waits for other plugins to load, to name alternatives; ours take a tenth (measured)."""


def _policy(given: RouteChoice) -> RoutePolicy:
    policy = RoutePolicy.make(given)
    assert policy is not None
    return policy


def _names(model: Models, policy: RoutePolicy | None) -> tuple[str, ...]:
    if model is None:
        if policy is not None and policy.models:
            return policy.models
        return (f"default:{policy.context}" if policy is not None else "default:chat",)
    given: object = model  # callers without a type checker pass other things
    if not isinstance(given, str) and not (isinstance(given, Iterable) and not isinstance(given, bytes)):
        raise ConfigurationError(
            f"A model is named by text, or several by a list of texts, not by {type(given).__name__}.",
            hint="Write provider:model, for example 'mistral:mistral-large-latest'.",
        )
    names = (model,) if isinstance(model, str) else tuple(model)
    if not names:
        raise ConfigurationError("The list of models is empty.", hint="Name one model, or pass None.")
    return names


def _takes_content(card: ModelCard | None, request: Request) -> bool:
    """Whether a card has nothing against the request; the messages are looked at only if it might."""
    if card is None or card.kind != "chat":
        return False
    lacking = [name for name in CONTENT if card.capability(name).state == "unsupported"]
    return not lacking or not any(need in lacking for need in content_needs(request))


def _build(candidates: Sequence[Candidate], messages: Messages, options: CallOptions, *, stream: bool) -> Request:
    fields = {name: value for name, value in options.items() if name in REQUEST_OPTIONS}
    first = next((each for each in candidates if each.deployment is not None), None)
    deployment = first.deployment if first is not None else None
    provider, model = (deployment.provider, deployment.model) if deployment is not None else ("", "")
    return build_request(provider, model, messages, options.get("system"), fields, stream=stream)


def _hiding(deployments: tuple[Deployment, ...], request: Request) -> tuple[Deployment, ...]:
    """Deployments that know what is secret among the caller's own wire fields."""
    secrets = [*option_secrets(request.provider_options)] if request.provider_options else []
    return tuple(each.hiding(secrets) for each in deployments) if secrets else deployments


def _check_options(options: CallOptions, known: Iterable[str] = CALL_OPTIONS) -> None:
    conceal_options(cast("dict[str, Any]", options))
    for name in options:
        if name not in known:
            raise TypeError(f"{name!r} is no argument of a call. {did_you_mean(name, known) or ''}".rstrip())
