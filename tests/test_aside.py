"""Requests beside the answers: what a dialect answers aside uses up no script, meets no fault, is not counted."""

from __future__ import annotations

import httpx

from modelyard import Runtime
from modelyard.testing import Emulator, Received, Reply, Script, faults
from modelyard_openai.testing.dialect import DIALECT


class Trading(type(DIALECT)):  # type: ignore[misc]  # the class of the plugin's dialect is not public
    """The API of a provider that wants a token for the key first."""

    def check(self, received: Received) -> None:
        if received.path != "/token":
            super().check(received)

    def aside(self, received: Received) -> Reply | None:
        return Reply.json({"token": "t"}) if received.path == "/token" else super().aside(received)


async def test_what_is_answered_aside_uses_up_no_script_and_is_not_counted() -> None:
    with Emulator(Trading(), [Script().say("One.")], fault=faults.split(1)) as emulator:
        async with (
            httpx.AsyncClient() as client,
            Runtime({"openai": emulator.settings()}, plugins=["openai"]) as runtime,
        ):
            assert (await client.post(f"{emulator.url}/token")).json() == {"token": "t"}
            answer = await runtime.complete(f"openai:{DIALECT.model}", "Hi")
            assert (await client.post(f"{emulator.url}/token")).json() == {"token": "t"}
        assert answer.text == "One."
        assert [received.path for received in emulator.requests] == ["/token", "/v1/responses", "/token"]
        assert [received.path for received in emulator.asked] == ["/v1/responses"]
