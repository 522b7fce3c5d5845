"""The native library in the package's own terms: convert, delegate, convert back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from ._backend import Details, EventSource, RawArgs, Source, StreamItem, TokenQuestion, TokenSource
from ._decode import parse
from ._encode import NotJson, to_json
from ._ffi import core
from ._time import milliseconds
from ._version import SDK
from .errors import (
    CallError,
    ControlError,
    EventsError,
    KeeplineError,
    OpenError,
    OutcomeError,
    StoreError,
    SubmitError,
    closed,
    failure,
)
from .events import Gone, Lagged, Refused, Reset, ResetReason
from .options import Options, OutboxFilter, SignOut, SubmitOptions, TokenReason
from .outbox import ActionState, Changed, OutboxChange, OutboxEntry, Renamed, RolledBack, Settled
from .outcome import Accepted, Cancelled, Expired, Indeterminate, Outcome, Rejected, Reply, Sent
from .status import (
    AuthRequired,
    AuthTrouble,
    Closed,
    Connecting,
    Idle,
    Line,
    LineTrouble,
    Offline,
    Online,
    Status,
    Suspended,
    Waiting,
)

T = TypeVar("T")

BATCH_MAX = 128
"""How many items cross at once: measured, more of them do not cross faster."""


async def open_native(url: str, database: str | os.PathLike[str], options: Options, asks: bool) -> NativeBackend:
    """Opens the database on a thread of the library's own."""
    config = _config(url, database, options, asks)
    with _raising(core.CoreOpenError, OpenError):
        return NativeBackend(await core.core_open(config))


