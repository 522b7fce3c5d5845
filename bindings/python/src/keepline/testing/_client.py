"""The fake clients."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from .. import blocking
from .._backend import Backend
from .._named import ActionType, name_of
from .._thread import LoopThread
from ..client import Client
from ..outbox import OutboxEntry
from ..outcome import Outcome, Rejected
from ..status import Line, LineTrouble, Online, Waiting
from ._backend import Answer, FakeBackend, outcome_of


class FakeClient(Client):
    """A `keepline.Client` without a server. Open it as a context, or by `await FakeClient.new()`.

    It begins idle. `connect` makes it connecting, and the test decides what becomes of that. What is submitted stays in
    the queue until it is online and has an `answer`. What is delivered reaches the app while it is online.
    """

    def __init__(self) -> None:
        super().__init__("fake://", "fake")
        self._fake = FakeBackend()

    @classmethod
    async def new(cls) -> FakeClient:
        """An open one."""
        client = cls()
        await client._open()
        return client

    # --- the line ---

    def go_online(self, resumed: bool = True) -> None:
        """Actions go out and events come in."""
        self._fake.set_line(Online(resumed))

    def go_offline(self, reason: LineTrouble = LineTrouble.LOST) -> None:
        """The line is lost: actions stay in the queue, and events wait for the next time online."""
        self._fake.set_line(Waiting(timedelta(seconds=1), 1, reason))

    def set_line(self, line: Line) -> None:
        """Any other state."""
        self._fake.set_line(line)

    # --- actions ---

    def answer(self, action: type[Any] | ActionType[Any, Any] | str, answer: Any) -> None:
        """What the server says to actions of this type or name, from now on and to those that wait.

        The answer is a reply, an outcome such as `Rejected("FORBIDDEN")`, or a function that gives one of them for a
        payload (the JSON as Python's values).
        """
        self._fake.answer(_named(action), answer if callable(answer) else _always(answer))

    def settle(self, id: str, outcome: Outcome[Any]) -> None:
        """One action's outcome, whatever the line is."""
        self._fake.settle(id, outcome_of(_always(outcome), None))

    def park(self, id: str, code: str = "UNAVAILABLE", text: str = "") -> None:
        """One action could not be delivered, and waits for `retry` or `discard`."""
        self._fake.park(id, Rejected(code, text))

    @property
    def submitted(self) -> list[OutboxEntry]:
        """Everything that was submitted, in its order."""
        return self._fake.rows()

    @property
    def emitted(self) -> list[tuple[str, Any]]:
        """Name and first argument of everything that `emit` wrote."""
        return list(self._fake.emitted)

    # --- events ---

    def deliver(self, stream: str, *items: Any) -> None:
        """Events on a stream: typed ones, `RawEvent`, or `(name, payload)`; also `Reset`, `Gone` and `Refused`."""
        self._fake.deliver(stream, items)

    # --- inside ---

    async def _open_backend(self) -> Backend:
        return self._fake


class BlockingFakeClient(blocking.Client):
    """The same for what takes a `keepline.blocking.Client`."""

    fake: FakeClient
    """What the other end does: `client.fake.go_online()` and the other methods of `FakeClient` that say so."""

    def __init__(self) -> None:
        fake = FakeClient()
        self._start(lambda: fake)
        self.fake = cast(FakeClient, _Script(fake, lambda: self._thread))


class _Script:
    """A fake client whose methods are called where its event loop runs."""

    def __init__(self, fake: FakeClient, thread: Callable[[], LoopThread]) -> None:
        self._fake = fake
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fake, name)
        if not callable(found):
            return found
        return lambda *args, **options: self._thread().call(lambda: found(*args, **options))


def _named(action: Any) -> str:
    if isinstance(action, str):
        return action
    return action.name if isinstance(action, ActionType) else name_of(action)


def _always(answer: Any) -> Answer:
    return lambda _: answer
