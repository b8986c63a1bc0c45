"""The kinds of package the scaffold can write."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SHAPES", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of package: ``folder`` holds its templates beside the common ones."""

    name: str
    folder: str
    wire: str
    """Wire format of the provider, in a phrase for the README."""
    decoder_arguments: str = ""
    """Arguments its decoder is made with."""


SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("openai-compatible", "openai_compatible", "Chat Completions, as many servers speak it"),
        Shape("own-wire", "own_wire", "JSON in words of its own, streamed as server-sent events", "request.model"),
    )
}
