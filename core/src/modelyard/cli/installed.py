"""Commands that packages bring: listed by their names, imported when somebody runs one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import typer
from typer.core import TyperGroup

from modelyard.cli.screen import Screen
from modelyard.errors import ConfigurationError
from modelyard.loading.extensions import Extensions
from modelyard.loading.kinds import COMMANDS
from modelyard.loading.policy import PluginPolicy

__all__ = ["CommandGroup"]


class CommandGroup(TyperGroup):
    """Our commands, and below them those of packages, which cannot take the place of one of ours.

    A package that cannot be imported spoils its own command and no other, the list of commands included.
    """

    @cached_property
    def _installed(self) -> Extensions:
        return Extensions(PluginPolicy.make())

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, ours first."""
        return [*super().list_commands(ctx), *self._installed.names(COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of our commands, or what stands in the list for one of a package."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self._installed.names(COMMANDS):
            return own
        return _entry(cmd_name, self._installed.where(COMMANDS, cmd_name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run; one of a package is imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name not in self.commands:
            command = self._load(name)
        return name, command, rest

    def _load(self, name: str) -> Any:
        try:
            extension = self._installed.get(COMMANDS, name)
        except ConfigurationError as error:
            Screen(stderr=True).say(str(error), "red")
            raise typer.Exit(1) from None
        extension.value.name = name
        return extension.value


def _entry(name: str, where: str) -> Any:
    """A command that is only listed; its help says where it comes from, and nothing is imported for it."""
    listed = typer.Typer(add_completion=False)

    @listed.command(name, help=f"From {where}.")
    def run() -> None: ...

    return typer.main.get_command(listed)
