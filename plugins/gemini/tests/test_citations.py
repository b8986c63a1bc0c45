"""Citations, log probabilities and what else Google says of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard import Completion, Message
from modelyard.types.base import JsonObject
from modelyard.types.content import CitationPart, OpaquePart, TextPart
from modelyard.types.reporter import Reporter
from modelyard_gemini.citations import find_citations
from modelyard_gemini.messages import Rules, write_conversation

from .wire import answer, streamed, whole

WEB = {"web": {"uri": "https://example.com/a", "title": "A", "domain": "example.com"}}
DOCUMENT = {"retrievedContext": {"uri": "gs://b/c.pdf", "title": "C", "documentName": "docs/c"}}


def with_metadata(text: str, **metadata: Any) -> JsonObject:
    body = answer({"text": text})
    body["candidates"][0].update(metadata)
    return body


def support(start: int, end: int, text: str, *chunks: int) -> JsonObject:
    segment = {"startIndex": start, "endIndex": end, "text": text}
    return {"segment": segment, "groundingChunkIndices": list(chunks)}


def grounded(text: str, *supports: JsonObject) -> JsonObject:
    metadata = {"groundingChunks": [WEB, DOCUMENT], "groundingSupports": list(supports), "webSearchQueries": ["q"]}
    return with_metadata(text, groundingMetadata=metadata)


def places(completion: Completion) -> list[tuple[str | None, str | None, int | None, int | None]]:
    return [(part.url, part.quote, part.start, part.end) for part in completion.citations]


def test_a_passage_found_in_two_places_is_cited_twice_after_its_text() -> None:
    text = "Der Himmel über Köln ist blau."
    # Bytes 11 to 22 hold the passage; Google counts bytes, we count characters.
    completion = whole(grounded(text, support(11, 22, "über Köln", 0, 1)))
    assert places(completion) == [
        ("https://example.com/a", "über Köln", 11, 20),
        ("gs://b/c.pdf", "über Köln", 11, 20),
    ]
    assert [part.type for part in completion.message.content] == ["text", "citation", "citation", "opaque"]
    assert [part.source for part in completion.citations] == ["example.com", "docs/c"]
    assert completion.citations[0].raw["groundingChunk"] == WEB
    assert text[11:20] == "über Köln"


def test_a_quote_is_looked_for_where_its_place_does_not_fit() -> None:
    completion = whole(grounded("It is sunny in Rome.", support(900, 914, "sunny in Rome", 0)))
    assert places(completion) == [("https://example.com/a", "sunny in Rome", 6, 19)]
    completion = whole(grounded("It is sunny.", support(900, 914, "rainy", 0)))
    assert places(completion) == [("https://example.com/a", "rainy", None, None)]


def test_a_citation_stands_after_the_part_it_speaks_of() -> None:
    body = answer({"text": "One."}, {"functionCall": {"name": "f", "args": {}}}, {"text": "Two."})
    metadata = {"groundingChunks": [WEB], "groundingSupports": [support(0, 4, "One.", 0)]}
    body["candidates"][0]["groundingMetadata"] = metadata
    content = whole(body).message.content
    assert [part.type for part in content] == ["text", "citation", "tool_call", "text"]


def test_pages_without_passages_are_cited_without_a_place() -> None:
    completion = whole(with_metadata("Yes.", groundingMetadata={"groundingChunks": [WEB]}))
    assert places(completion) == [("https://example.com/a", None, None, None)]


def test_a_work_the_text_repeats_is_cited_with_its_place() -> None:
    citations = [
        {},
        {"startIndex": 3, "endIndex": 6, "uri": "https://x.org", "license": "MIT"},
        {"uri": "https://y.org"},
    ]
    completion = whole(with_metadata("né à Rome", citationMetadata={"citations": citations}))
    assert places(completion) == [("https://x.org", None, 2, 4), ("https://y.org", None, None, None)]
    assert completion.citations[0].raw["license"] == "MIT"


def test_a_stream_cites_as_the_whole_answer_does_and_nothing_twice() -> None:
    text = "Sunny in Rome."
    last = grounded("", support(0, 5, "Sunny", 0))
    stream = streamed(
        answer({"text": "Sunny in "}, finish=None), answer({"text": "Rome."}, finish=None), last, last
    )
    assert stream.message == whole(grounded(text, support(0, 5, "Sunny", 0))).message
    assert len(stream.citations) == 1


def test_an_answer_of_citations_alone_loses_none() -> None:
    body = answer()
    body["candidates"][0]["groundingMetadata"] = {"groundingChunks": [WEB]}
    assert len(whole(body).citations) == 1


@pytest.mark.parametrize(
    "metadata",
    [{"groundingChunks": None}, {"groundingSupports": [{}]}, {"groundingSupports": [support(0, 1, "", 9)]}],
)
def test_metadata_with_holes_is_read_as_far_as_it_goes(metadata: JsonObject) -> None:
    completion = whole(with_metadata("Yes.", groundingMetadata=metadata))
    assert completion.text == "Yes."
    assert all(part.url is None for part in completion.citations)


def test_log_probabilities_come_with_the_alternatives() -> None:
    result = {
        "chosenCandidates": [{"token": "Yes", "logProbability": -0.1, "tokenId": 7}, {"token": "."}],
        "topCandidates": [{"candidates": [{"token": "Yes", "logProbability": -0.1}, {"token": "No"}]}],
    }
    for completion in (
        whole(with_metadata("Yes.", logprobsResult=result)),
        streamed(with_metadata("Yes.", logprobsResult=result)),
    ):
        first, second = completion.logprobs
        assert (first.token, first.logprob) == ("Yes", -0.1)
        assert [(top.token, top.logprob) for top in first.top] == [("Yes", -0.1), ("No", 0.0)]
        assert (second.token, second.top) == (".", ())


def test_what_is_said_of_the_answer_is_kept_and_never_sent_back() -> None:
    rating = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}
    found = {"searchEntryPoint": {"renderedContent": "<div/>"}, "groundingChunks": [WEB]}
    body = with_metadata(
        "Yes.", safetyRatings=[rating], groundingMetadata=found, urlContextMetadata={"urlMetadata": []}
    )
    body["modelStatus"] = {"modelStage": "LEGACY"}
    message = whole(body).message
    last = message.content[-1]
    assert isinstance(last, OpaquePart)
    assert last.opaque.data == {
        "modelStatus": {"modelStage": "LEGACY"},
        "safetyRatings": [rating],
        "urlContextMetadata": {"urlMetadata": []},
        "groundingMetadata": {"searchEntryPoint": {"renderedContent": "<div/>"}},
    }
    history = [Message.user("?"), message, Message.user("Sure?")]
    reporter = Reporter("error", "m")
    contents = write_conversation(history, "m", Rules(), reporter)[1]
    assert contents[1] == {"role": "model", "parts": [{"text": "Yes."}]}
    assert reporter.report() is None


def test_a_plain_answer_has_nothing_beside_its_text() -> None:
    assert whole(answer({"text": "Yes."})).message.content == (TextPart(text="Yes."),)
    assert not any(isinstance(part, CitationPart) for part in streamed(answer({"text": "Yes."})).message.content)


def test_the_service_tier_is_the_one_google_states() -> None:
    body = answer({"text": "a"}, usageMetadata={"promptTokenCount": 1, "serviceTier": "flex"})
    assert whole(body).service_tier == "flex"
    assert streamed(body).service_tier == "flex"
    assert whole(answer({"text": "a"})).service_tier is None


def test_grounding_chunks_of_an_unknown_shape_cost_no_answer() -> None:
    supports = [{"segment": {"endIndex": 2, "text": "na"}, "groundingChunkIndices": [0]}]
    metadata = {"groundingChunks": {"a": {}}, "groundingSupports": supports}
    assert list(find_citations([{"groundingMetadata": metadata}], [(0, ["na"])])) == []
