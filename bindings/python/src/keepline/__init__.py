"""A realtime client for apps whose network comes and goes.

It keeps one line to the server open, keeps what the app did while the line was down, and gives back every event that
the app missed.

>>> async with keepline.Client("wss://example.org", "queue.db", token=token) as client:
...     client.connect()                                        # an intention: it never fails
...     sent = await client.submit(StartSearch("rust"))         # returned means durable
...     match await sent.outcome():
...         case Accepted(started):
...             async for event in client.events(started.stream):
...                 print(event)
...                 if isinstance(event, JobCompleted):
...                     break

`keepline.blocking` has the same for scripts without an event loop, and `keepline.testing` a fake for an app's tests.
"""

from . import catalogue
from ._named import Action, ActionType, Event, EventType
from ._version import __version__
from .client import Client
from .errors import (
    CallError,
    ClosedError,
    ControlError,
    EventsError,
    KeeplineError,
    OpenError,
    OutcomeError,
    StoreError,
    SubmitError,
)
from .events import USER, Envelope, Gone, Item, Lagged, RawEvent, Refused, Reset, ResetReason, job_stream
from .logs import forward_logs
from .options import (
    AckMode,
    Attachment,
    LanePolicy,
    Options,
    OutboxFilter,
    Seconds,
    SignedOut,
    SignOut,
    SubmitOptions,
    TokenProvider,
    TokenReason,
)
from .outbox import ActionState, Changed, OutboxChange, OutboxEntry, Renamed, RolledBack, Settled
from .outcome import Accepted, Cancelled, Expired, Indeterminate, Outcome, Rejected, Rejection, Reply, Sent
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
from .streams import Changes, EventStream
from .submission import Submission

__all__ = [
    "USER",
    "Accepted",
    "AckMode",
    "Action",
    "ActionState",
    "ActionType",
    "Attachment",
    "AuthRequired",
    "AuthTrouble",
    "CallError",
    "Cancelled",
    "Changed",
    "Changes",
    "Client",
    "Closed",
    "ClosedError",
    "Connecting",
    "ControlError",
    "Envelope",
    "Event",
    "EventStream",
    "EventType",
    "EventsError",
    "Expired",
    "Gone",
    "Idle",
    "Indeterminate",
    "Item",
    "KeeplineError",
    "Lagged",
    "LanePolicy",
    "Line",
    "LineTrouble",
    "Offline",
    "Online",
    "OpenError",
    "Options",
    "OutboxChange",
    "OutboxEntry",
    "OutboxFilter",
    "Outcome",
    "OutcomeError",
    "RawEvent",
    "Refused",
    "Rejected",
    "Rejection",
    "Renamed",
    "Reply",
    "Reset",
    "ResetReason",
    "RolledBack",
    "Seconds",
    "Sent",
    "Settled",
    "SignOut",
    "SignedOut",
    "Status",
    "StoreError",
    "Submission",
    "SubmitError",
    "SubmitOptions",
    "Suspended",
    "TokenProvider",
    "TokenReason",
    "Waiting",
    "__version__",
    "catalogue",
    "forward_logs",
    "job_stream",
]
