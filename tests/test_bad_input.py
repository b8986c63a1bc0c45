"""Bad input is a typed error that says what to do, raised before the network, and never shows the key."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard import AuthenticationError, ConfigurationError, InvalidRequestError, Runtime

from .conftest import Emulated, ask

KEY = "sk-sentinel-0123456789abcdef"


@pytest.mark.parametrize(
    ("settings", "arguments", "kind", "advice"),
    [
        ({"api_key": None}, {}, ConfigurationError, "API_KEY"),
        ({"api_key": ""}, {}, ConfigurationError, "API_KEY"),
        ({"api_key": KEY + "\n"}, {}, ConfigurationError, "line break"),
        ({"base_url": "localhost"}, {}, ConfigurationError, "is no URL"),
        ({}, {"messages": []}, InvalidRequestError, "no messages"),
        ({}, {"messages": [{"role": "robot", "content": "Hi"}]}, InvalidRequestError, "messages[0].role"),
        ({}, {"tools": [{"name": "f", "parameters": {"type": "objekt"}}]}, InvalidRequestError, "'objekt'"),
        ({}, {"credential": f"'{KEY}'"}, ConfigurationError, "quotation marks"),
    ],
    ids=["no key", "blank key", "newline", "no url", "no messages", "bad role", "bad schema", "quoted key"],
)
async def test_it_is_refused_before_the_network(
    emulated: Emulated, settings: Any, arguments: dict[str, Any], kind: type[Exception], advice: str
) -> None:

    async def try_it(*, stream: bool) -> None:
        async with Runtime({emulated.provider: {**emulated.settings, **settings}}) as runtime:
            await ask(runtime, emulated.reference, stream=stream, **arguments)

    for stream in (False, True):
        with pytest.raises(kind) as caught:
            await try_it(stream=stream)
        assert advice in str(caught.value)
        assert KEY not in str(caught.value)
    assert emulated.emulator.requests == []


async def test_a_refused_key_is_an_authentication_error_without_the_key(emulated: Emulated) -> None:
    async with emulated.runtime() as runtime:
        with pytest.raises(AuthenticationError) as caught:
            await runtime.complete(emulated.reference, "Hi", credential=f"{KEY}-invalid")
    assert KEY not in f"{caught.value} {caught.value!r} {caught.value.to_dict()}"
    assert not caught.value.retryable


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_have_its_version_and_a_slash(emulated: Emulated, ending: str) -> None:
    ending = ending.replace("v1", "v1beta") if emulated.provider == "gemini" else ending
    settings = {**emulated.settings, "base_url": emulated.emulator.url + ending}
    async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
        assert (await runtime.complete(emulated.reference, "Hi")).text == "Hello from the emulator."


async def test_the_plain_transport_serves_too(emulated: Emulated) -> None:
    settings = {**emulated.settings, "transport": "httpx"}
    async with Runtime({emulated.provider: settings}, max_attempts=1) as runtime:
        assert (await runtime.complete(emulated.reference, "Hi")).text == "Hello from the emulator."
        assert (await runtime.stream(emulated.reference, "Hi").collect()).text == "Hello from the emulator."


async def test_settings_from_the_environment(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"claude": "ANTHROPIC", "mistral": "MISTRAL", "openai": "OPENAI", "gemini": "GEMINI"}[emulated.provider]
    monkeypatch.setenv(f"{key}_API_KEY", KEY)
    monkeypatch.setenv(f"MODELYARD_{emulated.provider.upper()}_BASE_URL", emulated.emulator.url)
    async with Runtime({emulated.provider: {"options": emulated.settings.get("options", {})}}) as runtime:
        assert (await runtime.complete(emulated.reference, "Hi")).text == "Hello from the emulator."
    headers = emulated.emulator.requests[0].headers
    assert KEY in " ".join(headers.values())


async def test_a_client_of_the_wrong_family_is_refused(emulated: Emulated) -> None:
    settings = {**emulated.settings, "http_client": object()}
    async with Runtime({emulated.provider: settings}) as runtime:
        with pytest.raises(ConfigurationError, match=r"AsyncClient"):
            await runtime.complete(emulated.reference, "Hi")


async def test_a_client_of_the_host_is_used_and_left_open(emulated: Emulated) -> None:
    family = __import__("httpx2" if emulated.provider in ("claude", "mistral") else "httpx")
    async with family.AsyncClient(headers={"x-host": "mine"}) as client:
        async with Runtime({emulated.provider: {**emulated.settings, "http_client": client}}) as runtime:
            await runtime.complete(emulated.reference, "Hi")
        assert not client.is_closed
    assert emulated.emulator.requests[0].headers["x-host"] == "mine"
