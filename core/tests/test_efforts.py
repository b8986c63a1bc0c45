"""What becomes of an effort a model does not offer."""

from __future__ import annotations

import pytest

from modelyard.types.controls import Effort, nearest_effort


@pytest.mark.parametrize(
    ("wanted", "offered", "sent"),
    [
        ("high", ("low", "medium", "high"), "high"),
        ("max", ("low", "medium", "high"), "high"),
        ("minimal", ("low", "high"), "low"),
        ("medium", ("high", "low"), "low"),
        ("xhigh", ("high", "max"), "high"),
        ("none", ("minimal", "high"), "minimal"),
        ("low", ("none", "high"), "high"),
        ("minimal", ("none", "high"), "none"),
        ("minimal", ("none", "low"), "low"),
    ],
)
def test_the_nearest_is_sent_of_two_the_lower_but_none_gives_way(
    wanted: Effort, offered: tuple[Effort, ...], sent: Effort
) -> None:
    assert nearest_effort(wanted, offered) == sent
