"""ErrorReader: one flow from a body to an error; a provider gives tables, and steps where it is unlike others."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from modelyard import errors
from modelyard.provider import ErrorReader, HttpFailure, JsonObject


class Poets(ErrorReader):
    request_id_headers = ("x-poem-id", "x-request-id")
    by_word = {"asleep": (errors.OverloadedError, 503), "too_long": (errors.ContextWindowError, 400)}  # noqa: RUF012
    by_wording = ((re.compile("out of ink"), (errors.QuotaExceededError, 402)),)

    def wait(self, details: JsonObject, message: str) -> float | None:
        return details.get("again_in")


READER = Poets()


def failure(status: int, error: Any, **headers: str) -> HttpFailure:
    return HttpFailure(status, headers, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"code": "asleep"}, errors.OverloadedError, "asleep"),
        ({"code": None, "type": "too_long"}, errors.ContextWindowError, "too_long"),
        ({"code": "unheard_of", "type": "too_long"}, errors.ContextWindowError, "unheard_of"),
        ({"message": "We are out of ink."}, errors.QuotaExceededError, None),
        ({"message": "No."}, errors.PermissionDeniedError, None),
        ("No.", errors.PermissionDeniedError, None),
    ],
)
def test_the_class_comes_from_a_word_then_the_wording_then_the_status(
    error: Any, kind: type[errors.ProviderError], code: str | None
) -> None:
    mapped = READER.map_error(failure(403, error))
    assert (type(mapped), mapped.code, mapped.status) == (kind, code, 403)


def test_the_same_error_inside_an_answer_has_the_status_of_its_kind() -> None:
    mapped = READER.in_answer({"code": "asleep", "message": "Zzz.", "again_in": 3.0}, request_id="p_1")
    assert isinstance(mapped, errors.OverloadedError)
    assert (mapped.status, mapped.message, mapped.retry_after, mapped.request_id) == (503, "Zzz.", 3.0, "p_1")


@pytest.mark.parametrize(
    ("told", "status"), [({"code": 429}, 429), ({"code": 7}, 500), ("Ink spilt.", 500), (None, 500)]
)
def test_an_error_inside_an_answer_that_no_table_names_goes_by_a_status_it_holds(told: Any, status: int) -> None:
    mapped = READER.in_answer(told)
    assert mapped.status == status
    assert mapped.message


def test_the_first_header_that_is_not_empty_holds_the_request_id() -> None:
    mapped = READER.map_error(failure(500, {}, **{"x-poem-id": "", "x-request-id": "r_1, r_2"}))
    assert mapped.request_id == "r_1"


@pytest.mark.parametrize("body", [b"", b"<h1>Bad gateway</h1>", b"[]", b'"no"', b"\xff", b"9" * 100_000])
def test_a_body_that_is_no_object_leaves_the_status_to_speak(body: bytes) -> None:
    assert isinstance(READER.map_error(HttpFailure(502, {}, body)), errors.ServerError)


def test_what_is_about_no_response_is_named_by_its_class() -> None:
    assert READER.map_error(ValueError("odd")).message == "ValueError: odd"
