"""python-socketio takes events from a Socket.IO server as an app would: prints how many a second."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import socketio


async def main(url: str, count: int, size: int) -> None:
    client = socketio.AsyncClient(reconnection=False)
    done = asyncio.Event()
    seen = 0
    first = 0.0

    async def event(data: Any) -> None:
        nonlocal seen, first
        if seen == 0:
            first = time.perf_counter()
        assert data["n"] == seen
        seen += 1
        if seen == count:
            done.set()

    client.on("event", event)
    await client.connect(url, transports=["websocket"])
    await client.emit("events", {"count": count, "bytes": size})
    await done.wait()
    print(json.dumps({"events": seen, "per_second": (count - 1) / (time.perf_counter() - first)}), flush=True)
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
