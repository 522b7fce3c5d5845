"""A terminal app with a live status: type words, press Enter, see results as they are found. Control-C ends it.

    KEEPLINE_TOKEN=... python live.py http://127.0.0.1:4000

Stop the server and go on searching: what is asked waits on disk, and is answered once the server is back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterator

from keepline import Accepted, Client, OutboxFilter, Submission
from keepline.catalogue import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgress,
    JobStarted,
    SearchResult,
    StartSearch,
)
from screen import Screen, Search, render


class App:
    """The searches of a person, and a screen that says the truth about them."""

    def __init__(self, client: Client, draw: Callable[[Screen], None]) -> None:
        self.screen = Screen()
        self._client = client
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Shows the line, goes on with what an earlier run has left in the queue, and connects."""
        self._begin(self._watch_the_line())
        for row in await self._client.outbox(OutboxFilter(pending_only=True)):
            if row.name == StartSearch.NAME:
                search = Search(row.payload["query"], "in the queue since last time")
                self._begin(self._follow(search, self._client.submission(row.id, JobStarted)))
        self._client.connect()

    async def search(self, words: str) -> None:
        """Asks for a search: on disk when this returns, whatever the line is."""
        submission = await self._client.submit(StartSearch(words))
        self._begin(self._follow(Search(words), submission))

    async def typed(self, key: str) -> None:
        """A key on the keyboard."""
        if key in "\r\n":
            words, self.screen.typed = self.screen.typed.strip(), ""
            if words:
                await self.search(words)
        elif key in "\b\x7f":
            self.screen.typed = self.screen.typed[:-1]
        elif key.isprintable():
            self.screen.typed += key
        self._draw(self.screen)

    async def stop(self) -> None:
        """Leaves the searches as they are: the queue and the cursors know where they stand."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch_the_line(self) -> None:
        async for status in self._client.status_changes():
            self.screen.status = status
            self._draw(self.screen)

    async def _follow(self, search: Search, submission: Submission[JobStarted]) -> None:
        self.screen.searches.append(search)
        self._draw(self.screen)
        outcome = await submission.outcome()
        if not isinstance(outcome, Accepted):
            search.state = type(outcome).__name__.lower()
            self._draw(self.screen)
            return
        search.state = "searching"
        async with self._client.events(outcome.reply.stream) as events:
            async for event in events:
                match event:
                    case SearchResult(title=title):
                        search.titles.append(title)
                    case JobProgress(done=done, total=total):
                        search.done, search.total = done, total
                    case JobCompleted():
                        search.done = search.total = max(search.total, 1)
                        search.state = f"{len(search.titles)} found"
                    case JobFailed(error=error):
                        search.state = f"failed: {error.code}"
                    case JobCancelled():
                        search.state = "cancelled"
                    case _:
                        pass
                self._draw(self.screen)
                if isinstance(event, (JobCompleted, JobFailed, JobCancelled)):
                    break

    def _begin(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def draw(screen: Screen) -> None:
    """Puts the screen on the terminal, each line over the old one, so that nothing flickers."""
    width, height = shutil.get_terminal_size()
    lines = render(screen, width, height).split("\n")
    sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K")
    sys.stdout.flush()


@contextlib.contextmanager
def full_screen() -> Iterator[None]:
    """The terminal's other screen, without its own echo and cursor."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def read_keys(keys: asyncio.Queue[str]) -> None:
    for key in os.read(sys.stdin.fileno(), 1024).decode(errors="ignore"):
        keys.put_nowait(key)


async def run(url: str, database: str) -> None:
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    with full_screen():
        loop.add_reader(sys.stdin, read_keys, keys)
        async with Client(url, database, token=os.environ.get("KEEPLINE_TOKEN")) as client:
            app = App(client, draw)
            await app.start()
            try:
                while True:
                    await app.typed(await keys.get())
            finally:
                loop.remove_reader(sys.stdin)
                await app.stop()


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("url")
    flags.add_argument("--database", default="live.db")
    options = flags.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.url, options.database))


if __name__ == "__main__":
    main()
