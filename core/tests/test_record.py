"""Recordings hold what was said and no credential."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from modelyard.errors import ConfigurationError
from modelyard.testing import LoopbackServer, Received, Reply
from modelyard.testing.conformance.recorded import recording_ids
from modelyard.testing.record import Player, Recorder, check_recordings
from modelyard.testing.replay import load_exchanges

KEY = "my-very-own-key"
ORG = "org-AbCdEfGhIjKlMnOpQr"


def provider(received: Received) -> Reply:
    """A provider that is careless with what it is sent."""
    said = {"organization": "Acme Ltd", "echo": f"{KEY} {ORG}", "text": "Zoë 😀"}
    headers = {
        "x-request-id": "r1",
        "set-cookie": f"session={KEY}",
        "openai-organization": ORG,
        "retry-after": "2",
    }
    if received.json.get("stream"):
        return Reply.sse([f"data: {json.dumps(said)}\n\n".encode(), b"data: [DONE]\n\n"], headers)
    return Reply.json(said, headers=headers)


def ask(url: str, body: dict[str, object]) -> bytes:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "openai-organization": ORG}
    request = Request(f"{url}/v1/chat?key={KEY}", json.dumps(body).encode(), headers)
    with urlopen(request) as answer:
        content: bytes = answer.read()
        return content


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    with LoopbackServer(provider) as real, Recorder("acme", tmp_path, real.url, secrets=["Ltd"]) as recorder:
        whole = json.loads(ask(recorder.url, {"model": "m", "note": f"my key is {KEY}"}))
        ask(recorder.url, {"model": "m", "stream": True})
    assert whole["text"] == "Zoë 😀"
    assert whole["echo"] == f"{KEY} {ORG}"
    return tmp_path


def test_a_recording_is_readable_and_holds_no_credential(recorded: Path) -> None:
    names = recording_ids(recorded)
    assert names == ["001-v1-chat.json", "002-v1-chat.json"]
    for name in names:
        text = (recorded / name).read_text(encoding="utf-8")
        assert "Zoë 😀" in text or r"Zo\u00eb" in text
        for secret in (KEY, ORG, "Acme", "session"):
            assert secret not in text
    check_recordings(recorded)
    whole, streamed = load_exchanges(recorded)
    assert (whole.endpoint, whole.model, whole.status, whole.stream) == ("/v1/chat", "m", 200, False)
    assert whole.headers == {"content-type": "application/json", "retry-after": "2"}
    assert streamed.stream
    assert streamed.body.endswith(b"data: [DONE]\n\n")


def test_a_recording_is_played_to_the_same_requests(recorded: Path) -> None:
    with Player(recorded) as player:
        whole = json.loads(ask(player.url, {"model": "m", "note": f"my key is {KEY}"}))
        assert whole["text"] == "Zoë 😀"
        with pytest.raises(OSError, match="400"):
            ask(player.url, {"model": "m", "note": "something else"})
        assert player.missing == ["POST /v1/chat"]


@pytest.mark.parametrize(
    "secret",
    ["sk-ant-api03-abcdefghijklmnop", "AIza" + "x" * 35, "Bearer abcdefgh12345678", "AKIAABCDEFGHIJKLMNOP"],
)
def test_what_looks_like_a_credential_is_found(tmp_path: Path, secret: str) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"body": f"key: {secret}."}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="looks like a credential") as caught:
        check_recordings(tmp_path)
    assert secret not in str(caught.value)


HEADERS = {
    "cf-aig-authorization": "Bearer sentinel-HEADER-9a7f",
    "ocp-apim-subscription-key": "sentinel-SUB-33a1",
    "x-tenant": "sentinel/TENANT+5c2=",
    "cookie": "session=sentinel-COOKIE-1; theme=dark",
    "proxy-authorization": "Basic dXNlcjpzZW50aW5lbC1QQVNTLThkMQ==",
}
SECRETS = (
    "HEADER-9a7f",
    "SUB-33a1",
    "TENANT",
    "COOKIE-1",
    "PASS-8d1",
    "dXNlcjpzZW50aW5l",
    "QUERY-5b1",
    "OPTION-4",
)


def parrot(received: Received) -> Reply:
    """A provider that sends back all it got, in one piece, in events, or in a page."""
    got = {"debug": {"got": dict(received.headers), "query": received.query}, "plain": "sentinel-PASS-8d1"}
    if received.path.endswith("page"):
        return Reply(502, {"content-type": "text/html"}, (f"<p>{json.dumps(got)}</p>".encode(),))
    if received.json.get("stream"):
        return Reply.sse([f"event: x\ndata:{json.dumps(got)}\n\n".encode(), b"data: [DONE]\n\n"])
    return Reply.json(got, headers={"x-ratelimit-note": "sentinel-SUB-33a1"})


def test_a09_no_value_of_a_header_or_a_query_is_in_a_recording(tmp_path: Path) -> None:
    """A09: whatever the header is called, and however the answer repeats it."""
    body = {"tools": [{"type": "mcp", "authorization_token": "sentinel-OPTION-4"}], "max_tokens": 12345678}
    with LoopbackServer(parrot) as real, Recorder("acme", tmp_path, real.url) as recorder:
        for path, stream in (("one", False), ("two", True), ("page", False)):
            url = f"{recorder.url}/v1/{path}?api-version=2026-01-01&code=sentinel-QUERY-5b1"
            content = json.dumps({**body, "stream": stream}).encode()
            with contextlib.suppress(OSError):  # the page comes with a status that urllib takes for an error
                urlopen(Request(url, content, {**HEADERS, "content-type": "application/json"})).read()
    texts = [path.read_text() for path in sorted(tmp_path.glob("*.json"))]
    assert len(texts) == 3
    assert [secret for secret in SECRETS for text in texts if secret in text] == []
    assert all("12345678" in text and "application/json" in text for text in texts[:1])
    check_recordings(tmp_path)


PUT_IN = {
    "a header anywhere": {"debug": {"got": {"cf-aig-authorization": "Bearer sentinel-HEADER-9a7f"}}},
    "a header of no known name": {"request": {"headers": {"x-tenant": "sentinel-TENANT-5c2"}}},
    "a key by its name": {"ocp-apim-subscription-key": "sentinel-SUB-33a1"},
    "a name in camel case": {"apiKey": "sentinel-KEY-1"},
    "a name in capitals": {"API_KEY": "sentinel-KEY-1"},
    "a token of an option": {"tools": [{"authorization_token": "sentinel-OPTION-4"}]},
    "JSON in a text": {"response": {"body": json.dumps({"got": {"x-api-key": "sentinel-KEY-1"}})}},
    "JSON in an event": {
        "response": {"body": f"event: x\ndata: {json.dumps({'password': 'sentinel-PASS-8d1'})}\n\n"}
    },
    "a random text": {"text": "it was 9fK2mQ7xR4tZ8bW1nC6vY3pL0sDh, I think"},
    "a random text in an event": {"body": 'data: {"text":"9fK2mQ7xR4tZ8bW1nC6vY3pL0sDh"}\n\n'},
    "a key of a known shape in an id": {"id": "sk-proj-abcdefghijklmnopqrst"},
}


@pytest.mark.parametrize("value", PUT_IN.values(), ids=PUT_IN)
def test_a09_what_was_put_in_by_hand_is_found(tmp_path: Path, value: object) -> None:
    (tmp_path / "one.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="looks like a credential") as caught:
        check_recordings(tmp_path)
    assert "9fK2mQ7x" not in str(caught.value)
    assert "sentinel-" not in str(caught.value)


def test_a09_what_recordings_hold_of_their_own_is_no_credential(tmp_path: Path) -> None:
    value = {
        "id": "msg_01UaV1cJunSh3H4YecW8Zo5F",
        "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds",
        "usage": {"max_tokens": 4096, "tokenizer": "o200k_base_2024"},
        "logprobs": [{"token": "sentinel1", "logprob": -0.1}],
        "response": {"headers": {"content-type": "application/json", "x-ratelimit-limit-tokens": "40000000"}},
        "request": {"headers": {"authorization": "Bearer scrubbed", "x-api-key": "scrubbed"}},
        "text": "abcdefghijklmnopqrstuvwxyz0123456789 at https://x.example/a/9fK2mQ7xR4tZ8bW1nC6vY3pL0sDh",
    }
    (tmp_path / "one.json").write_text(json.dumps(value), encoding="utf-8")
    check_recordings(tmp_path)
