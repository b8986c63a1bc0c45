"""Policy of a host on routing: an order, a reading of what is not documented, and constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from modelyard.catalog.constraints import Constraints
from modelyard.errors import ConfigurationError
from modelyard.loading.discovery import discover
from modelyard.loading.kinds import ORDERS as INSTALLED
from modelyard.suggest import did_you_mean

if TYPE_CHECKING:
    from modelyard.deployments.candidates import Candidate
    from modelyard.routing.needs import Needs

__all__ = ["ORDERS", "Order", "OrderName", "RouteChoice", "RoutePolicy"]

OrderName: TypeAlias = Literal["given", "default", "cheapest", "fastest", "weighted", "least_busy"]
Order: TypeAlias = "OrderName | str | Callable[[Sequence[Candidate], Needs], Iterable[Candidate | str]]"
RouteChoice: TypeAlias = "RoutePolicy | Mapping[str, Any] | str | Callable[..., Any]"
"""Argument ``route``: a policy, a dict of its fields and of constraints, the name of an order, a function."""

ORDERS: tuple[str, ...] = get_args(OrderName)
"""The orders of our own."""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """Policy on filtering and ordering candidates.

    ``order`` is ``given`` (as listed), ``default`` (the defaults of ``context`` first), ``cheapest`` for the
    estimated tokens, ``fastest`` to the first output as observed, ``weighted``, ``least_busy``, or a function that
    takes the candidates left and the needs, and returns candidates or references in the order wanted; or the name
    of such a function that an installed package brings (``modelyard.orders``). Every order is total: ties and what
    it cannot rank stand as given. ``None`` leaves it to the runtime's policy.

    ``strict`` wants every need documented as ``supported``; without it anything but ``unsupported`` will do.
    ``models`` are the candidates when a call names no model: references, or patterns such as ``"openai:*"``.
    ``weights`` go by reference or provider id and win over the weights of deployments.
    """

    order: Order | None = None
    strict: bool = False
    models: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    context: str = "chat"
    constraints: tuple[Constraints, ...] = ()
    """All of them must hold."""

    def __post_init__(self) -> None:
        constraints: object = self.constraints  # callers without a type checker pass one, or a dict
        if isinstance(constraints, (Constraints, Mapping)):
            object.__setattr__(self, "constraints", (Constraints.make(constraints),))
        models: object = self.models
        object.__setattr__(self, "models", (models,) if isinstance(models, str) else tuple(self.models))
        if self.order is not None and not callable(self.order):
            _check_order(self.order)
        weights: Mapping[str, Any] = self.weights
        for name, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight < 0:
                raise ConfigurationError(f"The weight of {name} must be a number from 0 on, not {weight!r}.")

    @classmethod
    def make(cls, value: RouteChoice | None) -> RoutePolicy | None:
        """Take a policy, or make one; in a dict, constraints may stand beside the policy's own fields."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, str) or callable(value):
            return cls(order=value)
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"route must be a policy, a word, a dict or a function, not {type(value)}.")
        own = {entry.name for entry in fields(cls)}
        conditions = [entry.name for entry in fields(Constraints)]
        for name in value:
            if name not in own and name not in conditions:
                known = sorted([*own, *conditions])
                hint = did_you_mean(str(name), known) or f"Fields are: {', '.join(known)}."
                raise ConfigurationError(f"{name!r} is no field of a route.", hint=hint)
        given = {name: value[name] for name in value if name in own}
        if any(name in conditions for name in value):
            loose = Constraints.make({name: value[name] for name in value if name in conditions})
            stated = given.get("constraints", ())
            listed = (Constraints.make(stated),) if isinstance(stated, (Constraints, Mapping)) else tuple(stated)
            given["constraints"] = (*listed, loose)
        return cls(**given)

    def over(self, base: RoutePolicy | None) -> RoutePolicy:
        """The policy laid over another: its own order wins, and the constraints of both hold."""
        if base is None:
            return self
        return RoutePolicy(
            order=self.order if self.order is not None else base.order,
            strict=self.strict or base.strict,
            models=self.models or base.models,
            weights=self.weights or base.weights,
            context=self.context if self.context != "chat" else base.context,
            constraints=(*base.constraints, *self.constraints),
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that every constraint on regions allows, in the order first named."""
        bound = [constraint.regions for constraint in self.constraints if constraint.regions]
        return tuple(name for name in bound[0] if all(name in other for other in bound)) if bound else ()

    def describe(self) -> dict[str, Any]:
        """The policy as plain JSON data."""
        order = self.order or "given"
        constraints: dict[str, Any] = {}
        for constraint in self.constraints:
            for entry in fields(constraint):
                value = getattr(constraint, entry.name)
                if value not in (None, (), False):
                    constraints[entry.name] = list(value) if isinstance(value, tuple) else value
        name = order if isinstance(order, str) else getattr(order, "__name__", "a function")
        return {"order": name, "reading": "strict" if self.strict else "lenient", "constraints": constraints}


def _check_order(order: str) -> None:
    """Refuse an order nobody knows; whether one of a package may be used is for the runtime to say."""
    if order in ORDERS:
        return
    known = [*ORDERS, *(found.name for found in discover(INSTALLED))]
    if order not in known:
        hint = did_you_mean(str(order), known) or f"Orders are: {', '.join(known)}."
        raise ConfigurationError(f"{order!r} is no order of a route.", hint=hint)
