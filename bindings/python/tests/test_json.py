"""An app's own types to JSON and back."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal, TypedDict, Union
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from keepline._decode import Mismatch, decode, decoder, parse
from keepline._encode import NotJson, to_json


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    x: int


@dataclass(frozen=True, slots=True)
class Everything:
    text: str
    number: float
    flag: bool
    inner: Inner
    inners: tuple[Inner, ...]
    by_name: dict[str, Inner]
    colour: Colour
    when: datetime
    id: UUID
    kind: Literal["a", 1]
    either: Union[Inner, str]
    pair: tuple[int, str]
    anything: Any
    maybe: int | None = None
    many: list[int] = field(default_factory=list)
    named: int = field(default=3, kw_only=True)


class Note(TypedDict):
    id: int
    text: str


class Model(BaseModel):
    id: int = Field(alias="noteId")
    when: datetime


EVERYTHING = Everything(
    text="ünï",
    number=1.5,
    flag=True,
    inner=Inner(1),
    inners=(Inner(2), Inner(3)),
    by_name={"a": Inner(4)},
    colour=Colour.RED,
    when=datetime(2026, 1, 1, tzinfo=timezone.utc),
    id=UUID("0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80"),
    kind=1,
    either="text",
    pair=(1, "b"),
    anything={"any": ["thing", None]},
    named=4,
)


def test_a_dataclass_comes_back_as_it_was() -> None:
    assert decode(Everything, json.loads(to_json(EVERYTHING))) == EVERYTHING


def test_unknown_fields_are_left_out_and_missing_ones_have_their_defaults() -> None:
    written = json.loads(to_json(EVERYTHING))
    assert "maybe" not in written
    del written["many"], written["named"]
    again = decode(Everything, {**written, "later": 1})
    assert (again.maybe, again.many, again.named) == (None, [], 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 1),
        ("number", "1"),
        ("number", True),
        ("flag", 1),
        ("inner", None),
        ("inners", {}),
        ("inners", [{"x": "1"}]),
        ("by_name", []),
        ("colour", "blue"),
        ("when", "yesterday"),
        ("id", "1"),
        ("kind", True),
        ("either", 1),
        ("pair", [1]),
        ("maybe", "1"),
        ("named", 1.0),
    ],
)
def test_another_shape_is_a_mismatch_that_does_not_say_the_value(name: str, value: Any) -> None:
    written = json.loads(to_json(EVERYTHING))
    with pytest.raises(Mismatch) as raised:
        decode(Everything, {**written, name: value})
    assert "yesterday" not in str(raised.value)
    assert "blue" not in str(raised.value)


def test_no_object_and_a_missing_field_are_mismatches() -> None:
    values: list[Any] = [None, [], "text", {}]
    for value in values:
        with pytest.raises(Mismatch):
            decode(Inner, value)


def test_a_whole_number_is_a_float_too() -> None:
    assert decode(float, 7) == 7.0


def test_a_typed_dict_is_checked() -> None:
    assert decode(Note, {"id": 1, "text": "a", "more": 2}) == {"id": 1, "text": "a", "more": 2}
    values: list[Any] = [{"id": 1}, {"id": "1", "text": "a"}, []]
    for value in values:
        with pytest.raises(Mismatch):
            decode(Note, value)


def test_a_pydantic_model_is_dumped_and_validated() -> None:
    model = Model(noteId=7, when=datetime(2026, 1, 1))
    assert json.loads(to_json(model)) == {"noteId": 7, "when": "2026-01-01T00:00:00"}
    assert decode(Model, {"noteId": 7, "when": "2026-01-01T00:00:00"}) == model
    with pytest.raises(Mismatch) as raised:
        decode(Model, {"noteId": "a secret", "when": "2026-01-01T00:00:00"})
    assert "a secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_type_that_json_has_nothing_for_is_a_type_error() -> None:
    for target in (object.__init__, complex, bytes):
        with pytest.raises(TypeError):
            decoder(target)


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"bytes",
        datetime(2026, 1, 1),
        math.nan,
        math.inf,
        {("a", "b"): 1},
        CIRCLE,
        "\ud800",
        deep(100_000),
        Inner,
    ],
    ids=["object", "set", "bytes", "naive", "nan", "infinity", "tuple key", "circle", "surrogate", "deep", "class"],
)
def test_what_cannot_be_json_says_so(value: Any) -> None:
    with pytest.raises(NotJson):
        to_json({"value": value})


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01t00:00:00.5z", 500_000),
        ("2026-01-01T00:00:00.123456789Z", 123_456),
        ("2026-01-01T02:00:00.000001+02:00", 1),
    ],
)
def test_every_fraction_of_rfc_3339_is_read(text: str, microsecond: int) -> None:
    assert decode(datetime, text) == datetime(2026, 1, 1, microsecond=microsecond, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Even:
    n: int

    def __post_init__(self) -> None:
        if self.n % 2:
            raise ValueError(self.n)


def test_what_a_type_refuses_itself_is_a_mismatch() -> None:
    assert decode(Even, {"n": 2}) == Even(2)
    with pytest.raises(Mismatch):
        decode(Even, {"n": 1})
    with pytest.raises(Mismatch):
        decode(float, 10**400)
    with pytest.raises(Mismatch):
        decode(datetime, "2026-01-01T00:00:00")


def test_an_integer_that_python_does_not_read_stays_text() -> None:
    digits = "7" * 5000
    assert parse(f'{{"a":[{digits},7,1.5]}}') == {"a": [digits, 7, 1.5]}
