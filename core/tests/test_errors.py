"""Errors: one class per decision, readable, picklable, never losing what had arrived."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from modelyard import Completion, Message, ModelyardError, ProviderError, errors
from modelyard.structured import errors as output_errors
from modelyard.types.record import AttemptRecord
from modelyard.types.report import Note, Report
from modelyard.types.usage import Usage

CLASSES = [
    value
    for module in (errors, output_errors)
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, ModelyardError) and value.__module__ == module.__name__
]


def make(kind: type[ModelyardError]) -> ModelyardError:
    extra: dict[str, Any] = {}
    if kind is errors.UnsupportedFeatureError:
        extra = {"feature": "tools"}
    if kind is errors.DeadlineError:
        extra = {"phase": "total"}
    if issubclass(kind, output_errors.OutputError):
        report = Report(notes=(Note(field="output", action="repaired", reason="no JSON"),))
        extra = {
            "partial_output": {"a": 1},
            "problems": ["a: no text"],
            "usage": Usage(input_tokens=3),
            "report": report,
        }
    if not issubclass(kind, ProviderError):
        return kind("It broke.", hint="Mend it.", **extra)
    partial = Completion(message=Message.assistant("Hel"), finish_reason="error", provider="acme", model="one")
    attempt = AttemptRecord(deployment="acme:one", number=1, started=0, duration=1, outcome="error")
    return kind(
        "It broke.",
        hint="Mend it.",
        provider="acme",
        model="one",
        status=503,
        code="busy",
        request_id="req_1",
        retry_after=2.5,
        attempts=[attempt],
        alternatives=["other:two"],
        partial=partial,
        **extra,
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_survive_pickle_and_deep_copy_with_everything_on_them(kind: type[ModelyardError]) -> None:
    error = make(kind)
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert twin.to_dict() == error.to_dict()
        assert {name: getattr(twin, name) for name in kind.fields} == {
            name: getattr(error, name) for name in kind.fields
        }


@pytest.mark.parametrize("kind", CLASSES)
def test_every_public_class_is_listed_documented_and_drawn_in_the_tree(kind: type[ModelyardError]) -> None:
    assert kind.__name__ in (*errors.__all__, *output_errors.__all__)
    assert kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")


def test_the_text_says_what_happened_where_and_what_to_do() -> None:
    text = str(make(errors.OverloadedError))
    assert text == "[acme:one] It broke. Mend it. (status 503, code busy, request req_1)"


def test_what_may_pass_is_retryable_and_what_cannot_is_not() -> None:
    retryable = {kind.__name__ for kind in CLASSES if getattr(kind, "default_retryable", False)}
    assert retryable == {
        "CircuitOpenError",
        "ConnectionFailedError",
        "DeadlineError",
        "InvalidResponseError",
        "OverloadedError",
        "RateLimitError",
        "ServerError",
        "StreamInterruptedError",
    }


def test_a_huge_message_is_cut() -> None:
    error = ProviderError("x" * 10_000_000)
    assert len(str(error)) < 3_000
