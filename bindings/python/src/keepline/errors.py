"""What a call raises. Trouble with the line is a status and an action's fate an outcome: neither is raised.

Each error says by its class which operation failed, and by `code` why; the codes are stable and in `docs/errors.md`.
Some causes are a second class besides, since Python's users catch them so: a payload that cannot be JSON is a
`TypeError`, an argument out of its range or a stream that is none a `ValueError`, a call without an answer a
`TimeoutError`, and everything after `shutdown` a `ClosedError`.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CallError",
    "ClosedError",
    "ControlError",
    "EventsError",
    "KeeplineError",
    "OpenError",
    "OutcomeError",
    "StoreError",
    "SubmitError",
]


class KeeplineError(Exception):
    """What every error of this package is."""

    def __init__(self, code: str, text: str = "", **details: Any) -> None:
        super().__init__(code, text)
        self.code: str = code
        """The stable code, such as `QUEUE_FULL`."""
        self.text: str = text
        """For people."""
        self.details: dict[str, Any] = details
        """What the code's row in `docs/errors.md` speaks of: `option`, `field`, `bytes` and `limit`, `found`."""

    def __str__(self) -> str:
        said = ", ".join([self.text, *(f"{name}={value}" for name, value in self.details.items())]).strip(", ")
        return f"{self.code}: {said}" if said else self.code

    def __reduce__(self) -> Any:
        operation = next(base for base in type(self).__mro__ if base in _OPERATIONS)
        return _again, (operation, self.code, self.text, self.details)


class ClosedError(KeeplineError):
    """The client was shut down, or was not opened yet."""


class OpenError(KeeplineError):
    """A client could not be opened. Nothing on disk was changed."""


class SubmitError(KeeplineError):
    """`submit` kept nothing."""


class ControlError(KeeplineError):
    """`cancel`, `retry` or `discard` failed."""


class OutcomeError(KeeplineError):
    """An outcome cannot be had."""


class CallError(KeeplineError):
    """`call` has no reply. With `TIMED_OUT`, `CLOSED` and `BAD_REPLY` it may have happened."""


class EventsError(KeeplineError):
    """A stream could not be opened."""


class StoreError(KeeplineError):
    """The local database failed."""


_OPERATIONS = (
    OpenError,
    SubmitError,
    ControlError,
    OutcomeError,
    CallError,
    EventsError,
    StoreError,
    ClosedError,
    KeeplineError,
)

_ALSO: dict[str, type[Exception]] = {
    "NOT_JSON": TypeError,
    "BAD_URL": ValueError,
    "BAD_CONFIG": ValueError,
    "BAD_FIELD": ValueError,
    "BAD_STREAM": ValueError,
    "LOGS_TAKEN": RuntimeError,
    "TIMED_OUT": TimeoutError,
    "CLOSED": ClosedError,
}


def failure(operation: type[KeeplineError], code: str, text: str = "", **details: Any) -> KeeplineError:
    """The error of an operation, with the second class that its code has."""
    return _class_of(operation, code)(code, text, **details)


def closed(text: str = "the client was shut down") -> ClosedError:
    """The error of what is no operation with errors of its own."""
    return ClosedError("CLOSED", text)


def _class_of(operation: type[KeeplineError], code: str) -> type[KeeplineError]:
    also = _ALSO.get(code)
    if also is None or issubclass(operation, also):
        return operation
    key = (operation, also)
    if key not in _classes:
        _classes[key] = type(operation.__name__, key, {"__module__": __name__, "__doc__": operation.__doc__})
    return _classes[key]


_classes: dict[tuple[type[KeeplineError], type[Exception]], type[KeeplineError]] = {}


def _again(operation: type[KeeplineError], code: str, text: str, details: dict[str, Any]) -> KeeplineError:
    return failure(operation, code, text, **details)
