"""How an app's own actions and events get their names."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

import pytest
from pydantic import BaseModel

from keepline import Action, ActionType, ClosedError, Event, EventType, RawEvent, SubmitError
from keepline._named import name_of, reply_type
from keepline._requests import NOTHING, named_payload
from keepline.errors import CallError, failure


@dataclass(frozen=True, slots=True)
class Added:
    id: int


@dataclass(frozen=True, slots=True)
class AddNote(Action[Added], name="note:add:v1"):
    text: str


class AddModel(BaseModel, Action[Added]):
    NAME: ClassVar[str] = "note:add:v2"
    text: str


class ModelAdded(BaseModel, Event):
    NAME: ClassVar[str] = "note:added:v2"
    id: int


@dataclass
class Nameless(Action[Any]):
    text: str


class NewNote(TypedDict):
    text: str


ADD_NOTE = ActionType("note:add:v3", NewNote, reply=Added)


def test_names_and_replies_are_found() -> None:
    assert (name_of(AddNote), reply_type(AddNote)) == ("note:add:v1", Added)
    assert (name_of(AddModel), reply_type(AddModel)) == ("note:add:v2", Added)
    assert reply_type(Nameless) is Any
    assert AddNote("milk") == AddNote("milk")


def test_each_form_of_a_submit_is_understood() -> None:
    assert named_payload(AddNote("a"), NOTHING) == ("note:add:v1", AddNote("a"), Added)
    assert named_payload(ADD_NOTE({"text": "a"}), NOTHING) == ("note:add:v3", {"text": "a"}, Added)
    assert named_payload("x", None) == ("x", None, Any)
    assert named_payload("x", NOTHING) == ("x", None, Any)


@pytest.mark.parametrize(
    ("action", "payload"),
    [(Nameless("a"), NOTHING), (AddNote, NOTHING), (AddNote("a"), {}), (ADD_NOTE({"text": "a"}), {}), (7, NOTHING)],
)
def test_what_is_no_action_is_a_type_error(action: Any, payload: Any) -> None:
    with pytest.raises(TypeError):
        named_payload(action, payload)


def test_a_raw_event_becomes_a_type_of_its_name() -> None:
    event = RawEvent("note:added:v2", {"id": 7})
    assert event.decode(ModelAdded) == ModelAdded(id=7)
    assert event.decode(EventType("note:added:v2", Added)) == Added(7)
    assert event.decode(EventType("another", Added)) is None
    with pytest.raises(ValueError, match="missing"):
        RawEvent("note:added:v2", {}).decode(EventType("note:added:v2", Added))


@pytest.mark.parametrize(
    ("operation", "code", "also"),
    [
        (SubmitError, "NOT_JSON", TypeError),
        (SubmitError, "BAD_FIELD", ValueError),
        (SubmitError, "CLOSED", ClosedError),
        (CallError, "TIMED_OUT", TimeoutError),
    ],
)
def test_an_error_is_what_pythons_users_catch_too(operation: Any, code: str, also: Any) -> None:
    error = failure(operation, code, "why", field="name")
    assert isinstance(error, operation)
    assert isinstance(error, also)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.code, again.text, again.details) == (code, "why", {"field": "name"})
