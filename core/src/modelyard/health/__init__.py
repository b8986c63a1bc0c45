"""Health of deployments between calls: breakers, limits, budgets; in process or in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard._exports import Exports

if TYPE_CHECKING:
    from modelyard.health.breaker import BreakerPolicy
    from modelyard.health.clock import Clock
    from modelyard.health.limits import Limits
    from modelyard.health.local_state import LocalState
    from modelyard.health.redis_state import RedisState
    from modelyard.health.state import Reason, Refusal, SharedState, Verdict

__all__ = [  # noqa: RUF022  # grouped by subject
    # where it is kept
    "LocalState",
    "RedisState",
    # rules
    "BreakerPolicy",
    "Limits",
    # for a state of your own
    "Clock",
    "Reason",
    "Refusal",
    "SharedState",
    "Verdict",
]

_EXPORTS = Exports(
    __name__,
    """
    health.breaker: BreakerPolicy
    health.clock: Clock
    health.limits: Limits
    health.local_state: LocalState
    health.redis_state: RedisState
    health.state: Reason Refusal SharedState Verdict
    """,
)
__getattr__ = _EXPORTS.get
__dir__ = _EXPORTS.names
