"""10,000 cycles of open, use, shutdown: memory after all of them beside that after 1,000, and no thread left."""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import threading
import time
from pathlib import Path

from keepline import Client
from keepline.catalogue import TestRecord

CYCLES = 10_000
WARM_UP = 1_000
GROWTH_MAX = 1.10
THREADS_SECONDS_MAX = 2.0

# Nobody listens there: what is measured is the client, and neither a server nor its growth.
NOWHERE = "http://127.0.0.1:1"


async def cycle(database: Path) -> None:
    async with Client(NOWHERE, database, token="none") as client:
        statuses = client.status_changes()
        stream = client.events("user")
        waiting = asyncio.ensure_future(anext(stream, None))
        client.connect()
        sent = await client.submit(TestRecord(1))
        await anext(statuses)
        await client.cancel(sent.id)
        await sent.outcome()
    assert await waiting is None


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def threads() -> list[str]:
    """Of this process: Python's and the library's."""
    return [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]


async def main() -> int:
    began, early = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, CYCLES + 1):
            # A new file each hundred cycles, so that the queue's kept outcomes stay few.
            await cycle(Path(folder, f"{number // 100}.db"))
            if number == WARM_UP:
                early = resident_bytes()
    late = resident_bytes()
    until = time.monotonic() + THREADS_SECONDS_MAX
    while any(name.startswith("keepline") for name in threads()) and time.monotonic() < until:
        time.sleep(0.01)
    left = [name for name in threads() if name.startswith("keepline")]
    print(f"resident memory after {WARM_UP} cycles: {early / 1e6:.1f} MB")
    print(f"resident memory after {CYCLES} cycles: {late / 1e6:.1f} MB")
    print(f"ratio: {late / early:.3f} (at most {GROWTH_MAX:.2f})")
    print(f"threads of the library left: {len(left)} threads")
    print(f"threads of Python left besides the main one: {threading.active_count() - 1} threads")
    print(f"time of a cycle: {(time.monotonic() - began) / CYCLES * 1e3:.2f} ms")
    return 0 if late <= early * GROWTH_MAX and not left and threading.active_count() == 1 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
