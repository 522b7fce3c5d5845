"""A clean end of the interpreter.

A thread of the library that calls into an interpreter that is ending takes the process down with it. The library only
ever does that to wake a call that waits, so at exit every client is shut down, every source ended, and the interpreter
goes on once nothing waits any more.
"""

from __future__ import annotations

import asyncio
import atexit
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from ._ffi import core

# A shutdown takes two seconds at the most; what has not ended then hangs, and would hang for ever.
EXIT_SECONDS_MAX = 5.0
# How long the exit looks away between two looks at what still waits. Only an exit with calls under way looks twice.
LOOK_SECONDS = 0.002


class _Closing(Protocol):
    async def shutdown(self) -> None: ...


_open: weakref.WeakSet[Any] = weakref.WeakSet()
_before: list[Callable[[], None]] = []


def opened(backend: _Closing) -> None:
    """This is shut down at exit, if it still lives then."""
    _open.add(backend)


def before_exit(end: Callable[[], None]) -> None:
    """This is called first at exit: it ends a thread of the package's own, or a source that no client has."""
    _before.append(end)


@atexit.register
def _at_exit() -> None:
    for end in _before:
        end()
    backends = list(_open)
    if backends:
        asyncio.run(_shut_down(backends))
    until = time.monotonic() + EXIT_SECONDS_MAX
    while len(core._UniffiContinuationHandleMap) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)


async def _shut_down(backends: list[_Closing]) -> None:
    shutdowns = asyncio.gather(*(backend.shutdown() for backend in backends), return_exceptions=True)
    await asyncio.wait([shutdowns], timeout=EXIT_SECONDS_MAX)
