"""Writing a conversation as ``system`` and ``messages``."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import InvalidRequestError, JsonObject, Message, Reporter, TextPart
from modelyard_claude.content import BlockWriter

__all__ = ["Conversation"]

_THINKING = frozenset({"thinking", "redacted_thinking"})


class Conversation:
    """Collects the turns of one request.

    Turns of the same role in a row become one; results of tools come first in theirs, for the core has put them
    right behind their calls. System messages at the start are the ``system`` text. Later ones stay where they are
    if ``system_turns`` says that the model takes them, which it does only after a turn of the user's and
    before one of its own: one that stands elsewhere moves behind the next turn of the user's. For other
    models they join the ``system`` text.
    """

    def __init__(self, model: str, reporter: Reporter, writer: BlockWriter, *, system_turns: bool) -> None:
        self._model = model
        self._reporter = reporter
        self._writer = writer
        self._system_turns = system_turns
        self._system: list[JsonObject] = []
        self._waiting: list[JsonObject] = []
        self._turns: list[JsonObject] = []

    def write(self, messages: Sequence[Message]) -> tuple[str | list[JsonObject], list[JsonObject]]:
        """The ``system`` text, empty without any, or its blocks if one is marked; and the ``messages``.

        Raises ``InvalidRequestError`` when nothing is left to send, ``UnsupportedFeatureError`` for a part no
        model of this provider can read.
        """
        for message in messages:
            self._add(message)
        if any(message.name for message in messages):
            self._reporter.drop("name", "the Messages API has no names of speakers")
        return self._finish()

    def _add(self, message: Message) -> None:
        if message.role == "system":
            self._add_system(message)
        elif message.role == "assistant":
            self._add_assistant(_without_last_thinking(self._writer.assistant(message.content)))
        else:
            self._add_user(self._writer.user(message.content))

    def _add_system(self, message: Message) -> None:
        blocks = self._instructions(message)
        if not blocks:
            return
        if not self._turns:
            self._system += blocks
        elif self._system_turns:
            self._waiting += blocks
        else:
            self._hoist(blocks)

    def _instructions(self, message: Message) -> list[JsonObject]:
        """The blocks of a system message: one, or one for each part where one of them is marked."""
        parts = [part for part in message.content if isinstance(part, TextPart)]
        if any(part.cache for part in parts):
            return [block for part in parts if (block := self._writer.text(part)) is not None]
        return [{"type": "text", "text": message.text}] if message.text.strip() else []

    def _add_assistant(self, blocks: list[JsonObject]) -> None:
        if blocks:
            self._place_waiting()
        self._add_turn("assistant", blocks)

    def _add_user(self, blocks: list[JsonObject]) -> None:
        if blocks and self._waiting:
            self._converted("a system message moved behind the user turn that follows it")
        self._add_turn("user", blocks)

    def _add_turn(self, role: str, blocks: list[JsonObject]) -> None:
        if not blocks:
            return
        last = self._turns[-1] if self._turns else None
        if last is not None and last["role"] == role:
            last["content"] += blocks
        else:
            self._turns.append({"role": role, "content": blocks})

    def _place_waiting(self) -> None:
        """Put system messages behind the user's turn, if that is the last."""
        if self._waiting and self._turns[-1]["role"] == "user":
            self._turns.append({"role": "system", "content": self._waiting})
            self._waiting = []

    def _hoist(self, blocks: list[JsonObject]) -> None:
        self._converted("a later system message joined the system text: the model takes none in between")
        self._system += blocks

    def _finish(self) -> tuple[str | list[JsonObject], list[JsonObject]]:
        self._place_waiting()
        if self._waiting:
            self._hoist(self._waiting)
        if not self._turns:
            raise InvalidRequestError("No message holds anything to send.", model=self._model)
        self._trim_prefill()
        self._writer.finish()
        for reason in sorted(self._writer.dropped):
            self._reporter.note("messages", "dropped", reason)
        if any("cache_control" in block for block in self._system):
            return self._system, self._turns
        return "\n\n".join(block["text"] for block in self._system), self._turns

    def _trim_prefill(self) -> None:
        """Take the white space off the end of a last turn of the model's, which the API refuses."""
        last = self._turns[-1]
        block = last["content"][-1]
        if last["role"] == "assistant" and block["type"] == "text":
            last["content"][-1] = {**block, "text": block["text"].rstrip()}

    def _converted(self, reason: str) -> None:
        self._reporter.note("messages", "converted", reason)


def _without_last_thinking(blocks: list[JsonObject]) -> list[JsonObject]:
    """A turn may not end in thinking, as one cut off in the middle of it does."""
    while blocks and blocks[-1]["type"] in _THINKING:
        blocks.pop()
    return blocks
