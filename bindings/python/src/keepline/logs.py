"""The library's log lines in Python's logging."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from .errors import KeeplineError, failure

__all__ = ["forward_logs"]

LINES_MAX = 256
"""How many lines are taken at once; a burst of a reconnection has some ten."""

_lock = threading.Lock()
_forwarding = False


def forward_logs(level: int = logging.INFO) -> None:
    """From now on the library's log lines go to the logger `keepline` and those below it, from this level up.

    For the whole process and until its end; a second call does nothing. What the package itself logs goes there anyway.
    Raises `KeeplineError`, a `RuntimeError` too: `LOGS_TAKEN` where somebody else in this process takes them already.
    No line has a payload or a token. It loads the library and starts a thread, which takes the lines.
    """
    global _forwarding
    from . import _lifetime
    from ._ffi import core

    with _lock:
        if _forwarding:
            return
        try:
            source = core.core_logs(_level(core.CoreLogLevel, level))
        except core.CoreLogsError.Taken:
            raise failure(KeeplineError, "LOGS_TAKEN", "somebody else takes the log lines already") from None
        thread = threading.Thread(target=lambda: asyncio.run(_forward(source)), name="keepline-logs", daemon=True)
        thread.start()
        _forwarding = True

    def end() -> None:
        source.end()
        thread.join(timeout=1.0)

    _lifetime.before_exit(end)


async def _forward(source: Any) -> None:
    while (batch := await source.next_lines(LINES_MAX)).lines:
        if batch.lost:
            logging.getLogger("keepline").warning("%d log lines are lost: nobody came for them", batch.lost)
        for line in batch.lines:
            logger = logging.getLogger(line.target.replace("::", "."))
            logger.log(_LEVELS[line.level.name], "%s", line.text)


_LEVELS = {"ERROR": logging.ERROR, "WARNING": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG}


def _level(levels: Any, level: int) -> Any:
    for name, bound in _LEVELS.items():
        if level >= bound:
            return levels[name]
    return levels.DEBUG
