"""An event loop on a thread of its own, for a client whose user has none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from .errors import ClosedError, KeeplineError, failure

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads, which wait for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # What is handed to the loop is handed to it before it is stopped, or not at all: a loop that has ended takes
        # things without a word, and nobody would ever hear of them.
        self._handing = threading.Lock()
        self._is_stopped = False
        # A daemon, so that a client that nobody shut down does not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, name="keepline-loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], operation: type[KeeplineError] = ClosedError) -> T:
        """What the coroutine gives, or the operation's error `CLOSED` where `stop` came first.

        An interrupt from the keyboard cancels it.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("this would wait for itself")
        with self._handing:
            future = None if self._is_stopped else asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        if future is None:
            coroutine.close()
            raise failure(operation, "CLOSED", "the client was shut down")
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            if not self._is_stopped:
                raise
            raise failure(operation, "CLOSED", "the client was shut down") from None
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], T], operation: type[KeeplineError] = ClosedError) -> T:
        """What the function gives, called in the loop."""

        async def called() -> T:
            return function()

        return self.run(called(), operation)

    def stop(self) -> None:
        """Cancels what still runs, and ends the thread. Once more only waits for that end."""
        with self._handing:
            if not self._is_stopped:
                self._is_stopped = True
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def within(begin: Callable[[], Awaitable[T]], seconds: float | None) -> T:
    """What comes of what is begun here, or a `TimeoutError`."""
    try:
        return await asyncio.wait_for(begin(), seconds)
    except asyncio.TimeoutError:
        # Another class than the built-in one before Python 3.11.
        raise TimeoutError from None


async def in_thread(function: Callable[..., T], argument: Any, name: str) -> T:
    """Calls a function that may block, on a daemon thread: one that never returns keeps nothing from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type]
        else:
            answer.set_exception(error)

    def call() -> None:
        try:
            outcome: tuple[T | None, BaseException | None] = (function(argument), None)
        except Exception as error:
            outcome = (None, error)
        except BaseException as error:
            # A SystemExit would end the client's loop and not the program.
            outcome = (None, RuntimeError(f"{name} ended with {type(error).__name__}"))
        # The client may have been shut down meanwhile, and its loop closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=call, name=name, daemon=True).start()
    return await answer
