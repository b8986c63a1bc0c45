"""Secrets of every kind at once, at a server that repeats all it gets: none of them shows, whatever is looked at.

What is looked at: results, errors and their causes, copies, pickles and tracebacks with locals, the runtime's own
texts, traces, spans, log records of every library at ``DEBUG``, records, stored runs and recordings.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from modelyard import ModelyardError, Runtime, hookimpl, tool
from modelyard.credentials.resolve import CredentialQuery
from modelyard.observe.logs import LogObserver
from modelyard.observe.otel import OpenTelemetryObserver
from modelyard.testing import Emulator, LoopbackServer, Received, Reply, Script, load_dialects
from modelyard.testing.record import Recorder, check_recordings

from .conftest import VARIANTS
from .secret_traces import of_error, texts

SECRETS = {
    "key of a resolver": "sentinel-RESOLVED-1a2b",
    "configured header": "sentinel/HEADER+3c4d=",
    "token in a header": "sentinel-BEARER-5e6f",
    "cookie": "sentinel-COOKIE-7a8b",
    "basic password": "sentinel-BASIC-9c0d",
    "query": "sentinel-QUERY-1e2f",
    "proxy password": "sentinel-PROXY-3a4b",
    "option of a call": "sentinel-OPTION-5c6d",
    "header in an option": "sentinel-INNER-7e8f",
    "query in an option": "sentinel-LINK-9a0b",
}
BASIC = "dXNlcjpzZW50aW5lbC1CQVNJQy05YzBk"
"""``user:sentinel-BASIC-9c0d`` in base64."""
MARKS = {**{kind: secret.strip("=") for kind, secret in SECRETS.items()}, "basic user info": BASIC}

HEADERS = {
    "x-tenant": SECRETS["configured header"],
    "cf-aig-authorization": f"Bearer {SECRETS['token in a header']}",
    "cookie": f"session={SECRETS['cookie']}; theme=dark",
    "x-upstream-authorization": f"Basic {BASIC}",
}
INNER = {
    "server_url": f"https://tools.example/mcp?token={SECRETS['query in an option']}",
    "authorization_token": SECRETS["option of a call"],
    "headers": {"x-any": SECRETS["header in an option"]},
    "max_tokens": 1234567890,
}


def resolve(scope: str, query: CredentialQuery) -> str | None:
    """A host's store of keys."""
    return SECRETS["key of a resolver"] if scope == "user" else None


@tool
def look() -> str:
    """Look."""
    return "seen"


Ask = Callable[[Runtime, str, Any], Awaitable[Any]]


async def _streamed(runtime: Runtime, model: str, options: Any) -> Any:
    async with runtime.stream(model, "Hi", **options) as stream:
        return [[event async for event in stream], stream]


async def _as_sse(runtime: Runtime, model: str, options: Any) -> Any:
    return [piece async for piece in runtime.stream(model, "Hi", **options).to_sse()]


async def _run(runtime: Runtime, model: str, options: Any) -> Any:
    states: list[Any] = []
    result = await runtime.run(model, "Hi", tools=[look], checkpoint=states.append, **options)
    return [result, states]


ASKING: dict[str, Ask] = {
    "complete": lambda runtime, model, options: runtime.complete(model, "Hi", **options),
    "stream": _streamed,
    "sse": _as_sse,
    "run": _run,
    "count": lambda runtime, model, options: runtime.count_tokens(model, "Hi", **options),
    "list": lambda runtime, model, options: runtime.list_models(model.partition(":")[0]),
}


def everything(received: Received) -> str:
    """All that a server was sent, as one text."""
    return f"{received.query} {json.dumps(dict(received.headers))} {received.body.decode()[-600:]}"


def _error(received: Received) -> dict[str, Any]:
    said = everything(received)
    inner = {"message": said, "type": said[:200], "code": received.query, "status": said, "param": said}
    return {"error": inner, "message": said, "type": "error", "object": "error", "request_id": received.query}


def _headers(received: Received, media_type: str) -> dict[str, str]:
    key = received.headers.get("x-tenant", "")
    named = ("request-id", "x-request-id", "x-echo", "set-cookie", "mistral-correlation-id")
    return {"content-type": media_type, **dict.fromkeys(named, key), "x-all": everything(received)[:2000]}


def _text(status: int, media_type: str, text: str, received: Received) -> Reply:
    return Reply(status, _headers(received, media_type), (text.encode(),))


PARROTS: dict[str, Callable[[Received], Reply]] = {
    "refused": lambda got: _text(400, "application/json", json.dumps(_error(got)), got),
    "unauthorized": lambda got: _text(401, "application/json", json.dumps(_error(got)), got),
    "page": lambda got: _text(502, "text/html", f"<html><p>{everything(got)}</p></html>", got),
    "redirect": lambda got: Reply(307, {"location": f"http://127.0.0.1:9/?{got.query}"}),
    "no json": lambda got: _text(200, "application/json", f"oops {everything(got)}", got),
    "an error in 200": lambda got: _text(200, "application/json", json.dumps(_error(got)), got),
    "a broken event": lambda got: _text(200, "text/event-stream", f"data: oops {everything(got)}\n\n", got),
    "an error in a stream": lambda got: _text(
        200, "text/event-stream", f"event: error\ndata: {json.dumps(_error(got))}\n\n", got
    ),
}


