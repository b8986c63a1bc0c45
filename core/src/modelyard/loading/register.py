"""Registering a plugin's hooks: what counts is what pluggy took, and what a newer core knows is no fault."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import pluggy

from modelyard import hookspecs
from modelyard.suggest import did_you_mean, near_misses

__all__ = ["ASYNC_HOOKS", "REQUIRED_HOOKS", "STREAM_HOOK", "HookError", "new_manager", "register_hooks"]

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
_RETIRED: Final = frozenset({"modelyard_tools"})
"""Hooks of earlier cores that nothing calls any more: a plugin that has them loads, however they are written."""


class HookError(Exception):
    """A hook that cannot be used as it is written."""


@dataclass(frozen=True, slots=True)
class _Hook:
    """A marked function of a plugin: the hook it implements, and how it is marked."""

    attribute: str
    name: str
    function: Callable[..., Any]
    marks: dict[str, Any]

    @property
    def wraps(self) -> bool:
        return bool(self.marks.get("wrapper") or self.marks.get("hookwrapper"))


def new_manager() -> pluggy.PluginManager:
    """Make a plugin manager that knows the contract and nobody yet."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def register_hooks(manager: pluggy.PluginManager, plugin: object, name: str) -> tuple[str, ...]:
    """Register a plugin; return what is strange about it and harms nobody, such as hooks only a newer core calls.

    Raises ``HookError`` for a hook that is async and should be plain or the other way round, or that misspells an
    argument.
    """
    hooks = list(_marked(manager, plugin))
    known = {hook.attribute: _arguments(manager, hook.name) for hook in hooks}
    strange: list[str] = []
    adapted: dict[str, Callable[..., Any]] = {}
    for hook in hooks:
        arguments = known[hook.attribute]
        if arguments is None:
            strange += _unknown_hook(hook)
            continue
        _check_kind(hook)
        extra = [] if hook.wraps else [one for one in _positional(hook.function) if one not in arguments]
        if extra:
            _check_spelling(hook, extra, arguments)
            adapted[hook.attribute] = _without_arguments(hook, arguments)
            strange.append(
                f"{hook.name} asks for {' and '.join(extra)}, which this core does not have: it gets None"
            )
    manager.register(_stand_in(plugin, hooks, adapted) if adapted else plugin, name=name)
    return (*strange, *_unmarked(plugin, {hook.attribute for hook in hooks}))


def missing_hooks(manager: pluggy.PluginManager, plugin: object) -> str | None:
    """Say which required hooks pluggy has not registered, and why; ``None`` when all are there."""
    reasons = [_why_missing(manager, plugin, name) for name in REQUIRED_HOOKS if not _implemented(manager, name)]
    return "; ".join(reasons) or None


def _implemented(manager: pluggy.PluginManager, name: str) -> bool:
    implementations = getattr(manager.hook, name).get_hookimpls()
    return any(not (each.wrapper or each.hookwrapper) for each in implementations)


def _why_missing(manager: pluggy.PluginManager, plugin: object, name: str) -> str:
    if callable(getattr(plugin, name, None)):
        marked = manager.parse_hookimpl_opts(plugin, name) is not None
        return (
            f"{name} is marked as a wrapper, which needs one to wrap"
            if marked
            else f"{name} is not marked @hookimpl"
        )
    return f"the plugin does not implement {name}{_meant(name, dir(plugin))}"


def _marked(manager: pluggy.PluginManager, plugin: object) -> Iterator[_Hook]:
    for attribute in dir(plugin):
        marks: Any = manager.parse_hookimpl_opts(plugin, attribute)
        if marks is not None:
            yield _Hook(attribute, marks.get("specname") or attribute, getattr(plugin, attribute), dict(marks))


def _arguments(manager: pluggy.PluginManager, name: str) -> tuple[str, ...] | None:
    """The arguments of a hook of this core, ``None`` for one it does not have."""
    spec = getattr(getattr(manager.hook, name, None), "spec", None)
    return None if spec is None else tuple(spec.argnames)


def _unknown_hook(hook: _Hook) -> Iterator[str]:
    """What to say of a hook nobody calls; one that is marked optional knows that, a private one is none."""
    if hook.name.startswith("_") or hook.name in _RETIRED or hook.marks.get("optionalhook"):
        return
    yield f"this core has no hook {hook.name}{_meant(hook.name, dir(hookspecs))}"


def _meant(name: str, names: Iterable[str]) -> str:
    """The hook among some names that was probably meant; what all hooks begin with says nothing."""
    start = f"{hookspecs.PROJECT}_"
    known = [other.removeprefix(start) for other in names if other.startswith(start)]
    close = near_misses(name.removeprefix(start), known, limit=1)
    return f" (did you mean {start}{close[0]}?)" if close else ""


def _unmarked(plugin: object, marked: set[str]) -> Iterator[str]:
    for name in dir(plugin):
        if not name.startswith(f"{hookspecs.PROJECT}_") or name in marked or name in REQUIRED_HOOKS:
            continue
        found = inspect.getattr_static(plugin, name)
        if inspect.isroutine(found):
            yield f"{name} is not marked @hookimpl and is never called"


def _positional(function: Callable[..., Any]) -> list[str]:
    """The arguments that pluggy passes: positional, and without a default."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind in kinds and each.default is each.empty]


def _check_spelling(hook: _Hook, extra: list[str], arguments: tuple[str, ...]) -> None:
    """Refuse an argument that is nearly one the hook has, and that stands in its place."""
    left = [name for name in arguments if name not in _positional(hook.function)]
    for name in extra:
        meant = did_you_mean(name, left)
        if meant is not None:
            raise HookError(f"{hook.name} has no argument {name!r}. {meant}")


def _without_arguments(hook: _Hook, arguments: tuple[str, ...]) -> Callable[..., Any]:
    """The hook, asking only for arguments this core has; the others are ``None``.

    pluggy reads the names of the arguments in the code of a function, so there has to be one with those names,
    which are names of ours.
    """
    wanted = _positional(hook.function)
    taken = [name for name in wanted if name in arguments]

    def call(*given: object) -> object:
        values = dict(zip(taken, given, strict=True))
        return hook.function(*(values.get(name) for name in wanted))

    names = ", ".join(taken)
    function: Callable[..., Any] = eval(f"lambda {names}: call({names})", {"call": call})  # noqa: S307
    marked: Callable[..., Any] = hookspecs.hookimpl(**hook.marks)(function)
    return marked


def _stand_in(plugin: object, hooks: list[_Hook], adapted: dict[str, Callable[..., Any]]) -> ModuleType:
    """A module with the hooks of a plugin, some of them adapted."""
    module = ModuleType(getattr(plugin, "__name__", type(plugin).__qualname__))
    for hook in hooks:
        setattr(module, hook.attribute, adapted.get(hook.attribute, hook.function))
    return module


def _check_kind(hook: _Hook) -> None:
    """Refuse a hook that is async and must be plain, or the other way round.

    An ``async def`` cannot stand where a plain function is called, and ``modelyard_stream`` must return an
    asynchronous iterator, which a coroutine function does not.
    """
    problem = None if hook.wraps else _wrong_kind(hook.name, hook.function)
    if problem is not None:
        raise HookError(f"{hook.name} {problem}")


def _wrong_kind(name: str, function: object) -> str | None:
    coroutine = inspect.iscoroutinefunction(function)
    if name == STREAM_HOOK:
        return "must be an async generator (yield events), not a coroutine function" if coroutine else None
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        return "must not be a generator"
    if name not in ASYNC_HOOKS and coroutine:
        return "must be a plain function, not async def"
    return None
