"""Writing a conversation in the roles that Mistral accepts.

Mistral refuses, with status 400 and code 3230, a system message after anything but the start or a turn of the
user's (public issues of several clients; the request validator in mistral-common states the same order): such a
message is said as the user's, and reported. Ids and the order of other turns are put right by the core, under the
rules the plugin declares.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.provider import (
    Cache,
    ChatQuirks,
    ChatWriter,
    CitationPart,
    FilePart,
    ImagePart,
    JsonObject,
    Message,
    ModelCard,
    OpaquePart,
    Part,
    ReasoningPart,
    Reporter,
    TextPart,
)
from modelyard_mistral.chunks import input_chunk, is_audio, is_image

__all__ = ["chat_messages"]

_QUIRKS = ChatQuirks("Mistral", tool_names=True, system_after=frozenset({"system", "user"}), prefill="prefix")


def chat_messages(messages: Sequence[Message], card: ModelCard, reporter: Reporter) -> list[JsonObject]:
    """Write the ``messages`` of a conversation; one message of ours becomes one for each tool result it holds.

    Raises ``InvalidRequestError`` when nothing of it can be sent, and ``UnsupportedFeatureError`` for an image, a
    sound or a beginning to be continued that the model's card says it does not take: content is never left out.
    """
    return _Writer(_QUIRKS, card, reporter).write(messages)


class _Writer(ChatWriter):
    def part(self, part: TextPart | ImagePart | FilePart) -> JsonObject:
        if is_image(part):
            self.need("images", "images")
        elif is_audio(part):
            self.need("audio", "audio")
        return input_chunk(part)

    def said(self, part: Part, message: JsonObject) -> JsonObject | None:
        """Reasoning and citations go back as the chunks they came in."""
        if isinstance(part, (ReasoningPart, OpaquePart)):
            return part.opaque.data if part.opaque is not None else None
        if isinstance(part, CitationPart):
            if part.raw.get("type") == "reference":
                return part.raw
            self.note("dropped", "citations of another provider's, which are in its own words")
            return None
        return super().said(part, message)

    def mark(self, wire: JsonObject, cache: Cache) -> None:
        """Mistral has no place for markers, which ``cache_fields`` reports."""
