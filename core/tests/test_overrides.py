"""What a host adds to the catalog: from a file or from code, an error naming the file and the key."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelCard, NoRouteError, Runtime
from modelyard.catalog.card import Lifecycle, PriceStep
from modelyard.testing import ScriptedProvider

DAY = date(2026, 11, 25)
CARDS = (
    ModelCard(provider="acme", id="one", label="One", aliases=("first",), default_contexts=("chat",)),
    ModelCard(
        provider="acme",
        id="two",
        label="Two",
        aliases=("second",),
        prices=(PriceStep(input=2, output=4),),
        lifecycle=Lifecycle(retires=date(2026, 11, 1), replacement="one"),
    ),
)
FILE = """
[defaults]
chat = "acme:new"

[aliases]
fast = "acme:one"
"acme:quick" = "acme:one"
"acme:second" = "acme:one"

[prices]
"acme:one" = { input = 1.5, output = 3 }

[models."acme:new"]
like = "acme:one"
label = "New"
limits = { context_window = 1000 }

[models."gone:model"]
label = "Left out"
"""


def runtime(catalog: Any = None, **arguments: Any) -> Runtime:
    arguments.setdefault("today", lambda: DAY)
    return Runtime(plugins=[ScriptedProvider("acme", cards=CARDS)], catalog=catalog, **arguments)


def write(folder: Path, text: str) -> Path:
    path = folder / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_adds_models_aliases_defaults_and_prices(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, FILE)
    catalog = runtime(path).catalog
    new = catalog.get("acme:new")
    assert new is not None
    assert (new.label, new.limits.context_window, new.sources["limits"].title) == ("New", 1000, str(path))
    assert catalog.default("chat").id == "new"
    priced = catalog.get("fast")
    assert priced is not None
    assert (priced.id, priced.prices[0].input) == ("one", 1.5)
    assert catalog.get("acme:quick") is priced is catalog.get("acme:second")
    assert "gone:model is left out" in caplog.text
    assert "acme:second is an alias of acme:two no more" in caplog.text


async def test_an_alias_of_the_hosts_own_stands_for_a_reference() -> None:
    async with runtime({"aliases": {"fast": "acme:one"}}) as running:
        assert (await running.complete("fast", "Hi")).model == "one"


def test_the_environment_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_CATALOG", str(write(tmp_path, '[aliases]\nfast = "acme:one"')))
    assert "fast" in runtime().catalog


def test_cards_may_be_handed_in() -> None:
    card = ModelCard(provider="acme", id="mine", label="Mine")
    assert runtime([card]).catalog.get("acme:mine") is card


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[modles]", "modles: no such table. Did you mean 'models'?"),
        ("models = 3", "models: must be a table, not int."),
        ("[models.one]\nlabel = 'x'", "models.'one': 'one' is no model reference."),
        ("[models.'acme:one']\nlimits = {context_window = 'big'}", "models.'acme:one'.limits.context_window"),
        (
            "[models.'acme:one']\nlable = 'x'",
            "models.'acme:one'.lable: Extra inputs are not permitted. Did you mean",
        ),
        ("[models.'acme:one']\nid = 'x'", "models.'acme:one'.id: it is part of the reference"),
        ("[models.'acme:x']\nlike = 'acme:onee'", "like: no card lists 'acme:onee'. Did you mean 'acme:one'?"),
        ("[models.'acme:one'.capabilities]\ntools = 'maybe'", "models.'acme:one'.capabilities.tools"),
        ("[prices]\n'acme:one' = 3", "prices.'acme:one': must be a table of prices"),
        ("[prices]\n'acme:one' = {input = 1}", "prices.'acme:one'.prices.0.output"),
        ("[defaults]\nchta = 'acme:one'", "defaults.chta: no such context. Did you mean 'chat'?"),
        ("[defaults]\nchat = 3", "defaults.chat: must be a model reference"),
        ("[aliases]\nfast = 3", "aliases.'fast': must be a model reference"),
        ("[aliases]\n'a*' = 'acme:one'", "aliases.'a*': an alias must not look like a pattern"),
        ("[aliases]\n'acme:two' = 'acme:one'", "aliases.'acme:two': it is the id of a model."),
        ("[aliases]\n'acme:x' = 'other:one'", "it leads to another provider"),
        ("[aliases]\n'acme:x' = 'acme:onee'", "aliases.'acme:x': no card lists 'acme:onee'. Did you mean"),
        ("[aliases", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_named_with_the_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        _ = runtime(path).catalog
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml cannot be read: No such file"):
        runtime(tmp_path / "missing.toml")


def test_two_models_cannot_share_an_alias_by_the_hosts_word() -> None:
    own = {"acme:a": {"aliases": ["x"]}, "acme:b": {"aliases": ["x"]}}
    with pytest.raises(ConfigurationError, match="'x' is an alias of acme:a too"):
        _ = runtime({"models": own}).catalog


def test_two_shipped_models_with_one_alias_are_a_warning_and_the_first_keeps_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clash = ModelCard(provider="acme", id="three", label="Three", aliases=("first", "one"))
    catalog = runtime([clash]).catalog
    assert catalog.get("acme:first") is catalog.get("acme:one")
    assert "The alias 'first' of acme:three is taken by acme:one" in caplog.text


def test_a_default_that_is_retired_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    catalog = runtime(defaults={"chat": "acme:two"}).catalog
    assert catalog.default("chat").id == "one"
    assert "acme:two: It was retired on 2026-11-01; use acme:one." in caplog.text


def test_d15_a_model_about_to_retire_is_told_once_with_its_date_and_replacement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = runtime(today=lambda: date(2026, 10, 1))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            running._planner.prepare("acme:two", "Hi", {}, stream=False)
            running._planner.prepare("acme:one", "Hi", {}, stream=False)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["acme:two: It will be retired on 2026-11-01; use acme:one."]


def test_d15_a_retired_model_is_asked_all_the_same_and_a_404_says_what_to_use() -> None:
    call = runtime()._planner.prepare("acme:two", "Hi", {}, stream=False)
    assert call.deployments[0].suggestion == "It was retired on 2026-11-01; use acme:one."


def test_in_the_year_2030_the_rest_works(caplog: pytest.LogCaptureFixture) -> None:
    future = runtime(today=lambda: date(2030, 1, 1))
    assert future.catalog.default("chat").id == "one"
    assert [model["model_id"] for model in future.catalog.describe()["models"]] == ["one"]
    gone = CARDS[0].model_copy(update={"lifecycle": Lifecycle(retires=date(2029, 1, 1))})
    with pytest.raises(NoRouteError) as caught:
        runtime([gone], today=lambda: date(2030, 1, 1)).catalog.default("chat")
    assert caught.value.candidates == (("acme:one", "it was retired on 2029-01-01"),)


def test_defaults_of_the_runtime_win_over_the_file_and_a_bad_context_is_named() -> None:
    catalog = runtime({"defaults": {"chat": "acme:two"}}, defaults={"chat": ["acme:new", "acme:one"]}).catalog
    assert catalog.default("chat").id == "new"
    with pytest.raises(ConfigurationError, match="Did you mean 'chat'"):
        runtime(defaults={"chad": "acme:one"})
