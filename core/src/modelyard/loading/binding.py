"""A typed face on one provider's plugin manager.

pluggy's hook relay is untyped; every untyped result is checked here, once, and goes no further.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import pluggy

from modelyard import hookspecs
from modelyard.errors import ConfigurationError, ProviderError, UnsupportedFeatureError
from modelyard.types.fields import taken_by
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.session import Session, SessionSettings
    from modelyard.types.completion import Completion
    from modelyard.types.content import FilePart, ImagePart
    from modelyard.types.events import StreamItem
    from modelyard.types.request import Request

__all__ = ["ASYNC_HOOKS", "REQUIRED_HOOKS", "ProviderBinding", "check_kinds", "missing_hooks"]

REQUIRED_HOOKS: Final = (
    "modelyard_provider",
    "modelyard_models",
    "modelyard_open",
    "modelyard_complete",
    "modelyard_stream",
    "modelyard_map_error",
)
ASYNC_HOOKS: Final = frozenset(
    {"modelyard_open", "modelyard_complete", "modelyard_list_models", "modelyard_count_tokens"}
)
STREAM_HOOK: Final = "modelyard_stream"


class ProviderBinding:
    """One loaded provider: typed calls of its hooks."""

    __slots__ = ("_hook", "distribution", "fields", "info", "manager", "version")

    def __init__(
        self,
        manager: pluggy.PluginManager,
        info: ProviderInfo,
        distribution: str,
        version: str,
        *,
        api: int = hookspecs.API_VERSION,
    ) -> None:
        self.manager = manager
        self.info = info
        self.distribution = distribution
        self.version = version
        self.fields = taken_by(info, api)
        """The fields of a request that the plugin may see."""
        self._hook: Any = manager.hook

    def __repr__(self) -> str:
        return f"<ProviderBinding {self.info.id} from {self.distribution} {self.version}>"

    def models(self) -> tuple[ModelCard, ...]:
        """The cards the plugin ships."""
        from modelyard.catalog.card import ModelCard

        cards = self._hook.modelyard_models()
        if not isinstance(cards, Sequence) or not all(isinstance(card, ModelCard) for card in cards):
            raise ConfigurationError(f"modelyard_models of {self.distribution} must return model cards.")
        strange = [card.ref for card in cards if card.provider != self.info.id]
        if strange:
            raise ConfigurationError(f"{self.distribution} lists a card of another provider: {strange[0]}.")
        return tuple(cards)

    def open(self, settings: SessionSettings) -> Awaitable[Session]:
        """Begin to open a session."""
        return cast("Awaitable[Session]", self._hook.modelyard_open(settings=settings))

    def complete(self, session: Session, request: Request, card: ModelCard) -> Awaitable[Completion]:
        """Begin to ask for a whole answer; what the request's history changed is undone in it."""
        answer = cast(
            "Awaitable[Completion]",
            self._hook.modelyard_complete(session=session, request=request, card=card),
        )
        return answer if request.adaptation is None else request.adaptation.restore(answer)

    def stream(self, session: Session, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
        """Begin to ask for an answer in pieces; what the request's history changed is undone in them."""
        items = cast(
            "AsyncIterator[StreamItem]",
            self._hook.modelyard_stream(session=session, request=request, card=card),
        )
        return items if request.adaptation is None else request.adaptation.restore_stream(items)

    def validate(self, request: Request, card: ModelCard) -> None:
        """Let the plugin refuse a request before the network."""
        self._hook.modelyard_validate(request=request, card=card)

    def fetches(self, session: Session, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Return whether the provider itself fetches the URL of a part, as it does unless the plugin denies it."""
        return self._hook.modelyard_fetches(session=session, part=part, card=card) is not False

    async def list_models(self, session: Session) -> tuple[ModelCard, ...]:
        """The models the provider serves now; raises ``UnsupportedFeatureError`` if the plugin cannot ask."""
        asked = self._hook.modelyard_list_models(session=session)
        if asked is None:
            raise UnsupportedFeatureError(
                f"The plugin for {self.info.id!r} cannot list the models its provider serves now.",
                feature="list_models",
            )
        return tuple(await asked)

    async def count_tokens(self, session: Session, request: Request, card: ModelCard) -> int | None:
        """The input tokens by the provider's count, ``None`` where it does not count."""
        asked = self._hook.modelyard_count_tokens(session=session, request=request, card=card)
        return None if asked is None else cast("int | None", await asked)

    def map_error(self, error: BaseException) -> ProviderError:
        """Turn what a hook raised into an error of ours; a mapper that fails is itself reported."""
        try:
            mapped = self._hook.modelyard_map_error(error=error)
        except Exception as broken:
            return ProviderError(
                f"{type(error).__name__}, and the error mapper of {self.distribution} failed on it "
                f"with {type(broken).__name__}."
            )
        if isinstance(mapped, ProviderError):
            return mapped
        return ProviderError(f"{type(error).__name__}: {error}")


def missing_hooks(plugin: object) -> list[str]:
    """The required hooks a plugin does not implement."""
    return [name for name in REQUIRED_HOOKS if not callable(getattr(plugin, name, None))]


def check_kinds(manager: pluggy.PluginManager, plugin: object) -> str | None:
    """Say which hook is async and must be plain, or the other way round; ``None`` when all are right.

    An ``async def`` cannot stand where a plain function is called, and ``modelyard_stream`` must return an
    asynchronous iterator, which a coroutine function does not.
    """
    for caller in manager.get_hookcallers(plugin) or ():
        if caller.name.startswith("_"):
            continue  # a marked function under a private name, which is no hook
        for impl in caller.get_hookimpls():
            if impl.plugin is not plugin or impl.wrapper or impl.hookwrapper:
                continue
            problem = _wrong_kind(caller.name, impl.function)
            if problem is not None:
                return f"{caller.name} {problem}"
    return None


def _wrong_kind(name: str, function: object) -> str | None:
    coroutine = inspect.iscoroutinefunction(function)
    if name == STREAM_HOOK:
        return "must be an async generator (yield events), not a coroutine function" if coroutine else None
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        return "must not be a generator"
    if name not in ASYNC_HOOKS and coroutine:
        return "must be a plain function, not async def"
    return None


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the contract and nobody yet."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.add_hookspecs(_Retired)
    return manager


class _Retired:
    """Hooks of earlier cores that nothing calls any more: a plugin that still has them loads."""

    @hookspecs.hookspec(firstresult=True)
    def modelyard_tools(self, request: Request, card: ModelCard) -> None: ...
