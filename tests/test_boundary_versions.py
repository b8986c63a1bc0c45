"""Yesterday's plugin on today's core, and tomorrow's: packages built for it, each beside the four providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard import ConfigurationError
from modelyard.provider import HttpSession, StreamDecoder
from modelyard.testing.conformance import ProviderConformance

from .packages import GOOD_MODULE, lay, run_fresh

ASK = """
import asyncio, logging, modelyard
logging.basicConfig(level="WARNING")

async def main():
    async with modelyard.Runtime() as runtime:
        print((await runtime.complete("acme:m", "hi", temperature=0.5)).text)
        print("".join([text async for text in runtime.stream("acme:m", "hi").text()]))
        print((await runtime.complete("acme:m", "hi")).text)
        rows = [row for row in runtime.plugins() if row.group == "modelyard.providers"]
        print([row.name for row in rows if row.state == "loaded"])

asyncio.run(main())
"""
LOADED = "['acme', 'claude', 'gemini', 'mistral', 'openai']"

YESTERDAY = (
    GOOD_MODULE
    + """
from modelyard import hookimpl


@hookimpl
def modelyard_tools(request, card):
    return None


@hookimpl
async def modelyard_complete(request):
    assert request.temperature in (0.5, None)
    return Completion(message=Message.assistant("hello"), finish_reason="stop", provider="acme", model="m")


@hookimpl
def modelyard_validate(request, card):
    return None
"""
)
TOMORROW = (
    GOOD_MODULE.replace("MODELYARD_API = 1", "MODELYARD_API = (1, 2)").replace(
        "key_optional=True", "key_optional=True, docs_url='https://docs.example'"
    )
    + """
import json
from modelyard.provider import parse_cards


class AudioDelta:
    type = "audio_delta"


@hookimpl
def modelyard_models():
    later = {"id": "later", "label": "later", "kind": "video", "modalities": ["video"]}
    return parse_cards(json.dumps({"models": [{"id": "m", "label": "m"}, later]}).encode(), "acme", "models.json")


@hookimpl
async def modelyard_embed(session, request):
    return []


@hookimpl
async def modelyard_stream(session, request, card, budget):
    assert budget is None
    yield ContentDelta(0, "hello from acme")
    yield AudioDelta()
    yield Done(finish_reason="stop")
"""
)


def test_yesterdays_plugin_works_without_a_warning(tmp_path: Path) -> None:
    lay(tmp_path, module=YESTERDAY)
    assert run_fresh(tmp_path, ASK).splitlines() == ["hello", "hello from acme", "hello", LOADED]


def test_tomorrows_plugin_works_with_one_warning_for_each_thing_unknown(tmp_path: Path) -> None:
    lay(tmp_path, module=TOMORROW)
    said = run_fresh(tmp_path, ASK).splitlines()
    assert said[:4] == ["hello from acme"] * 3 + [LOADED]
    for word in ("docs_url", "modelyard_embed", "budget", "audio_delta", "modalities"):
        assert sum(word in line for line in said) == 1, word


@pytest.mark.parametrize(
    ("stated", "advice"),
    [("2", "upgrade modelyard"), ("(2, 3)", "upgrade modelyard"), ("(0, 0)", "upgrade the plugin")],
)
def test_a_version_out_of_range_says_which_side_to_upgrade(stated: str, advice: str, tmp_path: Path) -> None:
    lay(tmp_path, module=f"{GOOD_MODULE}\nMODELYARD_API = {stated}\n")
    said = run_fresh(tmp_path, "import modelyard\nprint([row.error for row in modelyard.Runtime().plugins()])")
    assert advice in said


@pytest.mark.parametrize("base", [HttpSession, StreamDecoder, ProviderConformance])
def test_a_base_class_has_a_version_of_its_own(base: type) -> None:
    facts = {"provider": "acme"}
    type("Own", (base,), {"WRITTEN_FOR": (1, 2), **facts})
    with pytest.raises(ConfigurationError, match=f"version 2 of {base.__name__}, this core has 1"):
        type("Own", (base,), {"WRITTEN_FOR": 2, **facts})
    with pytest.raises(ConfigurationError, match="Upgrade the plugin"):
        type("Own", (base,), {"WRITTEN_FOR": 0, **facts})
