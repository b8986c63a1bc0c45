"""Annotations of either API as citations."""

from __future__ import annotations

from typing import Any

from modelyard.provider import CitationPart, JsonObject, whole

__all__ = ["chat_citation", "responses_citation"]


def responses_citation(annotation: JsonObject) -> CitationPart:
    """The citation an annotation of the Responses API says; files are named in ``source`` by their id."""
    start, end = annotation.get("start_index"), annotation.get("end_index")
    if annotation.get("type") == "file_citation":
        start = annotation.get("index")  # where the mark of the citation belongs
    return CitationPart.model_construct(
        url=_text(annotation.get("url")),
        title=_text(annotation.get("title")) or _text(annotation.get("filename")),
        source=_text(annotation.get("file_id")),
        start=_place(start),
        end=_place(end),
        raw=annotation,
    )


def chat_citation(annotation: JsonObject) -> CitationPart | None:
    """The citation an annotation of Chat Completions says, ``None`` for a kind that is none."""
    cited = annotation.get("url_citation")
    if not isinstance(cited, dict):
        return None
    return CitationPart.model_construct(
        url=_text(cited.get("url")),
        title=_text(cited.get("title")),
        start=_place(cited.get("start_index")),
        end=_place(cited.get("end_index")),
        raw=annotation,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _place(value: Any) -> int | None:
    return whole(value)
