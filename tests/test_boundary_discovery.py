"""A package with damaged metadata harms itself only, whether it has to do with us or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from .packages import POINTS, lay, run_fresh

LIST = """
import logging, modelyard
logging.basicConfig(level="WARNING")
for row in modelyard.Runtime().plugins():
    print(row.distribution, row.name, row.state, row.stage, row.error)
"""
OURS = [f"modelyard-{name} {name} loaded" for name in ("claude", "gemini", "mistral", "openai")]

DAMAGED: dict[str, tuple[bytes, bytes]] = {
    "P01 a line without =": (b"[modelyard.providers]\nacme\n", b""),
    "a line without = in another group": (b"[console_scripts]\nacme\n" + POINTS, b""),
    "a byte that is no UTF-8": (POINTS + b"zo\xeb = z\n", b""),
    "a section that is not closed": (b"[modelyard.providers\nacme = acme_plugin\n", b""),
    "P01 and P03": (b"[modelyard.providers]\nacme\n", b"Author: Zo\xeb\n"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_package_of_ours_with_damaged_entry_points_is_set_aside_at_discovery(case: str, tmp_path: Path) -> None:
    points, metadata = DAMAGED[case]
    lay(tmp_path, points=points, metadata=metadata)
    said = run_fresh(tmp_path, LIST)
    assert all(row in said for row in OURS)
    assert "modelyard-acme modelyard-acme quarantined discovery entry_points.txt cannot be read" in said


@pytest.mark.parametrize("value", [b"", b"!!! no module", b"acme plugin"])
def test_an_entry_point_that_names_no_module_is_set_aside_at_discovery(value: bytes, tmp_path: Path) -> None:
    lay(tmp_path, points=b"[modelyard.providers]\nacme = " + value + b"\n")
    said = run_fresh(tmp_path, LIST)
    assert all(row in said for row in OURS)
    assert "modelyard-acme acme quarantined discovery entry_points.txt names no module for 'acme'" in said


UNRELATED = {
    "P02 a byte that is no UTF-8": b"[console_scripts]\nzo\xeb = z:main\n",
    "a line without =": b"[console_scripts]\nzoe\n",
    "a line before any section": b"zoe\n",
}


@pytest.mark.parametrize("case", UNRELATED)
def test_an_unrelated_package_with_damaged_entry_points_is_a_warning(case: str, tmp_path: Path) -> None:
    lay(tmp_path, name="zzz", points=UNRELATED[case], module=None)
    said = run_fresh(tmp_path, LIST)
    assert all(row in said for row in OURS)
    assert "zzz 1.0 is damaged and left out: entry_points.txt" in said


METADATA: dict[str, bytes | None] = {
    "P03 an author in latin-1": b"Author: Zo\xeb\n",
    "none at all": None,
    "other line ends": b"Author: Zoe\r\n\r\nlong text: with a colon\r\n",
}


@pytest.mark.parametrize("case", METADATA)
def test_a_package_is_loaded_whatever_its_metadata_say(case: str, tmp_path: Path) -> None:
    lay(tmp_path, metadata=METADATA[case])
    said = run_fresh(tmp_path, LIST)
    assert "modelyard-acme acme loaded" in said
    assert all(row in said for row in OURS)


def test_p06_a_module_that_does_not_parse_is_set_aside_at_import(tmp_path: Path) -> None:
    lay(tmp_path, module="def f(:\n")
    said = run_fresh(tmp_path, LIST)
    assert "modelyard-acme acme quarantined import SyntaxError" in said
    assert all(row in said for row in OURS)


def test_what_stands_where_metadata_should_harms_nobody(tmp_path: Path) -> None:
    """A file named like a folder of metadata, an empty one, and two of one package."""
    lay(tmp_path)
    (tmp_path / "zzz-1.0.dist-info").write_text("no folder")
    (tmp_path / "modelyard_acme-0.9.dist-info").mkdir()
    (tmp_path / ".dist-info").mkdir()
    twice = tmp_path / "modelyard_acme-2.0.dist-info"
    twice.mkdir()
    (twice / "entry_points.txt").write_bytes(POINTS)
    (twice / "METADATA").write_bytes(b"Name: modelyard-acme\nVersion: 2.0\n")
    said = run_fresh(tmp_path, LIST)
    assert said.count("modelyard-acme acme loaded") == 1
    assert all(row in said for row in OURS)


def test_a_call_of_a_damaged_package_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    lay(tmp_path, points=b"[modelyard.providers]\nacme\n")
    said = run_fresh(
        tmp_path,
        """
        import modelyard
        try:
            modelyard.Runtime().stream("acme:m", "hi")
        except modelyard.ConfigurationError as error:
            print(error)
        """,
    )
    assert "modelyard-acme 1.0 failed at discovery" in said
    assert "'acme' has no '='" in said


def test_looking_for_plugins_imports_no_parser_of_mail(tmp_path: Path) -> None:
    lay(tmp_path)
    modules = run_fresh(
        tmp_path,
        "import sys; from modelyard.loading.discovery import scan; scan(); print([n for n in sys.modules])",
    )
    assert "'importlib_metadata'" in modules
    assert "'email.parser'" not in modules
