"""The form an answer is to take: the caller's type or schema, and how an answer is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from modelyard.errors import InvalidRequestError
from modelyard.schema import is_object
from modelyard.structured.extract import extract_json, parse_partial
from modelyard.structured.restore import restore
from modelyard.types.base import JsonObject
from modelyard.types.controls import OutputFormat

__all__ = ["InvalidOutput", "OutputTarget"]

MOST_PROBLEMS = 10
WRAP: Final = "value"
"""The one property of the object that carries an answer which is no object itself."""


class InvalidOutput(Exception):
    """An answer is not what was asked for; ``problems`` says where and why, ``value`` is what it said."""

    def __init__(self, problems: tuple[str, ...], value: Any = None) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.value = value


class OutputTarget:
    """A type pydantic knows, a JSON Schema, an ``OutputFormat``, or ``"json"``.

    ``format`` is what providers are asked for. Each wants an object at the root, so anything else travels as the
    one property of an object, and comes out of it again. Raises ``InvalidRequestError`` for what is no such thing.
    """

    def __init__(self, output: Any) -> None:
        try:
            wanted = OutputFormat.model_validate(output).model_copy(update={"checked": True})
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InvalidRequestError(f"The request is not valid: output: {problem}.") from None
        self._schema = wanted.json_schema
        self.wrapped = wanted.json_schema is not None and not is_object(wanted.json_schema)
        self.format = _wrap(wanted) if self.wrapped else wanted
        self._check = _checker(output, wanted)

    @property
    def schema(self) -> JsonObject | None:
        """The schema providers are asked for; ``None`` for JSON of any form."""
        return self.format.json_schema

    def read(self, text: str) -> Any:
        """The validated object an answer says; raises ``InvalidOutput``."""
        try:
            value = extract_json(text, unique_keys=self.format.strict, want=self._root_types)
        except ValueError as error:
            raise InvalidOutput(
                (f"the answer is not the JSON asked for: {error}",), self.read_partial(text)
            ) from None
        return self._validate(value)

    def read_partial(self, text: str) -> Any:
        """Read an unfinished answer as plain JSON data; ``None`` when it says nothing yet."""
        value = parse_partial(text, self._root_types)
        return value.get(WRAP) if self.wrapped and isinstance(value, dict) and value.keys() <= {WRAP} else value

    @property
    def _root_types(self) -> type:
        return object if self._schema is None or self.wrapped else dict

    def _validate(self, value: Any) -> Any:
        if self.wrapped and isinstance(value, dict) and value.keys() == {WRAP}:
            value = value[WRAP]
        if self._schema is not None:
            value = restore(value, self._schema)
        return self._check(value)


def _wrap(wanted: OutputFormat) -> OutputFormat:
    assert wanted.json_schema is not None
    inner = {
        key: value for key, value in wanted.json_schema.items() if key not in ("$defs", "definitions", "$schema")
    }
    kept: JsonObject = {
        key: wanted.json_schema[key] for key in ("$defs", "definitions") if key in wanted.json_schema
    }
    outer = {
        "type": "object",
        "properties": {WRAP: inner},
        "required": [WRAP],
        "additionalProperties": False,
        **kept,
    }
    return wanted.model_copy(update={"json_schema": outer})


def _checker(output: Any, wanted: OutputFormat) -> Callable[[Any], Any]:
    if wanted.json_schema is None:
        return lambda value: value
    if isinstance(output, (dict, OutputFormat)):
        return _SchemaCheck(wanted.json_schema)
    return _TypeCheck(output)


class _TypeCheck:
    """Holds an answer to a type: as JSON, so that dates, sets and strict models read what JSON can write."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def __call__(self, value: Any) -> Any:
        try:
            return self._adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
        except RecursionError:
            raise InvalidOutput(("the answer is nested too deeply",), value) from None
        raise InvalidOutput(
            tuple(f"{_place(one['loc'])}{one['msg']}" for one in problems[:MOST_PROBLEMS]), value
        ) from None


class _SchemaCheck:
    """Holds an answer to a JSON Schema of the 2020-12 draft, formats included; nothing is fetched."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema

    def __call__(self, value: Any) -> Any:
        from jsonschema import Draft202012Validator, FormatChecker
        from jsonschema.exceptions import best_match
        from referencing import Registry

        formats = FormatChecker()
        formats.checks("date-time", raises=ValueError)(_is_date_time)
        validator = Draft202012Validator(self._schema, format_checker=formats, registry=Registry())
        try:
            errors = list(validator.iter_errors(value))
        except RecursionError:
            raise InvalidOutput(("the answer is nested too deeply",), value) from None
        if not errors:
            return value
        errors = [best_match([error]) or error for error in errors[:MOST_PROBLEMS]]
        raise InvalidOutput(
            tuple(f"{_place(error.absolute_path)}{_short(error.message)}" for error in errors), value
        )


def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _place(steps: Any) -> str:
    path = ".".join(str(step) for step in steps)
    return f"{path}: " if path else ""


def _short(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:200]}…"
