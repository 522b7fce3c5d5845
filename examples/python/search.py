"""Searches the server's documents from a script, and waits out a line that is down.

    KEEPLINE_TOKEN=... python search.py http://127.0.0.1:4000 the log

The search is in a queue on disk from the moment it is asked: stop the script and start it again with the same words,
and it goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable

from keepline import Accepted, Online, OutboxFilter, Waiting, blocking
from keepline.catalogue import JobCompleted, JobFailed, JobProgress, JobStarted, SearchResult, StartSearch


def search(client: blocking.Client, words: str, say: Callable[[str], None]) -> list[SearchResult]:
    """Every result, in the order in which they were found."""
    submission = earlier(client, words) or client.submit(StartSearch(words), label=words)
    client.connect()
    outcome = submission.outcome()
    if not isinstance(outcome, Accepted):
        say(f"the server did not search: {outcome}")
        return []
    found: list[SearchResult] = []
    with client.events(outcome.reply.stream) as events:
        for event in events:
            match event:
                case SearchResult():
                    found.append(event)
                case JobProgress(done=done, total=total):
                    say(f"{done} of {total} documents, {len(found)} found")
                case JobCompleted():
                    break
                case JobFailed(error=error):
                    say(f"the search failed: {error.code} {error.message}")
                    break
                case _:
                    pass
    return found


def earlier(client: blocking.Client, words: str) -> blocking.Submission[JobStarted] | None:
    """The same search, where an earlier run of this script has left it in the queue."""
    for row in client.outbox(OutboxFilter(pending_only=True)):
        if row.name == StartSearch.NAME and row.label == words:
            return client.submission(row.id, JobStarted)
    return None


def tell_the_line(client: blocking.Client, say: Callable[[str], None]) -> None:
    """Says what the line does, until the client ends."""
    for status in client.status_changes():
        match status.line:
            case Online():
                say("online")
            case Waiting(retry_in, _, reason):
                say(f"no line ({reason.value}); next attempt in {retry_in.total_seconds():.1f} s")
            case line:
                say(type(line).__name__.lower())


def main() -> int:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("url")
    flags.add_argument("words", nargs="+")
    flags.add_argument("--database", default="search.db")
    options = flags.parse_args()

    def say(what: str) -> None:
        print(f"  {what}", file=sys.stderr, flush=True)

    token = os.environ.get("KEEPLINE_TOKEN")
    with blocking.Client(options.url, options.database, token=token) as client:
        threading.Thread(target=tell_the_line, args=(client, say), daemon=True).start()
        try:
            found = search(client, " ".join(options.words), say)
        except KeyboardInterrupt:
            say("left in the queue; the same words again go on with it")
            return 130
    for result in found:
        print(f"{result.title}\n    {result.source}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