class NativeBackend:
    """An open client of the library."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def submit(self, name: str, payload: str, options: SubmitOptions) -> str:
        said = _submit_options(options)
        with _raising(core.CoreSubmitError, SubmitError):
            id: str = await self._client.submit(name, payload, said)
            return id

    async def submit_raw(self, name: str, args: RawArgs, options: SubmitOptions) -> str:
        said = _submit_options(options)
        with _raising(core.CoreSubmitError, SubmitError):
            id: str = await self._client.submit_raw(name, _args(args), said)
            return id

    async def outcome(self, id: str) -> Outcome[Reply]:
        with _raising(core.CoreOutcomeError, OutcomeError):
            return _outcome(await self._client.outcome(id, None))

    async def outbox(self, filter: OutboxFilter) -> list[OutboxEntry]:
        wanted = core.CoreFilter(
            pending_only=filter.pending_only,
            lane=filter.lane,
            id=filter.id,
            limit=min(max(filter.limit, 0), 2**32 - 1),
            after=filter.after,
        )
        with _raising(core.CoreStoreError, StoreError):
            return [_entry(entry) for entry in await self._client.outbox(wanted)]

    def outbox_changes(self) -> Source[OutboxChange]:
        return NativeSource(self._client.outbox_changes(), "next_changes", "changes", _change)

    async def cancel(self, id: str) -> None:
        with _raising(core.CoreControlError, ControlError):
            await self._client.cancel(id)

    async def retry(self, id: str) -> str:
        with _raising(core.CoreControlError, ControlError):
            new: str = await self._client.retry(id)
            return new

    async def discard(self, id: str) -> None:
        with _raising(core.CoreControlError, ControlError):
            await self._client.discard(id)

    async def call(self, name: str, args: RawArgs, timeout_ms: int) -> Reply:
        with _raising(core.CoreCallError, CallError):
            return _reply(await self._client.call(name, _args(args), timeout_ms, None))

    async def emit(self, name: str, args: RawArgs) -> bool:
        with _raising(core.CoreCallError, CallError):
            written: bool = await self._client.emit(name, _args(args))
            return written

    def events(self, stream: str, manual: bool, after: int | None) -> EventSource:
        with _raising(core.CoreEventsError, EventsError):
            return NativeEvents(self._client.events(stream, core.CoreEventsOptions(manual=manual, after=after)))

    def observe(self, stream: str) -> EventSource:
        with _raising(core.CoreEventsError, EventsError):
            return NativeEvents(self._client.observe(stream))

    def status(self) -> Status:
        return _status(self._client.status())

    def status_changes(self) -> Source[Status]:
        return NativeSource(self._client.status_changes(), "next_statuses", "statuses", _status)

    def token_questions(self) -> TokenSource | None:
        questions = self._client.token_questions()
        return None if questions is None else NativeQuestions(questions)

    async def diagnostics(self) -> Any:
        return parse(await self._client.diagnostics())

    def connect(self) -> None:
        with _unless_closed():
            self._client.connect()

    def disconnect(self) -> None:
        with _unless_closed():
            self._client.disconnect()

    def network_available(self) -> None:
        with _unless_closed():
            self._client.network_available()

    def network_lost(self) -> None:
        with _unless_closed():
            self._client.network_lost()

    def foreground(self) -> None:
        with _unless_closed():
            self._client.foreground()

    async def background(self, deadline_ms: int) -> None:
        with _unless_closed():
            await self._client.background(deadline_ms)

    async def flush(self, deadline_ms: int) -> bool:
        with _unless_closed():
            drained: bool = await self._client.flush(deadline_ms, None)
            return drained

    async def suspend(self, deadline_ms: int) -> None:
        with _unless_closed():
            await self._client.suspend(deadline_ms)

    async def sign_out(self, rows: SignOut) -> None:
        with _raising(core.CoreStoreError, StoreError):
            await self._client.sign_out(core.CoreSignOut.KEEP if rows is SignOut.KEEP else core.CoreSignOut.DISCARD)

    async def shutdown(self) -> None:
        await self._client.shutdown()


class NativeEvents:
    def __init__(self, source: Any) -> None:
        self._source = source

    async def next_events(self, held: int, taken: int, most: int) -> tuple[int, list[StreamItem]]:
        number, items, then = await self._source.next_events(held, taken, most)
        if any(item[5] is not None for item in items):
            items = [_detailed(item) for item in items]
        if then is not None:
            items.append(_then(then))
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


# --- into the library ---


def _config(url: str, database: str | os.PathLike[str], options: Options, asks: bool) -> Any:
    def pairs(option: str, values: Mapping[str, str]) -> list[Any]:
        return [core.CorePair(name=_text(option, name), value=_text(option, value)) for name, value in values.items()]

    given: dict[str, Any] = {"asks_for_tokens": asks, "sdk": SDK}
    for option, value in options.items():
        if option in _TEXTS and value is not None:
            given[option] = _text(option, value)
        elif option == "attempts" and value is not None:
            given[option] = _short(option, value)
        elif option in _NUMBERS and value is not None:
            given[option] = _whole(option, value)
        elif option in _PAIRS:
            for (name, convert), part in zip(_PAIRS[option], _two(option, value)):
                given[name] = convert(option, part)
        elif option in ("query", "headers"):
            given[option] = pairs(option, _mapping(option, value))
        elif option in ("allow_plain_text", "relaxed_durability", "set_corrupt_aside"):
            given[option] = bool(value)
        elif option in ("extra_roots_pem", "pinned_keys"):
            given[option] = [_text(option, one) for one in _several(option, value)]
        elif option == "ttl" and value is not None:
            given["ttl_ms"] = _time(option, value)
        elif option == "auth":
            given["auth"] = _json(option, value)
        elif option == "lanes":
            lanes = _mapping(option, value).items()
            given["lanes"] = [
                core.CoreLane(lane=_text(option, lane), policy=_policy(option, policy)) for lane, policy in lanes
            ]
        elif option == "default_lane":
            given["default_lane"] = _policy(option, value)
        elif option not in _KNOWN:
            raise TypeError(f"a client has no option {option!r}")
    return core.CoreConfig(url=_text("url", url), database=_text("database", os.fspath(database)), **given)


def _text(option: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(option, f"a str is wanted, not {type(value).__name__}")
    return value


def _whole(option: str, value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise _bad(option, "a whole number is wanted that is not negative")
    return value


def _short(option: str, value: object) -> int:
    return min(_whole(option, value), 2**32 - 1)


def _time(option: str, value: Any) -> int:
    try:
        return milliseconds(value)
    except (TypeError, ValueError) as error:
        raise _bad(option, str(error)) from error


def _two(option: str, value: Any) -> tuple[Any, Any]:
    try:
        first, second = value
    except (TypeError, ValueError) as error:
        raise _bad(option, "two values are wanted") from error
    return first, second


def _mapping(option: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _bad(option, "a mapping is wanted")
    return value


def _several(option: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)):
        raise _bad(option, "a list is wanted")
    return list(value)


def _json(option: str, value: object) -> str:
    try:
        return to_json(value)
    except NotJson as error:
        raise _bad(option, str(error)) from error


def _policy(option: str, value: object) -> Any:
    name = getattr(value, "name", None)
    if name not in ("BLOCK", "SKIP"):
        raise _bad(option, "a LanePolicy is wanted")
    return core.CoreLanePolicy[name]


def _bad(option: str, text: str) -> KeeplineError:
    return failure(OpenError, "BAD_CONFIG", text, option=option)


_TEXTS = ("token", "account", "path", "namespace")
_NUMBERS = ("disk_quota", "receive_limit")
_KNOWN = frozenset(Options.__annotations__)
_PAIRS: dict[str, tuple[tuple[str, Callable[[str, Any], int]], ...]] = {
    "capacity": (("capacity_rows", _whole), ("capacity_bytes", _whole)),
    "buffer": (("buffer_events", _short), ("buffer_bytes", _whole)),
    "outcomes_kept": (("outcomes_rows", _whole), ("outcomes_age_ms", _time)),
    "reconnect": (("reconnect_base_ms", _time), ("reconnect_cap_ms", _time)),
}


def _submit_options(options: SubmitOptions) -> Any:
    unknown = options.keys() - SubmitOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"a submit has no option {min(unknown)!r}")
    texts = {name: options.get(name) for name in ("lane", "label", "coalesce", "id")}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise failure(SubmitError, "BAD_FIELD", f"a str is wanted, not {type(value).__name__}", field=name)
    ttl, ack = options.get("ttl"), options.get("ack")
    try:
        ttl_ms = None if ttl is None else milliseconds(ttl)
    except (TypeError, ValueError) as error:
        raise failure(SubmitError, "BAD_FIELD", str(error), field="ttl") from error
    return core.CoreSubmitOptions(ttl_ms=ttl_ms, ack=None if ack is None else core.CoreAckMode[ack.name], **texts)


def _args(args: RawArgs) -> Any:
    return core.CoreArgs(json=args.json, attachments=[bytes(one) for one in args.attachments])


# --- out of the library ---


@contextlib.contextmanager
def _raising(source: Any, operation: type[KeeplineError]) -> Iterator[None]:
    """The library's errors of one operation become the package's."""
    try:
        yield
    except source as error:
        raise _failure(error, operation) from None
    except core.CoreClosedError:
        raise failure(operation, "CLOSED") from None


@contextlib.contextmanager
def _unless_closed() -> Iterator[None]:
    try:
        yield
    except core.CoreClosedError:
        raise closed() from None


def _failure(error: Any, operation: type[KeeplineError]) -> Exception:
    case = type(error).__name__
    if case == "BadStream":
        return ValueError("a stream is 'user', or 'job:' and an id")
    if case == "Rejected":
        return failure(operation, "REJECTED", error.text, rejection=error.rejection)
    details = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    return failure(operation, _CODES[operation].get(case) or _CODES[KeeplineError][case], **details)


_CODES: dict[type[KeeplineError], dict[str, str]] = {
    KeeplineError: {
        "BadConfig": "BAD_CONFIG",
        "BadField": "BAD_FIELD",
        "BadReply": "BAD_REPLY",
        "BadUrl": "BAD_URL",
        "Busy": "BUSY",
        "Closed": "CLOSED",
        "Corrupt": "STORE_CORRUPT",
        "DiskFull": "DISK_FULL",
        "Full": "DISK_FULL",
        "IdConflict": "ID_CONFLICT",
        "InUse": "IN_USE",
        "Io": "STORE_IO",
        "NewerSchema": "STORE_NEWER",
        "NotFound": "NOT_FOUND",
        "NotJson": "NOT_JSON",
        "NotOnline": "NOT_ONLINE",
        "NotParked": "NOT_PARKED",
        "QueueFull": "QUEUE_FULL",
        "Settled": "SETTLED",
        "Store": "STORE_FAILED",
        "StoreBusy": "STORE_BUSY",
        "Suspended": "SUSPENDED",
        "TimedOut": "TIMED_OUT",
        "TooLarge": "TOO_LARGE",
        "TooMany": "TOO_MANY_STREAMS",
        "TooManyLanes": "TOO_MANY_LANES",
        "WrongKey": "STORE_WRONG_KEY",
    },
    OpenError: {},
    SubmitError: {},
    ControlError: {},
    OutcomeError: {},
    CallError: {},
    EventsError: {"InUse": "STREAM_IN_USE"},
    StoreError: {"Busy": "STORE_BUSY"},
}


def _detailed(item: Any) -> StreamItem:
    details = item[5]
    if details is None:
        return item  # type: ignore[no-any-return]
    ack = details.ack
    made = Details(details.args, tuple(details.attachments), None if ack is None else ack.send)
    return (*item[:5], made)


def _then(then: Any) -> StreamItem:
    if then.is_RESET():
        reset = then.reset
        snapshot = None if reset.snapshot is None else parse(reset.snapshot)
        return Reset(reset.epoch, reset.offset, ResetReason[reset.reason.name], snapshot)
    if then.is_LAGGED():
        return Lagged(then.count)
    return Refused(then.code) if then.is_REFUSED() else Gone()


def _case(value: Any) -> str:
    """The name of an enum's variant, whose class the generated module calls `CoreLine.IDLE`."""
    return type(value).__name__.rpartition(".")[2]


