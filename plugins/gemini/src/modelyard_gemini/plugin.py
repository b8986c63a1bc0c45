"""The hooks of the Gemini provider. Imports nothing heavy: the work begins when a session is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl
from modelyard_gemini.fields import ABSENT, FIELDS

if TYPE_CHECKING:
    from modelyard.provider import ModelCard, ProviderError, SessionSettings
    from modelyard_gemini.session import GeminiSession

MODELYARD_API = 1


@hookimpl
def modelyard_provider() -> ProviderInfo:
    return ProviderInfo(
        id="gemini",
        name="Google Gemini",
        base_url="https://generativelanguage.googleapis.com",
        # With both set, Google's own SDK uses GOOGLE_API_KEY (google-genai 3.4.0).
        api_key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        base_url_variables=("GOOGLE_GEMINI_BASE_URL",),
        options=frozenset({"store", "max_continuations"}),
        fields=FIELDS,
        absent=ABSENT,
        history=HistoryRules(tool_name=r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", user_first=True, account_bound=True),
    )


@hookimpl
def modelyard_models() -> Sequence[ModelCard]:
    from modelyard.provider import load_cards

    # Google's model list and its error messages name models "models/<id>".
    return tuple(
        card.model_copy(update={"aliases": (*card.aliases, f"models/{card.id}")})
        for card in load_cards("modelyard_gemini", "gemini")
    )


@hookimpl
async def modelyard_open(settings: SessionSettings) -> GeminiSession:
    from modelyard_gemini.session import open_session

    return await open_session(settings)


modelyard_complete = SessionHooks.complete
modelyard_stream = SessionHooks.stream
modelyard_fetches = SessionHooks.fetches
modelyard_list_models = SessionHooks.list_models
modelyard_count_tokens = SessionHooks.count_tokens


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_gemini.errors import map_error

    return map_error(error)
