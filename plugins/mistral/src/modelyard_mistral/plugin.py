"""The hooks of the Mistral provider. Imports nothing heavy: the work begins when a session is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl
from modelyard_mistral.fields import ABSENT, FIELDS

if TYPE_CHECKING:
    from modelyard.provider import ModelCard, ProviderError, SessionSettings
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
        fields=FIELDS,
        absent=ABSENT,
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


modelyard_complete = SessionHooks.complete
modelyard_stream = SessionHooks.stream
modelyard_list_models = SessionHooks.list_models
modelyard_count_tokens = SessionHooks.count_tokens


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_mistral.errors import map_error

    return map_error(error)
