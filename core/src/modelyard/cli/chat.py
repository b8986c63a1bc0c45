"""Talking to a model in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from modelyard import Completion, Message, ModelyardError, Runtime
from modelyard.cli.screen import Screen
from modelyard.cli.words import said
from modelyard.types.events import Event

__all__ = ["Chat"]


_ANY: Final = {"models": ("*",), "order": "default"}
"""Who says what a model must be and not which one means any that is; defaults come first."""


class Chat:
    """A conversation; its answers are written to standard output as they arrive."""

    def __init__(
        self,
        runtime: Runtime,
        model: str | None,
        system: str | None,
        constraints: Mapping[str, Any],
        *,
        show_reasoning: bool,
    ) -> None:
        self._runtime = runtime
        self._model = model
        self._system = system
        self._route = {**_ANY, **constraints} if constraints and model is None else constraints or None
        self._show_reasoning = show_reasoning
        self._history: list[Message] = []
        self._answers = Screen()
        self._notes = Screen(stderr=True)

    async def once(self, prompt: str) -> None:
        """Say one thing and show the answer."""
        async with self._runtime:
            await self._answer(prompt)

    async def converse(self) -> None:
        """Read turns from the terminal until it ends; an error ends a turn, not the conversation.

        A blank line does nothing: what is pasted after one would be left to the shell.
        """
        self._notes.print("Ctrl-D ends the conversation.", style="dim")
        async with self._runtime:
            with suppress(EOFError):
                while True:
                    await self._turn(await asyncio.to_thread(self._notes.input, "[bold cyan]> [/bold cyan]"))

    async def _turn(self, prompt: str) -> None:
        if not prompt.strip():
            return
        try:
            await self._answer(prompt)
        except ModelyardError as error:
            self._notes.say(said(error), "red")

    async def _answer(self, prompt: str) -> None:
        messages = [*self._history, Message.user(prompt)]
        reasoning = {"summary": "auto"} if self._show_reasoning else None  # some show it only to who asks for it
        asked = self._runtime.stream(
            self._model, messages, system=self._system, route=self._route, reasoning=reasoning
        )
        async with asked as stream:
            async for event in stream:
                self._show(event)
        self._answers.say("")
        self._history = [*messages, stream.completion.message]
        self._footer(stream.completion)

    def _show(self, event: Event) -> None:
        if event.type == "content_delta":
            self._answers.say(event.text, end="")
        elif event.type == "reasoning_delta" and self._show_reasoning:
            self._notes.say(event.text, "dim", end="")
        elif event.type == "status" and event.state == "retrying":
            self._notes.say(f"retrying in {event.wait or 0:.1f} s: {event.reason}", "yellow")

    def _footer(self, completion: Completion) -> None:
        if not sys.stderr.isatty():
            return
        usage, cost = completion.usage, completion.cost
        price = f" · ${cost.total:.6f}" if cost else ""
        self._notes.say(
            f"{completion.provider}:{completion.model} · {usage.input_tokens or '?'} in, "
            f"{usage.output_tokens or '?'} out{price} · {completion.finish_reason}",
            "dim",
        )