def _reply(reply: Any) -> Reply:
    if reply.payload is None:
        return Reply(is_forgotten=True)
    return Reply(parse(reply.payload), tuple(reply.attachments))


def _outcome(outcome: Any) -> Outcome[Reply]:
    if outcome.is_ACCEPTED():
        return Accepted(_reply(outcome.reply))
    if outcome.is_REJECTED():
        return Rejected(outcome.rejection.code, outcome.rejection.text)
    return _PLAIN_OUTCOMES[_case(outcome)]


_PLAIN_OUTCOMES: dict[str, Outcome[Reply]] = {
    "EXPIRED": Expired(),
    "CANCELLED": Cancelled(),
    "INDETERMINATE": Indeterminate(),
    "SENT": Sent(),
}


def _entry(entry: Any) -> OutboxEntry:
    error = entry.last_error
    return OutboxEntry(
        id=entry.id,
        name=entry.name,
        payload=parse(entry.payload),
        lane=entry.lane,
        label=entry.label,
        state=ActionState[entry.state.name],
        attempts=entry.attempts,
        age=timedelta(milliseconds=entry.age_ms),
        outcome=None if entry.outcome is None else _outcome(entry.outcome),
        last_error=None if error is None else Rejected(error.code, error.text),
        rolled_back=entry.rolled_back,
    )


def _change(change: Any) -> OutboxChange:
    if change.is_CHANGED():
        return Changed(change.id)
    if change.is_SETTLED():
        return Settled(change.id, _outcome(change.outcome))
    if change.is_RENAMED():
        return Renamed(change.old, change.new)
    if change.is_ROLLED_BACK():
        return RolledBack(tuple(change.ids))
    return Lagged(change.count)


def _status(status: Any) -> Status:
    oldest = None if status.oldest_ms is None else timedelta(milliseconds=status.oldest_ms)
    return Status(_line(status.line), status.pending, status.parked, oldest)


def _line(line: Any) -> Line:
    if line.is_ONLINE():
        return Online(line.resumed)
    if line.is_WAITING():
        reason = LineTrouble[line.reason.name]
        return Waiting(timedelta(milliseconds=line.retry_in_ms), line.attempt, reason)
    if line.is_AUTH_REQUIRED():
        return AuthRequired(AuthTrouble[line.reason.name], line.code)
    return _PLAIN_LINES[_case(line)]


_PLAIN_LINES: dict[str, Line] = {
    "IDLE": Idle(),
    "CONNECTING": Connecting(),
    "OFFLINE": Offline(),
    "SUSPENDED": Suspended(),
    "CLOSED": Closed(),
}
