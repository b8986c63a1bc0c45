"""Schemas as applications have them, each with an answer that fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """What is asked for, and the JSON a model answers with; ``refusals`` maps a provider to the path it lacks."""

    name: str
    output: Any
    answer: Any
    refusals: dict[str, str]


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    city: str = Field(description="The town, without its country.")
    zip: str | None = None


class Line(BaseModel):
    text: str
    quantity: int = Field(ge=1)
    price: Decimal = Field(ge=0, decimal_places=2)


class Invoice(BaseModel):
    number: str = Field(pattern=r"^INV-\d+$")
    issued: date
    seller: Address
    buyer: Address = Field(description="Who pays.")
    lines: list[Line] = Field(min_length=1)
    paid: bool = False


class Comment(BaseModel):
    author: str
    text: str
    replies: list[Comment] = []


class Employee(BaseModel):
    name: str
    leads: Department | None = None


class Department(BaseModel):
    name: str
    staff: list[Employee] = []


class Reading(BaseModel):
    value: int | float | str
    unit: Literal["C", "F"] | None


class Profile(BaseModel):
    name: str
    nickname: str = "none"
    age: int | None = None
    tags: list[str] = Field(default_factory=list)
    home: Address | None = None


class Priority(IntEnum):
    LOW = 1
    HIGH = 2


class Ticket(BaseModel):
    title: str
    priority: Priority
    version: Literal[1, 2]
    kind: Literal["ticket"] = "ticket"


class Measure(BaseModel):
    percent: float = Field(ge=0, le=100)
    count: int = Field(gt=0, lt=1_000)
    step: float = Field(multiple_of=0.5)


class Account(BaseModel):
    login: str = Field(min_length=3, max_length=12, pattern="^[a-z]+$")
    country: Annotated[str, Field(min_length=2, max_length=2)]
    mails: Annotated[list[str], Field(min_length=1, max_length=3)]


class Meeting(BaseModel):
    id: UUID
    day: date
    starts: datetime
    ends: datetime | None = None


class Scores(BaseModel):
    by_player: dict[str, int]


class Directory(BaseModel):
    entries: dict[str, Address]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool


class Shelter(BaseModel):
    animal: Annotated[Cat | Dog, Field(discriminator="kind")]
    others: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []


class Properties(BaseModel):
    required: bool
    items: list[str]


class Keywords(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    type: str
    title: str
    properties: Properties
    enum: list[str] | None = None
    ref: str = Field(alias="$ref")


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Place(BaseModel):
    position: tuple[float, float]
    moods: set[Mood]


class Movie(TypedDict):
    title: str
    year: int


class Event(BaseModel):
    name: str
    data: dict[str, Any]


PERSON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Person",
    "type": "object",
    "definitions": {
        "name": {"type": "string", "minLength": 1},
        "base": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    },
    "allOf": [{"$ref": "#/definitions/base"}],
    "properties": {
        "first": {"$ref": "#/definitions/name", "description": "The given name."},
        "last": {"$ref": "#/definitions/name"},
        "unit": {"enum": ["", "kg", "lb"]},
    },
    "required": ["first", "last"],
}

NULLABLE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"]},
        "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "c": {"enum": ["x", None]},
        "d": {"type": ["integer", "string"], "minimum": 3},
        "e": {"oneOf": [{"type": "boolean"}, {"type": "null"}]},
    },
    "required": ["a", "b", "c", "d"],
    "additionalProperties": False,
}

LABELS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "labels": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
    },
    "required": ["name", "labels"],
}

_ADDRESS = {"street": "Rue 1", "city": "Paris"}
_MAP = {"claude": "properties.by_player", "openai": "properties.by_player"}

CASES = (
    Case(
        "nested invoice",
        Invoice,
        {
            "number": "INV-7",
            "issued": "2026-11-02",
            "seller": _ADDRESS,
            "buyer": {**_ADDRESS, "zip": "75001"},
            "lines": [{"text": "Tea", "quantity": 2, "price": "3.50"}],
        },
        {},
    ),
    Case(
        "recursive comments",
        Comment,
        {"author": "A", "text": "Hi", "replies": [{"author": "B", "text": "Ho"}]},
        {"claude": "$defs.Comment.properties.replies.items.$ref"},
    ),
    Case(
        "departments of employees of departments",
        Department,
        {"name": "Sales", "staff": [{"name": "Ann", "leads": {"name": "North", "staff": []}}]},
        {"claude": "$ref"},
    ),
    Case("unions", Reading, {"value": "high", "unit": None}, {}),
    Case("optionals", Profile, {"name": "Ann", "home": {"street": "Rue 1", "city": "Paris"}}, {}),
    Case("enums of integers", Ticket, {"title": "Broken", "priority": 2, "version": 1}, {}),
    Case("constrained numbers", Measure, {"percent": 99.5, "count": 7, "step": 1.5}, {}),
    Case("constrained strings", Account, {"login": "ann", "country": "FR", "mails": ["a@example.com"]}, {}),
    Case(
        "dates and ids",
        Meeting,
        {
            "id": "8b5f3c0e-6a51-4c9e-9c3a-0c2f4f8e1a11",
            "day": "2026-11-25",
            "starts": "2026-11-25T09:30:00Z",
        },
        {},
    ),
    Case("a map of numbers", Scores, {"by_player": {"ann": 3, "bob": 5}}, _MAP),
    Case(
        "a map of objects",
        Directory,
        {"entries": {"ann": _ADDRESS}},
        {"claude": "properties.entries", "openai": "properties.entries"},
    ),
    Case(
        "a discriminated union",
        Shelter,
        {"animal": {"kind": "dog", "barks": True}, "others": [{"kind": "cat", "lives": 9}]},
        {},
    ),
    Case(
        "fields named like keywords",
        Keywords,
        {"type": "t", "title": "u", "properties": {"required": True, "items": ["a"]}, "$ref": "#/nowhere"},
        {},
    ),
    Case("a list at the root", list[Address], [_ADDRESS, {**_ADDRESS, "zip": "1"}], {}),
    Case("a word at the root", Literal["good", "bad"], "good", {}),
    Case("a union at the root", Cat | Dog, {"kind": "cat", "lives": 7}, {}),
    Case("a tuple and a set", Place, {"position": [48.85, 2.35], "moods": ["good"]}, {}),
    Case("a typed dict", list[Movie], [{"title": "Dune", "year": 2021}], {}),
    Case(
        "free-form data",
        Event,
        {"name": "click", "data": {"x": 1, "deep": {"y": [1, "2"]}}},
        {"claude": "properties.data", "openai": "properties.data"},
    ),
    Case(
        "definitions, allOf, references with siblings",
        PERSON,
        {"id": 1, "first": "A", "last": "B", "unit": "kg"},
        {},
    ),
    Case("everything nullable", NULLABLE, {"a": None, "b": 4, "c": None, "d": "five", "e": True}, {}),
    Case(
        "properties by pattern",
        LABELS,
        {"name": "pod", "labels": {"x-app": "web"}},
        {"claude": "properties.labels", "openai": "properties.labels"},
    ),
)
