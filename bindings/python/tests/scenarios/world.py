"""What the scenarios are told with."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from keepline import Client, Online, Reset, Status
from keepline.catalogue import TestRecorded, TestTick

from ..host import WAIT_SECONDS_MAX, Server

T = TypeVar("T")

CHILD = Path(__file__).with_name("child.py")


def ok(name: str) -> None:
    """The scenario holds."""
    print(f"\nscenario {name} python ok", flush=True)


async def soon(awaitable: Awaitable[T]) -> T:
    """What it gives, well within the time in which nothing but a fault could keep it."""
    return await asyncio.wait_for(awaitable, WAIT_SECONDS_MAX)


async def until(client: Client, holds: Callable[[Status], bool]) -> Status:
    """Waits for a status."""

    async def watch() -> Status:
        async with client.status_changes() as changes:
            async for status in changes:
                if holds(status):
                    return status
        raise AssertionError("the statuses ended")

    return await soon(watch())


async def online(client: Client) -> None:
    await until(client, lambda status: isinstance(status.line, Online))


async def recorded(server: Server, folder: Path) -> list[int]:
    """What the user stream holds from its beginning, seen by a client of its own."""
    async with Client(server.url, folder / "observer.db", token=server.token) as client:
        stream = client.events("user", after=0)
        client.connect()
        # What was applied lies before this.
        sent = await client.submit("test:emit:v1", {"stream": "user", "name": "end", "payload": None, "count": 1})
        await soon(sent.outcome())
        numbers: list[int] = []
        while True:
            event = await soon(anext(stream))
            if isinstance(event, TestRecorded):
                numbers.append(event.n)
            elif not isinstance(event, Reset) and getattr(event, "name", "") == "end":
                return numbers


async def child(*args: str) -> asyncio.subprocess.Process:
    """A client in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), *args, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await soon(process.stdout.readline())).decode().strip()


def ticks(items: list[Any]) -> list[int]:
    return [item.index for item in items if isinstance(item, TestTick)]
