"""Taking credentials out of recorded traffic."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from modelyard.credentials.known_secrets import header_secrets, is_secret_name, url_secrets, value_secrets
from modelyard.credentials.redactor import SHORTEST_SECRET, forms_of
from modelyard.testing.server import Received

__all__ = [
    "CREDENTIALS",
    "SCRUBBED",
    "is_credential_field",
    "kept_headers",
    "scrub",
    "scrub_json",
    "secret_forms",
    "secrets_of",
]

SCRUBBED = "scrubbed"

_OF_THE_PROTOCOL = frozenset("accept accept-encoding connection content-type content-length".split())
"""Headers whose values are words of HTTP, which answers need too."""
_KEY_HEADERS = frozenset(
    "authorization x-api-key api-key x-goog-api-key openai-organization openai-project cookie".split()
)
_SHORTEST_KEY = 4
"""Characters from which on the value of a header that can be nothing but a credential is taken out."""
_KEPT = re.compile(r"content-type|retry-after(-ms)?|(anthropic|x)-ratelimit-.*")
_ACCOUNT_FIELDS = frozenset(
    "organization organization_id org_id project_id account account_id workspace_id user_email email".split()
)
CREDENTIALS = re.compile(
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
    """The secrets a request carries, in every form in which an answer may repeat them.

    That is what is in its headers and its URL, and in its body under names that tell.
    """
    found: set[str] = set()
    for name, value in received.headers.items():
        if name in _OF_THE_PROTOCOL:
            continue
        least = _SHORTEST_KEY if name in _KEY_HEADERS else SHORTEST_SECRET
        found.update(text for text in value_secrets(value) if len(text) >= least)
    for name, value in parse_qsl(received.query):
        if len(value) >= (_SHORTEST_KEY if is_secret_name(name) else SHORTEST_SECRET):
            found.add(value)
    found.update(text for text in _in_body(received) if len(text) >= SHORTEST_SECRET)
    return secret_forms(found)


def _in_body(received: Received) -> Iterator[str]:
    """What a request's body holds under the names of credentials, in headers for others, and in URLs."""
    try:
        yield from _body_secrets(json.loads(received.body))
    except (ValueError, RecursionError):
        return


def _body_secrets(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from url_secrets(value)
    elif isinstance(value, list):
        for item in value:
            yield from _body_secrets(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if is_credential_field(name, item, value):
                yield from value_secrets(item)
            elif isinstance(item, dict) and name.lower().endswith("headers"):
                yield from header_secrets({key: text for key, text in item.items() if isinstance(text, str)})
            else:
                yield from _body_secrets(item)


def secret_forms(secrets: Iterable[str]) -> set[str]:
    """Texts in every form in which they may be repeated."""
    return {form for secret in secrets for form in forms_of(secret)}


def scrub(text: str, secrets: Collection[str]) -> str:
    """Replace the forms of secrets given, and whatever looks like a credential."""
    for form in sorted(secrets, key=len, reverse=True):
        text = text.replace(form, SCRUBBED)
    return CREDENTIALS.sub(SCRUBBED, text)


def scrub_json(value: Any, secrets: Collection[str]) -> Any:
    """The same throughout JSON data, where fields that name an account or a credential go too."""
    if isinstance(value, str):
        return scrub(value, secrets)
    if isinstance(value, list):
        return [scrub_json(item, secrets) for item in value]
    if isinstance(value, dict):
        return {
            scrub(name, secrets): SCRUBBED
            if _names_account(name, item) or is_credential_field(name, item, value)
            else scrub_json(item, secrets)
            for name, item in value.items()
        }
    return value


def is_credential_field(name: str, item: object, fields: Mapping[str, Any]) -> bool:
    """Return whether a field by its name holds a credential: one piece of text, no token of a log probability."""
    if not isinstance(item, str) or len(item) < SHORTEST_SECRET or not is_secret_name(name):
        return False
    words = item.split(" ")
    in_one_piece = len(words) == 1 or (len(words) == 2 and words[0].isalpha())  # a scheme, and what it is for
    return in_one_piece and not any(field.lower().startswith("logprob") for field in fields)


def kept_headers(headers: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """The response headers worth keeping: a short list, so that no cookie or id of an account is among them."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: scrub(value, secrets) for name, value in lower.items() if _KEPT.fullmatch(name)}


def _names_account(name: str, item: object) -> bool:
    return name.lower() in _ACCOUNT_FIELDS and isinstance(item, str) and bool(item)
