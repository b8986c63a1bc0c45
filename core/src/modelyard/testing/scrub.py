"""Taking credentials out of recorded traffic, and finding those that are left."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

from modelyard.testing.server import Received

__all__ = ["SCRUBBED", "find_credentials", "kept_headers", "scrub", "scrub_json", "secrets_of"]

SCRUBBED = "scrubbed"

_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key", "openai-organization", "openai-project", "cookie")
_KEY_PARAMETERS = ("key", "api_key", "access_token")
_KEPT = re.compile(r"content-type|retry-after(-ms)?|(anthropic|x)-ratelimit-.*")
_ACCOUNT_FIELDS = frozenset(
    "organization organization_id org_id project_id account account_id workspace_id user_email email".split()
)
_CREDENTIALS = re.compile(
    r"""
    \b sk-[A-Za-z0-9_-]{16,}                    # OpenAI, Anthropic and others
    | \b AIza[0-9A-Za-z_-]{30,}                 # Google API keys
    | \b ya29\.[0-9A-Za-z_.-]{16,}              # Google access tokens
    | \b eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{6,}  # JSON web tokens
    | \b (?:AKIA|ASIA)[0-9A-Z]{16} \b           # AWS
    | \b gh[pousr]_[A-Za-z0-9]{20,}             # GitHub
    | \b org-[A-Za-z0-9]{16,}                   # OpenAI organizations
    | \b proj_[A-Za-z0-9]{12,}                  # OpenAI projects
    | (?i:\b bearer \s+ (?!scrubbed)[A-Za-z0-9._~+/-]{8,})
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----
    """,
    re.VERBOSE,
)


def secrets_of(received: Received) -> set[str]:
    """The credentials and account ids a request carries in its headers and its URL."""
    found = {received.headers.get(name, "") for name in _KEY_HEADERS}
    found.add(received.headers.get("authorization", "").partition(" ")[2])
    parameters = parse_qs(received.query)
    found.update(value for name in _KEY_PARAMETERS for value in parameters.get(name, ()))
    return {text for text in found if len(text) >= 4}


def scrub(text: str, secrets: Collection[str]) -> str:
    """Replace the secrets named, plain and as in a URL, and whatever looks like a credential."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")}:
            text = text.replace(form, SCRUBBED)
    return _CREDENTIALS.sub(SCRUBBED, text)


def scrub_json(value: Any, secrets: Collection[str]) -> Any:
    """The same throughout JSON data, where fields that name an account go too."""
    if isinstance(value, str):
        return scrub(value, secrets)
    if isinstance(value, list):
        return [scrub_json(item, secrets) for item in value]
    if isinstance(value, dict):
        return {
            scrub(name, secrets): SCRUBBED if _names_account(name, item) else scrub_json(item, secrets)
            for name, item in value.items()
        }
    return value


def kept_headers(headers: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """The response headers worth keeping: a short list, so that no cookie or id of an account is among them."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: scrub(value, secrets) for name, value in lower.items() if _KEPT.fullmatch(name)}


def find_credentials(text: str) -> list[str]:
    """What looks like a credential, each shown by its first characters only."""
    return [f"{match.group()[:8]}…" for match in _CREDENTIALS.finditer(text)]


def _names_account(name: str, item: object) -> bool:
    return name.lower() in _ACCOUNT_FIELDS and isinstance(item, str) and bool(item)
