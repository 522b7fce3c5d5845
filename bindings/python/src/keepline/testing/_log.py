"""The streams of the fake: logs that a test writes and a consumer reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .._backend import Details, RawItem, StreamItem
from .._encode import to_json
from .._named import EventType
from ..errors import EventsError, failure
from ..events import Gone, Lagged, RawEvent, Refused, Reset

EPOCH = "fake"


class Signal:
    """Wakes everybody who waits."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Log:
    """What was delivered on one stream, and how far its consumer has taken it."""

    def __init__(self) -> None:
        self.items: list[StreamItem] = []
        self.taken = 0
        self.consumer: FakeEvents | None = None
        self._offset = 0

    def add(self, item: Any) -> None:
        """An event, a `RawEvent`, or what interrupts a stream."""
        if isinstance(item, Reset):
            self._offset = item.offset
            self.items.append(item)
        elif isinstance(item, (Gone, Refused, Lagged)):
            self.items.append(item)
        else:
            self._offset += 1
            self.items.append(_raw(item, self._offset))

    def place_after(self, offset: int) -> int:
        """The index of the first item beyond an offset."""
        for index, item in enumerate(self.items):
            if isinstance(item, tuple) and item[2] is not None and item[2] > offset:
                return index
        return len(self.items)


def _raw(item: Any, offset: int) -> RawItem:
    if isinstance(item, RawEvent):
        details = None
        if len(item.args) > 1 or item.attachments or item.wants_ack:
            args = [to_json(arg) for arg in item.args]
            details = Details(args, item.attachments, item._acknowledge)
        return item.name, to_json(item.payload), offset, EPOCH, None, details
    if isinstance(item, tuple):
        kind, payload = item
        name = kind.name if isinstance(kind, EventType) else kind
        return name, to_json(payload), offset, EPOCH, None, None
    return type(item).NAME, to_json(item), offset, EPOCH, None, None


class FakeEvents:
    """A consumer of a log, or a tap on it."""

    def __init__(self, log: Log, signal: Signal, is_online: Callable[[], bool], begin: int) -> None:
        self._log = log
        self._signal = signal
        self._is_online = is_online
        self._begin = begin
        self._number = 0
        self._given = 0
        self._is_consumer = False
        self._has_ended = False

    @classmethod
    def consumer(cls, log: Log, signal: Signal, is_online: Callable[[], bool]) -> FakeEvents:
        if log.consumer is not None:
            raise failure(EventsError, "STREAM_IN_USE")
        made = cls(log, signal, is_online, log.taken)
        made._is_consumer = True
        log.consumer = made
        return made

    async def next_events(self, held: int, taken: int, most: int) -> tuple[int, list[StreamItem]]:
        if held == self._number:
            self._take(taken)
            self._begin += self._given
            self._given = 0
            while not self._has_ended and (not self._is_online() or self._begin >= len(self._log.items)):
                await self._signal.wait()
            self._number += 1
        # Otherwise the last batch did not arrive, and comes again.
        batch = [] if self._has_ended else self._log.items[self._begin : self._begin + most]
        self._given = len(batch)
        return self._number, batch

    def ack_up_to(self, offset: int) -> None:
        if self._is_consumer:
            handed_out = self._begin + self._given
            self._log.taken = max(self._log.taken, min(self._log.place_after(offset), handed_out))

    def end(self, held: int, taken: int) -> None:
        if held == self._number:
            self._take(taken)
        self._has_ended = True
        if self._log.consumer is self:
            self._log.consumer = None
        self._signal.notify()

    def _take(self, taken: int) -> None:
        if self._is_consumer and taken:
            self._log.taken = max(self._log.taken, self._begin + min(taken, self._given))
