"""Google's additions to a text: where it was found, and how likely its tokens were.

Google counts positions in bytes of UTF-8 (``Segment`` and ``Citation`` in its API reference), Modelyard in
characters of one text part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.provider import CitationPart, JsonObject, TokenLogprob, finite
from modelyard_gemini.places import Places

__all__ = ["Said", "find_citations", "find_logprobs"]

Said = list[tuple[int, list[str]]]
"""The text parts of an answer: the index of each, and its pieces."""


def find_citations(candidates: Sequence[JsonObject], said: Said) -> Iterator[tuple[int, CitationPart]]:
    """The citations of an answer, each once, with the index of the text part it belongs to.

    ``candidates`` are those of all events of a stream that carried any: some repeat what came before. A
    citation whose place is not known belongs to the last text part. Metadata of an unknown shape is read as far
    as it goes: it is no reason to lose the answer.
    """
    places = Places([(index, "".join(pieces)) for index, pieces in said])
    seen: set[tuple[object, ...]] = set()
    for candidate in candidates:
        for read in (_grounded, _cited):
            found: list[tuple[int, CitationPart]] = []
            with contextlib.suppress(TypeError, AttributeError, ValueError, LookupError):
                found.extend(read(candidate, places))
            for index, part in found:
                key = (part.url, part.title, part.quote, part.source, part.start, part.end)
                if key not in seen:
                    seen.add(key)
                    yield index, part


def find_logprobs(result: JsonObject) -> tuple[TokenLogprob, ...]:
    """The tokens of a ``logprobsResult``, each with its likeliest alternatives."""
    tops = result.get("topCandidates") or ()
    found: list[TokenLogprob] = []
    for place, chosen in enumerate(result.get("chosenCandidates") or ()):
        others = tops[place].get("candidates") or () if place < len(tops) else ()
        found += _tokens([chosen], tuple(_tokens(others)))
    return tuple(found)


def _tokens(entries: Sequence[JsonObject], top: tuple[TokenLogprob, ...] = ()) -> Iterator[TokenLogprob]:
    """Entries with no likelihood that can be meant are left out; zero, which is certain, is not written."""
    for entry in entries:
        logprob = finite(entry.get("logProbability", 0.0))
        if logprob is not None:
            yield TokenLogprob(token=entry.get("token", ""), logprob=logprob, top=top)


def _grounded(candidate: JsonObject, places: Places) -> Iterator[tuple[int, CitationPart]]:
    """What ``groundingMetadata`` says: pages found, and the passages each supports."""
    metadata = candidate.get("groundingMetadata") or {}
    chunks = metadata.get("groundingChunks") or ()
    supports = metadata.get("groundingSupports") or ()
    if not supports:
        for number, chunk in enumerate(chunks):
            yield places.last, CitationPart(**_source(chunk, number), raw=chunk)
    for support in supports:
        segment = support.get("segment") or {}
        index, start, end = places.find(segment.get("startIndex", 0), segment.get("endIndex"), segment.get("text"))
        for number in support.get("groundingChunkIndices") or ():
            chunk = chunks[number] if 0 <= number < len(chunks) else {}
            yield (
                index,
                CitationPart(
                    **_source(chunk, number),
                    quote=segment.get("text"),
                    start=start,
                    end=end,
                    raw={"groundingSupport": support, "groundingChunk": chunk},
                ),
            )


def _source(chunk: JsonObject, number: int) -> dict[str, Any]:
    """Where a chunk comes from: a page, a document of the caller's, a place on a map, an image."""
    for found in chunk.values():
        if isinstance(found, dict):
            url = found.get("uri") or found.get("sourceUri")
            name = found.get("documentName") or found.get("placeId") or found.get("domain")
            return {"url": url, "title": found.get("title"), "source": name or str(number)}
    return {"source": str(number)}


def _cited(candidate: JsonObject, places: Places) -> Iterator[tuple[int, CitationPart]]:
    """What ``citationMetadata`` says: works the text repeats. Entries that name no work say nothing."""
    for citation in (candidate.get("citationMetadata") or {}).get("citations") or ():
        url, title = citation.get("uri"), citation.get("title")
        if not url and not title:
            continue
        index, start, end = places.find(citation.get("startIndex", 0), citation.get("endIndex"), None)
        yield index, CitationPart(url=url, title=title, start=start, end=end, raw=citation)
