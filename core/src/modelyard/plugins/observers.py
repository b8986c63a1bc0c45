"""Host hooks: observers of calls and attempts, each call of one isolated from the others and from the request."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard import hookspecs
from modelyard.errors import ConfigurationError
from modelyard.log import logger
from modelyard.plugins.binding import new_manager

__all__ = ["Observers"]

_OBSERVER_HOOKS = frozenset(
    f"modelyard_{news}" for news in ("call_started", "call_finished", "attempt_started", "attempt_finished")
)


class Observers:
    """The host's objects. Raises ``ConfigurationError`` for one that would answer in a provider's place."""

    def __init__(self, hooks: Sequence[object]) -> None:
        self.wrappers = tuple(hooks)
        self._manager = new_manager() if hooks else None
        if self._manager is None:
            return
        for host in hooks:
            self._manager.register(host)
            _refuse_answers(host)
        self._manager.check_pending()

    def tell(self, news: str, **available: object) -> None:
        """Tell every observer news such as ``call_started``; what one raises is logged."""
        if self._manager is None:
            return
        caller = getattr(self._manager.hook, f"modelyard_{news}")
        for impl in caller.get_hookimpls():
            try:
                impl.function(*(available[name] for name in impl.argnames))
            except Exception as error:
                logger("hooks").warning(
                    "an observer of %s raised %s: %s", caller.name, type(error).__name__, error
                )


def _refuse_answers(host: object) -> None:
    for name in dir(host):
        marks = getattr(getattr(host, name, None), f"{hookspecs.PROJECT}_impl", None)
        if not marks or name in _OBSERVER_HOOKS:
            continue
        if not (marks.get("wrapper") or marks.get("hookwrapper")):
            raise ConfigurationError(
                f"The host hook {name} is no wrapper.",
                hint="Mark it @hookimpl(wrapper=True); only a provider's plugin answers its hooks.",
            )
