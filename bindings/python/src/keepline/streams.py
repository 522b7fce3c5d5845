"""Streams of events, statuses and changes of the queue."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Generic, TypeVar

from . import _lifetime
from ._backend import EventSource, Source, StreamItem
from ._decode import Decoder, Mismatch, decoder, parse
from ._named import EventType, name_of
from .events import CATALOGUE, Envelope, RawEvent, Reset

log: logging.Logger = logging.getLogger("keepline.streams")

__all__ = ["Changes", "EventStream"]

T = TypeVar("T")
U = TypeVar("U")

BATCH_MAX = 128
"""How many events are pulled at once: what may come again after the death of the process."""


class Types:
    """Which types events become, by their names."""

    __slots__ = ("_decoders",)

    def __init__(self, kinds: Iterable[Any] = ()) -> None:
        self._decoders: dict[str, Decoder] = dict(_catalogue())
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Any) -> None:
        """Events of this type's name arrive as the type."""
        if isinstance(kind, EventType):
            self._decoders[kind.name] = decoder(kind.type)
        else:
            self._decoders[name_of(kind)] = decoder(kind)

    def read(self, item: StreamItem) -> Any:
        """What the app gets for an item."""
        if type(item) is not tuple:
            return item
        name, text, _, _, _, details = item
        payload = parse(text)
        if details is not None:
            # More than one argument, or an attachment, would be lost in a typed event.
            args = tuple(parse(arg) for arg in details.args)
            return RawEvent(name, payload, args, details.attachments, details.acknowledge)
        made = self._decoders.get(name)
        if made is not None:
            try:
                return made(payload)
            except Mismatch:
                pass
            except Exception:
                # A mistake in the app's own type. The event is raw, and the stream goes on.
                log.exception("the type of %s raised", name)
        return RawEvent(name, payload, (payload,))


def _catalogue() -> dict[str, Decoder]:
    if not _CATALOGUE:
        _CATALOGUE.update((kind.NAME, decoder(kind)) for kind in CATALOGUE)
    return _CATALOGUE


_CATALOGUE: dict[str, Decoder] = {}


