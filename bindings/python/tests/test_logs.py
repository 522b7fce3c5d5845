"""What is logged, and what never is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from keepline import Client

CANARY = "canary-7f3a"

# In a process of its own, since the lines of a process can be taken once.
PROGRAM = """
import asyncio, logging, sys, threading
import keepline
seen = threading.Event()
class Collect(logging.Handler):
    def emit(self, record):
        print(record.name, record.levelname, record.getMessage(), flush=True)
        seen.set()
logging.getLogger().addHandler(Collect())
logging.getLogger().setLevel(logging.DEBUG)
logging.getLogger("asyncio").setLevel(logging.ERROR)
async def main(database, canary):
    keepline.forward_logs(logging.DEBUG)
    keepline.forward_logs(logging.DEBUG)
    client = keepline.Client("http://127.0.0.1:1", database, token=canary, headers={"x": canary})
    print(repr(client))
    async with client:
        sent = await client.submit("x", {"secret": canary}, label=canary)
        print(repr(sent))
        client.connect()
        async for status in client.status_changes():
            if isinstance(status.line, keepline.Waiting):
                break
    assert await asyncio.to_thread(seen.wait, 20)
asyncio.run(main(*sys.argv[1:]))
"""


async def test_lines_of_the_library_are_forwarded_without_tokens_and_payloads(database: Path) -> None:
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, str(database), CANARY],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert any(line.startswith("keepline.") for line in ran.stdout.splitlines())
    assert CANARY not in ran.stdout + ran.stderr


TAKEN = """
import logging
import keepline
from keepline._ffi import core
taken = core.core_logs(core.CoreLogLevel.ERROR)
try:
    keepline.forward_logs(logging.ERROR)
except keepline.KeeplineError as error:
    assert isinstance(error, RuntimeError)
    print(error.code)
"""


async def test_lines_that_somebody_else_takes_have_their_code() -> None:
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", TAKEN], capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout == "LOGS_TAKEN\n"


async def test_nothing_of_a_client_shows_but_its_file(database: Path) -> None:
    client = Client(f"wss://example.org/?x={CANARY}", database, token=CANARY)
    assert CANARY not in repr(client)
    assert str(database) in repr(client)
