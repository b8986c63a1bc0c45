"""Holding requests to an independent definition: the types of Google's own SDK, which refuse unknown fields."""

from __future__ import annotations

import json

from google.genai import types

from modelyard.testing import Received, Rejection
from modelyard.types.base import JsonObject
from modelyard_gemini.testing.dialect import GeminiDialect

__all__ = ["CheckedDialect", "check_against_sdk"]


def check_against_sdk(body: JsonObject) -> None:
    """Raise for a body of ``generateContent`` that google-genai's types do not take.

    Its ``GenerateContentConfig`` holds what the wire has at the top and in ``generationConfig``.
    """
    rest = {key: value for key, value in body.items() if key not in ("contents", "generationConfig")}
    doubled = rest.keys() & body.get("generationConfig", {}).keys()
    assert not doubled, doubled
    config = types.GenerateContentConfig.model_validate_json(
        json.dumps({**rest, **body.get("generationConfig", {})})
    )
    assert config.service_tier is None or config.service_tier in list(types.ServiceTier)
    thinking = config.thinking_config
    assert thinking is None or thinking.thinking_level in (None, *types.ThinkingLevel)
    for content in body["contents"]:
        types.Content.model_validate_json(json.dumps(content))


class CheckedDialect(GeminiDialect):
    """The dialect, holding what it accepts to the SDK's types too; ``problems`` lists what does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def check(self, received: Received) -> None:
        super().check(received)
        if received.method != "POST":
            return
        body = received.json
        if received.path.endswith(":countTokens"):
            body = {key: value for key, value in body["generateContentRequest"].items() if key != "model"}
        try:
            check_against_sdk(body)
        except Exception as error:
            self.problems.append(f"{received.path}: {error}")
            raise Rejection(f"The SDK's types do not take this request: {error}") from None
