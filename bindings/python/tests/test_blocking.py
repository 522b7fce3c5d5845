"""The blocking face against a real server."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from keepline import Accepted, ClosedError, OpenError, blocking
from keepline.catalogue import JobCompleted, TestJob, TestTick

from .host import WAIT_SECONDS_MAX, Server, needs_host


@needs_host
def test_a_job_is_followed_from_a_script(database: Path) -> None:
    server = asyncio.run(Server.new())
    with blocking.Client(server.url, database, token_provider=lambda _: server.token or "") as client:
        client.connect()
        outcome = client.submit(TestJob(300)).outcome(timeout=WAIT_SECONDS_MAX)
        assert isinstance(outcome, Accepted)
        indexes = []
        for event in client.events(outcome.reply.stream):
            if isinstance(event, TestTick):
                indexes.append(event.index)
            elif isinstance(event, JobCompleted):
                break
        assert indexes == list(range(300))
        assert client.call("test:echo:v1", [1], timeout=WAIT_SECONDS_MAX) == [1]
        assert client.flush(1)
    with pytest.raises(ClosedError):
        client.submit(TestJob(1))
    assert not any(thread.name.startswith("keepline") for thread in threading.enumerate())
    asyncio.run(server.remove())


def test_a_client_that_cannot_be_opened_leaves_no_thread(database: Path) -> None:
    with pytest.raises(OpenError):
        blocking.Client.open("no url", database)
    assert not any(thread.name.startswith("keepline") for thread in threading.enumerate())
