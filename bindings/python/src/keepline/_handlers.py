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


class Handler:
    """A registered handler. `remove` it, or use it as a context; what it was called for stays taken."""

    def __init__(self, dispatcher: Dispatcher, entry: tuple[Any, Callback]) -> None:
        self._dispatcher = dispatcher
        self._entry = entry

    def remove(self) -> None:
        """It is not called any more. The last one of a stream gives the stream back."""
        self._dispatcher.remove(self._entry)

    def __enter__(self) -> Handler:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Dispatcher:
    """The handlers of one stream."""

    def __init__(self, stream: EventStream[Any], types: Types, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._types = types
        self._ended = ended
        self._entries: list[tuple[Any, Callback]] = []
        self._task = asyncio.ensure_future(self._run())

    def add(self, kind: Any, callback: Callback) -> Handler:
        if kind in (Reset, Gone, Refused):
            entry = (kind, callback)
        else:
            self._types.add(kind)
            entry = (kind.name if isinstance(kind, EventType) else name_of(kind), callback)
        self._entries.append(entry)
        return Handler(self, entry)

    def remove(self, entry: tuple[Any, Callback]) -> None:
        # By identity: two entries of the same function are two.
        self._entries = [other for other in self._entries if other is not entry]
        if not self._entries:
            self.end()

    def end(self) -> None:
        self._ended()
        self._stream.end()

    async def _run(self) -> None:
        async for item in self._stream:
            kind = self._stream.envelope(item).name or type(item)
            for entry in self._entries:
                if entry[0] == kind:
                    await _call(entry[1], item)
        self._ended()


async def _call(callback: Callback, item: Any) -> None:
    try:
        called = callback(item)
        if inspect.isawaitable(called):
            await called
    except Exception:
        # The stream goes on: one event that a handler cannot bear must not keep the others from it.
        log.exception("a handler raised")
