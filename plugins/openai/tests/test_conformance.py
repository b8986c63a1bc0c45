"""The plugin passes the kit every plugin must pass."""

from __future__ import annotations

import pytest

from modelyard.testing.conformance import ProviderConformance


class TestConformance(ProviderConformance):
    provider = "openai"


class TestChatCompletions(ProviderConformance):
    provider = "openai"
    api = "chat"
    waived = dict.fromkeys(
        (
            "test_calls_arrive_whole_and_in_order[gpt-6.1-sol-",
            "test_a_tool_loop_comes_back_with_an_answer[gpt-6.1-sol-",
            "test_every_form_of_choice_is_sent_noted_or_refused[gpt-6.1-sol-",
        ),
        pytest.mark.xfail(reason="it always reasons, and Chat Completions calls no tools with reasoning"),
    )
