"""The parameters of a Python function: a JSON Schema for the model, and a validator for what it writes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from modelyard.errors import ConfigurationError
from modelyard.tools.arguments import InvalidArgumentsError, list_problems
from modelyard.types.base import JsonObject
from modelyard.types.content import ToolCall

if TYPE_CHECKING:
    from docstring_parser import Docstring

__all__ = ["SignatureArguments", "describe"]


class _Schema(GenerateJsonSchema):
    """Pydantic's schema without the titles it makes of field names, which only cost tokens."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 declared so by pydantic

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class SignatureArguments:
    """Parameters of a function, read from its signature and the descriptions in its docstring.

    A parameter annotated with ``ToolCall`` is no argument of the model's: it receives the call itself. A
    function with ``**kwargs`` takes what the model adds; others refuse arguments they do not know.

    Raises ``ConfigurationError`` for a signature that no JSON object can fill.
    """

    def __init__(self, function: Callable[..., Any], name: str, names: Mapping[str, Any], doc: Docstring) -> None:
        hints = _hints(function, name, names)
        texts = {entry.arg_name: entry.description for entry in doc.params if entry.description}
        self._names: dict[str, str] = {}
        self._always: set[str] = set()
        self._call_names: list[str] = []
        self._open = False
        fields: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                self._open = True
                continue
            _check_kind(parameter, name, first=not fields)
            hint = hints.get(parameter.name, Any)
            if hint is ToolCall or ToolCall in get_args(hint):
                self._call_names.append(parameter.name)
                continue
            # A field named like the parameter could hide a name of the model class, such as "copy".
            field = f"f{len(fields)}"
            fields[field] = _field(parameter, hint, texts.get(parameter.name))
            self._names[field] = parameter.name
            if isinstance(parameter.default, FieldInfo):
                self._always.add(field)
        self._model = self._build(name, fields)

    def _build(self, name: str, fields: dict[str, Any]) -> type[BaseModel]:
        config = ConfigDict(extra="allow" if self._open else "forbid", hide_input_in_errors=True)
        try:
            model: type[BaseModel] = create_model(name, __config__=config, **fields)
            self.schema = self._json_schema(model)
        except PydanticUserError as error:
            raise ConfigurationError(
                f"The tool {name!r} takes something JSON cannot express: {str(error).splitlines()[0]}",
                hint="Annotate its parameters with types pydantic can read from JSON.",
            ) from None
        return model

    def _json_schema(self, model: type[BaseModel]) -> JsonObject:
        schema = model.model_json_schema(by_alias=True, schema_generator=_Schema)
        schema.pop("title", None)
        if schema.get("additionalProperties") is True:
            del schema["additionalProperties"]
        return {**schema, "properties": schema.get("properties", {})}

    def read(self, call: ToolCall) -> dict[str, Any]:
        """The keyword arguments of a call; raises ``InvalidArgumentsError`` naming each field that is wrong."""
        try:
            values = self._validate(call.arguments or {})
        except ValidationError as error:
            raise InvalidArgumentsError(
                list_problems([(list(entry["loc"]), entry["msg"]) for entry in error.errors()])
            ) from None
        given = values.model_fields_set | self._always
        arguments = {self._names[field]: getattr(values, field) for field in self._names if field in given}
        return {**(values.model_extra or {}), **arguments, **dict.fromkeys(self._call_names, call)}

    def _validate(self, arguments: JsonObject) -> BaseModel:
        """Validate as JSON, where a date is text and a tuple a list; what JSON cannot carry, as it is."""
        import pydantic_core

        try:
            text = pydantic_core.to_json(arguments)
        except ValueError:
            return self._model.model_validate(arguments)
        return self._model.model_validate_json(text)


def describe(function: Callable[..., Any]) -> Docstring:
    """The docstring of a function, taken apart; Google, NumPy, Sphinx and epytext styles are understood."""
    from docstring_parser import parse

    return parse(inspect.getdoc(_plain(function)) or "")


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function whose annotations and docstring count."""
    if isinstance(function, functools.partial):
        return _plain(function.func)
    if inspect.isroutine(function):
        return cast("Callable[..., Any]", inspect.unwrap(function))
    return type(function).__call__


def _hints(function: Callable[..., Any], name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations; ``names`` are those visible where the function is defined, for local classes."""
    plain = _plain(function)
    try:
        return get_type_hints(plain, include_extras=True)
    except NameError:
        pass
    try:
        return get_type_hints(plain, localns=dict(names), include_extras=True)
    except NameError as error:
        raise ConfigurationError(f"An annotation of the tool {name!r} cannot be read: {error}.") from None


def _check_kind(parameter: inspect.Parameter, name: str, *, first: bool) -> None:
    if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
        raise ConfigurationError(
            f"The tool {name!r} cannot be called by name: its parameter {parameter.name!r} is positional only."
        )
    if first and parameter.name in ("self", "cls") and parameter.annotation is parameter.empty:
        raise ConfigurationError(
            f"The tool {name!r} is a method without its object.",
            hint="Make the tool of a bound method: tool(thing.method).",
        )


def _field(parameter: inspect.Parameter, hint: Any, description: str | None) -> tuple[Any, Any]:
    """A field's annotation and default; what the caller's own ``Field`` says wins."""
    base, extra = hint, ()
    if get_origin(hint) is Annotated:
        base, *rest = get_args(hint)
        extra = tuple(rest)
    ours = Field(alias=parameter.name, description=description)
    default = ... if parameter.default is parameter.empty else parameter.default
    return Annotated[(base, ours, *extra)], default
