"""Images."""

from __future__ import annotations

from modelyard.errors import InvalidRequestError, UnsupportedFeatureError
from modelyard.testing.conformance.bench import Bench
from modelyard.testing.conformance.rules import case, require
from modelyard.testing.script import Script
from modelyard.types.content import ImagePart, TextPart
from modelyard.types.messages import Message

__all__ = ["MediaCases"]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class MediaCases:
    """Cases about what is no text."""

    @case
    async def test_an_image_is_sent_or_refused(self, served: Bench) -> None:
        """An image that is left out gives an answer about nothing, which looks like one about the image."""
        image = ImagePart.model_validate({"data": PIXEL, "media_type": "image/png"})
        messages = [Message(role="user", content=(TextPart(text="What is this?"), image))]
        try:
            await served.ask(Script().say("A pixel."), messages)
        except (UnsupportedFeatureError, InvalidRequestError) as error:
            require(
                served.card.capability("images").state != "supported",
                "an image is sent where the card supports images",
                error,
                "write the image part",
            )
            require(
                not served.emulator.asked,
                "an image is refused before the network",
                "a request was made",
                "refuse it in modelyard_validate",
            )
            return
        require(
            served.allows("images"),
            "an image is refused where the card rules images out",
            f"{served.reference} took it",
            "correct the card, or let the core refuse it",
        )
        require(
            PIXEL.encode() in served.emulator.asked[-1].body,
            "the bytes of an image are sent",
            "they are not in the request",
            "write the image part as base64",
        )
