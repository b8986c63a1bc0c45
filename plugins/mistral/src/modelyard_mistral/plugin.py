"""The hooks of the Mistral provider. Imports nothing heavy: the work begins when a session is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, hookimpl

if TYPE_CHECKING:
    from modelyard.provider import Completion, ModelCard, ProviderError, Request, SessionSettings, StreamItem
    from modelyard_mistral.session import MistralSession

MODELYARD_API = 1


@hookimpl
def modelyard_provider() -> ProviderInfo:
    return ProviderInfo(
        id="mistral",
        name="Mistral",
        base_url="https://api.mistral.ai/v1",
        api_key_variables=("MISTRAL_API_KEY",),
        options=frozenset({"server"}),
        history=HistoryRules(
            call_id=r"[a-zA-Z0-9]{9}",
            call_id_length=9,
            tool_name=r"[a-zA-Z0-9_-]{1,64}",
            files_in_results=False,
            user_after_tool=False,
            plain_reasoning=False,
        ),
    )


@hookimpl
def modelyard_models() -> Sequence[ModelCard]:
    from modelyard.provider import load_cards

    return load_cards("modelyard_mistral", "mistral")


@hookimpl
async def modelyard_open(settings: SessionSettings) -> MistralSession:
    from modelyard_mistral.session import open_session

    return await open_session(settings)


@hookimpl
async def modelyard_complete(session: MistralSession, request: Request, card: ModelCard) -> Completion:
    return await session.complete(request, card)


@hookimpl
def modelyard_stream(session: MistralSession, request: Request, card: ModelCard) -> AsyncIterator[StreamItem]:
    return session.stream(request, card)


@hookimpl
async def modelyard_list_models(session: MistralSession) -> Sequence[ModelCard]:
    from modelyard_mistral.listing import list_models

    return await list_models(session)


@hookimpl
async def modelyard_count_tokens(session: MistralSession, request: Request, card: ModelCard) -> int | None:
    from modelyard_mistral.counting import count_tokens

    return await count_tokens(session, request, card)


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_mistral.errors import map_error

    return map_error(error)
