"""A provider on loopback: strict about requests, and answering by script."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from modelyard.testing.dialect import Dialect, Rejection
from modelyard.testing.faults import Fault
from modelyard.testing.script import Failure, Script
from modelyard.testing.server import LoopbackServer, Received, Reply

__all__ = ["Emulator"]

DEFAULT_SCRIPT = Script().say("Hello from the emulator.")

_CHECKED_KINDS = frozenset({"authentication", "permission", "model_not_found"})


class Emulator(LoopbackServer):
    """Serves one provider's API. Scripts are used up one for each request, then ``default`` serves.

    ``default`` may be a function that makes a script for a request. ``fault`` is applied to every reply.
    ``rejected`` lists why requests were refused, ``broken`` what the dialect raised that it should not have: the
    client sees no more of that than a connection that ends. ``asked`` are the requests without those that the
    dialect answered aside, such as a key that is traded for a token: these use up no script and meet no fault.
    """

    def __init__(
        self,
        dialect: Dialect,
        scripts: Iterable[Script | Reply] = (),
        *,
        default: Script | Callable[[Received], Script] = DEFAULT_SCRIPT,
        fault: Fault | None = None,
    ) -> None:
        super().__init__(self._reply)
        self.dialect = dialect
        self.scripts: deque[Script | Reply] = deque(scripts)
        self.default = default
        self.fault = fault
        self.rejected: list[str] = []
        self.broken: list[Exception] = []
        self._aside: list[Received] = []

    @property
    def asked(self) -> list[Received]:
        """The requests that scripts are for, in their order."""
        aside = {id(received) for received in self._aside}
        return [received for received in self.requests if id(received) not in aside]

    def add(self, *scripts: Script | Reply) -> None:
        """Append scripts, or ready replies, for the next requests."""
        self.scripts.extend(scripts)

    def settings(self, api_key: str = "test-key") -> dict[str, str]:
        """The provider settings with which a runtime calls this emulator."""
        return {"api_key": api_key, "base_url": self.url}

    def _reply(self, received: Received) -> Reply:
        try:
            return self._make_reply(received)
        except Exception as error:
            self.broken.append(error)
            raise

    def _make_reply(self, received: Received) -> Reply:
        try:
            self.dialect.check(received)
        except Rejection as rejection:
            self.rejected.append(rejection.message)
            return self.dialect.error(_failure(rejection), received)
        aside = self.dialect.aside(received)
        if aside is not None:
            self._aside.append(received)
            return aside
        script = self.scripts.popleft() if self.scripts else self._default_script(received)
        reply = script if isinstance(script, Reply) else self.dialect.reply(script, received)
        return self.fault(reply) if self.fault is not None else reply

    def _default_script(self, received: Received) -> Script:
        return self.default if isinstance(self.default, Script) else self.default(received)


def _failure(rejection: Rejection) -> Failure:
    kind = rejection.kind if rejection.kind in _CHECKED_KINDS else "invalid_request"
    return Failure(kind, rejection.message, status=rejection.status)  # type: ignore[arg-type]
