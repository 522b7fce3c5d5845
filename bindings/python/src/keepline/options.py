"""What may be said when a client is opened, and when an action is submitted."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict, Union

__all__ = [
    "AckMode",
    "Attachment",
    "LanePolicy",
    "Options",
    "OutboxFilter",
    "Seconds",
    "SignOut",
    "SignedOut",
    "SubmitOptions",
    "TokenProvider",
    "TokenReason",
]

Seconds = Union[float, timedelta]
"""A length of time: seconds, or a `timedelta`."""


class LanePolicy(enum.Enum):
    """What happens to a lane whose head cannot be delivered."""

    BLOCK = "Block"
    """It waits for `retry` or `discard`. Named lanes do so by default."""
    SKIP = "Skip"
    """The head is voided, and the lane moves on. The default lane does so by default."""


class AckMode(enum.Enum):
    """Whether an existing Socket.IO server answers an action."""

    REQUIRED = "Required"
    """An acknowledgement settles it."""
    NONE = "None"
    """It settles as `Sent` when it was written."""


class SignOut(enum.Enum):
    """What to do with an account's queue and cursors at `sign_out`."""

    KEEP = "Keep"
    """They stay, and go on when the same account signs in again."""
    DISCARD = "Discard"
    """They are removed. What was sent already may still be applied."""


class TokenReason(enum.Enum):
    """Why a token is asked for."""

    CONNECT = "Connect"
    """A connection is being made."""
    EXPIRING = "Expiring"
    """The present token runs out soon."""
    REFUSED = "Refused"
    """The server refused the last one: it must not be given again."""


class SignedOut(Exception):
    """A token provider raises this where there is no token before the user signs in again."""


TokenProvider = Callable[[TokenReason], Awaitable[str]]
"""Asked for a token before each connection, ahead of the present one's end, and after a refusal.

One call at a time. What it raises counts as "not now" and is logged, except `SignedOut`. One that has not answered
after 30 seconds counts as "not now" too.
"""


class Options(TypedDict, total=False):
    """The options of a client. What is left out has its default."""

    token: str | None
    """A token that never changes."""
    account: str | None
    """Whom queue and cursors belong to; learned from the first session where it is not said."""
    allow_plain_text: bool
    """Plain text beyond loopback. Default: no."""
    path: str | None
    """Where the engine listens. Default: `/socket.io/`."""
    namespace: str | None
    """The Socket.IO namespace. Default: `/`."""
    query: Mapping[str, str]
    """For the dial's query. Never a token: URLs end up in logs."""
    headers: Mapping[str, str]
    """For the dial."""
    auth: Mapping[str, Any]
    """Beside Keepline's own keys in the CONNECT payload."""
    lanes: Mapping[str, LanePolicy]
    """The policies of named lanes."""
    default_lane: LanePolicy
    """The policy of the default lane."""
    capacity: tuple[int, int]
    """How many actions, and bytes of payload, the queue holds. Default: 10,000 and 50 MiB."""
    disk_quota: int | None
    """How large the file may grow by submits, in bytes. Default: twice the capacity and 32 MiB."""
    ttl: Seconds | None
    """How long an action waits that was never sent. Default: 24 h; at most 30 days."""
    relaxed_durability: bool
    """Whether a power cut may lose the last commits. Default: no."""
    set_corrupt_aside: bool
    """Whether a corrupt database is moved aside. Default: no, and opening fails with `STORE_CORRUPT`."""
    buffer: tuple[int, int]
    """How many events, and bytes of them, wait for a slow app. Default: 1,024 and 4 MiB for each stream."""
    outcomes_kept: tuple[int, Seconds]
    """How many outcomes that were read are kept, and how long. Default: 1,000 and 7 days."""
    reconnect: tuple[Seconds, Seconds]
    """The first and the longest delay between two attempts to connect. Default: 0.5 s and 10 s."""
    attempts: int | None
    """How often an action that failed in a way that may pass is tried before it is parked. Default: 10."""
    receive_limit: int | None
    """The largest packet that is read, in bytes. Default: 1 MiB."""
    extra_roots_pem: Sequence[str]
    """More roots for TLS, as PEM text."""
    pinned_keys: Sequence[str]
    """The keys that the server's certificate may have: the SHA-256 of the SubjectPublicKeyInfo, as 64 hex digits."""


class SubmitOptions(TypedDict, total=False):
    """What may be said with a submit. What is left out has its default."""

    lane: str | None
    """Actions of one lane reach the server in order; lanes are independent. Default: the default lane."""
    ttl: Seconds | None
    """How long it may wait unsent. Default: the client's."""
    label: str | None
    """The app's own, at most 256 bytes, shown in lists of the queue."""
    coalesce: str | None
    """Replaces an earlier action of the lane with the same key that was never sent."""
    id: str | None
    """A UUID of one's own: submitting the same again is safe."""
    ack: AckMode
    """Whether an existing server is asked for an acknowledgement. Default: it is."""


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """Which rows of the queue to list, oldest first."""

    pending_only: bool = False
    """Only rows without an outcome."""
    lane: str | None = None
    """Only this lane."""
    id: str | None = None
    """Only this action."""
    limit: int = 1000
    """At most so many."""
    after: str | None = None
    """Only rows after this one."""


class Attachment(dict[str, Any]):
    """Marks, among the arguments of `submit_raw` and its like, the place of an attachment by its number from 0."""

    def __init__(self, number: int) -> None:
        super().__init__(_placeholder=True, num=number)
