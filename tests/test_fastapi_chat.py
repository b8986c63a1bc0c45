"""``examples/fastapi_chat``, end to end: a page in a real browser, the application, the emulators."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from examples.fastapi_chat.app import create_app

from modelyard.testing import Emulator, Script, faults, load_dialects

from .browser import CHROMIUM, Page, open_page
from .conftest import PROVIDERS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")

ERROR = "document.getElementById('error').textContent"
IDLE = "!document.getElementById('send').disabled"
LAST = "[...document.querySelectorAll('article.assistant')].at(-1)"
STATUS = "document.getElementById('status').textContent"


@pytest.fixture
def emulators() -> Iterator[dict[str, Emulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Emulator(dialect)) for name, dialect in load_dialects(PROVIDERS).items()}


@pytest.fixture
def address(emulators: dict[str, Emulator]) -> Iterator[str]:
    """Where the application is served, with every provider emulated."""
    settings = {name: emulator.settings() for name, emulator in emulators.items()}
    app = create_app(providers=settings, plugins=list(PROVIDERS), max_attempts=1)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes connections before the server runs
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest_asyncio.fixture
async def page(address: str, tmp_path: Path) -> AsyncIterator[Page]:
    async with open_page(tmp_path / "profile") as page:
        await page.goto(address)
        await page.wait_for("document.body?.dataset.ready")
        yield page


async def ask(page: Page, emulator: Emulator, text: str) -> None:
    """Choose an emulated model and say something."""
    reference = f"{emulator.dialect.provider}:{emulator.dialect.model}"
    await page.evaluate(f"document.getElementById('model').value = {reference!r}")
    await page.evaluate(f"document.getElementById('text').value = {text!r}")
    await page.evaluate("document.getElementById('ask').requestSubmit()")


async def test_every_provider_answers_on_the_page_and_hears_the_whole_conversation(
    page: Page, emulators: dict[str, Emulator]
) -> None:
    for count, (name, emulator) in enumerate(emulators.items(), 1):
        emulator.add(Script().say(f"Greetings from {name}, <b>unharmed</b> 😀"))
        await ask(page, emulator, f"Question {count}")
        await page.wait_for(f"{IDLE} && document.querySelectorAll('article').length === {2 * count}")
        assert await page.evaluate(f"{LAST}.textContent") == f"Greetings from {name}, <b>unharmed</b> 😀"
        assert await page.evaluate(STATUS) == "stop, 5 tokens"
        sent = emulator.requests[-1].body.decode()
        assert all(f"Question {number}" in sent for number in range(1, count + 1))
    assert [emulator.rejected for emulator in emulators.values()] == [[]] * len(PROVIDERS)


async def test_text_is_shown_as_it_arrives_and_stop_closes_the_connection_to_the_provider(
    page: Page, emulators: dict[str, Emulator]
) -> None:
    emulator = emulators["mistral"]
    emulator.add(Script().say("One two three four five six."))
    emulator.fault = faults.hang_after(4)
    await ask(page, emulator, "Count to six.")
    await page.wait_for(f"{LAST}?.textContent.startsWith('One two')")
    assert "six" not in await page.evaluate(f"{LAST}.textContent")
    await page.evaluate("document.getElementById('stop').click()")
    await asyncio.to_thread(emulator.wait_for_disconnect, 30)
    await page.wait_for(f"{STATUS} === 'stopped'")


async def test_an_error_is_shown_and_the_next_question_is_answered(
    page: Page, emulators: dict[str, Emulator]
) -> None:
    emulator = emulators["claude"]
    emulator.add(Script().say("Half an answer").fail("overloaded", "Come back later."), Script().say("Whole."))
    await ask(page, emulator, "First")
    await page.wait_for(f"{IDLE} && {ERROR}.includes('Come back later.')")
    await ask(page, emulator, "Second")
    await page.wait_for(f"{IDLE} && {LAST}?.textContent === 'Whole.'")
    assert await page.evaluate(ERROR) == ""
    assert "First" not in emulator.requests[-1].body.decode()
