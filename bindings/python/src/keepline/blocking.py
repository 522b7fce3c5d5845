"""The client for scripts, without `async`.

>>> with keepline.blocking.Client("wss://example.org", "queue.db", token=token) as client:
...     client.connect()
...     sent = client.submit(StartSearch("rust"))
...     outcome = sent.outcome()
...     if isinstance(outcome, keepline.Accepted):
...         for event in client.events(outcome.reply.stream):
...             print(event)
...             if isinstance(event, JobCompleted):
...                 break

Every method waits where the one of `keepline.Client` is awaited, and means the same. A client may be used from any
thread. It has a thread of its own, which ends with `shutdown`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from . import client as _client
from . import streams as _streams
from . import submission as _submission
from ._handlers import Handler as _Handler
from ._named import Action, EventType
from ._requests import NOTHING, check_function
from ._thread import LoopThread, in_thread, within
from ._time import milliseconds
from .errors import (
    CallError,
    ClosedError,
    ControlError,
    EventsError,
    OutcomeError,
    StoreError,
    SubmitError,
    closed,
)
from .events import Envelope, Item, Lagged
from .options import Options, OutboxFilter, Seconds, SignOut, SubmitOptions, TokenReason
from .outbox import OutboxChange, OutboxEntry
from .outcome import Outcome, Reply
from .status import Status

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Changes", "Client", "EventStream", "Handler", "Submission"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")


class Client:
    """See `keepline.Client`. A token provider is a plain function here, and may block."""

    def __init__(
        self,
        url: str,
        database: str | os.PathLike[str],
        *,
        token_provider: Callable[[TokenReason], str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        """As for `keepline.Client`."""

        if token_provider is not None:
            check_function(token_provider, "a token provider")

        async def provider(reason: TokenReason) -> str:
            assert token_provider is not None
            return await in_thread(token_provider, reason, "keepline-provider")

        asked = None if token_provider is None else provider
        self._start(lambda: _client.Client(url, database, token_provider=asked, **options))

    @classmethod
    def open(
        cls,
        url: str,
        database: str | os.PathLike[str],
        *,
        token_provider: Callable[[TokenReason], str] | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """An open client; `shutdown` ends it. Raises `OpenError`."""
        client = cls(url, database, token_provider=token_provider, **options)
        client.__enter__()
        return client

    def _start(self, make: Callable[[], _client.Client]) -> None:
        self._inner = make()
        self._loop: LoopThread | None = None

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("a client is opened once")
        self._loop = LoopThread()
        try:
            self._loop.run(self._inner.__aenter__())
        except BaseException:
            # An interrupt may have come while it opened.
            with contextlib.suppress(ClosedError):
                self._loop.run(self._inner._given_up())
            self._loop.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is None:
            return
        # Where another thread shuts down as well, and was faster, there is its end to wait for.
        with contextlib.suppress(ClosedError):
            self._loop.run(self._inner.__aexit__(kind, error, trace))
        self._loop.stop()

    def shutdown(self) -> None:
        """Stores what the script has taken, says goodbye on the line, closes the database, and ends the thread."""
        self.__exit__(None, None, None)

    @property
    def _thread(self) -> LoopThread:
        """The loop's thread. Where there is none yet the client's own error says so, and after its end its `run`."""
        if self._loop is None:
            raise closed("the client is not open")
        return self._loop

    # --- actions ---

    @overload
    def submit(self, action: Action[R], /, **options: Unpack[SubmitOptions]) -> Submission[R]: ...

    @overload
    def submit(self, action: str, payload: object = ..., /, **options: Unpack[SubmitOptions]) -> Submission[Any]: ...

    def submit(self, action: Any, payload: Any = NOTHING, /, **options: Unpack[SubmitOptions]) -> Submission[Any]:
        """Puts an action into the durable queue: once it has returned, it survives the process and the power."""
        thread = self._thread
        return Submission(thread, thread.run(self._inner.submit(action, payload, **options), SubmitError))

    def submit_raw(
        self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = (), **options: Unpack[SubmitOptions]
    ) -> Submission[Any]:
        """As `submit`, for an existing Socket.IO server: several arguments, and binary attachments."""
        thread = self._thread
        return Submission(thread, thread.run(self._inner.submit_raw(name, args, attachments, **options), SubmitError))

    @overload
    def submission(self, id: str, reply: type[T]) -> Submission[T]: ...

    @overload
    def submission(self, id: str) -> Submission[Any]: ...

    def submission(self, id: str, reply: Any = Any) -> Submission[Any]:
        """The submission with this id, for instance after a restart."""
        return Submission(self._thread, self._inner.submission(id, reply))

    def outbox(self, filter: OutboxFilter = _client.ALL_ROWS) -> list[OutboxEntry]:
        """The queue, oldest first: what is pending, parked or settled."""
        return self._thread.run(self._inner.outbox(filter), StoreError)

    def outbox_changes(self) -> Changes[OutboxChange]:
        """What happens to the queue from now on."""
        return Changes(self._thread, self._thread.call(self._inner.outbox_changes))

    def cancel(self, id: str) -> None:
        """Cancels an action: at once where it was never sent, else the outcome says whether that came in time."""
        self._thread.run(self._inner.cancel(id), ControlError)

    def retry(self, id: str) -> str:
        """Puts a parked action back into the queue and gives the id under which it goes on."""
        return self._thread.run(self._inner.retry(id), ControlError)

    def discard(self, id: str) -> None:
        """Gives a parked action up, and its lane moves on."""
        self._thread.run(self._inner.discard(id), ControlError)

    @overload
    def call(self, action: Action[R], /, *, timeout: Seconds) -> R: ...

    @overload
    def call(self, action: str, payload: object = ..., /, *, timeout: Seconds) -> Any: ...

    def call(self, action: Any, payload: Any = NOTHING, /, *, timeout: Seconds) -> Any:
        """Sends an action now, without the queue, and waits for the reply."""
        return self._thread.run(self._inner.call(action, payload, timeout=timeout), CallError)

    def call_raw(self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = (), *, timeout: Seconds) -> Reply:
        """As `call`, for an existing Socket.IO server."""
        return self._thread.run(self._inner.call_raw(name, args, attachments, timeout=timeout), CallError)

    @overload
    def emit(self, action: Action[Any], /) -> bool: ...

    @overload
    def emit(self, action: str, payload: object = ..., /) -> bool: ...

    def emit(self, action: Any, payload: Any = NOTHING, /) -> bool:
        """Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line."""
        return self._thread.run(self._inner.emit(action, payload), CallError)

    def emit_raw(self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = ()) -> bool:
        """As `emit`, for an existing Socket.IO server."""
        return self._thread.run(self._inner.emit_raw(name, args, attachments), CallError)

    # --- events ---

    @overload
    def events(self, stream: str, /, *, manual: bool = ..., after: int | None = ...) -> EventStream[Item]: ...

    @overload
    def events(
        self, stream: str, type_1: type[T1] | EventType[T1], /, *, manual: bool = ..., after: int | None = ...
    ) -> EventStream[Item | T1]: ...

    @overload
    def events(
        self,
        stream: str,
        type_1: type[T1] | EventType[T1],
        type_2: type[T2] | EventType[T2],
        /,
        *more: type[Any] | EventType[Any],
        manual: bool = ...,
        after: int | None = ...,
    ) -> EventStream[Item | T1 | T2]: ...

    def events(self, stream: str, /, *types: Any, manual: bool = False, after: int | None = None) -> EventStream[Any]:
        """Becomes the one durable consumer of a stream: `"user"`, or `"job:"` and an id."""
        opened: _streams.EventStream[Any] = self._thread.call(
            lambda: self._inner.events(stream, *types, manual=manual, after=after), EventsError
        )
        return EventStream(self._thread, opened)

    @overload
    def observe(self, stream: str, /) -> EventStream[Item | Lagged]: ...

    @overload
    def observe(self, stream: str, type_1: type[T1] | EventType[T1], /) -> EventStream[Item | Lagged | T1]: ...

    @overload
    def observe(
        self, stream: str, type_1: type[T1] | EventType[T1], /, *types: type[T2] | EventType[T2]
    ) -> EventStream[Item | Lagged | T1 | T2]: ...

    def observe(self, stream: str, /, *types: Any) -> EventStream[Any]:
        """A live tap on a stream, beside its consumer or without one. It moves no cursor."""
        opened: _streams.EventStream[Any] = self._thread.call(lambda: self._inner.observe(stream, *types), EventsError)
        return EventStream(self._thread, opened)

    def on(self, stream: str, kind: type[T] | EventType[T], callback: Callable[[T], None], /) -> Handler:
        """Calls a function for each event of a type, one at a time, on a thread that is neither this nor the client's.

        One that raises is logged, and the stream goes on.
        """
        check_function(callback, "a handler")

        async def called(item: T) -> None:
            await in_thread(callback, item, "keepline-handler")

        thread = self._thread
        return Handler(thread, thread.call(lambda: self._inner.on(stream, kind, called), EventsError))

    # --- the line ---

    def status(self) -> Status:
        """How the line is and what waits for it, now."""
        return self._inner.status()

    def status_changes(self) -> Changes[Status]:
        """The status now, then each change."""
        return Changes(self._thread, self._thread.call(self._inner.status_changes))

    def diagnostics(self) -> Any:
        """A report for support, as a `dict`: versions, the last 50 states, counters. No payload, no token."""
        return self._thread.run(self._inner.diagnostics())

    def connect(self) -> None:
        """From now on there should be a line. What comes of it is the status."""
        self._thread.call(self._inner.connect)

    def disconnect(self) -> None:
        """From now on there should be none."""
        self._thread.call(self._inner.disconnect)

    def network_available(self) -> None:
        """The host has a network again."""
        self._thread.call(self._inner.network_available)

    def network_lost(self) -> None:
        """The host has no network: nothing is tried until it has."""
        self._thread.call(self._inner.network_lost)

    def foreground(self) -> None:
        """The app is on the screen again: a suspended client opens, a wait is cut short, the line is probed."""
        self._thread.call(self._inner.foreground)

    def background(self, deadline: Seconds) -> None:
        """Gets out what can be got out, then suspends, all within the deadline."""
        self._thread.run(self._inner.background(deadline))

    def flush(self, deadline: Seconds) -> bool:
        """Tries to get the queue out now. Gives whether nothing is pending."""
        return self._thread.run(self._inner.flush(deadline))

    def suspend(self, deadline: Seconds = 5.0) -> None:
        """Closes every file and socket and releases the lock."""
        self._thread.run(self._inner.suspend(deadline))

    def sign_out(self, rows: SignOut) -> None:
        """Disconnects and forgets whose session it was."""
        self._thread.run(self._inner.sign_out(rows), StoreError)

    def __repr__(self) -> str:
        return repr(self._inner)


class Submission(Generic[R_co]):
    """See `keepline.Submission`."""

    def __init__(self, thread: LoopThread, inner: _submission.Submission[R_co]) -> None:
        self._thread = thread
        self._inner = inner
        self.id: str = inner.id
        """The action's id, a UUID."""

    def outcome(self, timeout: Seconds | None = None) -> Outcome[R_co]:
        """Waits for the outcome. A `TimeoutError` after the timeout changes nothing."""
        return self._thread.run(_within(self._inner.outcome, timeout), OutcomeError)

    def outcome_raw(self, timeout: Seconds | None = None) -> Outcome[Reply]:
        """As `outcome`, with the reply as it came."""
        return self._thread.run(_within(self._inner.outcome_raw, timeout), OutcomeError)

    def __repr__(self) -> str:
        return repr(self._inner)


