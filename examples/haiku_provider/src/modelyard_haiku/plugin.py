"""The hooks of the Haiku provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl

if TYPE_CHECKING:
    from modelyard.provider import ModelCard, ProviderError, SessionSettings
    from modelyard_haiku.session import HaikuSession

MODELYARD_API = 1


@hookimpl
def modelyard_provider() -> ProviderInfo:
    return ProviderInfo(
        id="haiku",
        name="Haiku",
        base_url="https://api.haiku.example/v1",
        api_key_variables=("HAIKU_API_KEY",),
        fields=frozenset({"tools", "output", "reasoning", "max_output_tokens", "temperature", "seed"}),
        history=HistoryRules(files_in_results=False, plain_reasoning=False),
    )


@hookimpl
def modelyard_models() -> Sequence[ModelCard]:
    from modelyard.provider import load_cards

    return load_cards("modelyard_haiku", "haiku")


@hookimpl
async def modelyard_open(settings: SessionSettings) -> HaikuSession:
    from modelyard_haiku.session import open_session

    return await open_session(settings)


modelyard_complete = SessionHooks.complete
modelyard_stream = SessionHooks.stream


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_haiku.errors import map_error

    return map_error(error)
