"""Recordings hold what was said and no credential."""

from __future__ import annotations

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
