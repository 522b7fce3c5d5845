"""Functions that are called for each event of a type. All of a stream's together are its one consumer."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Union

from ._named import EventType, name_of
from .events import Gone, Refused, Reset
from .streams import EventStream, Types

log = logging.getLogger("keepline.handlers")

Callback = Callable[[Any], Union[Awaitable[None], None]]

_INTERRUPTIONS = (Reset, Gone, Refused)


class Handler:
    """A registered handler. `remove` it, or use it as a context; what it was called for stays taken."""

    def __init__(self, dispatcher: Dispatcher, entry: _Entry) -> None:
        self._dispatcher = dispatcher
        self._entry = entry

    def remove(self) -> None:
        """It is not called any more. The last one of a stream gives the stream back."""
        self._dispatcher.remove(self._entry)

    def __enter__(self) -> Handler:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class _Entry:
    """What is called for which event. Two of the same function are two."""

    __slots__ = ("callback", "is_registered", "kind")

    def __init__(self, kind: Any, callback: Callback) -> None:
        self.kind: Any = kind
        self.callback: Callback = callback
        self.is_registered: bool = True


class Dispatcher:
    """The handlers of one stream."""

    def __init__(self, stream: EventStream[Any], name: str, types: Types, ended: Callable[[Dispatcher], None]) -> None:
        self._stream = stream
        self._name = name
        self._types = types
        self._ended = ended
        self._entries: list[_Entry] = []
        self._task = asyncio.ensure_future(self._run())

    def add(self, kind: Any, callback: Callback) -> Handler:
        try:
            entry = _Entry(self._key_of(kind), callback)
        except BaseException:
            self._end_unless_used()
            raise
        self._entries.append(entry)
        return Handler(self, entry)

    def remove(self, entry: _Entry) -> None:
        entry.is_registered = False
        self._entries = [other for other in self._entries if other is not entry]
        self._end_unless_used()

    def _key_of(self, kind: Any) -> Any:
        if kind in _INTERRUPTIONS:
            return kind
        self._types.add(kind)
        return kind.name if isinstance(kind, EventType) else name_of(kind)

    def _end_unless_used(self) -> None:
        if not self._entries:
            self._ended(self)
            self._stream.end()

    async def _run(self) -> None:
        try:
            async for item in self._stream:
                await self._dispatch(item)
        finally:
            self._ended(self)

    async def _dispatch(self, item: Any) -> None:
        kind = self._stream.envelope(item).name or type(item)
        # A handler may register and remove handlers.
        entries = [entry for entry in self._entries if entry.kind == kind]
        if not entries and isinstance(item, _INTERRUPTIONS):
            log.warning("%s has no handler for this: %s", self._name, _told(item))
        for entry in entries:
            if entry.is_registered:
                await _call(entry.callback, item)


def _told(item: Any) -> str:
    """What has happened, without the snapshot, which is the app's data."""
    if isinstance(item, Reset):
        return f"continuity was lost; handlers go on after offset {item.offset}"
    if isinstance(item, Refused):
        return f"the server refuses the stream with {item.code}; its handlers end"
    return "the stream is gone; its handlers end"


async def _call(callback: Callback, item: Any) -> None:
    """Calls a handler. The stream goes on whatever it raises: one event that it cannot bear must not keep the others
    from it."""
    try:
        called = callback(item)
        if not inspect.isawaitable(called):
            return
        waiting = asyncio.ensure_future(called)
    except (Exception, asyncio.CancelledError):
        log.exception("a handler raised")
        return
    try:
        # Not awaited itself: a handler may raise CancelledError, as awaiting a cancelled task does, and that would look
        # as if this were cancelled.
        await asyncio.wait([waiting])
    except BaseException:
        waiting.cancel()
        raise
    try:
        waiting.result()
    except (Exception, asyncio.CancelledError, GeneratorExit):
        log.exception("a handler raised")
