"""The native library in the package's own terms: convert, delegate, convert back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ._backend import EventSource, RawArgs, Source, StreamItem, TokenQuestion, TokenSource
from ._decode import parse
from ._encode import is_unicode
from ._ffi import core
from ._from_core import change_of, detailed, entry_of, outcome_of, raising, reply_of, status_of, then_of, unless_closed
from ._into_core import args_of, config, submit_options
from .errors import CallError, ControlError, EventsError, OpenError, OutcomeError, StoreError, SubmitError
from .options import Options, OutboxFilter, SignOut, SubmitOptions, TokenReason
from .outbox import OutboxChange, OutboxEntry
from .outcome import Outcome, Reply
from .status import Status

T = TypeVar("T")

BATCH_MAX = 128
"""How many items cross at once: measured, more of them do not cross faster."""


async def open_native(url: str, database: str | os.PathLike[str], options: Options, asks: bool) -> NativeBackend:
    """Opens the database on a thread of the library's own."""
    said = config(url, database, options, asks)
    with raising(core.CoreOpenError, OpenError):
        return NativeBackend(await core.core_open(said))


class NativeBackend:
    """An open client of the library."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def submit(self, name: str, payload: str, options: SubmitOptions) -> str:
        said = submit_options(options)
        with raising(core.CoreSubmitError, SubmitError):
            id: str = await self._client.submit(name, payload, said)
            return id

    async def submit_raw(self, name: str, args: RawArgs, options: SubmitOptions) -> str:
        said = submit_options(options)
        with raising(core.CoreSubmitError, SubmitError):
            id: str = await self._client.submit_raw(name, args_of(args), said)
            return id

    async def outcome(self, id: str) -> Outcome[Reply]:
        with raising(core.CoreOutcomeError, OutcomeError):
            return outcome_of(await self._client.outcome(id, None))

    async def outbox(self, filter: OutboxFilter) -> list[OutboxEntry]:
        if not all(map(is_unicode, (filter.lane, filter.id, filter.after))):
            # No row has a name that is no text.
            return []
        wanted = core.CoreFilter(
            pending_only=filter.pending_only,
            lane=filter.lane,
            id=filter.id,
            limit=min(max(filter.limit, 0), 2**32 - 1),
            after=filter.after,
        )
        with raising(core.CoreStoreError, StoreError):
            return [entry_of(entry) for entry in await self._client.outbox(wanted)]

    def outbox_changes(self) -> Source[OutboxChange]:
        return NativeSource(self._client.outbox_changes(), "next_changes", "changes", change_of)

    async def cancel(self, id: str) -> None:
        with raising(core.CoreControlError, ControlError):
            await self._client.cancel(id)

    async def retry(self, id: str) -> str:
        with raising(core.CoreControlError, ControlError):
            new: str = await self._client.retry(id)
            return new

    async def discard(self, id: str) -> None:
        with raising(core.CoreControlError, ControlError):
            await self._client.discard(id)

    async def call(self, name: str, args: RawArgs, timeout_ms: int) -> Reply:
        with raising(core.CoreCallError, CallError):
            return reply_of(await self._client.call(name, args_of(args), timeout_ms, None))

    async def emit(self, name: str, args: RawArgs) -> bool:
        with raising(core.CoreCallError, CallError):
            written: bool = await self._client.emit(name, args_of(args))
            return written

    def events(self, stream: str, manual: bool, after: int | None) -> EventSource:
        with raising(core.CoreEventsError, EventsError):
            return NativeEvents(self._client.events(stream, core.CoreEventsOptions(manual=manual, after=after)))

    def observe(self, stream: str) -> EventSource:
        with raising(core.CoreEventsError, EventsError):
            return NativeEvents(self._client.observe(stream))

    def status(self) -> Status:
        return status_of(self._client.status())

    def status_changes(self) -> Source[Status]:
        return NativeSource(self._client.status_changes(), "next_statuses", "statuses", status_of)

    def token_questions(self) -> TokenSource | None:
        questions = self._client.token_questions()
        return None if questions is None else NativeQuestions(questions)

    async def diagnostics(self) -> Any:
        return parse(await self._client.diagnostics())

    def connect(self) -> None:
        with unless_closed():
            self._client.connect()

    def disconnect(self) -> None:
        with unless_closed():
            self._client.disconnect()

    def network_available(self) -> None:
        with unless_closed():
            self._client.network_available()

    def network_lost(self) -> None:
        with unless_closed():
            self._client.network_lost()

    def foreground(self) -> None:
        with unless_closed():
            self._client.foreground()

    async def background(self, deadline_ms: int) -> None:
        with unless_closed():
            await self._client.background(deadline_ms)

    async def flush(self, deadline_ms: int) -> bool:
        with unless_closed():
            drained: bool = await self._client.flush(deadline_ms, None)
            return drained

    async def suspend(self, deadline_ms: int) -> None:
        with unless_closed():
            await self._client.suspend(deadline_ms)

    async def sign_out(self, rows: SignOut) -> None:
        with raising(core.CoreStoreError, StoreError):
            await self._client.sign_out(core.CoreSignOut.KEEP if rows is SignOut.KEEP else core.CoreSignOut.DISCARD)

    async def shutdown(self) -> None:
        await self._client.shutdown()


class NativeEvents:
    def __init__(self, source: Any) -> None:
        self._source = source

    async def next_events(self, held: int, taken: int, most: int) -> tuple[int, list[StreamItem]]:
        number, items, then = await self._source.next_events(held, taken, most)
        if any(item[5] is not None for item in items):
            items = [detailed(item) for item in items]
        if then is not None:
            items.append(then_of(then))
        return number, items

    def ack_up_to(self, offset: int) -> None:
        self._source.ack_up_to(offset)

    def end(self, held: int, taken: int) -> None:
        self._source.end(held, taken)


class NativeSource(Source[T]):
    def __init__(self, source: Any, pull: str, items: str, convert: Callable[[Any], T]) -> None:
        self._source = source
        self._pull = getattr(source, pull)
        self._items = items
        self._convert = convert

    async def next_batch(self, held: int) -> tuple[int, Sequence[T]]:
        batch = await self._pull(held, BATCH_MAX)
        return batch.number, [self._convert(item) for item in getattr(batch, self._items)]

    def end(self) -> None:
        self._source.end()


class NativeQuestions:
    def __init__(self, source: Any) -> None:
        self._source = source

    async def next_question(self) -> TokenQuestion | None:
        question = await self._source.next_question()
        return None if question is None else NativeQuestion(question)

    def end(self) -> None:
        self._source.end()


class NativeQuestion:
    def __init__(self, question: Any) -> None:
        self._question = question

    @property
    def reason(self) -> TokenReason:
        return TokenReason[self._question.reason().name]

    def resolve(self, token: str) -> None:
        self._question.resolve(token)

    def reject(self, signed_out: bool) -> None:
        trouble = core.CoreTokenTrouble
        self._question.reject(trouble.SIGNED_OUT if signed_out else trouble.UNAVAILABLE)
