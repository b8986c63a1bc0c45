"""Tools: what is a usable declaration, and the error that says where one is broken."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelyard import Tool, ToolChoice
from modelyard.types.schema_check import check_schema


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ([], "must be an object"),
        ({"type": "objekt"}, "type is 'objekt'"),
        ({"type": "object", "properties": ["a"]}, "properties must be an object"),
        ({"type": "object", "properties": {"a": {"type": "strng"}}}, "properties.a.type is 'strng'"),
        ({"type": "object", "properties": {"a": "string"}}, "properties.a must be a schema object"),
        ({"type": "object", "required": "a"}, "required must be a list"),
        ({"properties": {"a": {"enum": []}}}, "properties.a.enum must be a list"),
        ({"properties": {"a": {"anyOf": []}}}, "properties.a.anyOf must be a list"),
        ({"properties": {"a": {"items": {"type": 3}}}}, "properties.a.items.type is 3"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "properties.a.$ref points to nothing"),
    ],
)
def test_a_broken_schema_is_named_with_its_place(schema: Any, complaint: str) -> None:
    problem = check_schema(schema)
    assert problem is not None
    assert complaint in problem


def test_a_good_schema_passes() -> None:
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["a", "b"]},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["type"],
        "$defs": {"item": {"type": ["string", "null"]}},
    }
    assert check_schema(schema) is None


def test_deep_nesting_is_refused_and_width_is_not() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(300):
        deep = {"type": "array", "items": deep}
    assert "nested deeper" in (check_schema(deep) or "")
    wide = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20_000)}}
    assert check_schema(wide) is None


def test_tools_can_be_written_in_the_chat_shape() -> None:
    nested = Tool.model_validate({"type": "function", "function": {"name": "f", "parameters": None}})
    flat = Tool.model_validate({"type": "function", "name": "f"})
    assert nested == flat == Tool(name="f")
    assert not flat.parameters.get("properties")


def test_a_tool_with_a_broken_schema_says_so() -> None:
    with pytest.raises(ValidationError, match=r"broken JSON Schema: properties\.a\.type"):
        Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "x"}}})
    with pytest.raises(ValidationError, match="of type object"):
        Tool(name="f", parameters={"type": "string"})
    with pytest.raises(ValidationError, match="needs a name"):
        Tool(name=" ")


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ("none", ToolChoice(mode="none")),
        ("get_weather", ToolChoice(mode="required", name="get_weather")),
    ],
)
def test_a_choice_is_a_mode_or_a_name(text: str, choice: ToolChoice) -> None:
    assert ToolChoice.model_validate(text) == choice
