"""The interpreter ends in good order, whatever goes on in the client."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from .host import WAIT_SECONDS_MAX, Server, needs_host

TIMES = 5
PROGRAM = Path(__file__).with_name("exiting.py")


@needs_host
@pytest.mark.parametrize("way", ["context", "run", "exit", "closed loop", "open loop", "thread", "blocking"])
async def test_the_interpreter_ends_in_good_order(tmp_path: Path, way: str) -> None:
    async with await Server.new() as server:
        assert server.token is not None
        for number in range(TIMES):
            arguments = (way, server.url, server.token, str(tmp_path / f"{number}.db"))
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(PROGRAM), *arguments, stderr=asyncio.subprocess.PIPE
            )
            _, said = await asyncio.wait_for(process.communicate(), WAIT_SECONDS_MAX)
            assert (process.returncode, said.decode()) == (3 if way == "exit" else 0, "")
