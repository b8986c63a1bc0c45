"""From what a caller asks to a prepared call: models resolved, credentials found, the request validated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from modelyard.catalog.catalog import Catalog
from modelyard.catalog.suggest import did_you_mean
from modelyard.config import Deadlines, ProviderConfig, find_base_url
from modelyard.credentials.resolve import find_credential, missing_credential
from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.plugins.sessions import SessionPool, SessionSettings
from modelyard.refs import ModelRef
from modelyard.routing.call import Call
from modelyard.routing.deployment import Deployment
from modelyard.routing.fallback import FallbackPolicy
from modelyard.types.options import CALL_OPTIONS, REQUEST_OPTIONS
from modelyard.types.request import build_request

if TYPE_CHECKING:
    import ssl

    from modelyard.catalog.card import ModelCard
    from modelyard.credentials.resolve import Credential
    from modelyard.credentials.secret import Secret
    from modelyard.plugins.binding import ProviderBinding
    from modelyard.plugins.registry import PluginRegistry
    from modelyard.plugins.sessions import Session
    from modelyard.routing.call import Observe
    from modelyard.routing.clock import Clock
    from modelyard.routing.limits import Limits
    from modelyard.routing.retry import RetryPolicy
    from modelyard.routing.state import SharedState
    from modelyard.types.options import CallOptions
    from modelyard.types.request import Messages, Models, Request

__all__ = ["Planner"]

_CONTEXTS = ("chat", "structured", "summary", "doc")


class Planner:
    """Prepares the calls of one runtime. Touches no network."""

    def __init__(
        self,
        registry: PluginRegistry,
        configs: Mapping[str, ProviderConfig],
        *,
        deadlines: Deadlines,
        retry: RetryPolicy,
        fallback: FallbackPolicy,
        hedge_after: float | None,
        limits: Mapping[str, Limits],
        state: SharedState,
        clock: Clock,
        observe: Observe,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self.registry = registry
        self.sessions = SessionPool()
        self._configs = configs
        self._deadlines = deadlines
        self._retry = retry
        self._fallback = fallback
        self._hedge_after = hedge_after
        self._limits = limits
        self._state = state
        self._clock = clock
        self._observe = observe
        self._tls = tls
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """The cards of every usable provider."""
        if self._catalog is None:
            cards = self.registry.models()
            ready = [binding.info.id for binding in self.registry.bindings() if self._is_ready(binding)]
            self._catalog = Catalog(cards, ready)
        return self._catalog

    def prepare(self, model: Models, messages: Messages, options: CallOptions, *, stream: bool) -> Call:
        """Resolve the models, find the credentials and validate the request for the first deployment.

        Raises ``ConfigurationError``, ``InvalidRequestError`` or ``UnsupportedFeatureError``.
        """
        _check_options(options)
        refs = [model] if model is None or isinstance(model, str) else list(model)
        if not refs:
            raise ConfigurationError("The list of models is empty.", hint="Name one model, or pass None.")
        first = self._resolve(refs[0])
        request = _build(first[0], first[2], messages, options, stream=stream)
        deployments = [self._deployment(*first, options.get("credential"))]
        deployments += [self._deployment(*self._resolve(ref), options.get("credential")) for ref in refs[1:]]
        deadlines, attempts = options.get("deadlines"), options.get("max_attempts")
        fallback = options.get("fallback")
        return Call(
            deployments=tuple(deployments),
            request_for=_Writer(request, deployments[0]),
            deadlines=self._deadlines if deadlines is None else Deadlines.make(deadlines),
            retry=self._retry if attempts is None else self._retry.with_attempts(attempts),
            state=self._state,
            clock=self._clock,
            observe=self._observe,
            fallback=self._fallback if fallback is None else FallbackPolicy.make(fallback),
            hedge_after=options.get("hedge_after", self._hedge_after),
            limits=self._limits,
        )

    def provider(self, provider: str, credential: str | Secret | None = None) -> Deployment:
        """The way to a provider, for what is asked of it and not of one of its models."""
        from modelyard.catalog.card import ModelCard

        binding = self.registry.binding(provider)
        return self._deployment(
            ModelRef(provider, ""), binding, ModelCard.unknown(provider, "-"), credential, suggest=False
        )

    def _deployment(
        self,
        ref: ModelRef,
        binding: ProviderBinding,
        card: ModelCard,
        wanted: str | Secret | None,
        *,
        suggest: bool = True,
    ) -> Deployment:
        config = self._configs.get(ref.provider) or ProviderConfig()
        credential = find_credential(binding.info, request=wanted, configured=config.api_key)
        if credential is None and not binding.info.key_optional and config.client is None:
            raise missing_credential(binding.info)
        base_url = find_base_url(binding.info, config.base_url)
        return Deployment(
            binding=binding,
            card=card,
            model=card.id if card.known else ref.model,
            credential=credential,
            base_url=base_url,
            open_session=self._opener(binding, config, credential, base_url),
            suggestion=self._warn_unknown(ref) if suggest and not card.known else None,
        )

    def _resolve(self, model: str | None) -> tuple[ModelRef, ProviderBinding, ModelCard]:
        context = _context_of(model)
        if context is not None:
            card = self.catalog.default(context)
            return ModelRef(card.provider, card.id), self.registry.binding(card.provider), card
        assert model is not None
        ref = ModelRef.parse(model)
        binding = self.registry.binding(ref.provider)
        return ref, binding, self.catalog.resolve(ref)

    def _warn_unknown(self, ref: ModelRef) -> str | None:
        suggestion = self.catalog.suggest(ref)
        if suggestion is not None:
            logger("runtime").warning("No card lists %s; it is asked for all the same. %s", ref, suggestion)
        return suggestion

    def _is_ready(self, binding: ProviderBinding) -> bool:
        """Whether a provider could be called: its credential, checked offline, is there and well formed."""
        config = self._configs.get(binding.info.id) or ProviderConfig()
        if config.client is not None or binding.info.key_optional:
            return True
        try:
            return find_credential(binding.info, configured=config.api_key) is not None
        except ConfigurationError:
            return False

    def _opener(
        self,
        binding: ProviderBinding,
        config: ProviderConfig,
        credential: Credential | None,
        base_url: str | None,
    ) -> Callable[[], Awaitable[Session]]:
        info = binding.info
        fingerprint = f"{credential.fingerprint if credential else '-'} {base_url}"

        def settings() -> SessionSettings:
            return SessionSettings(
                info=info,
                credential=credential,
                base_url=base_url,
                http_client=config.http_client,
                client=config.client,
                transport=config.transport,
                proxy=config.proxy,
                max_connections=config.max_connections,
                connect_timeout=self._deadlines.connect,
                headers=config.headers,
                options=config.options,
                tls=self._tls,
            )

        return lambda: self.sessions.get(info.id, fingerprint, lambda: binding.open(settings()))


class _Writer:
    """Writes the request for each deployment; for the first at once, to show what is wrong before the call."""

    def __init__(self, request: Request, first: Deployment) -> None:
        self._request = request
        self._first = first
        self._written = first.write(request)

    def __call__(self, deployment: Deployment) -> Request:
        return self._written if deployment is self._first else deployment.write(self._request)


def _build(ref: ModelRef, card: ModelCard, messages: Messages, options: CallOptions, *, stream: bool) -> Request:
    fields = {name: value for name, value in options.items() if name in REQUEST_OPTIONS}
    model = card.id if card.known else ref.model
    return build_request(ref.provider, model, messages, options.get("system"), fields, stream=stream)


def _context_of(model: str | None) -> Any:
    """The context a model argument names: ``None`` asks for the chat default; a reference names none."""
    if model is None:
        return "chat"
    given: object = model  # callers without a type checker pass other things
    if not isinstance(given, str) or not given.startswith("default:"):
        return None
    context = given.removeprefix("default:")
    if context not in _CONTEXTS:
        hint = did_you_mean(context, _CONTEXTS) or f"Contexts are: {', '.join(_CONTEXTS)}."
        raise ConfigurationError(f"{context!r} is no context of a default model.", hint=hint)
    return context


def _check_options(options: Mapping[str, object], known: Iterable[str] = CALL_OPTIONS) -> None:
    for name in options:
        if name not in known:
            raise TypeError(f"{name!r} is no argument of a call. {did_you_mean(name, known) or ''}".rstrip())
