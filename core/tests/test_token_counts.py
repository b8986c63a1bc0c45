"""read_usage: the token counts of OpenAI's wires, whatever names the two counts have."""

from __future__ import annotations

from modelyard.provider import read_usage


def test_counts_and_their_details_are_read_under_the_names_given() -> None:
    raw = {
        "input_tokens": 10,
        "output_tokens": 7,
        "total_tokens": 17,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens_details": {"reasoning_tokens": 3},
    }
    usage = read_usage(raw, inputs="input_tokens", outputs="output_tokens")
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 7, 17)
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (4, 1, 3)


def test_what_was_cached_may_stand_beside_the_counts_and_the_details_win() -> None:
    beside = {"prompt_tokens": 10, "num_cached_tokens": 4}
    assert read_usage(beside, cached="num_cached_tokens").cached_input_tokens == 4
    both = {**beside, "prompt_tokens_details": {"cached_tokens": 0}}
    assert read_usage(both, cached="num_cached_tokens").cached_input_tokens == 0


def test_a_figure_that_was_not_sent_is_not_made_up() -> None:
    usage = read_usage({"prompt_tokens": 10, "completion_tokens_details": None})
    assert usage.output_tokens is None
    assert usage.reasoning_tokens is None
