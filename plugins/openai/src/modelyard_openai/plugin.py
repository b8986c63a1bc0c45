"""The hooks of the OpenAI provider. Imports nothing heavy: the work begins when a session is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl
from modelyard_openai.fields import ABSENT, FIELDS

if TYPE_CHECKING:
    from modelyard.provider import ModelCard, ProviderError, Request, SessionSettings
    from modelyard_openai.session import OpenAISession

MODELYARD_API = 1


@hookimpl
def modelyard_provider() -> ProviderInfo:
    return ProviderInfo(
        id="openai",
        name="OpenAI",
        base_url="https://api.openai.com/v1",
        api_key_variables=("OPENAI_API_KEY",),
        base_url_variables=("OPENAI_BASE_URL",),
        options=frozenset({"api", "organization", "project"}),
        fields=FIELDS,
        absent=ABSENT,
        history=HistoryRules(
            call_id=r"(?s).{1,64}",
            tool_name=r"[a-zA-Z0-9_-]{1,64}",
            plain_reasoning=False,
            reasoning_last=False,  # a reasoning item without the item that followed it is refused
            account_bound=True,
        ),
    )


@hookimpl
def modelyard_models() -> Sequence[ModelCard]:
    from modelyard.provider import load_cards

    return load_cards("modelyard_openai", "openai")


@hookimpl
async def modelyard_open(settings: SessionSettings) -> OpenAISession:
    from modelyard_openai.session import open_session

    return await open_session(settings)


modelyard_complete = SessionHooks.complete
modelyard_stream = SessionHooks.stream
modelyard_fetches = SessionHooks.fetches
modelyard_count_tokens = SessionHooks.count_tokens
modelyard_list_models = SessionHooks.list_models


@hookimpl
def modelyard_validate(request: Request, card: ModelCard) -> None:
    from modelyard_openai.request import check_request

    check_request(request, card)


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_openai.errors import map_error

    return map_error(error)
