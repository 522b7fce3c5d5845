"""The other end of the fake client."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic, TypeVar

from .._backend import EventSource, RawArgs, Source, TokenSource
from .._decode import parse
from .._encode import to_json
from .._time import milliseconds
from ..errors import (
    CallError,
    ControlError,
    EventsError,
    KeeplineError,
    OutcomeError,
    StoreError,
    SubmitError,
    closed,
    failure,
)
from ..options import OutboxFilter, SignOut, SubmitOptions
from ..outbox import ActionState, Changed, OutboxChange, OutboxEntry, Renamed, Settled
from ..outcome import Accepted, Cancelled, Expired, Indeterminate, Outcome, Rejected, Reply, Sent
from ..status import Closed, Connecting, Idle, Line, Offline, Online, Status, Suspended
from ._log import FakeEvents, Log, Signal

T = TypeVar("T")

PAYLOAD_BYTES_MAX = 65_536
"""As the reference server's limit."""

Answer = Callable[[Any], Any]
"""Gives what the server answers to a payload: an outcome, or the reply of an accepted one."""


@dataclass
class Queue(Generic[T]):
    """A source of statuses or changes."""

    signal: Signal
    waiting: list[T] = field(default_factory=list)
    has_ended: bool = False

    async def next_batch(self, held: int) -> tuple[int, Sequence[T]]:
        while not self.waiting and not self.has_ended:
            await self.signal.wait()
        batch, self.waiting = self.waiting, []
        return held + 1, batch

    def end(self) -> None:
        self.has_ended = True
        self.signal.notify()


