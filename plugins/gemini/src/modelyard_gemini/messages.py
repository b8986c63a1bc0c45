"""Writing a conversation as Gemini's ``contents``.

The core has paired calls with results by then, and left out what another provider or model made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelyard.provider import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    JsonObject,
    Message,
    Opaque,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Reporter,
    TextPart,
    ToolCall,
    ToolResult,
    UnsupportedFeatureError,
)
from modelyard_gemini.media import media_part

__all__ = ["MISSING_SIGNATURE", "Rules", "write_conversation"]

MISSING_SIGNATURE = "skip_thought_signature_validator"
"""Stands where a call must have a signature and has none, because another model made it.

Google documents it for transferring a conversation from a model without signatures
(https://ai.google.dev/gemini-api/docs/thought-signatures).
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """Demands of a model on a conversation; a model no card lists is taken for a new one.

    ``call_signatures``: the first tool call of each step of the current turn must carry a signature.
    ``media_in_results``: media a tool gave belong inside its ``functionResponse``, not beside it.
    ``prefill``: a conversation may end with a turn of the model's, which it then continues.
    """

    call_signatures: bool = True
    media_in_results: bool = True
    prefill: bool = True


def write_conversation(
    messages: Sequence[Message], model: str, rules: Rules, reporter: Reporter
) -> tuple[str, list[JsonObject]]:
    """The system instruction and the ``contents`` of a conversation.

    Gemini has one system instruction, apart from the conversation: later system messages are added to it.
    Raises ``InvalidRequestError`` when nothing is said, ``UnsupportedFeatureError`` for a prefill where the model
    takes none.
    """
    writer = _Writer(model, rules, reporter)
    instructions: list[str] = []
    for message in messages:
        if message.name is not None:
            writer.named = True
        if message.role == "assistant":
            writer.assistant(message.content)
        elif message.role != "system":
            writer.user(message.content)
        elif message.text:
            instructions.append(message.text)
            writer.marked = writer.marked or any(part.cache for part in message.content if part.type == "text")
            if writer.started:
                reporter.note("messages", "converted", "a later system message joined the system instruction")
    return "\n\n".join(instructions), writer.finish()


@dataclass(slots=True)
class _SentCall:
    """A call as it was written, with Google's own id for it if it goes back."""

    name: str
    wire_id: str | None


class _Writer:
    """Writes turn after turn, remembering the calls so that results can name them."""

    def __init__(self, model: str, rules: Rules, reporter: Reporter) -> None:
        self._model = model
        self._rules = rules
        self._reporter = reporter
        self._contents: list[JsonObject] = []
        self._calls: dict[str, _SentCall] = {}
        self._turn = 0
        self.started = False
        self.named = False
        self.marked = False

    def user(self, content: Sequence[Part]) -> None:
        """Write what a user says, or what tools gave back."""
        self.started = True
        parts: list[JsonObject] = []
        beside: list[JsonObject] = []
        for part in content:
            if isinstance(part, TextPart):
                if part.text:
                    parts.append({"text": part.text})
            elif isinstance(part, ToolResult):
                parts.append(self._result(part, beside))
            elif isinstance(part, (ImagePart, FilePart)):
                parts.append(media_part(part, self._reporter))
            else:
                continue
            if part.cache:
                self.marked = True
        if not parts:
            return
        if "functionResponse" not in parts[0]:
            self._turn = len(self._contents)
        self._contents.append({"role": "user", "parts": [*parts, *beside]})

    def assistant(self, content: Sequence[Part]) -> None:
        """Write a turn of the model's; one directly after another continues it."""
        self.started = True
        parts = [wire for part in content for wire in self._model_part(part)]
        if not parts:
            return
        last = self._contents[-1] if self._contents else None
        if last is not None and last["role"] == "model":
            last["parts"] += parts
        else:
            self._contents.append({"role": "model", "parts": parts})

    def finish(self) -> list[JsonObject]:
        """The contents, once the last turn has been written."""
        self._check_ends()
        if self._rules.call_signatures:
            self._fill_signatures()
        if self.named:
            self._reporter.drop("messages.name", "Gemini takes no names of speakers")
        if self.marked:
            self._reporter.drop("messages.cache", "Gemini caches shared prefixes by itself and takes no markers")
        return self._contents

    def _check_ends(self) -> None:
        if not self._contents:
            raise InvalidRequestError("The messages say nothing: every one of them is empty.")
        if self._contents[-1]["role"] == "model" and not self._rules.prefill:
            raise UnsupportedFeatureError(
                f"gemini:{self._model} does not continue a turn of its own.",
                feature="messages.prefill",
                model=f"gemini:{self._model}",
                hint="Let the conversation end with what the user says, or with tool results.",
            )

    def _result(self, result: ToolResult, beside: list[JsonObject]) -> JsonObject:
        """Write a result under the name of its call; media it cannot hold go to those ``beside`` the results."""
        call = self._calls[result.tool_call_id]
        media = [media_part(part, self._reporter) for part in result.content if not isinstance(part, TextPart)]
        # Gemini takes an object; "error" is the key its reference names for failures.
        told = {"error" if result.is_error else "result": result.text}
        response: JsonObject = {"name": call.name, "response": told if result.text or not media else {}}
        if call.wire_id is not None:
            response["id"] = call.wire_id
        if media and self._rules.media_in_results:
            response["parts"] = media
        else:
            beside += media
        return {"functionResponse": response}

    def _model_part(self, part: Part) -> Iterable[JsonObject]:
        if isinstance(part, ToolCall):
            yield self._call(part)
        elif isinstance(part, TextPart):
            kept = _data(part.opaque)
            if part.cache:
                self.marked = True
            if part.text or kept:
                yield {"text": part.text, **kept}
        elif isinstance(part, RefusalPart):
            if part.text:
                yield {"text": part.text}
        elif isinstance(part, (ImagePart, FilePart)):
            yield media_part(part, self._reporter)
        elif isinstance(part, (ReasoningPart, OpaquePart)) and not _is_metadata(part.opaque):
            # Thoughts without a signature are for the reader only; Google does not want them back.
            kept = _data(part.opaque)
            if kept:
                yield {"text": part.text, **kept} if isinstance(part, ReasoningPart) and part.text else kept

    def _call(self, call: ToolCall) -> JsonObject:
        kept = dict(_data(call.opaque))
        wire_id = kept.pop("id", None)
        self._calls[call.id] = _SentCall(call.name, wire_id)
        function: JsonObject = {"name": call.name, "args": call.arguments or {}}
        if wire_id is not None:
            function["id"] = wire_id
        return {"functionCall": function, **kept}

    def _fill_signatures(self) -> None:
        for content in self._contents[self._turn :]:
            first = next((part for part in content["parts"] if "functionCall" in part), None)
            if first is not None and "thoughtSignature" not in first:
                first["thoughtSignature"] = MISSING_SIGNATURE
                self._reporter.note("messages", "repaired", "a tool call without signature was marked as such")


def _data(opaque: Opaque | None) -> JsonObject:
    return opaque.data if opaque is not None else {}


def _is_metadata(opaque: Opaque | None) -> bool:
    """Whether opaque data says something of an answer, and is no part of it."""
    return opaque is not None and opaque.provider == "gemini" and opaque.kind == "metadata"
