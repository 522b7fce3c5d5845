"""What comes on a stream."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Union

from . import catalogue
from ._decode import decode
from ._encode import to_json
from ._named import Event, EventType, name_of

__all__ = [
    "USER",
    "Envelope",
    "Event",
    "EventType",
    "Gone",
    "Item",
    "Lagged",
    "RawEvent",
    "Refused",
    "Reset",
    "ResetReason",
    "job_stream",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

USER = "user"
"""The stream of the account."""


def job_stream(job: str) -> str:
    """The stream of a job's events."""
    return f"job:{job}"


class ResetReason(enum.Enum):
    """Why continuity was lost."""

    TRIMMED = "Trimmed"
    """The log was trimmed beyond the cursor."""
    EPOCH_CHANGED = "EpochChanged"
    """The log was begun anew."""
    AHEAD = "Ahead"
    """The cursor was ahead of the log."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Continuity was lost: discard what was built up, take the snapshot, go on right after it."""

    epoch: str
    """The log's incarnation now."""
    offset: int
    """The place of the snapshot."""
    reason: ResetReason
    """Why."""
    snapshot: Any = None
    """What the events up to `offset` add up to; `None` where the server has none."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The stream ended and was removed. Nothing comes after it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not give this stream and would say so again. Nothing comes after it; the cursor stays."""

    code: str
    """The stable code: `FORBIDDEN`, `BAD_REQUEST`."""


@dataclass(frozen=True, slots=True)
class Lagged:
    """The reader was slow, and so many items are lost to it."""

    count: int


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event that has none of the known names, or another shape than its name promises."""

    name: str
    """Its name."""
    payload: Any = None
    """Its first argument; a Keepline server sends one."""
    args: tuple[Any, ...] = ()
    """Every argument. The place of an attachment holds `{"_placeholder": True, "num": N}`."""
    attachments: tuple[bytes, ...] = ()
    """Binary attachments."""
    _acknowledge: Callable[[str], Awaitable[None]] | None = field(default=None, repr=False, compare=False)

    @property
    def wants_ack(self) -> bool:
        """Whether an existing server waits for `ack`."""
        return self._acknowledge is not None

    async def ack(self, *args: Any) -> None:
        """Answers an existing server that asked for it. (This moves no cursor.)

        Where the connection is gone, or the server did not ask, nothing happens. What cannot be JSON is a `TypeError`.
        """
        if self._acknowledge is not None:
            try:
                text = to_json(args)
            except Exception as error:
                raise TypeError(f"the acknowledgement cannot be JSON: {error}") from error
            await self._acknowledge(text)

    def decode(self, kind: type[T] | EventType[T]) -> T | None:
        """The event as a type; `None` where the type has another name.

        Raises `ValueError` where the name is right and the payload has another shape.
        """
        if isinstance(kind, EventType):
            name, target = kind.name, kind.type
        else:
            name, target = name_of(kind), kind
        made: T | None = decode(target, self.payload) if name == self.name else None
        return made


@dataclass(frozen=True, slots=True)
class Envelope(Generic[T_co]):
    """An item of a stream with its place."""

    item: T_co
    """The event, `Reset`, `Gone` or `Lagged`."""
    name: str | None
    """The event's name; `None` for an item that is no event."""
    epoch: str | None
    """The log's incarnation; offsets of another one mean nothing."""
    offset: int | None
    """The place in the stream, from 1 without a hole; `None` for what has none."""
    time: str | None
    """When the server wrote it (RFC 3339)."""


Item = Union[
    catalogue.JobCreated,
    catalogue.JobProgress,
    catalogue.JobCompleted,
    catalogue.JobFailed,
    catalogue.JobCancelled,
    catalogue.SearchResult,
    catalogue.ResearchFinding,
    catalogue.ModelChunk,
    catalogue.TestRecorded,
    catalogue.TestTick,
    RawEvent,
    Reset,
    Gone,
    Refused,
]
"""What comes on a stream whose reader names no types of its own."""

CATALOGUE: tuple[type[Event], ...] = (
    catalogue.JobCreated,
    catalogue.JobProgress,
    catalogue.JobCompleted,
    catalogue.JobFailed,
    catalogue.JobCancelled,
    catalogue.SearchResult,
    catalogue.ResearchFinding,
    catalogue.ModelChunk,
    catalogue.TestRecorded,
    catalogue.TestTick,
)
