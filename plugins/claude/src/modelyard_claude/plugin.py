"""The hooks of the Claude provider. Imports nothing heavy: the work begins when a session is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modelyard.provider import HistoryRules, ProviderInfo, SessionHooks, hookimpl
from modelyard_claude.fields import ABSENT, FIELDS

if TYPE_CHECKING:
    from modelyard.provider import ModelCard, ProviderError, Request, SessionSettings
    from modelyard_claude.session import ClaudeSession

MODELYARD_API = 1


@hookimpl
def modelyard_provider() -> ProviderInfo:
    return ProviderInfo(
        id="claude",
        name="Anthropic",
        base_url="https://api.anthropic.com",
        api_key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        base_url_variables=("ANTHROPIC_BASE_URL",),
        key_optional=_sdk_finds_credential(os.environ),
        options=frozenset({"version", "beta", "default_max_tokens"}),
        fields=FIELDS,
        absent=ABSENT,
        history=HistoryRules(
            call_id=r"[a-zA-Z0-9_-]+",
            tool_name=r"[a-zA-Z0-9_-]{1,64}",
            blank_text=False,
            plain_reasoning=False,
            reasoning_last=False,
        ),
    )


@hookimpl
def modelyard_models() -> Sequence[ModelCard]:
    from modelyard.provider import load_cards

    return load_cards("modelyard_claude", "claude")


@hookimpl
async def modelyard_open(settings: SessionSettings) -> ClaudeSession:
    from modelyard_claude.session import open_session

    return await open_session(settings)


modelyard_complete = SessionHooks.complete
modelyard_stream = SessionHooks.stream
modelyard_fetches = SessionHooks.fetches
modelyard_count_tokens = SessionHooks.count_tokens
modelyard_list_models = SessionHooks.list_models


@hookimpl
def modelyard_map_error(error: BaseException) -> ProviderError:
    from modelyard_claude.errors import map_error

    return map_error(error)


@hookimpl
def modelyard_validate(request: Request, card: ModelCard) -> None:
    from modelyard_claude.request import check_request

    check_request(request, card)


def _sdk_finds_credential(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a profile or a workload identity, which the SDK turns into a token itself."""
    if environ.get("ANTHROPIC_PROFILE"):
        return True
    identity = environ.get("ANTHROPIC_IDENTITY_TOKEN") or environ.get("ANTHROPIC_IDENTITY_TOKEN_FILE")
    rule, organisation = environ.get("ANTHROPIC_FEDERATION_RULE_ID"), environ.get("ANTHROPIC_ORGANIZATION_ID")
    return bool(identity and rule and organisation)
