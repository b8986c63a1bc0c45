"""One model behind an emulator, and ways to ask it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.catalog.capability import CapabilityName
from modelyard.catalog.card import ModelCard
from modelyard.errors import ModelyardError
from modelyard.runtime import Runtime
from modelyard.streaming.grammar import check_stream
from modelyard.testing.conformance.rules import require
from modelyard.testing.conformance.subject import Subject
from modelyard.testing.emulator import Emulator
from modelyard.testing.script import Script
from modelyard.testing.server import Reply
from modelyard.types.completion import Completion
from modelyard.types.events import Event

__all__ = ["Bench", "comparable"]


@dataclass(frozen=True, slots=True)
class Bench:
    """The plugin under test, one of its models, and an emulator of its provider that runs."""

    subject: Subject
    card: ModelCard
    emulator: Emulator

    @property
    def reference(self) -> str:
        """The model's reference."""
        return self.card.ref

    def settings(
        self, api_key: str = "test-key", base_url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Provider settings that lead to the emulator."""
        own: dict[str, Any] = {"base_url": base_url} if base_url else {}
        if headers:
            own["headers"] = headers
        return {**self.emulator.settings(api_key), **own, "options": self.subject.session_options}

    def runtime(
        self,
        *,
        api_key: str = "test-key",
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> Runtime:
        """A runtime that knows this plugin only; it makes one attempt unless told."""
        arguments.setdefault("max_attempts", 1)
        providers = {self.subject.provider: self.settings(api_key, base_url, headers)}
        return Runtime(providers, plugins=self.subject.plugins, catalog_cache=False, **arguments)

    def allows(self, *capabilities: CapabilityName) -> bool:
        """Return whether the card rules none of these out: what is unknown must work too."""
        return all(self.card.capability(name).state != "unsupported" for name in capabilities)

    async def ask(
        self, script: Script | Reply, messages: Any = "Hi", *, stream: bool = False, **options: Any
    ) -> Completion:
        """Ask for a scripted answer, whole or as a stream that is collected; the request must be accepted."""
        async with self.runtime() as runtime:
            return await self.ask_through(runtime, script, messages, stream=stream, **options)

    async def ask_through(
        self,
        runtime: Runtime,
        script: Script | Reply,
        messages: Any = "Hi",
        *,
        stream: bool = False,
        **options: Any,
    ) -> Completion:
        """The same through an open runtime."""
        self.emulator.add(script)
        try:
            if stream and self.allows("streaming"):
                return await runtime.stream(self.reference, messages, **options).collect()
            return await runtime.complete(self.reference, messages, **options)
        finally:
            self.accepted()

    async def both(self, script: Script, messages: Any = "Hi", **options: Any) -> list[Completion]:
        """The same answer twice: whole, and collected from a stream."""
        async with self.runtime() as runtime:
            whole = await self.ask_through(runtime, script, messages, **options)
            return [whole, await self.ask_through(runtime, script, messages, stream=True, **options)]

    async def events(self, script: Script | Reply, messages: Any = "Hi", **options: Any) -> list[Event]:
        """The events of a scripted answer, held to the grammar."""
        self.emulator.add(script)
        try:
            async with self.runtime() as runtime, runtime.stream(self.reference, messages, **options) as stream:
                events = [event async for event in stream]
        finally:
            self.accepted()
        check_stream([event for event in events if event.type != "status"])
        return events

    async def fails(self, *, stream: bool = False, messages: Any = "Hi", **options: Any) -> ModelyardError:
        """Ask, expecting an error, and return it."""
        async with self.runtime() as runtime:
            try:
                if stream:
                    answer = await runtime.stream(self.reference, messages, **options).collect()
                else:
                    answer = await runtime.complete(self.reference, messages, **options)
            except ModelyardError as error:
                self.dialect_works()
                return error
        require(
            False,
            "what fails is an error, never an answer",
            f"an answer: {answer.finish_reason}, {answer.text!r:.60}",
            "raise for error events and error statuses, and for a stream that ends before its terminator",
        )
        raise AssertionError

    def dialect_works(self) -> None:
        """The author's dialect must not have raised: the plugin would be blamed for a lost connection."""
        __tracebackhide__ = True
        if not self.emulator.broken:
            return
        error = self.emulator.broken[0]
        place = traceback.extract_tb(error.__traceback__)[-1]
        require(
            False,
            "the dialect answers every request",
            f"{type(error).__name__}: {error}, at {place.filename}:{place.lineno} in {place.name}: {place.line}",
            "mend the dialect; raise Rejection for what the real API refuses",
        )

    def accepted(self) -> None:
        """Every request so far must have been one the real API accepts."""
        __tracebackhide__ = True
        self.dialect_works()
        require(
            not self.emulator.rejected,
            "requests are what the API accepts",
            f"the emulator refused: {self.emulator.rejected}",
            "write the request as the provider documents it, or correct the dialect's check",
        )


def comparable(completion: Completion) -> Completion:
    """An answer without what differs from call to call."""
    return completion.model_copy(update={"record": None})
