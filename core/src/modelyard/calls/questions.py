"""Questions to a deployment beside answers; each is a call like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.calls.execute import carry_out
from modelyard.types.size import TokenCount, estimate_tokens

if TYPE_CHECKING:
    from modelyard.calls.call import Call
    from modelyard.catalog.card import ModelCard
    from modelyard.deployments.deployment import Deployment
    from modelyard.session import Session
    from modelyard.types.request import Request

__all__ = ["count_tokens", "list_models"]


async def count_tokens(call: Call) -> TokenCount:
    """Ask the provider for the input tokens of a request, or estimate them where it has no way to count."""
    return await carry_out(call, _count)


async def list_models(call: Call) -> tuple[ModelCard, ...]:
    """Ask the provider for the models it serves now."""
    return await carry_out(call, _list)


async def _count(deployment: Deployment, session: Session, request: Request) -> TokenCount:
    counted = await deployment.binding.count_tokens(session, request, deployment.card)
    if counted is None:
        return TokenCount(estimate_tokens(request), estimated=True, deployment=deployment.ref)
    return TokenCount(counted, estimated=False, deployment=deployment.ref)


async def _list(deployment: Deployment, session: Session, request: Request) -> tuple[ModelCard, ...]:
    return await deployment.binding.list_models(session)
