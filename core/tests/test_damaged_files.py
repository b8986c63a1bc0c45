"""Files that are damaged: a typed error that names the file, or a warning where it can be written anew."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard import ConfigurationError, ModelyardError, Runtime
from modelyard.catalog.loader import parse_cards
from modelyard.catalog.refresh import RefreshFile
from modelyard.files import MOST_BYTES
from modelyard.loading.discovery import discover
from modelyard.testing import Script, ScriptedProvider
from modelyard.testing.record import Player
from modelyard.testing.replay import Exchange

TOML = '[aliases]\nfast = "acme:one"\n'
CACHE = '{"version": 1, "providers": {"acme": {"as_of": "2026-11-01", "models": [{"id": "m", "label": "M"}]}}}'
RECORDING = json.dumps(
    {
        "id": "1", "provider": "acme", "endpoint": "/v1", "model": "m", "stream": False, "request": {"json": {}},
        "response": {"status": 200, "headers": {"content-type": "application/json"}, "body": "{}"}, "expect": None,
    }
)  # fmt: skip


def runtime(catalog: Any = None) -> Runtime:
    return Runtime(plugins=[ScriptedProvider("acme", default=Script().say("ok"))], catalog=catalog)


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def sparse(path: Path) -> None:
    """More than can be meant, and no space on the disk."""
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "not text": write(b"\xff\xfe\x00\x01"),
    "UTF-16": write(TOML.encode("utf-16")),
    "Latin-1": write('a = "caf\u00e9"'.encode("latin-1")),
    "NUL bytes": write(bytes(500)),
    "binary": write(bytes(range(256))),
    "brackets": write(b"[" * 100_000),
    "nested lists": write(b"a=" + b"[" * 5_000),
    "nested tables": write(b"a=" + b"{a=" * 5_000),
    "nested JSON": write(b'{"a":' * 5_000),
    "nested and whole": write(b'{"version": 1, "providers": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    "too many digits": write(b'{"version": ' + b"9" * 10_000 + b"}"),
    "cut": write(CACHE[:40].encode()),
    "huge": sparse,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path),
}


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "damaged.json"
    DAMAGES[request.param](path)
    return path


def test_fault_a39_a_damaged_catalog_file_is_an_error_that_names_it(damaged: Path) -> None:
    with pytest.raises(ConfigurationError, match="damaged.json"):
        _ = runtime(str(damaged)).catalog


def test_a_damaged_cache_is_ignored_with_a_warning(damaged: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert RefreshFile(damaged).load() == {}
    assert [record.levelno for record in caplog.records] == (
        [] if damaged.is_symlink() and not damaged.exists() else [logging.WARNING]
    )
    assert all("damaged.json" in message for message in caplog.messages)


def test_a_damaged_recording_is_an_error_that_names_it(damaged: Path) -> None:
    with pytest.raises(ConfigurationError, match="damaged.json"):
        Exchange.read(damaged)
    with pytest.raises(ConfigurationError, match="damaged.json"):
        Player(damaged.parent)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if not name.startswith("a ")])
def test_damaged_models_of_a_plugin_are_an_error_that_names_the_file(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    DAMAGES[damage](path)
    with pytest.raises(ConfigurationError, match=r"acme/models\.json"):
        parse_cards(path.read_bytes(), "acme", "acme/models.json")


@pytest.mark.parametrize("name", ["missing.toml", "nul\0.toml", "x" * 5_000, "missing/deeper.toml"])
def test_a_catalog_file_that_is_not_there_is_a_typed_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        runtime(tmp_path / name)


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TOML, encoding="utf-8-sig")
    assert dict(runtime(path).catalog.aliases)["fast"] == "acme:one"


def test_a_file_from_before_or_after_all_calendars_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TOML, encoding="utf-8")
    os.utime(path, (2**34, 2**34))
    assert dict(runtime(path).catalog.aliases)["fast"] == "acme:one"


METADATA = b"Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
POINTS = b"[modelyard.providers]\nbroken = nowhere\n"
INSTALLED = {
    "METADATA is no UTF-8": (b"Name: b\xffd\n", POINTS, ""),
    "entry points are no UTF-8": (
        METADATA,
        POINTS + b"\xff",
        "is damaged and left out: entry_points.txt cannot be read: UnicodeDecodeError",
    ),
    "both": (b"\xff", b"\xff", "and left out"),
    "entry points are binary": (METADATA, bytes(range(128)), ""),
}


@pytest.mark.parametrize("name", INSTALLED)
def test_a_damaged_distribution_does_not_take_the_others_with_it(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metadata, points, warning = INSTALLED[name]
    install(tmp_path / "broken-1.0.dist-info", metadata, points)
    install(
        tmp_path / "sound-1.0.dist-info",
        METADATA.replace(b"broken", b"sound"),
        POINTS.replace(b"broken", b"sound"),
    )
    sys.path.insert(0, str(tmp_path))
    try:
        names = [found.name for found in discover()]
    finally:
        sys.path.remove(str(tmp_path))
    assert "sound" in names
    assert warning in caplog.text


def install(info: Path, metadata: bytes, points: bytes) -> None:
    info.mkdir()
    (info / "METADATA").write_bytes(metadata)
    (info / "entry_points.txt").write_bytes(points)


# Sound files with hostile content


VALUES: list[Any] = [
    None,
    5,
    -1,
    1.5,
    True,
    "",
    "x",
    [],
    {},
    [5],
    [[]],
    {"x": 5},
    {"": {}},
    float("nan"),
    10**400,
    "\0",
    "a:b:c",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in pairs:
        yield from places(item, (*path, step))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = json.loads(json.dumps(document))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


FACTS = {
    "label": "M", "kind": "chat", "aliases": ["n"], "limits": {"context_window": 10},
    "capabilities": {"tools": {"state": "partial", "limits": "few"}, "images": "supported"},
    "reasoning": {"efforts": ["low"], "default": "low"}, "tool_choice": ["auto"], "default_contexts": ["chat"],
    "lifecycle": {"retires": "2030-01-01"}, "prices": [{"input": 1.0, "output": 2.0}], "rules": {"a": 1},
    "retention": {"default_days": 30, "regions": {"eu": {"base_url": "https://x.example"}}},
    "sources": {"limits": {"title": "docs", "as_of": "2026-11-01"}},
}  # fmt: skip
OVERRIDES: dict[str, Any] = {
    "models": {"acme:one": {"label": "One"}, "acme:house": {"like": "acme:one", **FACTS}},
    "aliases": {"fast": "acme:one", "acme:quick": "acme:one"},
    "defaults": {"chat": ["acme:one"]}, "prices": {"acme:one": [{"input": 1.0, "output": 2.0}]},
}  # fmt: skip
MODELS: dict[str, Any] = {
    "sources": {"docs": {"title": "Docs", "as_of": "2026-11-01"}}, "defaults": {"retention": {"default_days": 30}},
    "families": {"big": {"capabilities": {"tools": "supported"}, "sources": {"capabilities": "docs"}}},
    "models": [{"id": "m", "family": "big", **FACTS}],
}  # fmt: skip


def test_the_content_that_is_changed_below_is_sound() -> None:
    assert "acme:house" in {card.ref for card in runtime(OVERRIDES).catalog}
    assert [card.id for card in parse_cards(json.dumps(MODELS).encode(), "acme", "acme/models.json")] == ["m"]


def only_typed(act: Callable[..., object], *given: object) -> None:
    try:
        act(*given)
    except ModelyardError:
        return


@pytest.mark.parametrize("path", list(places(OVERRIDES)), ids=lambda path: ".".join(map(str, path)) or "all")
def test_a_catalog_of_any_content_is_taken_or_a_typed_error(path: tuple[Any, ...]) -> None:
    for value in VALUES:
        only_typed(lambda given: runtime(given).catalog.describe(), with_value(OVERRIDES, path, value))


@pytest.mark.parametrize("path", list(places(MODELS)), ids=lambda path: ".".join(map(str, path)) or "all")
def test_models_of_a_plugin_of_any_content_are_taken_or_a_typed_error(path: tuple[Any, ...]) -> None:
    for value in VALUES:
        content = json.dumps(with_value(MODELS, path, value)).encode()
        only_typed(parse_cards, content, "acme", "acme/models.json")


@pytest.mark.parametrize("kind", ["cache", "recording"])
def test_a_cache_or_recording_of_any_content_is_taken_ignored_or_a_typed_error(kind: str, tmp_path: Path) -> None:
    document = json.loads(CACHE if kind == "cache" else RECORDING)
    path = tmp_path / "x.json"
    for place in places(document):
        for value in VALUES:
            path.write_text(json.dumps(with_value(document, place, value)))
            only_typed(lambda: RefreshFile(path).load() if kind == "cache" else Exchange.read(path).reply())
