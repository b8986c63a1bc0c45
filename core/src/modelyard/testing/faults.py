"""Ways for a good reply to go wrong, each a function from a reply to a faulty one.

Event boundaries are those of the reply's steps: a dialect writes one step for each server-sent event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from modelyard.testing.server import Hang, Pause, Reply, ReplyStep, Reset

__all__ = [
    "Fault",
    "coalesce",
    "crash_after",
    "cut_after",
    "drip",
    "hang_after",
    "hang_before_head",
    "html_page",
    "reset_after",
    "reset_before_head",
    "split",
]

Fault: TypeAlias = Callable[[Reply], Reply]


def cut_after(steps: int) -> Fault:
    """Close the connection cleanly after some events: the body ends as if it were complete."""
    return lambda reply: replace(reply, steps=reply.steps[:steps])


def crash_after(steps: int) -> Fault:
    """Close the connection after some events without ending the chunked body, as a dying server does."""
    return lambda reply: replace(reply, steps=reply.steps[:steps], cut=True)


def reset_after(steps: int) -> Fault:
    """Reset the connection after some events."""
    # The pause lets what was written arrive: a reset throws away what the client has not read.
    return lambda reply: replace(reply, steps=[*reply.steps[:steps], Pause(0.05), Reset()])


def reset_before_head() -> Fault:
    """Reset the connection when the request has arrived, before any answer."""
    return lambda reply: replace(reply, before_head=[Reset()])


def hang_before_head() -> Fault:
    """Take the request and never answer."""
    return lambda reply: replace(reply, before_head=[Hang()])


def hang_after(steps: int) -> Fault:
    """Stop after some events, the connection left open."""
    return lambda reply: replace(reply, steps=[*reply.steps[:steps], Hang()])


def drip(seconds: float) -> Fault:
    """Wait before every event."""

    def apply(reply: Reply) -> Reply:
        steps: list[ReplyStep] = []
        for step in reply.steps:
            steps += [Pause(seconds), step]
        return replace(reply, steps=steps)

    return apply


def split(size: int) -> Fault:
    """Write the body in pieces of some bytes, through characters and line ends alike."""

    def apply(reply: Reply) -> Reply:
        body = b"".join(step for step in reply.steps if isinstance(step, bytes))
        return replace(reply, steps=[body[at : at + size] for at in range(0, len(body), size)])

    return apply


def coalesce() -> Fault:
    """Write the whole body at once."""
    return lambda reply: replace(reply, steps=[b"".join(step for step in reply.steps if isinstance(step, bytes))])


def html_page(status: int = 502) -> Fault:
    """Answer with the error page of a gateway."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
    return lambda reply: Reply(status, {"content-type": "text/html"}, (page,))
