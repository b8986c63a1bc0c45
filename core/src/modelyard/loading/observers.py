"""Host hooks: observers of calls and attempts, each isolated from the others and from the call."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pluggy

from modelyard import hookspecs
from modelyard.errors import ConfigurationError
from modelyard.loading.kinds import OBSERVERS
from modelyard.loading.register import new_manager, register_hooks
from modelyard.log import logger

if TYPE_CHECKING:
    from pluggy import HookImpl

    from modelyard.loading.extensions import Extensions

__all__ = ["Observers", "hooks_of"]

_OBSERVER_HOOKS = frozenset(
    f"modelyard_{what}_{when}" for what in ("run", "tool", "call", "attempt") for when in ("started", "finished")
)


class Observers:
    """The host's objects, and the observers that packages bring, which join them at the first use.

    Raises ``ConfigurationError`` for an object that could never work, or would answer in a provider's place.
    """

    def __init__(self, hooks: Sequence[object], extensions: Extensions | None = None) -> None:
        if not isinstance(hooks, (list, tuple)):
            raise ConfigurationError(
                f"hooks must be a list of objects, not {type(hooks).__name__}.", hint="Write hooks=[observer]."
            )
        self.wrappers = tuple(hooks)
        self._broken: set[tuple[int, str, type[BaseException]]] = set()
        self._lock = threading.RLock()
        self._extensions = extensions
        self._manager = new_manager() if hooks else None
        if self._manager is None:
            return
        for host in hooks:
            _look_at(host)
            _register(self._manager, host)

    def join_installed(self) -> None:
        """Load the observers that packages bring; one that is broken is set aside and does not keep the others."""
        with self._lock:
            if self._extensions is None:
                return
            for each in self._extensions.all(OBSERVERS):
                self._manager = self._manager or new_manager()
                self._manager.register(each.value, name=f"{each.name} from {each.where}")
            self._extensions = None

    async def ready(self) -> None:
        """Load the observers that packages bring outside the event loop, where there are any to import."""
        if self._extensions is None:
            return
        if self._extensions.names(OBSERVERS):
            import asyncio

            await asyncio.get_running_loop().run_in_executor(None, self.join_installed)
        else:
            self.join_installed()

    def tell(self, event: str, **available: object) -> None:
        """Tell every observer of an event such as ``call_started``.

        Whatever one raises, a cancellation or ``SystemExit`` included, is its own failure: it is logged, and
        reaches neither the call nor another observer. The task that runs the call is not cancelled by it.
        """
        if self._extensions is not None:
            self.join_installed()
        if self._manager is None:
            return
        caller = getattr(self._manager.hook, f"modelyard_{event}")
        for impl in caller.get_hookimpls():
            try:
                answer = impl.function(*(available[name] for name in impl.argnames))
                if answer is not None:
                    _refuse_awaitable(answer)
            except BaseException as error:
                self._log(impl, caller.name, error)

    def _log(self, impl: HookImpl, hook: str, error: BaseException) -> None:
        """Log a failure, the first of its kind only: an observer fails again with each call."""
        kind = (id(impl.plugin), hook, type(error))
        if kind in self._broken:
            return
        self._broken.add(kind)
        logger("hooks").warning(
            "an observer of %s raised %s: %s (%s, told once; the call goes on)",
            hook,
            type(error).__name__,
            _text(error),
            _name(impl.plugin),
        )


def hooks_of(plugin: object) -> object:
    """The observer hooks of a package's module or object, and nothing else of it.

    It may be a provider's plugin too, and it cannot wrap what providers answer: that is the host's to allow. An
    argument that only a newer core has is ``None``, and a warning says so. Raises ``ConfigurationError`` for one
    without a hook, or with a hook that could never work.
    """
    marked = [name for name in sorted(_OBSERVER_HOOKS) if getattr(plugin, name, None) is not None]
    if not marked:
        raise ConfigurationError(
            "it has no observer hook", hint="Observer hooks are modelyard_call_started and its like"
        )
    for name in marked:
        _look_at_hook(plugin, name)
    hooks = SimpleNamespace(__name__=_name(plugin), **{name: getattr(plugin, name) for name in marked})
    manager = new_manager()
    for strange in register_hooks(manager, hooks, _name(plugin)):
        logger("plugins").warning("The observer %s is written for a newer core: %s.", _name(plugin), strange)
    return manager.get_plugin(_name(plugin))


def _register(manager: pluggy.PluginManager, host: object) -> None:
    """Register a host's object; raises ``ConfigurationError`` for a hook or an argument that does not exist."""
    try:
        manager.register(host)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        said = " ".join(str(error).split()).partition(" in plugin ")[0]  # what follows is the object's repr
        raise ConfigurationError(
            f"A hook of {_name(host)} cannot be used: {said.partition('hookimpl definition: ')[2] or said}.",
            hint="The hooks and their arguments are listed on the page on observability.",
        ) from None


def _look_at(host: object) -> None:
    """Refuse what would do nothing, or do it in a provider's place."""
    names = [name for name in dir(host) if name.startswith(f"{hookspecs.PROJECT}_")]
    if not names:
        raise ConfigurationError(
            f"{_name(host)} has no hook.", hint="Observer hooks are modelyard_call_started and its like."
        )
    for name in names:
        _look_at_hook(host, name)


def _look_at_hook(host: object, name: str) -> None:
    function = getattr(host, name, None)
    marks = getattr(function, f"{hookspecs.PROJECT}_impl", None)
    problem, hint = _problem(name, function, marks, host)
    if problem is not None:
        raise ConfigurationError(f"The host hook {name} of {_name(host)} {problem}.", hint=hint)


def _problem(
    name: str, function: object, marks: dict[str, object] | None, host: object
) -> tuple[str | None, str | None]:
    if inspect.isclass(host) and inspect.isfunction(inspect.getattr_static(host, name)):
        return "belongs to a class, not to an object", f"Write hooks=[{_name(host)}()]."
    if not marks:
        return ("is not marked", "Mark it @hookimpl.") if callable(function) else (None, None)
    wraps = marks.get("wrapper") or marks.get("hookwrapper")
    if name not in _OBSERVER_HOOKS:
        hint = "Mark it @hookimpl(wrapper=True); only a provider's plugin answers its hooks."
        return (None, None) if wraps else ("is no wrapper", hint)
    if wraps or inspect.isgeneratorfunction(function):
        return "wraps nothing", "Observers are plain functions marked @hookimpl."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        hint = "Observers are plain functions, called between two steps of the call; hand long work to a task."
        return "is asynchronous", hint
    return None, None


def _refuse_awaitable(answer: object) -> None:
    """An awaitable nobody awaits is a mistake that Python would tell only at its end, or never."""
    if not inspect.isawaitable(answer):
        return
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    raise TypeError("it returned an awaitable; observers are plain functions")


def _name(host: object) -> str:
    """What to call an observer: the name of a module, function or class, else that of its class."""
    name = getattr(host, "__qualname__", None) or getattr(host, "__name__", None)
    return name if isinstance(name, str) else type(host).__qualname__


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "its text cannot be had"
