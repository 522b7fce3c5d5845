"""From what the library gives to what an app gets, errors too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ._backend import Details, StreamItem
from ._decode import parse
from ._ffi import core
from .errors import (
    CallError,
    ControlError,
    EventsError,
    KeeplineError,
    OpenError,
    OutcomeError,
    StoreError,
    SubmitError,
    closed,
    failure,
)
from .events import Gone, Lagged, Refused, Reset, ResetReason
from .outbox import ActionState, Changed, OutboxChange, OutboxEntry, Renamed, RolledBack, Settled
from .outcome import Accepted, Cancelled, Expired, Indeterminate, Outcome, Rejected, Reply, Sent
from .status import (
    AuthRequired,
    AuthTrouble,
    Closed,
    Connecting,
    Idle,
    Line,
    LineTrouble,
    Offline,
    Online,
    Status,
    Suspended,
    Waiting,
)

JSON_DEPTH_MAX = 64
"""How deep JSON may nest, by the protocol."""


@contextlib.contextmanager
def raising(source: Any, operation: type[KeeplineError]) -> Iterator[None]:
    """The library's errors of one operation become the package's."""
    try:
        yield
    except source as error:
        raise _failure(error, operation) from None
    except core.CoreClosedError:
        raise failure(operation, "CLOSED") from None


@contextlib.contextmanager
def unless_closed() -> Iterator[None]:
    try:
        yield
    except core.CoreClosedError:
        raise closed() from None


def _failure(error: Any, operation: type[KeeplineError]) -> Exception:
    case = type(error).__name__
    if case == "BadStream":
        return failure(operation, "BAD_STREAM", "a stream is 'user', or 'job:' and an id")
    if case == "Rejected":
        return failure(operation, "REJECTED", error.text, rejection=error.rejection)
    if case == "NotJson":
        # What is handed over is JSON already, so that this is all that is left.
        return failure(operation, "NOT_JSON", f"it nests deeper than {JSON_DEPTH_MAX}")
    details = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    if case == "BadConfig":
        details["option"] = _OPTIONS.get(details["option"], details["option"])
    return failure(operation, _CODES[operation].get(case) or _CODES[KeeplineError][case], **details)


# The library names a part of an option where it is given part by part there.
_OPTIONS = {"extra_root_pem": "extra_roots_pem", "pinned_key": "pinned_keys", "lane_policy": "lanes"}

_CODES: dict[type[KeeplineError], dict[str, str]] = {
    KeeplineError: {
        "BadConfig": "BAD_CONFIG",
        "BadField": "BAD_FIELD",
        "BadReply": "BAD_REPLY",
        "BadUrl": "BAD_URL",
        "Busy": "BUSY",
        "Closed": "CLOSED",
        "Corrupt": "STORE_CORRUPT",
        "DiskFull": "DISK_FULL",
        "Full": "DISK_FULL",
        "IdConflict": "ID_CONFLICT",
        "InUse": "IN_USE",
        "Io": "STORE_IO",
        "NewerSchema": "STORE_NEWER",
        "NotFound": "NOT_FOUND",
        "NotJson": "NOT_JSON",
        "NotOnline": "NOT_ONLINE",
        "NotParked": "NOT_PARKED",
        "QueueFull": "QUEUE_FULL",
        "Settled": "SETTLED",
        "Store": "STORE_FAILED",
        "StoreBusy": "STORE_BUSY",
        "Suspended": "SUSPENDED",
        "TimedOut": "TIMED_OUT",
        "TooLarge": "TOO_LARGE",
        "TooMany": "TOO_MANY_STREAMS",
        "TooManyLanes": "TOO_MANY_LANES",
        "WrongKey": "STORE_WRONG_KEY",
    },
    OpenError: {},
    SubmitError: {},
    ControlError: {},
    OutcomeError: {},
    CallError: {},
    EventsError: {"InUse": "STREAM_IN_USE"},
    StoreError: {"Busy": "STORE_BUSY"},
}


def detailed(item: Any) -> StreamItem:
    details = item[5]
    if details is None:
        return item  # type: ignore[no-any-return]
    ack = details.ack
    made = Details(details.args, tuple(details.attachments), None if ack is None else ack.send)
    return (*item[:5], made)


def then_of(then: Any) -> StreamItem:
    if then.is_RESET():
        reset = then.reset
        snapshot = None if reset.snapshot is None else parse(reset.snapshot)
        return Reset(reset.epoch, reset.offset, ResetReason[reset.reason.name], snapshot)
    if then.is_LAGGED():
        return Lagged(then.count)
    return Refused(then.code) if then.is_REFUSED() else Gone()


def _case(value: Any) -> str:
    """The name of an enum's variant, whose class the generated module calls `CoreLine.IDLE`."""
    return type(value).__name__.rpartition(".")[2]


def reply_of(reply: Any) -> Reply:
    if reply.payload is None:
        return Reply(is_forgotten=True)
    return Reply(parse(reply.payload), tuple(reply.attachments))


def outcome_of(outcome: Any) -> Outcome[Reply]:
    if outcome.is_ACCEPTED():
        return Accepted(reply_of(outcome.reply))
    if outcome.is_REJECTED():
        return Rejected(outcome.rejection.code, outcome.rejection.text)
    return _PLAIN_OUTCOMES[_case(outcome)]


_PLAIN_OUTCOMES: dict[str, Outcome[Reply]] = {
    "EXPIRED": Expired(),
    "CANCELLED": Cancelled(),
    "INDETERMINATE": Indeterminate(),
    "SENT": Sent(),
}


def entry_of(entry: Any) -> OutboxEntry:
    error = entry.last_error
    return OutboxEntry(
        id=entry.id,
        name=entry.name,
        payload=parse(entry.payload),
        lane=entry.lane,
        label=entry.label,
        state=ActionState[entry.state.name],
        attempts=entry.attempts,
        age=timedelta(milliseconds=entry.age_ms),
        outcome=None if entry.outcome is None else outcome_of(entry.outcome),
        last_error=None if error is None else Rejected(error.code, error.text),
        rolled_back=entry.rolled_back,
    )


def change_of(change: Any) -> OutboxChange:
    if change.is_CHANGED():
        return Changed(change.id)
    if change.is_SETTLED():
        return Settled(change.id, outcome_of(change.outcome))
    if change.is_RENAMED():
        return Renamed(change.old, change.new)
    if change.is_ROLLED_BACK():
        return RolledBack(tuple(change.ids))
    return Lagged(change.count)


def status_of(status: Any) -> Status:
    oldest = None if status.oldest_ms is None else timedelta(milliseconds=status.oldest_ms)
    return Status(_line(status.line), status.pending, status.parked, oldest)


def _line(line: Any) -> Line:
    if line.is_ONLINE():
        return Online(line.resumed)
    if line.is_WAITING():
        reason = LineTrouble[line.reason.name]
        return Waiting(timedelta(milliseconds=line.retry_in_ms), line.attempt, reason)
    if line.is_AUTH_REQUIRED():
        return AuthRequired(AuthTrouble[line.reason.name], line.code)
    return _PLAIN_LINES[_case(line)]


_PLAIN_LINES: dict[str, Line] = {
    "IDLE": Idle(),
    "CONNECTING": Connecting(),
    "OFFLINE": Offline(),
    "SUSPENDED": Suspended(),
    "CLOSED": Closed(),
}
