"""The seam between the package and what does the work: the native library, or a fake in an app's tests.

Everything here is in terms of JSON text and of the package's own public types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, Union

from .events import Gone, Lagged, Refused, Reset
from .options import OutboxFilter, SignOut, SubmitOptions, TokenReason
from .outbox import OutboxChange, OutboxEntry
from .outcome import Outcome, Reply
from .status import Status

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class RawArgs:
    """A JSON array of arguments, and attachments."""

    json: str
    attachments: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Details:
    """What only an existing server's event has."""

    args: Sequence[str]
    attachments: tuple[bytes, ...]
    acknowledge: Callable[[str], Awaitable[None]] | None


RawItem = tuple[str, str, Union[int, None], Union[str, None], Union[str, None], Union[Details, None]]
"""An event: name, payload as JSON, offset, epoch, time, details."""

StreamItem = Union[RawItem, Reset, Gone, Refused, Lagged]


class EventSource(Protocol):
    """Events by the batch."""

    async def next_events(self, held: int, taken: int, most: int) -> tuple[int, list[StreamItem]]:
        """Waits for a batch and gives its number and items; none at the end.

        `held` is the number of the last batch that arrived, 0 before the first, and `taken` how many of its items the
        app has taken. A batch whose pull was cancelled is given again.
        """
        ...

    def ack_up_to(self, offset: int) -> None: ...

    def end(self, held: int, taken: int) -> None: ...


class Source(Protocol[T_co]):
    """Other items by the batch; an empty one is the end."""

    async def next_batch(self, held: int) -> tuple[int, Sequence[T_co]]: ...

    def end(self) -> None: ...


class TokenQuestion(Protocol):
    """Only the first answer counts."""

    @property
    def reason(self) -> TokenReason: ...

    def resolve(self, token: str) -> None: ...

    def reject(self, signed_out: bool) -> None: ...


class TokenSource(Protocol):
    async def next_question(self) -> TokenQuestion | None: ...

    def end(self) -> None: ...


class Backend(Protocol):
    """An open client. Each method raises the errors of the public method that it stands behind."""

    async def submit(self, name: str, payload: str, options: SubmitOptions) -> str: ...

    async def submit_raw(self, name: str, args: RawArgs, options: SubmitOptions) -> str: ...

    async def outcome(self, id: str) -> Outcome[Reply]: ...

    async def outbox(self, filter: OutboxFilter) -> list[OutboxEntry]: ...

    def outbox_changes(self) -> Source[OutboxChange]: ...

    async def cancel(self, id: str) -> None: ...

    async def retry(self, id: str) -> str: ...

    async def discard(self, id: str) -> None: ...

    async def call(self, name: str, args: RawArgs, timeout_ms: int) -> Reply: ...

    async def emit(self, name: str, args: RawArgs) -> bool: ...

    def events(self, stream: str, manual: bool, after: int | None) -> EventSource: ...

    def observe(self, stream: str) -> EventSource: ...

    def status(self) -> Status: ...

    def status_changes(self) -> Source[Status]: ...

    def token_questions(self) -> TokenSource | None: ...

    async def diagnostics(self) -> Any: ...

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def network_available(self) -> None: ...

    def network_lost(self) -> None: ...

    def foreground(self) -> None: ...

    async def background(self, deadline_ms: int) -> None: ...

    async def flush(self, deadline_ms: int) -> bool: ...

    async def suspend(self, deadline_ms: int) -> None: ...

    async def sign_out(self, rows: SignOut) -> None: ...

    async def shutdown(self) -> None: ...