class EventStream(Generic[T]):
    """See `keepline.EventStream`: `for event in client.events(...)`."""

    def __init__(self, thread: LoopThread, inner: _streams.EventStream[T]) -> None:
        self._thread = thread
        self._inner = inner

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self.next()

    def next(self, timeout: Seconds | None = None) -> T:
        """The next item. A `TimeoutError` after the timeout loses nothing; a `StopIteration` is the end."""
        item = self._inner.next_waiting(NOTHING)
        if item is NOTHING:
            try:
                item = self._thread.run(_within(self._inner.__anext__, timeout))
            except (StopAsyncIteration, ClosedError):
                raise StopIteration from None
        return item

    def envelopes(self) -> Iterator[Envelope[T]]:
        """The same items with their places."""
        for item in self:
            yield self._inner.envelope(item)

    def ack(self) -> None:
        """Takes everything that was handed out, for a stream with a manual cursor."""
        self._inner.ack()

    def ack_up_to(self, offset: int) -> None:
        """Takes everything up to this offset, as far as it was handed out."""
        self._inner.ack_up_to(offset)

    def end(self) -> None:
        """Takes the last event and gives the stream back, so that another consumer can have it."""
        self._inner.end()

    def __enter__(self) -> EventStream[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.finish(clean=kind is None)


class Changes(Generic[T]):
    """See `keepline.Changes`: `for status in client.status_changes()`."""

    def __init__(self, thread: LoopThread, inner: _streams.Changes[T]) -> None:
        self._thread = thread
        self._inner = inner

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self.next()

    def next(self, timeout: Seconds | None = None) -> T:
        """The next one. A `TimeoutError` after the timeout loses nothing; a `StopIteration` is the end."""
        try:
            return self._thread.run(_within(self._inner.__anext__, timeout))
        except (StopAsyncIteration, ClosedError):
            raise StopIteration from None

    def end(self) -> None:
        """Nothing comes any more; whoever waits gets the end."""
        with contextlib.suppress(ClosedError):
            self._thread.call(self._inner.end)

    def __enter__(self) -> Changes[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Handler:
    """A registered handler. `remove` it, or use it as a context."""

    def __init__(self, thread: LoopThread, inner: _Handler) -> None:
        self._thread = thread
        self._inner = inner

    def remove(self) -> None:
        """It is not called any more. The last one of a stream gives the stream back."""
        with contextlib.suppress(ClosedError):
            self._thread.call(self._inner.remove)

    def __enter__(self) -> Handler:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _within(begin: Callable[[], Awaitable[T]], timeout: Seconds | None) -> Coroutine[Any, Any, T]:
    return within(begin, None if timeout is None else milliseconds(timeout) / 1000)
