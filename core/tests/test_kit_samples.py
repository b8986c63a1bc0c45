"""The kit takes its wishes from the classes, so that no field can be forgotten in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelyard.testing.conformance.samples import SAMPLES, samples_of
from modelyard.testing.conformance.wire import Sent
from modelyard.testing.server import Received
from modelyard.types.controls import ReasoningOptions
from modelyard.types.fields import CORE_FIELDS
from modelyard.types.request import Request


class TomorrowsRequest(Request):
    creativity: Annotated[int, Field(ge=0, le=5)] | None = None
    mood: Literal["dry", "warm"] | None = None
    watermark: bool | None = None
    languages: tuple[str, ...] | None = None


def sent(body: bytes) -> Sent:
    return Sent(Received("POST", "/", "", {}, body))


def test_every_field_of_a_request_has_a_sample() -> None:
    assert {sample.root for sample in SAMPLES} == Request.model_fields.keys() - CORE_FIELDS
    reasoning = {sample.name.partition(".")[2] for sample in SAMPLES if sample.root == "reasoning"}
    assert reasoning == set(ReasoningOptions.model_fields)


def test_a_field_of_tomorrow_gets_a_sample_by_its_type() -> None:
    new = {sample.name: dict(sample.asked) for sample in samples_of(TomorrowsRequest)}
    assert new["creativity"] == {"creativity": 3}
    assert new["mood"] == {"mood": "dry"}
    assert new["watermark"] == {"watermark": True}
    assert new["languages"] == {"languages": ["zq-languages"]}


def test_samples_are_what_a_request_takes() -> None:
    for sample in SAMPLES:
        Request.model_validate({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **sample.asked})


def test_a_value_is_seen_at_any_depth_and_under_any_name() -> None:
    plain = sent(b'{"max": 3, "on": true}')
    asked = sent(b'{"max": 3, "on": true, "x": {"most": [{"y": 3}], "why": "Say: ZQ-user!"}}')
    assert asked.shows(3, plain)
    assert asked.shows("zq-user", plain)
    assert not asked.shows(4, plain)
    assert not asked.shows(3, asked)
    assert not sent(b"no JSON").shows(1, plain)
