"""A clean end of the interpreter.

A thread of the library that calls into an interpreter that is ending takes the process down with it. The library only
ever does that to wake a call that waits, so at exit every client is shut down, every source ended, and the interpreter
goes on once nothing waits any more.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

# A shutdown takes two seconds at the most; what has not ended then hangs, and would hang for ever.
EXIT_SECONDS_MAX = 5.0
# How long the exit looks away between two looks at what still waits. Only an exit with calls under way looks twice.
LOOK_SECONDS = 0.002


class Closing(Protocol):
    def end_at_exit(self) -> Any:
        """Ends every stream, and gives the coroutine that shuts down."""


_open: weakref.WeakSet[Any] = weakref.WeakSet()
_before: list[Callable[[], None]] = []
_after: list[Callable[[], None]] = []
_quiet: list[Callable[[], bool]] = []
_over = threading.Event()

is_over: Callable[[], bool] = _over.is_set
"""Whether the library must not be called any more."""


def opened(client: Closing) -> None:
    """This is shut down at exit, if it still lives then."""
    _open.add(client)


def before_exit(end: Callable[[], None]) -> None:
    """This is called first at exit: it ends a thread of the package's own, or a source that no client has."""
    _before.append(end)


def wait_at_exit(is_quiet: Callable[[], bool], then: Callable[[], None]) -> None:
    """The exit goes on once this holds, and does the other thing last of all."""
    _quiet.append(is_quiet)
    _after.append(then)


@atexit.register
def _at_exit() -> None:
    for end in _before:
        end()
    shutdowns = [client.end_at_exit() for client in list(_open)]
    if shutdowns:
        asyncio.run(_all_of(shutdowns))
    until = time.monotonic() + EXIT_SECONDS_MAX
    while not all(is_quiet() for is_quiet in _quiet) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    _over.set()
    for end in _after:
        end()


async def _all_of(shutdowns: list[Any]) -> None:
    together = asyncio.gather(*shutdowns, return_exceptions=True)
    await asyncio.wait([together], timeout=EXIT_SECONDS_MAX)
