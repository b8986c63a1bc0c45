"""Rendering the templates into a folder."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from modelyard.errors import ConfigurationError
from modelyard.hookspecs import API_VERSION
from modelyard.scaffold.names import Names
from modelyard.scaffold.shapes import Shape

__all__ = ["write_project"]

_SUFFIX = ".tmpl"


def write_project(names: Names, shape: Shape, folder: Path) -> list[Path]:
    """Write a package into a folder, made if need be; the files written, in order.

    Raises ``ConfigurationError`` for a folder that has something in it: nothing is ever overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder} is not an empty folder.", hint="Name another with --dir, or move what is there."
        )
    values = _values(names, shape)
    written = []
    templates = files(__package__) / "templates"
    for part in ("common", shape.folder):
        for place, text in _walk(templates / part, Path()):
            target = folder / _target(place, names)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(text).substitute(values), encoding="utf-8")
            written.append(target)
    return sorted(written)


def _values(names: Names, shape: Shape) -> dict[str, str]:
    return {
        "provider": names.provider,
        "distribution": names.distribution,
        "package": names.package,
        "title": names.title,
        "cls": names.class_prefix,
        "variable": names.variable,
        "env_id": names.variable,
        "wire": shape.wire,
        "decoder_arguments": shape.decoder_arguments,
        "model": f"{names.provider}-large",
        "base_url": f"https://api.{names.provider}.example/v1",
        "docs_url": f"https://docs.{names.provider}.example/api",
        "today": date.today().isoformat(),
        "api": str(API_VERSION),
        "core_versions": _core_versions(),
    }


def _core_versions() -> str:
    """The core's versions a new package may ask for: this minor version, as long as there is no 1.0."""
    major, minor, *_ = (int(part) for part in importlib.metadata.version("modelyard").split(".")[:2])
    return f">={major}.{minor},<{major}.{minor + 1}" if major == 0 else f">={major}.{minor},<{major + 1}"


def _walk(folder: Traversable, place: Path) -> Iterator[tuple[Path, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, place / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield place / entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")


def _target(place: Path, names: Names) -> Path:
    renamed = [names.package if part == "package" else part for part in place.parts]
    return Path(*(f".{part[4:]}" if part.startswith("dot_") else part for part in renamed))
