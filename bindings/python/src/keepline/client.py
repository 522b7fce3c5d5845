"""The client."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _handlers, _lifetime
from ._backend import Backend, EventSource, Source
from ._named import Action, EventType
from ._requests import (
    NOTHING,
    check_function,
    checked_id,
    checked_name,
    checked_stream,
    named_payload,
    payload_json,
    raw_args,
)
from ._time import milliseconds
from ._tokens import answer_questions
from .errors import CallError, ClosedError, ControlError, KeeplineError, SubmitError, closed, failure
from .events import Item, Lagged
from .options import Options, OutboxFilter, Seconds, SignOut, SubmitOptions, TokenProvider
from .outbox import OutboxChange, OutboxEntry
from .outcome import Reply
from .status import Closed, Status
from .streams import Changes, EventStream, ManualEventStream, Types
from .submission import Submission, reply_as

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Client"]

R = TypeVar("R")
T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")

ALL_ROWS = OutboxFilter()


class Client:
    """Keeps one line to the server open, keeps what the app did while it was down, gives back every event missed.

    >>> async with keepline.Client("wss://example.org", "queue.db", token=token) as client:
    ...     client.connect()
    ...     sent = await client.submit(StartSearch("rust"))

    Making one does nothing yet. Entering the context opens the database, off the event loop; leaving it shuts down.
    `await Client.open(...)` and `await client.shutdown()` do the same without a context. One process opens a database
    at a time.

    A client belongs to the event loop in which it was opened. None of its methods blocks. Cancelling a call gives up
    waiting and nothing else; a `submit` that was begun is carried to its end.
    """

    def __init__(
        self,
        url: str,
        database: str | os.PathLike[str],
        *,
        token_provider: TokenProvider | None = None,
        **options: Unpack[Options],
    ) -> None:
        """`url` names scheme, host and port; `database` is the file of the queue. `keepline.Options` has the rest."""
        if token_provider is not None:
            check_function(token_provider, "a token provider")
        self._url = url
        self._database = database
        self._provider = token_provider
        self._options = options
        self._opened: Backend | None = None
        self._streams: weakref.WeakSet[EventStream[Any]] = weakref.WeakSet()
        self._changes: weakref.WeakSet[Changes[Any]] = weakref.WeakSet()
        self._dispatchers: dict[str, _handlers.Dispatcher] = {}
        self._handing_over: set[asyncio.Future[Any]] = set()
        self._answering: asyncio.Task[None] | None = None
        self._giving_up: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._ended = False

    @classmethod
    async def open(
        cls,
        url: str,
        database: str | os.PathLike[str],
        *,
        token_provider: TokenProvider | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """An open client. It touches the disk, off the event loop, and not the network before `connect`.

        Raises `OpenError`; nothing on disk was changed then.
        """
        client = cls(url, database, token_provider=token_provider, **options)
        await client._open()
        return client

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._shutdown(clean=kind is None)

    async def shutdown(self) -> None:
        """Stores what the app has taken, says goodbye on the line, closes the database. Two seconds at the most.

        What is in the queue stays there. Every stream ends; the event that was handed out last counts as taken.
        """
        await self._shutdown(clean=True)

    # --- actions ---

    @overload
    async def submit(self, action: Action[R], /, **options: Unpack[SubmitOptions]) -> Submission[R]: ...

    @overload
    async def submit(
        self, action: str, payload: object = ..., /, **options: Unpack[SubmitOptions]
    ) -> Submission[Any]: ...

    async def submit(self, action: Any, payload: Any = NOTHING, /, **options: Unpack[SubmitOptions]) -> Submission[Any]:
        """Puts an action into the durable queue. Once it has returned, the action survives the process and the power.

        It needs no line, not even a first one ever. Give an action, or a name and a payload; `SubmitOptions` has
        what may be said besides. Many submits at once share a write to the disk.

        Raises `SubmitError`, and nothing was kept then. A cancelled caller leaves open whether the action is in the
        queue; with an `id` of one's own it is safe to submit it again.
        """
        name, value, reply = named_payload(action, payload)
        checked_name(name, SubmitError)
        text = payload_json(value, SubmitError)
        backend = self._backend
        id = await self._hand_over(backend.submit(name, text, options))
        return Submission(backend, id, reply)

    async def submit_raw(
        self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = (), **options: Unpack[SubmitOptions]
    ) -> Submission[Any]:
        """As `submit`, for an existing Socket.IO server: several arguments, and binary attachments.

        `keepline.Attachment(0)` among the arguments marks the place of the first attachment.
        """
        checked_name(name, SubmitError)
        raw = raw_args(args, attachments, SubmitError)
        backend = self._backend
        id = await self._hand_over(backend.submit_raw(name, raw, options))
        return Submission(backend, id, Any)

    @overload
    def submission(self, id: str, reply: type[T]) -> Submission[T]: ...

    @overload
    def submission(self, id: str) -> Submission[Any]: ...

    def submission(self, id: str, reply: Any = Any) -> Submission[Any]:
        """The submission with this id, for instance after a restart. Whether there is one shows when it is asked."""
        return Submission(self._backend, id, reply)

    async def outbox(self, filter: OutboxFilter = ALL_ROWS) -> list[OutboxEntry]:
        """The queue, oldest first: what is pending, parked or settled. Raises `StoreError`."""
        return await self._backend.outbox(filter)

    def outbox_changes(self) -> Changes[OutboxChange]:
        """What happens to the queue from now on. A slow reader gets `Lagged`, and looks at the whole queue again."""
        return self._watch(self._backend.outbox_changes())

    async def cancel(self, id: str) -> None:
        """Cancels an action: at once where it was never sent, else the outcome says whether that came in time.

        Raises `ControlError`.
        """
        await self._backend.cancel(checked_id(id, ControlError))

    async def retry(self, id: str) -> str:
        """Puts a parked action back into the queue and gives the id under which it goes on. Raises `ControlError`."""
        return await self._backend.retry(checked_id(id, ControlError))

    async def discard(self, id: str) -> None:
        """Gives a parked action up, and its lane moves on. Raises `ControlError`."""
        await self._backend.discard(checked_id(id, ControlError))

    @overload
    async def call(self, action: Action[R], /, *, timeout: Seconds) -> R: ...

    @overload
    async def call(self, action: str, payload: object = ..., /, *, timeout: Seconds) -> Any: ...

    async def call(self, action: Any, payload: Any = NOTHING, /, *, timeout: Seconds) -> Any:
        """Sends an action now, without the queue, and waits for the reply.

        Raises `CallError`: after `TIMED_OUT`, which is a `TimeoutError` too, it may have happened.
        """
        name, value, reply = named_payload(action, payload)
        return reply_as(CallError, await self.call_raw(name, [value], timeout=timeout), reply)

    async def call_raw(
        self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = (), *, timeout: Seconds
    ) -> Reply:
        """As `call`, for an existing Socket.IO server: several arguments, attachments, and the reply as it came."""
        checked_name(name, CallError)
        raw = raw_args(args, attachments, CallError)
        return await self._backend.call(name, raw, milliseconds(timeout))

    @overload
    async def emit(self, action: Action[Any], /) -> bool: ...

    @overload
    async def emit(self, action: str, payload: object = ..., /) -> bool: ...

    async def emit(self, action: Any, payload: Any = NOTHING, /) -> bool:
        """Writes an action to the line, if there is one, and forgets it. Whether it arrived is not known.

        Gives whether it was handed to the line. Raises `CallError` for what cannot be JSON, and after `shutdown`.
        """
        name, value, _ = named_payload(action, payload)
        return await self.emit_raw(name, [value])

    async def emit_raw(self, name: str, args: Sequence[Any], attachments: Sequence[bytes] = ()) -> bool:
        """As `emit`, for an existing Socket.IO server: several arguments, and attachments."""
        checked_name(name, CallError)
        raw = raw_args(args, attachments, CallError)
        backend = self._backend
        self._unless_shut_down(CallError)
        return await backend.emit(name, raw)

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
        *,
        manual: bool = ...,
        after: int | None = ...,
    ) -> EventStream[Item | T1 | T2]: ...

    @overload
    def events(
        self,
        stream: str,
        type_1: type[T1] | EventType[T1],
        type_2: type[T2] | EventType[T2],
        type_3: type[T3] | EventType[T3],
        /,
        *more: type[Any] | EventType[Any],
        manual: bool = ...,
        after: int | None = ...,
    ) -> EventStream[Item | T1 | T2 | T3]: ...

    def events(self, stream: str, /, *types: Any, manual: bool = False, after: int | None = None) -> EventStream[Any]:
        """Becomes the one durable consumer of a stream: `"user"`, or `"job:"` and an id.

        It begins at the stored cursor; where there is none, a job begins at its beginning, and the user stream where it
        stood at the first session. Events of the catalogue arrive as their types and so do those of the app's own
        `types`; every other as `RawEvent`.

        With `manual` the cursor moves by `ack` alone. With `after` it is a look back from that offset, which leaves the
        stored cursor alone. Raises `EventsError`: `STREAM_IN_USE` where the stream has its consumer.
        """
        known = Types(types)
        source = self._source_of(stream, manual, after)
        kind = ManualEventStream if manual else EventStream
        return self._track(kind(source, known, stream))

    @overload
    def observe(self, stream: str, /) -> EventStream[Item | Lagged]: ...

    @overload
    def observe(self, stream: str, type_1: type[T1] | EventType[T1], /) -> EventStream[Item | Lagged | T1]: ...

    @overload
    def observe(
        self, stream: str, type_1: type[T1] | EventType[T1], /, *types: type[T2] | EventType[T2]
    ) -> EventStream[Item | Lagged | T1 | T2]: ...

    def observe(self, stream: str, /, *types: Any) -> EventStream[Any]:
        """A live tap on a stream, beside its consumer or without one. It moves no cursor.

        A slow one is told by `Lagged` how many items it has missed. Raises `EventsError`.
        """
        known = Types(types)
        return self._track(EventStream(self._backend.observe(checked_stream(stream)), known, stream))

    @overload
    def on(
        self, stream: str, kind: type[T] | EventType[T], callback: Callable[[T], Awaitable[None] | None], /
    ) -> _handlers.Handler: ...

    @overload
    def on(
        self, stream: str, kind: type[T] | EventType[T], /
    ) -> Callable[[Callable[[T], Any]], Callable[[T], Any]]: ...

    def on(self, stream: str, kind: Any, callback: Any = None, /) -> Any:
        """Calls a function, async or not, for each event of a type; without a function it is a decorator.

        All handlers of a stream together are its one consumer. They are called one at a time, in the stream's order, in
        the event loop; an event counts as taken when all of its handlers have returned. One that raises is logged and
        the stream goes on. `Reset`, `Gone` and `Refused` have handlers too, and are logged where nobody registered one.
        Raises `EventsError`.
        """
        if callback is None:

            def register(function: Any) -> Any:
                self._register(stream, kind, function)
                return function

            return register
        return self._register(stream, kind, callback)

    # --- the line ---

    def status(self) -> Status:
        """How the line is and what waits for it, now."""
        return Status(Closed()) if self._opened is None else self._opened.status()

    def status_changes(self) -> Changes[Status]:
        """The status now, then each change. A slow reader loses the oldest; what is left ends with the newest."""
        return self._watch(self._backend.status_changes())

    async def diagnostics(self) -> Any:
        """A report for support, as a `dict`: versions, the last 50 states, counters. No payload, no token.

        Raises only `ClosedError`.
        """
        backend = self._backend
        self._unless_shut_down(ClosedError)
        return await backend.diagnostics()

    def connect(self) -> None:
        """From now on there should be a line. What comes of it is the status. Raises only `ClosedError`."""
        self._backend.connect()

    def disconnect(self) -> None:
        """From now on there should be none. Raises only `ClosedError`."""
        self._backend.disconnect()

    def network_available(self) -> None:
        """The host has a network again: a wait is cut short, a line that looks alive is probed."""
        self._backend.network_available()

    def network_lost(self) -> None:
        """The host has no network: nothing is tried until it has."""
        self._backend.network_lost()

    def foreground(self) -> None:
        """The app is on the screen again: a suspended client opens, a wait is cut short, the line is probed."""
        self._backend.foreground()

    async def background(self, deadline: Seconds) -> None:
        """The app left the screen: gets out what can be got out, then suspends, all within the deadline."""
        await self._backend.background(milliseconds(deadline))

    async def flush(self, deadline: Seconds) -> bool:
        """Tries to get the queue out now. Gives whether nothing is pending."""
        return await self._backend.flush(milliseconds(deadline))

    async def suspend(self, deadline: Seconds = 5.0) -> None:
        """Closes every file and socket and releases the lock. `foreground` or `connect` ends it."""
        await self._backend.suspend(milliseconds(deadline))

    async def sign_out(self, rows: SignOut) -> None:
        """Disconnects and forgets whose session it was. The account's rows wait for its return, or are removed.

        Raises `StoreError`.
        """
        await self._backend.sign_out(rows)

    # --- inside ---

    async def _open_backend(self) -> Backend:
        from ._native import open_native

        return await open_native(self._url, self._database, self._options, self._provider is not None)

    async def _open(self) -> None:
        if self._opened is not None:
            raise RuntimeError("a client is opened once")
        self._opened = await self._open_or_nothing()
        _lifetime.opened(self)
        questions = self._opened.token_questions()
        if questions is not None and self._provider is not None:
            self._answering = asyncio.ensure_future(answer_questions(questions, self._provider))

    async def _open_or_nothing(self) -> Backend:
        """What was begun is carried to its end, so that whoever is cancelled leaves no open database behind."""
        opening = asyncio.ensure_future(self._open_backend())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._giving_up = asyncio.ensure_future(_shut_what_opens(opening))
            await asyncio.shield(self._giving_up)
            raise

    async def _given_up(self) -> None:
        """Waits until an opening that was given up has left nothing open."""
        if self._giving_up is not None:
            await asyncio.shield(self._giving_up)

    def _unless_shut_down(self, operation: type[KeeplineError]) -> None:
        if self._ending is not None:
            raise failure(operation, "CLOSED", "the client was shut down")

    async def _shutdown(self, clean: bool) -> None:
        if self._opened is None:
            return
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end(self._opened, clean))
        # Whoever is cancelled while it waits must not leave a client that is half shut down.
        await asyncio.shield(self._ending)

    async def _end(self, backend: Backend, clean: bool) -> None:
        if self._handing_over:
            await asyncio.wait(set(self._handing_over))
        for stream in list(self._streams):
            stream.finish(clean)
        await backend.shutdown()
        if self._answering is not None:
            # What the provider does in the meantime, or that it does nothing, does not matter any more.
            self._answering.cancel()
            await asyncio.wait([self._answering])

    async def _hand_over(self, submit: Coroutine[Any, Any, str]) -> str:
        """The caller may be cancelled; what it handed over is carried to its end all the same."""
        task = asyncio.ensure_future(submit)
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)
        return await asyncio.shield(task)

    @property
    def _backend(self) -> Backend:
        if self._opened is None:
            raise closed("the client is not open: use `async with`, or `Client.open`")
        return self._opened

    def _register(self, stream: str, kind: Any, callback: Any) -> _handlers.Handler:
        check_function(callback, "a handler")
        dispatcher = self._dispatchers.get(stream)
        if dispatcher is None:
            types = Types()
            events: EventStream[Any] = EventStream(self._source_of(stream), types, stream)
            dispatcher = _handlers.Dispatcher(
                self._track(events), stream, types, lambda ended: self._forget(stream, ended)
            )
            self._dispatchers[stream] = dispatcher
        return dispatcher.add(kind, callback)

    def _forget(self, stream: str, ended: _handlers.Dispatcher) -> None:
        # One that ends late must not take the next one's place away.
        if self._dispatchers.get(stream) is ended:
            del self._dispatchers[stream]

    def _source_of(self, stream: str, manual: bool = False, after: int | None = None) -> EventSource:
        return self._backend.events(checked_stream(stream), manual, after)

    def _track(self, stream: EventStream[T]) -> EventStream[T]:
        self._streams.add(stream)
        return stream

    def _watch(self, source: Source[T]) -> Changes[T]:
        changes = Changes(source)
        self._changes.add(changes)
        return changes

    def end_at_exit(self) -> Coroutine[Any, Any, None]:
        """For the end of the interpreter, where no event loop may be left to end anything in: see `_lifetime`."""
        self._ended = True
        for stream in list(self._streams):
            stream.finish(clean=False)
        for changes in list(self._changes):
            changes.end()
        return self._backend.shutdown()

    def __del__(self) -> None:
        if getattr(self, "_opened", None) is not None and self._ending is None and not self._ended:
            warnings.warn(f"{self!r} was not shut down", ResourceWarning, source=self, stacklevel=2)
            if self._answering is not None and not self._answering.get_loop().is_closed():
                self._answering.get_loop().call_soon_threadsafe(self._answering.cancel)

    def __repr__(self) -> str:
        # Neither the URL, which may have a query, nor any option belongs into a log.
        return f"<{type(self).__name__} {os.fspath(self._database)!r}>"


async def _shut_what_opens(opening: asyncio.Future[Backend]) -> None:
    try:
        backend = await opening
    except KeeplineError:
        return
    await backend.shutdown()
