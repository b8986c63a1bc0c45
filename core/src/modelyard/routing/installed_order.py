"""Orders of routes that packages bring, used by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelyard.errors import ConfigurationError
from modelyard.loading.kinds import ORDERS as GROUP
from modelyard.routing.policy import ORDERS

if TYPE_CHECKING:
    from modelyard.deployments.candidates import Candidate
    from modelyard.loading.extensions import Extension, Extensions
    from modelyard.routing.needs import Needs
    from modelyard.routing.policy import RoutePolicy

__all__ = ["InstalledOrder", "with_order"]


@dataclass(frozen=True, slots=True)
class InstalledOrder:
    """The function of a package that orders candidates; what it raises becomes an error that names the package."""

    extension: Extension

    @property
    def __name__(self) -> str:
        """The name it goes by in the description of a policy."""
        return self.extension.name

    @property
    def described(self) -> str:
        """Text that stands for it in reasons and errors."""
        return f"the order {self.extension.name!r} of {self.extension.where}"

    def __call__(self, kept: Sequence[Candidate], needs: Needs) -> Any:
        """Put candidates in order; raises ``ConfigurationError`` where the function fails."""
        try:
            wanted = self.extension.value(kept, needs)
            listed = isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes))
            return tuple(wanted) if listed else wanted
        except (Exception, SystemExit) as error:
            raise ConfigurationError(
                f"{self.described} failed with {type(error).__name__}: {error}.",
                hint="Take another order for the route, or repair that package.",
            ) from error


def with_order(policy: RoutePolicy, extensions: Extensions | None) -> RoutePolicy:
    """The policy with the function its order names, where a package brings it.

    Raises ``ConfigurationError`` for one that is broken or not allowed.
    """
    order = policy.order
    if extensions is None or not isinstance(order, str) or order in ORDERS:
        return policy
    return replace(policy, order=InstalledOrder(extensions.get(GROUP, order)))
