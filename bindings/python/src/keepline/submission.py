"""What `submit` gives."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ._backend import Backend
from ._decode import Mismatch, decode
from ._requests import checked_id
from .errors import OutcomeError, failure
from .outcome import Accepted, Outcome, Reply

__all__ = ["Submission"]

R = TypeVar("R", covariant=True)


class Submission(Generic[R]):
    """An action that is durable. Its `id` finds it again after a restart: `client.submission(id)`."""

    __slots__ = ("_backend", "_reply", "id")

    def __init__(self, backend: Backend, id: str, reply: Any) -> None:
        self._backend = backend
        self._reply = reply
        self.id: str = id
        """The action's id, a UUID."""

    async def outcome(self) -> Outcome[R]:
        """Waits for the outcome, for as long as it takes. Giving up, as by `asyncio.wait_for`, changes nothing.

        Raises `OutcomeError`: `BAD_REPLY` where the action was applied and its reply has another shape or was
        forgotten (`outcome_raw` has it then), `NOT_FOUND`, `CLOSED`.
        """
        outcome = await self.outcome_raw()
        if not isinstance(outcome, Accepted):
            return outcome
        return Accepted(reply_as(OutcomeError, outcome.reply, self._reply))

    async def outcome_raw(self) -> Outcome[Reply]:
        """As `outcome`, with the reply as it came."""
        return await self._backend.outcome(checked_id(self.id, OutcomeError))

    def __repr__(self) -> str:
        return f"Submission({self.id!r})"


def reply_as(operation: Any, reply: Reply, kind: Any) -> Any:
    """The reply as its type, or the operation's error `BAD_REPLY`."""
    if reply.is_forgotten:
        raise failure(operation, "BAD_REPLY", "the server has forgotten the reply")
    try:
        return decode(kind, reply.payload)
    except Mismatch as error:
        raise failure(operation, "BAD_REPLY", str(error)) from None
