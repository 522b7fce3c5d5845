"""What the app says, as name and JSON text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._backend import RawArgs
from ._encode import NotJson, is_unicode, to_json
from ._named import PreparedAction, name_of, reply_type
from .errors import EventsError, KeeplineError, failure

NOTHING: Any = object()
"""What stands for a payload that was not given, since `None` is one."""
"""What stands for a payload that was not given, since `None` is one."""


def named_payload(action: Any, payload: Any) -> tuple[str, Any, Any]:
    """Name, payload and reply type of `submit(action)` or `submit(name, payload)`."""
    if isinstance(action, str):
        return action, None if payload is NOTHING else payload, Any
    if payload is not NOTHING:
        raise TypeError("an action is its own payload")
    if isinstance(action, PreparedAction):
        return action.type.name, action.payload, action.type.reply
    if isinstance(action, type):
        raise TypeError(f"an instance of {action.__name__} is wanted, and not the class")
    return name_of(action), action, reply_type(type(action))


def payload_json(value: Any, operation: type[KeeplineError]) -> str:
    """The payload as JSON, or the operation's error `NOT_JSON`."""
    try:
        return to_json(value)
    except NotJson as error:
        raise failure(operation, "NOT_JSON", str(error)) from error.__cause__


def raw_args(args: Sequence[Any], attachments: Sequence[bytes], operation: type[KeeplineError]) -> RawArgs:
    """Several arguments as a JSON array."""
    if isinstance(args, (str, bytes)):
        raise failure(operation, "NOT_JSON", "the arguments are a list, also where there is one")
    for one in attachments:
        if not isinstance(one, (bytes, bytearray, memoryview)):
            raise failure(operation, "NOT_JSON", f"an attachment is bytes, and not {type(one).__name__}")
    return RawArgs(payload_json(list(args), operation), attachments)


SURROGATE = "a lone surrogate is no text"
"""A `str` of Python may hold half of a pair, which no UTF-8 has."""


def checked_name(name: str, operation: type[KeeplineError]) -> None:
    """Raises the operation's `BAD_FIELD` where an action's name is no text."""
    if not is_unicode(name):
        raise failure(operation, "BAD_FIELD", SURROGATE, field="name")


def checked_id(id: str, operation: type[KeeplineError]) -> str:
    """The id, or the operation's `NOT_FOUND` where no id can be so."""
    if not is_unicode(id):
        raise failure(operation, "NOT_FOUND")
    return id


def checked_stream(stream: str) -> str:
    """The stream's name, or `BAD_STREAM` where it is no text."""
    if not is_unicode(stream):
        raise failure(EventsError, "BAD_STREAM", SURROGATE)
    return stream


def check_function(given: object, what: str) -> None:
    """Raises where it cannot be called, rather than at its first call, which nobody watches."""
    if not callable(given):
        raise TypeError(f"{what} is a function, and not {type(given).__name__}")
