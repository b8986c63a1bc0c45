"""Error classes of HTTP statuses, used when nothing says it better."""

from __future__ import annotations

from modelyard import errors
from modelyard.errors import ProviderError

__all__ = ["error_for_status"]

_BY_STATUS: dict[int, type[ProviderError]] = {
    400: errors.InvalidRequestError,
    401: errors.AuthenticationError,
    402: errors.QuotaExceededError,
    403: errors.PermissionDeniedError,
    404: errors.ModelNotFoundError,
    407: errors.ConnectionFailedError,
    408: errors.ServerError,
    409: errors.ServerError,
    413: errors.InvalidRequestError,
    422: errors.InvalidRequestError,
    429: errors.RateLimitError,
    503: errors.OverloadedError,
    529: errors.OverloadedError,
}


def error_for_status(status: int) -> type[ProviderError]:
    """The class a status means when the body says nothing better."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return errors.ServerError
    if status >= 400:
        return errors.InvalidRequestError
    return errors.InvalidResponseError
