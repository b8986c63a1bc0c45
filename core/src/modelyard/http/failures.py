"""Failures on the way: responses that are no success, and transports that fail.

``modelyard_map_error`` gets these; the helpers here give it the parts every provider has in common.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from modelyard.errors import ProviderError
from modelyard.http.statuses import error_for_status
from modelyard.http.transport_errors import map_transport_error, proxy_refusal
from modelyard.types.base import JsonObject
from modelyard.waits import believed_wait

__all__ = [
    "HttpFailure",
    "error_for_status",
    "find_retry_after",
    "first_value",
    "http_error",
    "map_transport_error",
    "parse_json_object",
    "plain_text",
    "unreadable_error",
]


class HttpFailure(Exception):
    """A response that is no success, with its body read."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body


def parse_json_object(body: bytes) -> JsonObject | None:
    """The JSON object of a body; the first of a list of objects; ``None`` for anything else."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def plain_text(body: bytes, limit: int = 300) -> str:
    """A short, readable form of a body that is no JSON: tags removed, white space folded."""
    text = body[: 64 * 1024].decode("utf-8", "replace")
    if "<" in text:
        text = _TAG.sub(" ", text)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}…"


def first_value(header: str | None) -> str | None:
    """The first value of a header that may have come several times, which clients fold into ``a, b``."""
    return None if header is None else header.partition(",")[0].strip()


def find_retry_after(headers: Mapping[str, str], *hints: float | None) -> float | None:
    """The seconds a provider asks to wait: the largest of its headers and the hints read from its body.

    Understands ``retry-after-ms``, and ``retry-after`` as seconds, an HTTP date or a moment in seconds since the
    epoch; a header that came several times has all its values read. A day is the longest wait that is believed.
    Names are lower case.
    """
    found = [hint for hint in hints if hint is not None]
    milliseconds = _numbers(headers.get("retry-after-ms", ""))
    found += [number / 1000 for number in milliseconds]
    text = headers.get("retry-after", "")
    found += [*_numbers(text), *_dates(text)]
    believed = [believed_wait(seconds) for seconds in found]
    return max((seconds for seconds in believed if seconds is not None), default=None)


_MOST_VALUES = 100
"""Values read of one header: servers send one, balancers in a row a handful."""


def _numbers(text: str) -> list[float]:
    found = []
    for part in text.split(",")[:_MOST_VALUES]:
        with contextlib.suppress(ValueError):
            found.append(float(part))
    return found


def _dates(text: str) -> list[float]:
    """The seconds until each HTTP date; the comma after its day of the week parts it, and it reads without."""
    found = []
    for part in text.split(",")[:_MOST_VALUES]:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            moment = email.utils.parsedate_to_datetime(part)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            found.append(max(moment.timestamp() - time.time(), 0.0))
    return found


_TAG = re.compile(r"<(?:script|style)\b[^<>]*+>[^<]*+|<[^<>]*+>", re.IGNORECASE)
"""A tag, and what a script or a style holds. Ends at the next ``<``, so a page of openings takes linear time."""


def http_error(
    failure: HttpFailure,
    kind: type[ProviderError],
    message: str,
    *,
    code: str | None = None,
    request_id: str | None = None,
    wait: float | None = None,
) -> ProviderError:
    """An error with what every failed response has: status, request id, the time to wait.

    A proxy's own status, 407, is an error of the way and not of the provider.

    ``wait`` is a delay the body named; the larger of it and the headers' wins.
    """
    if failure.status == 407:
        return proxy_refusal(failure.status, message or "407 Proxy Authentication Required")
    return kind(
        message or f"The provider answered with status {failure.status}.",
        status=failure.status,
        code=code,
        request_id=first_value(request_id),
        retry_after=find_retry_after(failure.headers, wait),
    )


def unreadable_error(failure: HttpFailure, request_id: str | None = None) -> ProviderError:
    """The error for a failed response whose body is no JSON object: its class comes from the status."""
    shown = plain_text(failure.body)
    what = f": {shown}" if shown else " and an empty body"
    message = f"The provider, or a proxy before it, answered with status {failure.status}{what}"
    error = http_error(failure, error_for_status(failure.status), message, request_id=request_id)
    if 300 <= failure.status < 400:
        error.hint = "Redirects are not followed, so that the key goes nowhere else. Check the base URL."
    return error
