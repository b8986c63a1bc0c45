"""``modelyard new-provider``: write a package and say what to do with it."""

from __future__ import annotations

from pathlib import Path

from modelyard.cli.screen import Screen
from modelyard.errors import ConfigurationError
from modelyard.scaffold import SHAPES, check_name, write_project

__all__ = ["new_provider"]


def new_provider(screen: Screen, name: str, shape: str, folder: Path | None) -> None:
    """Write a provider's package; raises ``ConfigurationError`` for a name, shape or folder that cannot be."""
    if shape not in SHAPES:
        raise ConfigurationError(f"There is no shape {shape!r}.", hint=f"The shapes are: {', '.join(SHAPES)}.")
    names = check_name(name)
    target = folder if folder is not None else Path(names.distribution)
    try:
        written = write_project(names, SHAPES[shape], target)
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror or type(error).__name__}.",
            hint="Name another folder with --dir.",
        ) from None
    screen.say(f"Wrote {len(written)} files to {target}.")
    steps = (
        f"cd {target}",
        "python -m venv .venv && .venv/bin/pip install -e '.[test]'",
        ".venv/bin/pytest",
        f".venv/bin/modelyard models --provider {names.provider}",
    )
    screen.say("Next:\n" + "\n".join(f"  {step}" for step in steps))
