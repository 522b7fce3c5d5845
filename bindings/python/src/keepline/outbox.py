"""The queue: what is pending, parked or settled."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Union

from .events import Lagged
from .outcome import Outcome, Rejection, Reply

__all__ = ["ActionState", "Changed", "OutboxChange", "OutboxEntry", "Renamed", "RolledBack", "Settled"]


class ActionState(enum.Enum):
    """Where an action stands."""

    QUEUED = "Queued"
    """Never sent."""
    SENT = "Sent"
    """Sent, its outcome is not known."""
    VOIDING = "Voiding"
    """The server is being asked to void it."""
    PARKED = "Parked"
    """It could not be delivered, and waits for `retry` or `discard`."""
    SETTLED = "Settled"
    """It has its outcome."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A row of the queue."""

    id: str
    """The action's id."""
    name: str
    """Its name."""
    payload: Any
    """Its payload; of a raw action the list of its arguments."""
    lane: str | None
    """Its lane; `None` is the default lane."""
    label: str | None
    """The app's own string."""
    state: ActionState
    """Where it stands."""
    attempts: int
    """How many attempts have failed in a way that counts."""
    age: timedelta
    """How long ago it was submitted."""
    outcome: Outcome[Reply] | None
    """Its outcome, where it has one."""
    last_error: Rejection | None
    """What the server said the last time it did not accept it."""
    rolled_back: bool
    """The server lost this settled action when it was restored from a backup."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An action was added, or changed its state."""

    id: str
    """Its id."""


@dataclass(frozen=True, slots=True)
class Settled:
    """An action has its outcome."""

    id: str
    """Its id."""
    outcome: Outcome[Reply]
    """Its outcome, the reply as it came."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """An action is retried under another id."""

    old: str
    """The id until now."""
    new: str
    """The id from now on."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The server has lost these settled actions: it was restored from a backup."""

    ids: tuple[str, ...]
    """Their ids."""


OutboxChange = Union[Changed, Settled, Renamed, RolledBack, Lagged]
"""Something that happened to the queue."""
