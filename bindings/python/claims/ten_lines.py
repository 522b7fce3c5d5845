"""The ten-line program, as it stands in a document, run: submitted while the server is away, outcome and events after.

`ten_lines.py DOCUMENT` takes the first block in Python of the document.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import sys
import tempfile
from pathlib import Path

from tests.host import DOCUMENTS, Server

SECONDS_MAX = 30.0
LOOK_SECONDS = 0.02


async def main(document: str) -> int:
    block = re.search(r"^```python\n(.*?)^```$", Path(document).read_text(), re.MULTILINE | re.DOTALL)
    if block is None:
        print(f"{document} has no block in Python")
        return 1
    lines = [line for line in block[1].splitlines() if line.strip()]
    async with await Server.new("--corpus", str(DOCUMENTS)) as server:
        token = server.token
        await server.kill()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "program.py").write_text(block[1])
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                "program.py",
                cwd=folder,
                env={**os.environ, "KEEPLINE_URL": server.url, "KEEPLINE_TOKEN": token or ""},
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                await asyncio.wait_for(durable(Path(folder, "queue.db")), SECONDS_MAX)
                await server.start()
                out, _ = await asyncio.wait_for(program.communicate(), SECONDS_MAX)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    program.kill()
    titles = out.decode().splitlines()
    print(f"lines of the program that are not empty: {len(lines)} lines")
    print("actions durable before the server was started: 1 action")
    print(f"results printed after it was: {len(titles)} results")
    print(f"exit status of the program: {program.returncode}")
    return 0 if titles and program.returncode == 0 else 1


async def durable(database: Path) -> None:
    """Until the queue has a row. Reading it beside the client is allowed."""
    while True:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db,
        ):
            if db.execute("SELECT count(*) FROM actions").fetchone()[0]:
                return
        await asyncio.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
