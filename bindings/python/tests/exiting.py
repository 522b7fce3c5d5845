"""A program that ends with events under way; `test_exit.py` runs it in one way after the other."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import keepline
from keepline import Accepted, Client, blocking
from keepline.catalogue import TestJob

EVENTS = 100_000
SEEN = 1_000


async def events_under_way(url: str, token: str, database: str) -> tuple[Any, ...]:
    keepline.forward_logs()
    client = await Client.open(url, database, token=token)
    waiting = asyncio.ensure_future(anext(client.events("user")))
    statuses = client.status_changes()
    client.connect()
    outcome = await (await client.submit(TestJob(EVENTS))).outcome()
    assert isinstance(outcome, Accepted)
    stream = client.events(outcome.reply.stream)
    for _ in range(SEEN):
        await anext(stream)
    return client, waiting, statuses, stream


def main(way: str, *rest: str) -> None:
    if way == "context":

        async def in_context(url: str, token: str, database: str) -> None:
            async with Client(url, database, token=token) as client:
                client.connect()

        asyncio.run(in_context(*rest))
    elif way == "run":
        asyncio.run(events_under_way(*rest))
    elif way == "exit":

        async def leave() -> None:
            globals()["kept"] = await events_under_way(*rest)
            sys.exit(3)

        asyncio.run(leave())
    elif way == "closed loop":
        loop = asyncio.new_event_loop()
        globals()["kept"] = loop.run_until_complete(events_under_way(*rest))
        loop.close()
    elif way == "open loop":
        loop = asyncio.new_event_loop()
        globals()["kept"] = (loop, loop.run_until_complete(events_under_way(*rest)))
    elif way == "thread":
        begun = threading.Event()

        async def for_ever() -> None:
            globals()["kept"] = await events_under_way(*rest)
            begun.set()
            await asyncio.Event().wait()

        threading.Thread(target=lambda: asyncio.run(for_ever()), daemon=True).start()
        begun.wait()
    elif way == "blocking":
        url, token, database = rest
        client = blocking.Client.open(url, database, token=token)
        client.connect()
        outcome = client.submit(TestJob(EVENTS)).outcome()
        assert isinstance(outcome, Accepted)
        client.on("user", keepline.catalogue.JobCompleted, print)
        stream = client.events(outcome.reply.stream)
        for _ in range(SEEN):
            stream.next()
        globals()["kept"] = (client, stream)


if __name__ == "__main__":
    main(*sys.argv[1:])
