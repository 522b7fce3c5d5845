"""The blocking face against a real server."""

from __future__ import annotations

import asyncio
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from keepline import (
    Accepted,
    CallError,
    ClosedError,
    EventsError,
    OpenError,
    OutcomeError,
    StoreError,
    SubmitError,
    blocking,
)
from keepline._thread import LoopThread
from keepline.catalogue import JobCompleted, TestJob, TestTick

from .host import WAIT_SECONDS_MAX, Server, needs_host

NOWHERE = "http://127.0.0.1:1"


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


def test_what_a_script_holds_after_the_shutdown_says_so(database: Path) -> None:
    client = blocking.Client.open(NOWHERE, database)
    sent, events, statuses = client.submit("x", 1), client.events("user"), client.status_changes()
    handler = client.on("job:7", TestTick, print)
    client.shutdown()
    client.shutdown()
    with warnings.catch_warnings():
        # A coroutine that nobody awaited would be one.
        warnings.simplefilter("error")
        for asking in (sent.outcome, sent.outcome_raw, lambda: sent.outcome(timeout=1)):
            with pytest.raises(OutcomeError) as raised:
                asking()
            assert isinstance(raised.value, ClosedError)
        assert list(events) == []
        assert list(statuses) == []
        with pytest.raises(StopIteration):
            events.next(timeout=1)
        handler.remove()
        events.end()
        statuses.end()
        calls: list[tuple[Any, Any]] = [
            (lambda: client.submit("x", 1), SubmitError),
            (lambda: client.emit("x", 1), CallError),
            (lambda: client.events("user"), EventsError),
            (client.outbox, StoreError),
            (client.connect, ClosedError),
            (client.diagnostics, ClosedError),
        ]
        for call, kind in calls:
            with pytest.raises(kind) as closed:
                call()
            assert isinstance(closed.value, ClosedError)


def test_a_loop_that_is_stopped_answers_everybody() -> None:
    async def one() -> int:
        return 1

    for _ in range(50):
        loop = LoopThread()
        ends: list[type[BaseException]] = []

        def work(loop: LoopThread = loop, ends: list[type[BaseException]] = ends) -> None:
            try:
                while True:
                    assert loop.run(one()) == 1
            except BaseException as error:
                ends.append(type(error))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        threads += [threading.Thread(target=loop.stop, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_SECONDS_MAX)
            assert not thread.is_alive()
        assert ends == [ClosedError] * 3


def test_two_threads_may_shut_down(database: Path) -> None:
    for _ in range(10):
        client = blocking.Client.open(NOWHERE, database)
        errors: list[BaseException] = []

        def shut_down(client: blocking.Client = client, errors: list[BaseException] = errors) -> None:
            try:
                client.shutdown()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=shut_down, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_SECONDS_MAX)
            assert not thread.is_alive()
        assert errors == []


def test_a_client_that_cannot_be_opened_leaves_no_thread(database: Path) -> None:
    with pytest.raises(OpenError):
        blocking.Client.open("no url", database)
    assert not any(thread.name.startswith("keepline") for thread in threading.enumerate())
