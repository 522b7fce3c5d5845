"""100,000 events of a real server's job, in order, none missing and none twice."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from keepline import Accepted, Client
from keepline.catalogue import JobCompleted, TestJob, TestTick
from tests.host import Server

EVENTS = 100_000
SECONDS_MAX = 300.0


async def main() -> int:
    async with await Server.new() as server:
        with tempfile.TemporaryDirectory() as folder:
            async with Client(server.url, Path(folder, "queue.db"), token=server.token) as client:
                return await asyncio.wait_for(count(client), SECONDS_MAX)


async def count(client: Client) -> int:
    client.connect()
    outcome = await (await client.submit(TestJob(EVENTS))).outcome()
    assert isinstance(outcome, Accepted)
    began = time.perf_counter()
    ticks = wrong_index = wrong_offset = other = 0
    offset = 0
    async for envelope in client.events(outcome.reply.stream).envelopes():
        offset += 1
        wrong_offset += envelope.offset != offset
        if isinstance(envelope.item, TestTick):
            wrong_index += envelope.item.index != ticks
            ticks += 1
        elif isinstance(envelope.item, JobCompleted):
            break
        else:
            other += 1
    seconds = time.perf_counter() - began
    print(f"typed events received: {ticks} of {EVENTS} events")
    print(f"events out of order, missing or twice: {wrong_index} events")
    print(f"offsets that are not the next one: {wrong_offset} offsets")
    print(f"other items between: {other} items (the job's beginning)")
    print(f"time from the outcome to the last event, against a server as the tests build it: {seconds:.1f} s")
    return 0 if ticks == EVENTS and wrong_index == wrong_offset == 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
