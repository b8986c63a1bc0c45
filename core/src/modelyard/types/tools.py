"""Tools a model may call, and how it is told to choose among them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from modelyard.types.base import Frozen, JsonObject
from modelyard.types.controls import Cache
from modelyard.types.schema_check import check_schema

__all__ = ["Tool", "ToolChoice"]

ToolMode: TypeAlias = Literal["auto", "required", "none"]

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


class Tool(Frozen):
    """A function the model may ask for.

    ``parameters`` is a JSON Schema of type ``object``; left out, the tool takes no arguments. ``strict``
    asks the provider to hold the arguments to the schema, ``None`` leaves it to the provider.
    """

    name: str
    description: str = ""
    parameters: JsonObject = Field(default_factory=lambda: dict(_NO_PARAMETERS))
    strict: bool | None = None
    cache: Cache = False

    @model_validator(mode="before")
    @classmethod
    def _accept_chat_shape(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("type") == "function":
            function = value.get("function")
            return function if isinstance(function, dict) else {k: v for k, v in value.items() if k != "type"}
        return value

    @field_validator("name")
    @classmethod
    def _has_name(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("a tool needs a name")
        return name

    @field_validator("parameters", mode="before")
    @classmethod
    def _none_is_no_parameters(cls, value: Any) -> Any:
        return dict(_NO_PARAMETERS) if value is None else value

    @field_validator("parameters")
    @classmethod
    def _is_object_schema(cls, schema: JsonObject) -> JsonObject:
        problem = check_schema(schema)
        if problem is not None:
            raise ValueError(f"broken JSON Schema: {problem}")
        if schema.get("type", "object") != "object":
            raise ValueError("the schema of a tool's parameters must be of type object")
        return schema


class ToolChoice(Frozen):
    """``auto``, ``required``, ``none``, or one tool by ``name`` (then ``mode`` is ``required``)."""

    mode: ToolMode = "auto"
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value in ("auto", "required", "none"):
            return {"mode": value}
        if value == "any":
            return {"mode": "required"}
        return {"mode": "required", "name": value}
