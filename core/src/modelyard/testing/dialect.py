"""A dialect: how one provider writes what a script says, and what it refuses to read.

It is the single source of the emulator, the fault cases, the demo and the tests of its plugin. A plugin
names its dialect's module in the entry-point group ``modelyard.dialects``; the module has ``DIALECT``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass

from modelyard.errors import ConfigurationError
from modelyard.loading.discovery import DIALECT_GROUP, discover
from modelyard.testing.script import Failure, Script
from modelyard.testing.server import Received, Reply
from modelyard.types.base import JsonObject

__all__ = ["Dialect", "Rejection", "load_dialects", "sse"]


@dataclass(eq=False)  # an exception is told by identity, and its traceback changes
class Rejection(Exception):
    """Answer of the real API to a request it refuses."""

    message: str
    status: int = 400
    kind: str = "invalid_request"


class Dialect(ABC):
    """One provider's wire format, written by its plugin's author from the provider's documentation."""

    provider: str
    model: str
    """A model the emulator serves; any other is served too."""

    @abstractmethod
    def check(self, received: Received) -> None:
        """Raise ``Rejection`` for a request the real API would refuse: path, headers, fields, order of turns."""

    def wants_stream(self, received: Received) -> bool:
        """Return whether the request asks for a stream: by ``stream`` in its body, unless overridden."""
        return bool(received.body and received.json.get("stream"))

    @abstractmethod
    def body(self, script: Script, received: Received) -> JsonObject:
        """The whole answer a script says."""

    @abstractmethod
    def events(self, script: Script, received: Received) -> list[bytes]:
        """The stream a script says, one item for each server-sent event, the terminator last."""

    @abstractmethod
    def error(self, failure: Failure, received: Received) -> Reply:
        """The response for a failure before any output."""

    @abstractmethod
    def error_event(self, failure: Failure, received: Received) -> bytes:
        """The server-sent event for a failure in the middle of a stream."""

    def aside(self, received: Received) -> Reply | None:
        """The reply to an accepted request that asks a model for nothing, such as a count or a list of models.

        No script is used up for it. ``None`` for every other request.
        """
        return None

    def reply(self, script: Script, received: Received) -> Reply:
        """The reply to an accepted request."""
        if script.failure is not None and not script.steps:
            return self.error(script.failure, received)
        if not self.wants_stream(received):
            if script.failure is not None:
                return self.error(script.failure, received)
            return Reply.json(self.body(script, received), headers=self.headers())
        events = self.events(script, received)
        if script.failure is not None:
            events = [*self.before_end(events), self.error_event(script.failure, received)]
        return Reply.sse(events, headers=self.headers())

    def before_end(self, events: list[bytes]) -> list[bytes]:
        """The events of a stream up to where an error may take the place of the rest."""
        return events[: max(len(events) // 2, 1)]

    def headers(self) -> dict[str, str]:
        """The headers of a good answer, beside its content type."""
        return {"x-request-id": "req_emulated"}

    def failed(self, failure: Failure, status: int, body: JsonObject) -> Reply:
        """Make the response for a failure: its status, or the usual one, and the time to wait as a header."""
        headers = self.headers()
        if failure.retry_after is not None:
            headers["retry-after"] = f"{failure.retry_after:g}"
        return Reply.json(body, failure.status or status, headers)

    def shows_reasoning(self, received: Received) -> bool:
        """Return whether the answer to a request shows the model's reasoning; not every API does."""
        return True

    def unknown_events(self) -> list[bytes]:
        """Events a client must skip: what the provider may add some day, and what keeps a line open.

        A dialect whose events are told apart by a type adds one of a type nobody knows.
        """
        return [b": keep-alive\n\n"]

    def with_unknown_field(self, event: bytes) -> bytes:
        """An event with one field more, which a client must skip; written for server-sent events of JSON."""
        lines = event.decode().split("\n")
        return "\n".join(_with_field(line) for line in lines).encode()


def _with_field(line: str) -> str:
    if not line.startswith("data: {"):
        return line
    value = {**json.loads(line[6:]), "field_of_tomorrow": {"a": [1, None]}}
    return "data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sse(data: object, event: str | None = None) -> bytes:
    """One server-sent event; text is sent as it is, anything else as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {text}\n\n".encode()


def load_dialects(providers: Collection[str] | None = None) -> dict[str, Dialect]:
    """The dialects of installed plugins by provider id: of the providers named, or of all."""
    found: dict[str, Dialect] = {}
    for plugin in discover(DIALECT_GROUP):
        if providers is not None and plugin.name not in providers:
            continue
        dialect = getattr(plugin.load(), "DIALECT", None)
        if not isinstance(dialect, Dialect):
            raise ConfigurationError(f"The dialect module of {plugin.distribution} has no DIALECT.")
        found[plugin.name] = dialect
    return found
