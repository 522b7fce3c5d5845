"""How the line is."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Union

__all__ = [
    "AuthRequired",
    "AuthTrouble",
    "Closed",
    "Connecting",
    "Idle",
    "Line",
    "LineTrouble",
    "Offline",
    "Online",
    "Status",
    "Suspended",
    "Waiting",
]


class LineTrouble(enum.Enum):
    """Why there is no line at the moment. The client tries again by itself."""

    DNS = "Dns"
    """The name could not be resolved."""
    UNREACHABLE = "Unreachable"
    """Nobody listens there, or no route leads there."""
    TLS = "Tls"
    """The certificate does not hold: wrong host, expired, unknown issuer, or not the pinned key."""
    HANDSHAKE = "Handshake"
    """The server answered something other than a Socket.IO handshake."""
    TIMED_OUT = "TimedOut"
    """No answer in time."""
    LOST = "Lost"
    """The other end closed the line, or the network did."""
    SILENT = "Silent"
    """No heartbeat came in time."""
    UNANSWERED = "Unanswered"
    """An action was not answered in time."""
    PROTOCOL = "Protocol"
    """The other end broke the protocol."""
    DRAINING = "Draining"
    """The server goes away for a moment and said so."""
    BUSY = "Busy"
    """The server is too busy and said when to come back."""
    DISCONNECTED = "Disconnected"
    """The server ended the session."""
    TOKEN_EXPIRED = "TokenExpired"
    """The token ran out; the next attempt asks for a new one."""
    TOKEN_UNAVAILABLE = "TokenUnavailable"
    """The token provider failed for now."""
    NOT_KEEPLINE = "NotKeepline"
    """This database has met a Keepline server and the peer is none now; nothing is sent to it."""
    STORE = "Store"
    """The local database failed and is being opened again."""


class AuthTrouble(enum.Enum):
    """Why the app has to act before there can be a line."""

    TOKEN_MISSING = "TokenMissing"
    """There is neither a token nor a provider, and the server wants one."""
    TOKEN_REFUSED = "TokenRefused"
    """The server refused a fresh token."""
    SIGNED_OUT = "SignedOut"
    """The provider said that there is no token to be had: sign in again."""
    ACCOUNT_MISMATCH = "AccountMismatch"
    """The token belongs to somebody else than the rows of this database."""
    PROTO_UNSUPPORTED = "ProtoUnsupported"
    """The server does not speak this version of the protocol."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody asked for a connection: `connect` does."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """Asking for a token, dialling, greeting."""


@dataclass(frozen=True, slots=True)
class Online:
    """Actions go out and events come in."""

    resumed: bool
    """Whether every stream continued where its cursor stood."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """No line at the moment; the client tries again by itself."""

    retry_in: timedelta
    """How long until the next attempt."""
    attempt: int
    """Which attempt that will be, from 1."""
    reason: LineTrouble
    """What went wrong last."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The host said that there is no network: `network_available` ends it."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """Every file and socket is closed: `foreground` or `connect` ends it."""


@dataclass(frozen=True, slots=True)
class AuthRequired:
    """The server or the provider refused, and the queue is kept. Sign in, then `connect`."""

    reason: AuthTrouble
    """Why."""
    code: str | None = None
    """The server's code, where it refused the token."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The client was shut down."""


Line = Union[Idle, Connecting, Online, Waiting, Offline, Suspended, AuthRequired, Closed]
"""The state of the line."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the line is, and what waits for it."""

    line: Line
    """The state of the line."""
    pending: int = 0
    """Actions without an outcome, parked ones not counted."""
    parked: int = 0
    """Actions that wait for `retry` or `discard`."""
    oldest: timedelta | None = None
    """How long the oldest pending action has waited."""
