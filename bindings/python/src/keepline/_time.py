"""Lengths of time, as the library wants them."""

from __future__ import annotations

from datetime import timedelta

from .options import Seconds

# What fits a signed 64-bit number of milliseconds in every language; some 300 million years.
MILLISECONDS_MAX = 2**63 - 1


def milliseconds(time: Seconds) -> int:
    """Whole milliseconds, rounded up so that a short time is not none. Raises where it is negative or no time."""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"seconds or a timedelta are wanted, not {type(time).__name__}")
    if seconds < 0 or seconds != seconds:
        raise ValueError("a time cannot be negative")
    if seconds >= MILLISECONDS_MAX / 1000:
        return MILLISECONDS_MAX
    return -int(-seconds * 1000 // 1)
