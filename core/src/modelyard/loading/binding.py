"""A typed face on one provider's plugin manager.

pluggy's hook relay is untyped; every untyped result is checked here, once, and goes no further.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pluggy

from modelyard import hookspecs
from modelyard.errors import ModelyardError, ProviderError, UnsupportedFeatureError
from modelyard.loading.returned import PluginReturns, has_method, one_line
from modelyard.log import logger
from modelyard.types.fields import taken_by
from modelyard.types.provider import ProviderInfo

if TYPE_CHECKING:
    from modelyard.catalog.card import ModelCard
    from modelyard.errors import InvalidResponseError
    from modelyard.session import Session, SessionSettings
    from modelyard.types.completion import Completion
    from modelyard.types.content import FilePart, ImagePart
    from modelyard.types.events import StreamItem
    from modelyard.types.request import Request

__all__ = ["ProviderBinding"]


class ProviderBinding:
    """One loaded provider: typed calls of its hooks.

    A hook that returns what it may not is an ``InvalidResponseError`` that names hook and plugin.
    """

    __slots__ = ("_hook", "_returns", "_told", "distribution", "fields", "info", "manager", "version")

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
        self._returns = PluginReturns(info.id, _package(distribution, version))
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return f"<ProviderBinding {self.info.id} from {self.distribution} {self.version}>"

    def models(self) -> tuple[ModelCard, ...]:
        """The cards the plugin ships."""
        return self._returns.cards("modelyard_models", self._hook.modelyard_models())

    async def open(self, settings: SessionSettings) -> Session:
        """Open a session; what goes wrong and tells nothing by itself is told with the hook's name."""
        hook = "modelyard_open"
        try:
            session = await self._returns.awaited(hook, self._hook.modelyard_open(settings=settings))
        except ModelyardError:
            raise
        except Exception as error:
            mapped = self.map_error(error)
            if type(mapped) is ProviderError:  # the plugin does not know it either
                mapped = self._returns.broke(hook, error)
            raise mapped from error
        if not has_method(session, "aclose"):
            raise self._returns.wrong(hook, session, "session with an aclose()")
        return session  # type: ignore[return-value]

    async def complete(self, session: Session, request: Request, card: ModelCard) -> Completion:
        """Ask for a whole answer; what the request's history changed is undone in it."""
        hook = "modelyard_complete"
        asked = self._hook.modelyard_complete(session=session, request=request, card=card)
        answer = self._returns.completion(hook, await self._returns.awaited(hook, asked))
        return answer if request.adaptation is None else request.adaptation.restore(answer)

    def stream(self, session: Session, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
        """Begin to ask for an answer in pieces; what the request's history changed is undone in them."""
        asked = self._hook.modelyard_stream(session=session, request=request, card=card)
        items = self._returns.items("modelyard_stream", asked)
        return items if request.adaptation is None else request.adaptation.restore_stream(items)

    def wrong_item(self, item: object) -> InvalidResponseError:
        """The error for something that a stream yielded and that is neither an event nor a batch of them."""
        return self._returns.wrong("modelyard_stream", item, "event or list of events")

    def cancelled_itself(self, error: BaseException) -> InvalidResponseError | None:
        """The error for a stream that ended in a cancellation nobody asked for, ``None`` for anything else."""
        return self._returns.cancelled("modelyard_stream", error)

    def unknown_event(self, kind: str) -> None:
        """Warn, once, of a type of event that only a newer core knows; the consumer does not see those."""
        if kind not in self._told:
            self._told.add(kind)
            logger("plugins").warning(
                "%s %s streams events of the type %r, which this core does not know: they are left out.",
                self.distribution,
                self.version,
                kind,
            )

    def validate(self, request: Request, card: ModelCard) -> None:
        """Let the plugin refuse a request before the network."""
        hook = "modelyard_validate"
        try:
            said = self._hook.modelyard_validate(request=request, card=card)
        except (ModelyardError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._returns.broke(hook, error) from error
        self._returns.nothing(hook, said)

    def fetches(self, session: Session, part: ImagePart | FilePart, card: ModelCard) -> bool:
        """Return whether the provider itself fetches the URL of a part, as it does unless the plugin denies it."""
        hook = "modelyard_fetches"
        try:
            said = self._hook.modelyard_fetches(session=session, part=part, card=card)
        except (ModelyardError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._returns.broke(hook, error) from error
        return self._returns.answer(hook, said) is not False

    async def list_models(self, session: Session) -> tuple[ModelCard, ...]:
        """The models the provider serves now; raises ``UnsupportedFeatureError`` if the plugin cannot ask."""
        hook = "modelyard_list_models"
        asked = self._hook.modelyard_list_models(session=session)
        if asked is None:
            raise UnsupportedFeatureError(
                f"The plugin for {self.info.id!r} cannot list the models its provider serves now.",
                feature="list_models",
            )
        return self._returns.cards(hook, await self._returns.awaited(hook, asked))

    async def count_tokens(self, session: Session, request: Request, card: ModelCard) -> int | None:
        """The input tokens by the provider's count, ``None`` where it does not count."""
        hook = "modelyard_count_tokens"
        asked = self._hook.modelyard_count_tokens(session=session, request=request, card=card)
        return None if asked is None else self._returns.count(hook, await self._returns.awaited(hook, asked))

    def map_error(self, error: BaseException) -> ProviderError:
        """Turn what a hook raised into an error of ours; a mapper that fails is itself reported."""
        hook = "modelyard_map_error"
        try:
            mapped = self._hook.modelyard_map_error(error=error)
        except KeyboardInterrupt:
            raise
        except BaseException as broken:
            return self._returns.broke(hook, broken, f" on {one_line(error)},")
        if isinstance(mapped, ProviderError):
            return mapped
        return self._returns.wrong(hook, mapped, f"ProviderError, for {one_line(error)}")


def _package(distribution: str, version: str) -> str:
    """What to call a plugin in an error: its package, or the module or object the host handed in."""
    return "the plugin that this process handed in" if version == "-" else f"{distribution} {version}"
