"""An option of the command line for each constraint on routing, made from the fields of ``Constraints``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from typing import Annotated, Any, Final, TypeAlias, get_type_hints

import typer

from modelyard.catalog.constraints import Constraints

__all__ = ["Given", "with_constraints"]

Given: TypeAlias = dict[str, Any]
"""The constraints that were given, by their names: what ``route`` of a call and ``find`` of a catalog take."""

_HINTS: Final = get_type_hints(Constraints)


def with_constraints(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, in the place of its parameter ``constraints``, which gets the ones given."""
    options = [_parameter(entry) for entry in fields(Constraints)]
    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command, eval_str=True).parameters.values():
        parameters += options if own.name == "constraints" else [own]

    @wraps(command)
    def run(**values: Any) -> None:
        given = {option.name: values.pop(option.name) for option in options}
        command(**values, constraints={name: value for name, value in given.items() if _is_said(value)})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where typer looks
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(entry: Field[Any]) -> inspect.Parameter:
    """The option of one constraint; its words stand beside the field."""
    kind, default = _HINTS[entry.name], entry.default
    if kind == tuple[str, ...]:
        kind, default = list[str] | None, None
    names = entry.metadata.get("options", (f"--{entry.name.replace('_', '-')}",))
    option = typer.Option(*names, help=entry.metadata["help"])
    return inspect.Parameter(
        entry.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _is_said(value: object) -> bool:
    """True for an option that was given; 0 is a bound like any other."""
    return value is not None and value is not False and value != []
