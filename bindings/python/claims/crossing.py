"""Typed events a second out of the library, from a generator in it: no server, no disk, no line."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from keepline._ffi import core
from keepline._native import NativeEvents
from keepline.catalogue import TestTick
from keepline.events import Item
from keepline.streams import EventStream, Types

EVENTS = 400_000
RUNS = 5
PER_SECOND_MIN = 100_000


async def measure() -> float:
    stream: EventStream[Item] = EventStream(NativeEvents(core.core_generate(EVENTS)), Types(), "job:1")
    began = time.perf_counter()
    expected = 0
    async for event in stream:
        expected += 1
        assert type(event) is TestTick
        assert event.index == expected
    assert expected == EVENTS
    return EVENTS / (time.perf_counter() - began)


async def main() -> int:
    rates = [await measure() for _ in range(RUNS)]
    median = statistics.median(rates)
    print(f"typed events a second across the boundary, median of {RUNS} runs of {EVENTS}: {median:.0f} events/s")
    print(f"lowest: {min(rates):.0f} events/s")
    print(f"highest: {max(rates):.0f} events/s")
    print(f"expected at least: {PER_SECOND_MIN} events/s")
    return 0 if median >= PER_SECOND_MIN else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
