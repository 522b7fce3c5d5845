"""Typed events a second from a real server, beside python-socketio's from a Socket.IO server with the same work.

Both take the same number of events with as much in them, each from a server process of its own, from the first to the
last event. Ours are taken twice: live, while a job still writes each of them to the server's log, and then by another
client from that log, which is what stands beside a server that keeps none.

`end_to_end.py SERVER NODE_SERVER PEERS_PYTHON` has the paths of what it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from keepline import Accepted, Client
from keepline.catalogue import JobCompleted, TestJob, TestTick

EVENTS = 100_000
BYTES = 100
# The job's beginning and end are in the log too, and nothing of it may be trimmed.
LOG = ("--job-log-max", str(2 * EVENTS))
RUNS = 3
RATIO_MIN = 5.0
SECONDS_MAX = 120.0
PEER = Path(__file__).with_name("socketio_events.py")


@contextlib.asynccontextmanager
async def process(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """A server, and what it prints."""
    started = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert started.stdout is not None
    try:
        yield started.stdout
    finally:
        started.kill()
        await started.wait()


async def keepline_rates(server: str) -> tuple[float, float]:
    """Live, and from the log."""
    with tempfile.TemporaryDirectory() as folder:
        command = (server, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", *LOG)
        async with process(*command) as said:
            url = (await said.readline()).decode().split()[-1]
            token = (await said.readline()).decode().split()[-1]
            async with Client(url, Path(folder, "live.db"), token=token) as client:
                client.connect()
                outcome = await (await client.submit(TestJob(EVENTS, bytes=BYTES))).outcome()
                assert isinstance(outcome, Accepted)
                stream = outcome.reply.stream
                live = await asyncio.wait_for(take(client, stream), SECONDS_MAX)
            async with Client(url, Path(folder, "log.db"), token=token) as client:
                client.connect()
                return live, await asyncio.wait_for(take(client, stream), SECONDS_MAX)


async def take(client: Client, stream: str) -> float:
    seen = 0
    first = 0.0
    async for event in client.events(stream):
        if isinstance(event, TestTick):
            if seen == 0:
                first = time.perf_counter()
            assert event.index == seen
            seen += 1
        elif isinstance(event, JobCompleted):
            break
    assert seen == EVENTS
    return (EVENTS - 1) / (time.perf_counter() - first)


async def socketio_rate(server: str, python: str) -> float:
    async with process("node", server, "--port", "0") as said:
        url = json.loads(await said.readline())["url"]
        client = await asyncio.create_subprocess_exec(
            python, str(PEER), url, str(EVENTS), str(BYTES), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(client.communicate(), SECONDS_MAX)
        return float(json.loads(out)["per_second"])


async def main(server: str, node_server: str, peers_python: str) -> int:
    live: list[float] = []
    logged: list[float] = []
    theirs: list[float] = []
    # In turns, so that a machine that is busy for a while is busy for both.
    for _ in range(RUNS):
        theirs.append(await socketio_rate(node_server, peers_python))
        for rates, rate in zip((live, logged), await keepline_rates(server), strict=True):
            rates.append(rate)
    ratio = statistics.median(logged) / statistics.median(theirs)
    measured = (
        ("keepline, typed, from the log", logged),
        ("keepline, typed, live", live),
        ("python-socketio", theirs),
    )
    for name, rates in measured:
        each = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"{name}, {EVENTS} events of {BYTES} bytes, median of {each}: {statistics.median(rates):.0f} events/s")
    print(f"ratio: {ratio:.2f} x python-socketio (at least {RATIO_MIN:.0f})")
    return 0 if ratio >= RATIO_MIN else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