class FakeBackend:
    """A queue in memory, logs in memory, and a line that goes where the test says."""

    def __init__(self) -> None:
        self.line: Line = Idle()
        self.answers: dict[str, Answer] = {}
        self.emitted: list[tuple[str, Any]] = []
        self._rows: dict[str, OutboxEntry] = {}
        self._renamed: dict[str, str] = {}
        self._logs: dict[str, Log] = {}
        self._statuses: list[Queue[Status]] = []
        self._changes: list[Queue[OutboxChange]] = []
        self._signal = Signal()

    # --- what a test says ---

    def set_line(self, line: Line) -> None:
        self.line = line
        self._settle_what_can_be()
        self._tell_status()

    def log(self, stream: str) -> Log:
        if stream != "user" and not (stream.startswith("job:") and len(stream) > len("job:")):
            raise failure(EventsError, "BAD_STREAM", "a stream is 'user', or 'job:' and an id")
        return self._logs.setdefault(stream, Log())

    def deliver(self, stream: str, items: Sequence[Any]) -> None:
        log = self.log(stream)
        for item in items:
            log.add(item)
        self._signal.notify()

    def answer(self, name: str, answer: Answer) -> None:
        self.answers[name] = answer
        self._settle_what_can_be()
        self._tell_status()

    def rows(self) -> list[OutboxEntry]:
        return list(self._rows.values())

    def settle(self, id: str, outcome: Outcome[Reply]) -> None:
        row = self._unsettled(id)
        self._rows[row.id] = replace(row, state=ActionState.SETTLED, outcome=outcome)
        self._tell(Settled(row.id, outcome))

    def park(self, id: str, why: Rejected) -> None:
        row = self._unsettled(id)
        self._change(replace(row, state=ActionState.PARKED, attempts=row.attempts + 1, last_error=why))

    # --- what the client asks ---

    async def submit(self, name: str, payload: str, options: SubmitOptions) -> str:
        return self._submit(name, payload, options)

    async def submit_raw(self, name: str, args: RawArgs, options: SubmitOptions) -> str:
        return self._submit(name, args.json, options)

    async def outcome(self, id: str) -> Outcome[Reply]:
        while True:
            row = self._rows.get(self._renamed.get(id, id))
            if row is None:
                raise failure(OutcomeError, "NOT_FOUND")
            if row.outcome is not None:
                return row.outcome
            self._unless_closed(OutcomeError)
            await self._signal.wait()

    async def outbox(self, filter: OutboxFilter) -> list[OutboxEntry]:
        self._unless_closed(StoreError)
        rows = list(self._rows.values())
        if filter.after is not None:
            ids = [row.id for row in rows]
            rows = rows[ids.index(filter.after) + 1 :] if filter.after in ids else []
        wanted = [
            row
            for row in rows
            if (not filter.pending_only or row.outcome is None)
            and filter.lane in (None, row.lane)
            and filter.id in (None, row.id)
        ]
        return wanted[: filter.limit]

    def outbox_changes(self) -> Source[OutboxChange]:
        return self._queue(self._changes)

    async def cancel(self, id: str) -> None:
        self._row(id)
        self.settle(id, Cancelled())

    async def retry(self, id: str) -> str:
        row = self._parked(id)
        new = str(uuid.uuid4())
        del self._rows[row.id]
        self._renamed[row.id] = new
        self._change(replace(row, id=new, state=ActionState.QUEUED), told=Renamed(row.id, new))
        self._settle_what_can_be()
        return new

    async def discard(self, id: str) -> None:
        self._parked(id)
        self.settle(id, Cancelled())

    async def call(self, name: str, args: RawArgs, timeout_ms: int) -> Reply:
        self._unless_closed(CallError)
        if not isinstance(self.line, Online):
            raise failure(CallError, "NOT_ONLINE")
        answer = self.answers.get(name)
        if answer is None:
            raise failure(CallError, "TIMED_OUT", f"the fake has no answer to {name}")
        outcome = outcome_of(answer, _first_of(args))
        if isinstance(outcome, Accepted):
            return outcome.reply
        if isinstance(outcome, Rejected):
            raise failure(CallError, "REJECTED", outcome.text, rejection=outcome.code)
        raise failure(CallError, "TIMED_OUT")

    async def emit(self, name: str, args: RawArgs) -> bool:
        is_online = isinstance(self.line, Online)
        if is_online:
            self.emitted.append((name, _first_of(args)))
        return is_online

    def events(self, stream: str, manual: bool, after: int | None) -> EventSource:
        self._unless_closed(EventsError)
        log = self.log(stream)
        if after is not None:
            return FakeEvents(log, self._signal, self._is_online, log.place_after(after))
        return FakeEvents.consumer(log, self._signal, self._is_online)

    def observe(self, stream: str) -> EventSource:
        self._unless_closed(EventsError)
        log = self.log(stream)
        return FakeEvents(log, self._signal, self._is_online, len(log.items))

    def status(self) -> Status:
        rows = [row for row in self._rows.values() if row.outcome is None]
        parked = sum(row.state is ActionState.PARKED for row in rows)
        oldest = timedelta() if len(rows) > parked else None
        return Status(self.line, len(rows) - parked, parked, oldest)

    def status_changes(self) -> Source[Status]:
        queue = self._queue(self._statuses)
        queue.waiting.append(self.status())
        return queue

    def token_questions(self) -> TokenSource | None:
        return None

    async def diagnostics(self) -> Any:
        return {"fake": True}

    def connect(self) -> None:
        self._unless_shut_down()
        if isinstance(self.line, (Idle, Suspended)):
            self.set_line(Connecting())

    def disconnect(self) -> None:
        self._unless_shut_down()
        self.set_line(Idle())

    def network_available(self) -> None:
        self._unless_shut_down()
        if isinstance(self.line, Offline):
            self.set_line(Connecting())

    def network_lost(self) -> None:
        self._unless_shut_down()
        self.set_line(Offline())

    def foreground(self) -> None:
        self.connect()

    async def background(self, deadline_ms: int) -> None:
        await self.suspend(deadline_ms)

    async def flush(self, deadline_ms: int) -> bool:
        self._unless_shut_down()
        return self.status().pending == 0

    async def suspend(self, deadline_ms: int) -> None:
        self._unless_shut_down()
        self.set_line(Suspended())

    async def sign_out(self, rows: SignOut) -> None:
        self._unless_closed(StoreError)
        if rows is SignOut.DISCARD:
            self._rows.clear()
            self._logs.clear()
        self.set_line(Idle())

    async def shutdown(self) -> None:
        if isinstance(self.line, Closed):
            return
        self.set_line(Closed())
        queues: list[Queue[Any]] = [*self._statuses, *self._changes]
        for queue in queues:
            queue.end()
        for log in self._logs.values():
            if log.consumer is not None:
                log.consumer.end(0, 0)
        self._signal.notify()

    # --- inside ---

    def _submit(self, name: str, payload: str, options: SubmitOptions) -> str:
        self._unless_closed(SubmitError)
        size = len(payload.encode())
        if size > PAYLOAD_BYTES_MAX:
            raise failure(SubmitError, "TOO_LARGE", bytes=size, limit=PAYLOAD_BYTES_MAX)
        if isinstance(self.line, Suspended):
            raise failure(SubmitError, "SUSPENDED")
        ttl = options.get("ttl")
        if ttl is not None:
            milliseconds(ttl)
        id = options.get("id") or str(uuid.uuid4())
        known = self._rows.get(id)
        if known is not None:
            if (known.name, known.payload) != (name, parse(payload)):
                raise failure(SubmitError, "ID_CONFLICT")
            return id
        row = OutboxEntry(
            id=id,
            name=name,
            payload=parse(payload),
            lane=options.get("lane"),
            label=options.get("label"),
            state=ActionState.QUEUED,
            attempts=0,
            age=timedelta(),
            outcome=None,
            last_error=None,
            rolled_back=False,
        )
        self._change(row)
        self._settle_what_can_be()
        return id

    def _settle_what_can_be(self) -> None:
        if not isinstance(self.line, Online):
            return
        for row in list(self._rows.values()):
            answer = self.answers.get(row.name)
            if answer is not None and row.state is ActionState.QUEUED:
                self.settle(row.id, outcome_of(answer, row.payload))

    def _change(self, row: OutboxEntry, told: OutboxChange | None = None) -> None:
        self._rows[row.id] = row
        self._tell(told or Changed(row.id))

    def _tell(self, change: OutboxChange) -> None:
        for queue in self._changes:
            queue.waiting.append(change)
        self._tell_status()

    def _tell_status(self) -> None:
        status = self.status()
        for queue in self._statuses:
            queue.waiting.append(status)
        self._signal.notify()

    def _queue(self, queues: list[Queue[T]]) -> Queue[T]:
        queue: Queue[T] = Queue(self._signal, has_ended=isinstance(self.line, Closed))
        queues[:] = [other for other in queues if not other.has_ended]
        queues.append(queue)
        return queue

    def _row(self, id: str) -> OutboxEntry:
        self._unless_closed(ControlError)
        row = self._rows.get(self._renamed.get(id, id))
        if row is None:
            raise failure(ControlError, "NOT_FOUND")
        return row

    def _unsettled(self, id: str) -> OutboxEntry:
        row = self._row(id)
        if row.outcome is not None:
            raise failure(ControlError, "SETTLED")
        return row

    def _parked(self, id: str) -> OutboxEntry:
        row = self._unsettled(id)
        if row.state is not ActionState.PARKED:
            raise failure(ControlError, "NOT_PARKED")
        return row

    def _is_online(self) -> bool:
        return isinstance(self.line, Online)

    def _unless_closed(self, operation: type[KeeplineError]) -> None:
        if isinstance(self.line, Closed):
            raise failure(operation, "CLOSED")

    def _unless_shut_down(self) -> None:
        if isinstance(self.line, Closed):
            raise closed()


_OTHER_OUTCOMES = (Rejected, Expired, Cancelled, Indeterminate, Sent)


def outcome_of(answer: Answer, payload: Any) -> Outcome[Reply]:
    """What an answer comes to: a reply is an accepted outcome."""
    given = answer(payload)
    if isinstance(given, Accepted):
        given = given.reply
    elif isinstance(given, _OTHER_OUTCOMES):
        return given
    if isinstance(given, Reply):
        return Accepted(given)
    return Accepted(Reply(parse(to_json(given))))


def _first_of(args: RawArgs) -> Any:
    return next(iter(parse(args.json)), None)
