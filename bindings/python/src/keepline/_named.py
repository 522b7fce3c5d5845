"""What an app's own actions and events are named by."""

from __future__ import annotations

import typing
from typing import Any, ClassVar, Generic, TypeVar, overload

R = TypeVar("R", covariant=True)
P = TypeVar("P")
T = TypeVar("T")
U = TypeVar("U")


class Action(Generic[R]):
    """The base of an action, which names it and the type of its reply.

    >>> @dataclass(frozen=True, slots=True)
    ... class AddNote(keepline.Action[NoteAdded], name="note:add:v1"):
    ...     text: str

    The class is a dataclass or a pydantic model; the latter says `NAME: ClassVar[str] = "note:add:v1"` in its body, as
    `name` means something else to it before Python 3.11. A field that is `None` by default is not sent while it is. The
    reply's type may be anything that `keepline.EventType` takes; `Any` leaves the reply as JSON gave it.
    """

    __slots__ = ()
    NAME: ClassVar[str]
    """The action's name and version."""

    def __init_subclass__(cls, *, name: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if name is not None:
            cls.NAME = name


class Event:
    """The base of an event, which names it.

    >>> @dataclass(frozen=True, slots=True)
    ... class NoteAdded(keepline.Event, name="note:added:v1"):
    ...     id: int

    The class is a dataclass or a pydantic model; the latter says `NAME: ClassVar[str] = "note:added:v1"` in its body.
    Fields that it does not have are left out when one arrives.
    """

    __slots__ = ()
    NAME: ClassVar[str]
    """The event's name and version."""

    def __init_subclass__(cls, *, name: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if name is not None:
            cls.NAME = name


class ActionType(Generic[P, R]):
    """An action whose payload's type cannot have a name of its own: a `TypedDict`, or a class of somebody else.

    >>> ADD_NOTE = keepline.ActionType("note:add:v1", NewNote, reply=NoteAdded)
    >>> await client.submit(ADD_NOTE({"text": "milk"}))
    """

    __slots__ = ("name", "payload", "reply")

    @overload
    def __init__(self: ActionType[T, U], name: str, payload: type[T], reply: type[U]) -> None: ...

    @overload
    def __init__(self: ActionType[T, Any], name: str, payload: type[T]) -> None: ...

    def __init__(self, name: str, payload: Any, reply: Any = Any) -> None:
        self.name: str = name
        self.payload: Any = payload
        self.reply: Any = reply

    def __call__(self, payload: P) -> Action[R]:
        """The action with this payload."""
        return PreparedAction(self, payload)

    def __repr__(self) -> str:
        return f"ActionType({self.name!r})"


class PreparedAction(Action[R]):
    """A payload with its `ActionType`."""

    __slots__ = ("payload", "type")

    def __init__(self, type: ActionType[Any, R], payload: Any) -> None:
        self.type = type
        self.payload: Any = payload


class EventType(Generic[T]):
    """An event whose type cannot have a name of its own: a `TypedDict`, or a class of somebody else.

    >>> NOTE_ADDED = keepline.EventType("note:added:v1", NoteAdded)
    >>> async for event in client.events("user", NOTE_ADDED): ...
    """

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: type[T]) -> None:
        self.name: str = name
        self.type: Any = type

    def __repr__(self) -> str:
        return f"EventType({self.name!r})"


def reply_type(action: type[Any]) -> Any:
    """What stands between the brackets of `Action[...]`; `Any` where nothing does."""
    for base in action.__mro__:
        for parent in base.__dict__.get("__orig_bases__", ()):
            if typing.get_origin(parent) is Action:
                (reply,) = typing.get_args(parent)
                return Any if isinstance(reply, TypeVar) else reply
    return Any


def name_of(kind: Any) -> str:
    """The name of an action's or event's type."""
    name = getattr(kind, "NAME", None)
    if not isinstance(name, str):
        raise TypeError(
            f'{kind!r} has no name: give it one, as in `class AddNote(keepline.Action, name="note:add:v1")`'
        )
    return name
