"""A client in a process of its own, for the scenarios in which one is killed or comes second.

`child.py submit URL TOKEN DATABASE COUNT` says `submitted` once all are durable, and waits to be killed.
`child.py read URL TOKEN DATABASE JOB COUNT` prints the offsets of a job's first COUNT events, and ends in good order.
"""

from __future__ import annotations

import asyncio
import sys

from keepline import Client, job_stream
from keepline.catalogue import TestRecord


async def submit(url: str, token: str, database: str, count: str) -> None:
    client = await Client.open(url, database, token=token)
    client.connect()
    for n in range(1, int(count) + 1):
        await client.submit(TestRecord(n))
    print("submitted", flush=True)
    await asyncio.Event().wait()


async def read(url: str, token: str, database: str, job: str, count: str) -> None:
    async with Client(url, database, token=token) as client:
        client.connect()
        left = int(count)
        async with client.events(job_stream(job)) as events:
            async for envelope in events.envelopes():
                print(envelope.offset, flush=True)
                left -= 1
                if left == 0:
                    break


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    asyncio.run(submit(*rest) if what == "submit" else read(*rest))