class Watcher:
    """A host's observer, that keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def modelyard_call_started(self, request: Any) -> None:
        self.seen.append(request)

    @hookimpl
    def modelyard_attempt_finished(self, attempt: Any) -> None:
        self.seen.append(attempt)

    @hookimpl
    def modelyard_call_finished(self, record: Any, completion: Any, error: Any) -> None:
        self.seen += [record, completion, error]


async def shown(variant: str, url: str, how: str, transport: str = "aiohttp") -> Iterator[tuple[str, str]]:
    """Ask with secrets of every kind, and gather all that can be seen of it."""
    provider, _, api = variant.partition("-")
    spans, watcher = InMemorySpanExporter(), Watcher()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    config = {
        "base_url": f"{url}?code={SECRETS['query']}",
        "headers": HEADERS,
        "transport": transport,
        **({"options": {"api": api}} if api else {}),
    }
    if how == "list":
        config["api_key"] = SECRETS["key of a resolver"]
    hooks = [OpenTelemetryObserver(tracer_provider=tracing), LogObserver(), watcher]
    options: Any = {"user": "anna", "provider_options": {provider: {"extra": [INNER]}}, "max_attempts": 1}
    model = f"{provider}:{load_dialects([provider])[provider].model}"
    found: list[tuple[str, str]] = []
    async with Runtime({provider: config}, plugins=[provider], credentials=resolve, hooks=hooks) as runtime:
        trace = runtime.explain(model, "Hi", **options)
        told = [runtime, runtime.providers(), runtime.plugins(), trace, trace.to_dict()]
        try:
            found += texts(await ASKING[how](runtime, model, options))
        except ModelyardError as error:
            found += of_error(error)
    found += [("runtime", f"{each!r} {each}") for each in told]
    found += [(f"observer {type(each).__name__}", f"{each!r} {each}") for each in watcher.seen]
    found += [("span", span.to_json()) for span in spans.get_finished_spans()]
    return iter(found)


def read_all(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.json"))


def leaks(found: Iterator[tuple[str, str]], caplog: pytest.LogCaptureFixture) -> set[tuple[str, str]]:
    logged = [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    everything = [*found, *(("log", line) for line in logged)]
    return {(name, kind) for name, text in everything for kind, mark in MARKS.items() if mark in text}


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRETS['proxy password']}@proxy.invalid:3128")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", ASKING)
async def test_no_kind_of_secret_shows_when_a_server_repeats_it(
    variant: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A04, A50, and their kind."""
    found: dict[str, set[tuple[str, str]]] = {}
    parrots: list[str] = []

    def repeat(received: Received) -> Reply:
        return PARROTS[parrots[-1]](received)

    with LoopbackServer(repeat) as server:
        for name in PARROTS:
            parrots.append(name)
            caplog.clear()
            found[name] = leaks(await shown(variant, server.url, how), caplog)
        sent = "".join(everything(received) for received in server.requests)
    assert {name: names for name, names in found.items() if names} == {}
    if how not in ("list", "count"):
        assert {kind for kind, mark in MARKS.items() if mark not in sent} <= {"proxy password", "basic password"}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", ["complete", "stream", "list"])
async def test_no_kind_of_secret_shows_over_the_plain_transport(
    variant: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """httpcore logs the headers of every answer."""
    for name in ("refused", "an error in 200"):
        with LoopbackServer(PARROTS[name]) as server:
            assert leaks(await shown(variant, server.url, how, "httpx"), caplog) == set()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("how", [how for how in ASKING if how != "list"])
async def test_no_kind_of_secret_shows_or_is_recorded_when_all_goes_well(
    variant: str, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = variant.partition("-")[0]
    dialect = load_dialects([provider])[provider]
    dialect = copy.copy(dialect)  # the other tests of this process use the same one
    dialect.check = lambda received: None  # type: ignore[method-assign]  # no provider knows our extra field
    with Emulator(dialect) as emulator, Recorder(provider, tmp_path, emulator.url) as recorder:
        emulator.default = Script().say("Fine.")
        if how == "run":
            emulator.add(Script().call("look"))
        assert leaks(await shown(variant, recorder.url, how), caplog) == set()
    recorded = read_all(tmp_path)
    assert recorded or (how, variant) == ("count", "openai-chat")
    assert [kind for kind, mark in MARKS.items() if mark in recorded] == []
    check_recordings(tmp_path)


@pytest.mark.parametrize("how", ["complete", "stream", "sse", "run"])
async def test_an_id_of_an_answer_that_is_a_secret_is_cut_out(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """A careless gateway that uses the caller's key for its ids; what the model writes is its own."""
    key = SECRETS["key of a resolver"]
    whole = {"id": key, "model": "m", "choices": [{"finish_reason": "stop", "message": {"content": "ok"}}]}
    delta = {"id": key, "model": "m", "choices": [{"finish_reason": "stop", "delta": {"content": "ok"}}]}
    events = [f"data: {json.dumps(delta)}\n\n".encode(), b"data: [DONE]\n\n"]

    def answer(received: Received) -> Reply:
        ids = {"x-request-id": key}
        return Reply.sse(events, ids) if received.json.get("stream") else Reply.json(whole, headers=ids)

    with LoopbackServer(answer) as server:
        found = [*await shown("openai-chat", server.url, how)]
    assert leaks(iter(found), caplog) == set()
    assert any("[redacted]" in text for _, text in found)