class EventStream(Generic[T]):
    """The items of a stream, in order and without a hole: `async for event in client.events(...)`.

    An event counts as taken when the next one is asked for. As a context (`async with client.events(...) as events`)
    a clean exit takes the last event and gives the stream back; an exit by an error gives it back without that event,
    which then comes again to the next consumer. Breaking out of the loop leaves the stream open: iterate again, or
    `end` it. It ends by itself when the client does.

    Cancelling whoever waits for an event loses nothing.
    """

    def __init__(self, source: EventSource, types: Types, name: str) -> None:
        self._source = source
        self._types = types
        self._name = name
        self._batch: list[StreamItem] = []
        self._number = 0
        # How many items of the batch were handed out. The last of them is taken when the next is asked for.
        self._given = 0
        self._last: StreamItem | None = None
        self._state = _OPEN

    def __aiter__(self) -> EventStream[T]:
        return self

    async def __anext__(self) -> T:
        given = self._given
        if given >= len(self._batch):
            await self.pull()
            given = 0
        self._given = given + 1
        self._last = item = self._batch[given]
        made: T = self._types.read(item)
        return made

    async def __aenter__(self) -> EventStream[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(clean=kind is None)

    def next_waiting(self, otherwise: U) -> T | U:
        """The next item where it is here already, so that asking for it does not wait; else the other."""
        # Another thread may end the stream meanwhile, which takes the batch away.
        batch, given = self._batch, self._given
        if given >= len(batch):
            return otherwise
        self._given = given + 1
        self._last = batch[given]
        made: T = self._types.read(batch[given])
        return made

    def envelopes(self) -> AsyncIterator[Envelope[T]]:
        """The same items with their places."""
        return self._envelopes()

    async def _envelopes(self) -> AsyncIterator[Envelope[T]]:
        async for item in self:
            yield self.envelope(item)

    def envelope(self, item: T) -> Envelope[T]:
        """The item that was handed out last, with its place."""
        last = self._last
        if isinstance(last, tuple):
            name, _, offset, epoch, time, _ = last
            return Envelope(item, name, epoch, offset, time)
        if isinstance(last, Reset):
            return Envelope(item, None, last.epoch, last.offset, None)
        return Envelope(item, None, None, None, None)

    def ack(self) -> None:
        """Takes everything that was handed out, for a stream with a manual cursor.

        Returns at once; the cursor is stored within 100 ms.
        """
        last = self._last
        offset = last.offset if isinstance(last, Reset) else last[2] if isinstance(last, tuple) else None
        if offset is not None:
            self.ack_up_to(offset)

    def ack_up_to(self, offset: int) -> None:
        """Takes everything up to this offset, as far as it was handed out."""
        if self._state is not _ENDED:
            self._source.ack_up_to(offset)

    def end(self) -> None:
        """Takes the last event and gives the stream back, so that another consumer can have it."""
        self.finish(clean=True)

    def finish(self, clean: bool) -> None:
        """As `end`; without the last event where it was not `clean`."""
        if self._state is _ENDED:
            return
        self._state = _ENDED
        given = self._given if clean else max(self._given - 1, 0)
        self._batch, self._given = [], 0
        self._source.end(self._number, given if self._moves_cursor() else 0)

    def _moves_cursor(self) -> bool:
        return True

    def __del__(self, is_over: Callable[[], bool] = _lifetime.is_over) -> None:
        # Of a stream that nobody ended everything but the last event was taken.
        if getattr(self, "_state", _ENDED) is not _ENDED and not is_over():
            # The source may be garbage too, and gone before this: then it has ended.
            with contextlib.suppress(ReferenceError):
                self.finish(clean=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"

    async def pull(self) -> None:
        """Waits for the next batch: at least one item, or the end of the iteration."""
        if self._state is _ENDED:
            raise StopAsyncIteration
        if self._state is _PULLING:
            raise RuntimeError("another task waits for this stream already")
        self._state = _PULLING
        try:
            taken = self._given if self._moves_cursor() else 0
            number, batch = await self._source.next_events(self._number, taken, BATCH_MAX)
        finally:
            if self._state is _PULLING:
                self._state = _OPEN
        if self._state is _ENDED:
            raise StopAsyncIteration
        self._number, self._batch, self._given = number, batch, 0
        if not batch:
            self.finish(clean=True)
            raise StopAsyncIteration


class ManualEventStream(EventStream[T]):
    """A stream whose cursor the app moves itself, by `ack`."""

    def _moves_cursor(self) -> bool:
        return False


_OPEN, _PULLING, _ENDED = "open", "pulling", "ended"


class Changes(Generic[T]):
    """Statuses, or changes of the queue, as they happen: `async for status in client.status_changes()`.

    It ends with the client, or by `end`. Also a context that ends it.
    """

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._batch: list[T] = []
        self._number = 0
        self._is_open = True

    def __aiter__(self) -> Changes[T]:
        return self

    async def __anext__(self) -> T:
        while not self._batch:
            if not self._is_open:
                raise StopAsyncIteration
            await self.pull()
        return self._batch.pop()

    async def __aenter__(self) -> Changes[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Nothing comes any more; whoever waits gets the end."""
        if self._is_open:
            self._is_open = False
            self._batch = []
            self._source.end()

    def __del__(self, is_over: Callable[[], bool] = _lifetime.is_over) -> None:
        if getattr(self, "_is_open", False) and not is_over():
            with contextlib.suppress(ReferenceError):
                self.end()

    async def pull(self) -> None:
        """Waits for a batch, an empty one at the end."""
        number, batch = await self._source.next_batch(self._number)
        if self._is_open and batch:
            self._number, self._batch = number, list(reversed(batch))
        else:
            self.end()
