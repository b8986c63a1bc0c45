"""Reading a provider's errors: what every mapper does in the same order, and the places where providers differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from modelyard.errors import ProviderError
from modelyard.http.failures import (
    HttpFailure,
    error_for_status,
    first_value,
    http_error,
    map_transport_error,
    parse_json_object,
    unreadable_error,
)
from modelyard.types.base import JsonObject

__all__ = ["ErrorKind", "ErrorReader", "text_of"]

ErrorKind: TypeAlias = tuple[type[ProviderError], int]
"""The class of an error, and the status it has as a response of its own."""

_READ = 2000
"""Characters of a message that are searched for wording: the first sentences say what is wrong, and a pattern
never meets megabytes."""


class ErrorReader:
    """Reads the errors of one provider, in failed responses and inside answers.

    Its flow is: the body, the object in it that says what is wrong, message and code, the class, the error. A
    subclass gives the tables and overrides the steps in which its provider is unlike others. Without any, it reads
    ``{"error": {"code": ..., "type": ..., "message": ...}}`` by status.
    """

    request_id_headers: ClassVar[tuple[str, ...]] = ("x-request-id",)
    """Headers that hold the id of a request, in lower case; the first that is not empty counts."""
    message_field: ClassVar[str] = "message"
    word_fields: ClassVar[tuple[str, ...]] = ("code", "type")
    """Fields whose word names the error, the more telling first."""
    by_word: ClassVar[Mapping[str, ErrorKind]] = {}
    """The kinds of error that a word names."""
    by_wording: ClassVar[tuple[tuple[re.Pattern[str], ErrorKind], ...]] = ()
    """The kinds of error that only the message tells, tried in order where no word does."""

    def map_error(self, error: BaseException) -> ProviderError:
        """Return the error for whatever a hook of the plugin raised; never raises itself."""
        return self.failed(error) if isinstance(error, HttpFailure) else self.foreign(error)

    def foreign(self, error: BaseException) -> ProviderError:
        """Return the error for an exception that is about no response: an HTTP client's, an SDK's."""
        return map_transport_error(error) or ProviderError(f"{type(error).__name__}: {error}")

    def failed(self, failure: HttpFailure) -> ProviderError:
        """Return the error for a response that is no success."""
        request_id = self.find_request_id(failure.headers)
        body = parse_json_object(failure.body)
        details = None if body is None else self.details(body)
        if body is None or details is None:
            return unreadable_error(failure, request_id)
        message = self.message(details)
        kind, _ = self.classify(details, message, failure.status)
        error = http_error(
            failure,
            kind or error_for_status(failure.status),
            message,
            code=self.code(details),
            request_id=self.request_id_in(body) or request_id,
            wait=self.wait(details, message),
        )
        error.hint = error.hint or self.hint(details, message)
        return error

    def in_answer(self, told: Any, *, request_id: str | None = None) -> ProviderError:
        """Return the error an answer reports in its body or stream, where the status says 200."""
        details = told if isinstance(told, dict) else {self.message_field: told}
        message = self.message(details)
        kind, status = self.kind_in_answer(details, message)
        return kind(
            message or "The answer reports an error without saying which.",
            status=status,
            code=self.code(details),
            request_id=request_id,
            retry_after=self.wait(details, message),
            hint=self.hint(details, message),
        )

    def find_request_id(self, headers: Any) -> str | None:
        """Return the id of a request from the headers of its response, of any client."""
        values = (first_value(headers.get(name)) for name in self.request_id_headers)
        return next(filter(None, values), None)

    # The steps, for a subclass to override

    def details(self, body: JsonObject) -> JsonObject | None:
        """Find the object that says what is wrong; ``None`` for a body that is not the provider's."""
        inner = body.get("error", body)
        return inner if isinstance(inner, dict) else {self.message_field: inner}

    def request_id_in(self, body: JsonObject) -> str | None:
        """Find the id of the request in the body, which is nearer to the error than a header."""
        return None

    def message(self, details: JsonObject) -> str:
        """Return what the error says in words, empty where it says nothing."""
        return text_of(details.get(self.message_field))

    def code(self, details: JsonObject) -> str | None:
        """Return the provider's own code, the most telling it has."""
        value = next(filter(None, map(details.get, self.word_fields)), None)
        return None if value is None else str(value)

    def classify(
        self, details: JsonObject, message: str, status: int | None
    ) -> tuple[type[ProviderError] | None, int | None]:
        """Find class and status of an error; ``None`` where the details do not say.

        ``status`` is that of the response, ``None`` inside an answer.
        """
        for field in self.word_fields:
            word = details.get(field)
            if isinstance(word, str) and word in self.by_word:
                return self.by_word[word]
        return self.by_its_wording(message) or (None, None)

    def by_its_wording(self, message: str) -> ErrorKind | None:
        """Find the kind of error by what its message says."""
        read = message[:_READ]
        return next((kind for pattern, kind in self.by_wording if pattern.search(read)), None)

    def kind_in_answer(self, details: JsonObject, message: str) -> ErrorKind:
        """Find class and status of an error inside an answer, where no status speaks."""
        kind, status = self.classify(details, message, None)
        return self.unnamed(details) if kind is None else (kind, status or 500)

    def unnamed(self, details: JsonObject) -> ErrorKind:
        """Return the kind of an error inside an answer that no table names: by a status it holds, else 500."""
        number = details.get("code")
        status = number if isinstance(number, int) and 400 <= number < 600 else 500
        return error_for_status(status), status

    def wait(self, details: JsonObject, message: str) -> float | None:
        """Return the seconds to wait that the error names."""
        return None

    def hint(self, details: JsonObject, message: str) -> str | None:
        """Return what to do about it, where the provider or the wording tells."""
        return None


def text_of(value: Any) -> str:
    """Return a value of JSON as text, empty for ``null``."""
    return value if isinstance(value, str) else "" if value is None else str(value)
