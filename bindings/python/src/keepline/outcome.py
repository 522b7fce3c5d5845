"""How an action ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union

__all__ = ["Accepted", "Cancelled", "Expired", "Indeterminate", "Outcome", "Rejected", "Rejection", "Reply", "Sent"]

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it came."""

    payload: Any = None
    """The JSON. Of an existing Socket.IO server it is the list of the acknowledgement's arguments."""
    attachments: tuple[bytes, ...] = ()
    """Binary attachments of an existing server's acknowledgement."""
    is_forgotten: bool = False
    """The server has forgotten it; the verdict stays."""


@dataclass(frozen=True, slots=True)
class Accepted(Generic[R]):
    """The server applied it; a Keepline server once, however often it arrived."""

    reply: R
    """What came back."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused it for good."""

    code: str
    """The stable code."""
    text: str = ""
    """For people."""


Rejection = Rejected
"""What the server said when it did not accept an action."""


@dataclass(frozen=True, slots=True)
class Expired:
    """It was never sent, and its time ran out."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was cancelled, discarded or replaced: it will never be applied."""


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """It may have been applied, and that cannot be found out any more."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It was written to the line of an existing server that was not asked for an acknowledgement."""


Outcome = Union[Accepted[R], Rejected, Expired, Cancelled, Indeterminate, Sent]
"""How an action ended. `Outcome[R]` has the reply's type."""
