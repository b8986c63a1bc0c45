"""Recording real calls into a folder, and answering from that folder afterwards.

``Recorder`` stands between a runtime and a provider, on loopback; ``Player`` answers in its place. Each exchange
is one JSON file that a person can read, in the form of ``replay.py``. Credentials never reach the disk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from modelyard.errors import ConfigurationError
from modelyard.http.quiet_logs import unlogged
from modelyard.testing.leaks import find_credentials
from modelyard.testing.replay import load_exchanges
from modelyard.testing.scrub import kept_headers, scrub, scrub_json, secret_forms, secrets_of
from modelyard.testing.server import LoopbackServer, Received, Reply

__all__ = ["Player", "Recorder", "check_recordings"]

_NOT_FORWARDED = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_NOT_RETURNED = frozenset({"content-length", "content-encoding", "connection", "transfer-encoding"})


class Recorder(LoopbackServer):
    """Passes requests on to a provider and writes each exchange into a folder.

    ``upstream`` is the provider's address without a path, such as ``https://api.mistral.ai``; give a runtime the
    recorder's ``url`` as ``base_url``. Kept out are the values of every header and every parameter of the
    requests, in each form in which an answer repeats them, what stands under the name of a credential, whatever
    looks like one, and the further texts ``secrets``. Answers are passed on when they are complete.
    """

    def __init__(
        self,
        provider: str,
        folder: Path,
        upstream: str,
        *,
        secrets: Iterable[str] = (),
        timeout: float = 120.0,
    ) -> None:
        super().__init__(self._record)
        self._provider = provider
        self._folder = folder
        self._upstream = upstream.rstrip("/")
        self._secrets = frozenset(secret_forms(secrets))
        self._timeout = timeout

    def _record(self, received: Received) -> Reply:
        import httpx

        headers = {name: value for name, value in received.headers.items() if name not in _NOT_FORWARDED}
        query = f"?{received.query}" if received.query else ""
        client = httpx.Client(
            timeout=self._timeout, follow_redirects=False, headers={"accept-encoding": "identity"}
        )
        with client, unlogged(httpx):
            answer = client.request(
                received.method, f"{self._upstream}{received.path}{query}", headers=headers, content=received.body
            )
        returned = {name: value for name, value in answer.headers.items() if name not in _NOT_RETURNED}
        streamed = "event-stream" in answer.headers.get("content-type", "")
        self._write(received, answer.status_code, returned, answer.content, streamed=streamed)
        return Reply(answer.status_code, returned, (answer.content,), chunked=streamed)

    def _write(
        self, received: Received, status: int, headers: dict[str, str], body: bytes, *, streamed: bool
    ) -> None:
        secrets = self._secrets | secrets_of(received)
        request = scrub_json(_json(received.body), secrets)
        number = len(list(self._folder.glob("*.json"))) + 1 if self._folder.exists() else 1
        path = scrub(received.path, secrets)
        name = f"{number:03d}-{re.sub(r'[^a-z0-9]+', '-', path.lower()).strip('-')}"
        exchange = {
            "id": name,
            "provider": self._provider,
            "endpoint": path,
            "model": request.get("model") if isinstance(request, dict) else None,
            "stream": streamed,
            "request": {"method": received.method, "json": request},
            "response": {
                "status": status,
                "headers": kept_headers(headers, secrets),
                "body": _scrubbed_body(body, secrets),
            },
            "expect": None,
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(exchange, indent=2, ensure_ascii=False)
        (self._folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


class Player(LoopbackServer):
    """Answers requests from the recordings in a folder: each with the first unused one of the same request.

    A request that was not recorded is answered with status 400 and listed in ``missing``.
    """

    def __init__(self, folder: Path, *, piece: int | None = None) -> None:
        self._unused = list(load_exchanges(folder))  # before there is an event loop to be closed
        if not self._unused:
            raise ConfigurationError(f"There are no recordings in {folder}.", hint="Record some with Recorder.")
        super().__init__(self._play)
        self._piece = piece
        self.missing: list[str] = []

    def _play(self, received: Received) -> Reply:
        wanted = (received.path, scrub_json(_json(received.body), secrets_of(received)))
        for exchange in self._unused:
            if wanted == (exchange.endpoint, exchange.request):
                self._unused.remove(exchange)
                return exchange.reply(self._piece)
        self.missing.append(f"{received.method} {received.path}")
        message = f"No recording is left for {received.method} {received.path} with this body; record it again."
        return Reply.json({"error": {"message": message, "code": "not_recorded"}}, 400)


def check_recordings(folder: Path) -> None:
    """Raise ``ConfigurationError`` if a file in a folder holds what looks like a credential.

    That is: a text in the shape of a known kind of key; a text in one piece under the name of a header or of a
    credential, at any depth, also in JSON and events inside of texts; and a long text as random as a key is, where
    a recording has none of its own, as ids and signatures are.
    """
    for path in sorted(folder.rglob("*")):
        found = find_credentials(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        if found:
            raise ConfigurationError(
                f"{path} holds what looks like a credential: {', '.join(found)}",
                hint="Revoke it, and record again with Recorder, which leaves credentials out.",
            )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _scrubbed_body(body: bytes, secrets: Collection[str]) -> str:
    """A body as text: JSON, and the JSON of server-sent events, scrubbed field by field where there is a need."""
    text = body.decode("utf-8", "replace")
    value = _json(body)
    if value is not None:
        clean = scrub_json(value, secrets)
        return text if clean == value else json.dumps(clean, ensure_ascii=False)
    return "\n".join(_scrubbed_line(line, secrets) for line in text.split("\n"))


def _scrubbed_line(line: str, secrets: Collection[str]) -> str:
    head, mark, data = line.partition("data: ")
    value = _json(data.encode()) if mark and not head else None
    if value is None:
        return scrub(line, secrets)
    clean = scrub_json(value, secrets)
    return line if clean == value else f"data: {json.dumps(clean, ensure_ascii=False)}"
