"""The catalogue against the golden files of the protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keepline import Action, Event, catalogue
from keepline._decode import decode
from keepline._encode import to_json
from keepline._named import reply_type
from keepline.events import CATALOGUE

GOLDEN = Path(__file__).parents[3] / "protocol" / "golden"

# What the client and the server say to each other, and no app: see docs/protocol.md.
OF_THE_SESSION = {
    "action:void:v1",
    "auth:expired:v1",
    "auth:expiring:v1",
    "auth:refresh:v1",
    "ledger:check:v1",
    "server:draining:v1",
    "session:ready:v1",
    "stream:subscribe:v1",
    "stream:unsubscribe:v1",
}
# It takes and gives any JSON, so no type says more than the name.
UNTYPED = {"test:echo:v1"}


def golden(folder: str) -> dict[str, dict[str, Any]]:
    files = [json.loads(path.read_text()) for path in sorted((GOLDEN / folder).glob("*.json"))]
    return {file["name"]: file for file in files if file["name"] not in OF_THE_SESSION | UNTYPED}


def of_catalogue(base: type[Any]) -> dict[str, Any]:
    kinds: list[Any] = [kind for kind in vars(catalogue).values() if isinstance(kind, type) and issubclass(kind, base)]
    return {kind.NAME: kind for kind in kinds if kind is not base}


def without_nothing(value: Any) -> Any:
    """A field that is null says the same as one that is absent, and is written so."""
    if isinstance(value, dict):
        return {name: without_nothing(item) for name, item in value.items() if item is not None}
    return value


def without_defaults(kind: type[Any], value: dict[str, Any]) -> dict[str, Any]:
    defaults = {name: field.default for name, field in kind.__dataclass_fields__.items()}
    return {name: item for name, item in value.items() if item is not None and defaults.get(name) != item}


def test_every_golden_name_has_its_type() -> None:
    assert of_catalogue(Action).keys() == golden("actions").keys()
    assert of_catalogue(Event).keys() == golden("events").keys()
    assert {kind.NAME for kind in CATALOGUE} == golden("events").keys()


@pytest.mark.parametrize("file", golden("events").values(), ids=lambda file: file["name"])
def test_every_golden_event_is_decoded(file: dict[str, Any]) -> None:
    kind = of_catalogue(Event)[file["name"]]
    assert kind.__name__ == file["payload"]["type"]
    for example in file["payload"]["examples"]:
        event = decode(kind, example)
        assert isinstance(event, kind)
        assert without_defaults(kind, json.loads(to_json(event))) == without_defaults(kind, example)


@pytest.mark.parametrize("file", golden("actions").values(), ids=lambda file: file["name"])
def test_every_golden_action_is_encoded(file: dict[str, Any]) -> None:
    kind = of_catalogue(Action)[file["name"]]
    assert kind.__name__ == file["payload"]["type"]
    for example in file["payload"]["examples"]:
        written = json.loads(to_json(kind(**example)))
        # A default that is written says the same as one that is left out.
        assert example.items() <= written.items()
        assert without_defaults(kind, written) == without_defaults(kind, example)
    for example in file["reply"]["examples"]:
        reply = decode(reply_type(kind), example)
        assert without_nothing(json.loads(to_json(reply))) == without_nothing(example)
