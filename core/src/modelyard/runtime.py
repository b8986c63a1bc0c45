"""The runtime: what a host application holds and calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from modelyard.catalog.catalog import Catalog
from modelyard.catalog.suggest import did_you_mean
from modelyard.config import Deadlines, ProviderConfig, find_base_url
from modelyard.credentials.resolve import find_credential, missing_credential
from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.plugins.observers import Observers
from modelyard.plugins.policy import PluginPolicy
from modelyard.plugins.registry import PluginRegistry
from modelyard.plugins.sessions import SessionPool, SessionSettings
from modelyard.refs import ModelRef, canonical_provider

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.credentials.resolve import Credential
    from modelyard.plugins.binding import ProviderBinding
    from modelyard.plugins.failures import PluginStatus
    from modelyard.plugins.sessions import Session
    from modelyard.routing.call import Call
    from modelyard.streaming.stream import CompletionStream
    from modelyard.types.completion import Completion
    from modelyard.types.options import CallOptions
    from modelyard.types.request import Messages

__all__ = ["Runtime"]

_CONTEXTS = ("chat", "structured", "summary", "doc")


class Runtime:
    """Calls models of any installed provider.

    Use it as ``async with Runtime() as runtime``, which closes connections at the end. Making one is cheap:
    plugins are discovered at the first question and loaded at the first use. It may be used from several
    event loops and threads, one after another or at once.

    Parameters
    ----------
    providers:
        Settings by provider id, each a ``ProviderConfig`` or a dict of its fields.
    max_attempts:
        How often a call is tried when it fails in a way that may pass; 1 means no retry.
    deadlines:
        ``Deadlines``, a dict of its fields, or a number of seconds for the whole call.
    plugins:
        Which plugins may load: provider ids or distribution names, or a ``PluginPolicy``. An item that is no
        text is itself used as a plugin, in place of an installed one of the same id. ``None`` allows every
        installed plugin, within ``MODELYARD_PLUGINS`` and ``MODELYARD_DISABLE_PLUGINS``.
    hooks:
        Objects with host hooks: wrappers of a provider's hooks, and observers of attempts.
    strict:
        Raise ``ConfigurationError`` for the first broken plugin instead of setting it aside.
    """

    def __init__(
        self,
        providers: Mapping[str, ProviderConfig | Mapping[str, Any]] | None = None,
        *,
        max_attempts: int = 3,
        deadlines: Deadlines | Mapping[str, float | None] | float | None = None,
        plugins: PluginPolicy | Iterable[object] | None = None,
        hooks: Sequence[object] = (),
        strict: bool = False,
    ) -> None:
        from modelyard.http.tls import SharedTls
        from modelyard.routing.retry import RetryPolicy

        self._configs = {
            canonical_provider(name): ProviderConfig.make(config, name)
            for name, config in (providers or {}).items()
        }
        self._retry = RetryPolicy(max_attempts=max_attempts)
        self._deadlines = Deadlines.make(deadlines)
        policy, objects = _plugin_policy(plugins, strict=strict)
        self._observers = Observers(hooks)
        self._registry = PluginRegistry(policy, plugins=objects, wrappers=self._observers.wrappers)
        self._sessions = SessionPool()
        self._tls = SharedTls()
        self._catalog: Catalog | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Runtime configured for {', '.join(sorted(self._configs)) or 'the environment'}>"

    async def aclose(self) -> None:
        """Close the sessions of this event loop. The runtime can be used again; it then opens new ones."""
        await self._sessions.aclose()

    @property
    def catalog(self) -> Catalog:
        """The cards of every usable provider. Touches no network."""
        if self._catalog is None:
            cards = self._registry.models()
            ready = [binding.info.id for binding in self._registry.bindings() if self._is_ready(binding)]
            self._catalog = Catalog(cards, ready)
        return self._catalog

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin found: loaded, disabled by policy, or set aside with the stage and the reason."""
        return self._registry.status()

    async def complete(self, model: str | None, messages: Messages, **options: Unpack[CallOptions]) -> Completion:
        """Ask for a whole answer.

        ``model`` is a reference such as ``"claude:claude-sonnet-5"``, or ``None`` or ``"default:<context>"`` for
        a default. ``messages`` is text, a message, or a conversation of messages or dicts.

        Raises ``ConfigurationError``, ``InvalidRequestError`` or ``UnsupportedFeatureError`` before anything is
        sent, another ``ProviderError`` when the last attempt failed.
        """
        from modelyard.routing.execute import run_complete

        return await run_complete(self._prepare(model, messages, options, stream=False))

    def stream(self, model: str | None, messages: Messages, **options: Unpack[CallOptions]) -> CompletionStream:
        """Ask for an answer in pieces: ``async with runtime.stream(...) as stream: async for event in stream``.

        Takes what ``complete`` takes. What is wrong with the request is raised here, what goes wrong on the way
        by the iteration.
        """
        from modelyard.streaming.stream import CompletionStream

        return CompletionStream(self._prepare(model, messages, options, stream=True))

    def _prepare(self, model: str | None, messages: Messages, options: CallOptions, *, stream: bool) -> Call:
        from modelyard.routing.call import Call
        from modelyard.types.options import CALL_OPTIONS, REQUEST_OPTIONS
        from modelyard.types.request import build_request

        _check_options(options, CALL_OPTIONS)
        ref, binding, card = self._resolve(model)
        suggestion = None if card.known else self._warn_unknown(ref)
        fields = {name: value for name, value in options.items() if name in REQUEST_OPTIONS}
        request = build_request(
            ref.provider,
            card.id if card.known else ref.model,
            messages,
            options.get("system"),
            fields,
            stream=stream,
        )
        binding.validate(request, card)
        config = self._configs.get(ref.provider) or ProviderConfig()
        credential = find_credential(binding.info, request=options.get("credential"), configured=config.api_key)
        if credential is None and not binding.info.key_optional and config.client is None:
            raise missing_credential(binding.info)
        deadlines, attempts = options.get("deadlines"), options.get("max_attempts")
        retry = self._retry
        return Call(
            binding=binding,
            card=card,
            request=request,
            credential=credential,
            open_session=self._opener(binding, config, credential),
            deadlines=self._deadlines if deadlines is None else Deadlines.make(deadlines),
            retry=retry if attempts is None else retry.with_attempts(attempts),
            observe=self._observers.tell,
            suggestion=suggestion,
        )

    def _resolve(self, model: str | None) -> tuple[ModelRef, ProviderBinding, ModelCard]:
        context = _context_of(model)
        if context is not None:
            card = self.catalog.default(context)
            return ModelRef(card.provider, card.id), self._registry.binding(card.provider), card
        assert model is not None
        ref = ModelRef.parse(model)
        binding = self._registry.binding(ref.provider)
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
        self, binding: ProviderBinding, config: ProviderConfig, credential: Credential | None
    ) -> Callable[[], Awaitable[Session]]:
        info = binding.info
        base_url = find_base_url(info, config.base_url)
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

        return lambda: self._sessions.get(info.id, fingerprint, lambda: binding.open(settings()))


def _plugin_policy(
    plugins: PluginPolicy | Iterable[object] | None, *, strict: bool
) -> tuple[PluginPolicy, tuple[object, ...]]:
    if isinstance(plugins, PluginPolicy):
        return plugins, ()
    if isinstance(plugins, str):
        raise ConfigurationError("plugins must be a list of names, not one text.")
    items = tuple(plugins) if plugins is not None else ()
    names = [item for item in items if isinstance(item, str)]
    objects = tuple(item for item in items if not isinstance(item, str))
    allow = None if plugins is None else names
    return PluginPolicy.make(allow, strict=strict), objects


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


def _check_options(options: Mapping[str, object], known: Iterable[str]) -> None:
    for name in options:
        if name not in known:
            raise TypeError(f"{name!r} is no argument of a call. {did_you_mean(name, known) or ''}".rstrip())
