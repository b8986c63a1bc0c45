"""Playing recorded exchanges back from a server, so that real bytes take the real HTTP path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.errors import ConfigurationError
from modelyard.files import UnreadableError, read_json
from modelyard.testing.server import LoopbackServer, Received, Reply

__all__ = ["Exchange", "ReplayServer", "load_exchanges"]

_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange: what was asked, what was answered, and what should come of it."""

    id: str
    provider: str
    endpoint: str
    model: str
    stream: bool
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request: Mapping[str, Any] | None = field(repr=False)
    expect: Mapping[str, Any] | None = field(repr=False)
    features: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Exchange:
        """Read one JSON file of a recording; raises ``ConfigurationError`` naming it when it is damaged."""
        try:
            return cls._of(read_json(path))
        except UnreadableError as error:
            reason = str(error)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            reason = f"it is no recorded exchange ({type(error).__name__}: {error!s:.100})"
        raise ConfigurationError(f"The recording {path} cannot be read: {reason}.", hint="Record it again.")

    @classmethod
    def _of(cls, data: Any) -> Exchange:
        response = data["response"]
        return cls(
            id=_text(data["id"]),
            provider=_text(data["provider"]),
            endpoint=_text(data["endpoint"]),
            model=_text(data["model"] or "unknown"),
            stream=bool(data["stream"]),
            status=_status(response["status"]),
            headers={name.lower(): _text(value) for name, value in (response["headers"] or {}).items()},
            body=response["body"].encode("utf-8", "surrogatepass"),
            request=(data.get("request") or {}).get("json"),
            expect=data.get("expect"),
            features=tuple(data.get("features", ())),
        )

    def reply(self, piece: int | None = None) -> Reply:
        """The recorded response; its body in pieces of some bytes, or in one."""
        headers = {name: value for name, value in self.headers.items() if name not in _HOP_BY_HOP}
        steps = [self.body]
        if piece is not None:
            steps = [self.body[at : at + piece] for at in range(0, len(self.body), piece)]
        return Reply(self.status, headers, steps, chunked=self.stream)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text was expected, not {type(value).__name__}")
    return value


def _status(value: object) -> int:
    if not isinstance(value, int) or not 100 <= value <= 599:
        raise ValueError("the status is none of HTTP")
    return value


def load_exchanges(folder: Path) -> Iterator[Exchange]:
    """Read the recordings in a folder, in the order of their names; raises what ``Exchange.read`` raises."""
    for path in sorted(folder.glob("*.json")):
        yield Exchange.read(path)


class ReplayServer(LoopbackServer):
    """Answers every request with the exchange set last."""

    def __init__(self) -> None:
        super().__init__(self._reply)
        self._reply_next: Reply | None = None

    def play(self, exchange: Exchange, piece: int | None = None) -> None:
        """Set the exchange to answer with."""
        self._reply_next = exchange.reply(piece)

    def _reply(self, received: Received) -> Reply:
        if self._reply_next is None:
            raise ConfigurationError("No exchange has been set to play.")
        return self._reply_next
