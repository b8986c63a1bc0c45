"""What the core's tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

InstallPlugin = Callable[..., None]
InstallPackage = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and URLs of the developer's environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "MISTRAL_", "GEMINI_", "GOOGLE_", "MODELYARD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)  # no list of models of the developer's either


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPlugin:
    """Install a distribution with one provider entry point, as pip would leave it on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_plugin(
        distribution: str, provider: str, source: str, *, version: str = "1.0", module: str | None = None
    ) -> None:
        module = module or f"{distribution.replace('-', '_')}_plugin"
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[modelyard.providers]\n{provider} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install_plugin


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPackage:
    """Install a distribution with entry points of any group, ``{"modelyard.tools": {"dice": "roll"}}``.

    An entry point names what its module holds, or is empty for the module itself.
    """
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_package(distribution: str, groups: Mapping[str, Mapping[str, str]], source: str) -> None:
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = []
        for group, entries in groups.items():
            lines.append(f"[{group}]")
            lines += [f"{name} = {module}{target and f':{target}'}" for name, target in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install_package
