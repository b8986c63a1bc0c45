"""Asking providers for their models: merged into the catalog, kept on disk, harmless when broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelyard import ModelCard, ProviderError, Runtime, hookimpl
from modelyard.catalog.card import Lifecycle, ModelLimits, PriceStep
from modelyard.testing import ScriptedProvider
from modelyard.testing.scripted import ScriptedSession

DAY = date(2026, 11, 25)
SHIPPED = ModelCard(
    provider="acme",
    id="one",
    label="One",
    aliases=("first",),
    limits=ModelLimits(context_window=1000),
    prices=(PriceStep(input=1, output=2),),
)
GONE = ModelCard(provider="acme", id="gone", label="Gone")
LISTED = (
    ModelCard(
        provider="acme",
        id="one",
        label="one",
        limits=ModelLimits(context_window=2000),
        lifecycle=Lifecycle(retires=date(2027, 6, 1)),
    ),
    ModelCard(provider="acme", id="new-1", label="New 1"),
    ModelCard(provider="acme", id="text-embedding-9", label="text-embedding-9"),
)


class Listing(ScriptedProvider):
    """A scripted provider that can say which models it serves."""

    def __init__(self, provider: str, listed: Sequence[ModelCard] | Exception, cards: Sequence[ModelCard]) -> None:
        super().__init__(provider, cards=cards)
        self.listed = listed

    @hookimpl
    async def modelyard_list_models(self, session: ScriptedSession) -> Sequence[ModelCard]:
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed


def runtime(path: Path, listed: Sequence[ModelCard] | Exception = LISTED, **arguments: Any) -> Runtime:
    plugin = Listing("acme", listed, [SHIPPED, GONE])
    return Runtime(plugins=[plugin], catalog_cache=path, today=lambda: DAY, **arguments)


async def test_what_a_provider_lists_is_merged_and_said(tmp_path: Path) -> None:
    async with runtime(tmp_path / "models.json") as running:
        before = running.catalog
        (told,) = await running.refresh("acme")
        assert told.added == ("acme:new-1", "acme:text-embedding-9")
        assert told.changed == ("acme:one",)
        assert told.missing == ("acme:gone",)
        after = running.catalog
    one, new = after.get("acme:first"), after.get("acme:new-1")
    assert one is not None
    assert new is not None
    assert (one.label, one.limits.context_window, one.lifecycle.retires) == ("One", 2000, date(2027, 6, 1))
    assert one.prices == SHIPPED.prices
    assert one.sources["limits"].as_of == DAY
    assert new.capability("tools").state == "unknown"
    assert "acme:gone" in after
    assert "acme:new-1" not in before, "a snapshot in use must not change"


async def test_what_was_learned_is_known_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "models.json"
    async with runtime(path) as running:
        await running.refresh()
    assert json.loads(path.read_text())["providers"]["acme"]["as_of"] == "2026-11-25"
    assert "acme:new-1" in runtime(path).catalog


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"version": 9}', '{"version": 1, "providers": {"acme": 3}}', "\ufeff\x00"]
)
def test_a_corrupt_file_is_ignored_with_a_warning(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "models.json"
    path.write_text(content, encoding="utf-8")
    assert [card.id for card in runtime(path).catalog] == ["one", "gone"]
    assert "is ignored" in caplog.text


async def test_a_provider_that_cannot_be_asked_leaves_the_others_be(tmp_path: Path) -> None:
    down = Listing("acme", ProviderError("down"), [SHIPPED])
    silent = ScriptedProvider("mute")
    up = Listing("fine", [ModelCard(provider="fine", id="x", label="X")], [])
    async with Runtime(
        plugins=[down, silent, up], catalog_cache=tmp_path / "m.json", today=lambda: DAY
    ) as running:
        told = {result.provider: result for result in await running.refresh()}
        assert "down" in (told["acme"].error or "")
        assert "cannot list" in (told["mute"].error or "")
        assert told["fine"].added == ("fine:x",)
        with pytest.raises(ProviderError, match="down"):
            await running.refresh("acme")


async def test_d16_a_model_that_does_not_chat_is_not_offered_for_chat(tmp_path: Path) -> None:
    async with runtime(tmp_path / "models.json") as running:
        await running.refresh()
        card = running.catalog.get("acme:text-embedding-9")
        assert card is not None
        assert card.kind == "embedding"
        assert "text-embedding-9" not in json.dumps(running.catalog.describe())
        assert "acme:text-embedding-9" not in {step.deployment for step in running.explain("*", "Hi").steps}
        with pytest.raises(Exception, match="acme:text-embedding-9 is no chat model") as caught:
            await running.complete("acme:text-embedding-9", "Hi")
    assert type(caught.value).__name__ == "UnsupportedFeatureError"


async def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    async with runtime(tmp_path / "file" / "models.json") as running:
        await running.refresh()
        assert "acme:new-1" in running.catalog
    assert "could not be kept" in caplog.text
