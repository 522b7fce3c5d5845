"""Events, in order and without a hole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from keepline import Accepted, Client, Event, Reset, ResetReason, job_stream
from keepline.catalogue import (
    JobCompleted,
    JobStarted,
    SearchResult,
    StartSearch,
    TestEmit,
    TestJob,
    TestRecord,
    TestTick,
)

from ..host import DOCUMENTS, Server, needs_host
from .world import child, ok, online, recorded, soon, ticks

pytestmark = needs_host


@dataclass(frozen=True, slots=True)
class Note(Event, name="app:note:v1"):
    id: int
    text: str


async def job_of(client: Client, events: int, interval_ms: int) -> JobStarted:
    outcome = await soon((await client.submit(TestJob(events, interval_ms))).outcome())
    assert isinstance(outcome, Accepted)
    return outcome.reply


async def test_connects_and_streams_a_search(tmp_path: Path) -> None:
    async with (
        await Server.new("--corpus", str(DOCUMENTS)) as server,
        Client(server.url, tmp_path / "queue.db", token=server.token) as client,
    ):
        client.connect()
        outcome = await soon((await client.submit(StartSearch("the", limit=5))).outcome())
        assert isinstance(outcome, Accepted)
        found, offsets = 0, []
        async for envelope in client.events(outcome.reply.stream).envelopes():
            offsets.append(envelope.offset)
            found += isinstance(envelope.item, SearchResult)
            if isinstance(envelope.item, JobCompleted):
                break
        assert found >= 1
        assert offsets == list(range(1, len(offsets) + 1))
    ok("connects_and_streams_a_search")


async def test_resumes_a_job_from_another_process(tmp_path: Path) -> None:
    database = tmp_path / "second.db"
    async with await Server.new() as server:
        assert server.token is not None
        async with Client(server.url, tmp_path / "first.db", token=server.token) as client:
            client.connect()
            job = await job_of(client, 200, interval_ms=5)
        process = await child("read", server.url, server.token, str(database), job.job, "50")
        out, _ = await soon(process.communicate())
        assert process.returncode == 0
        offsets = [int(line) for line in out.split()]
        assert len(offsets) == 50
        items = []
        async with Client(server.url, database, token=server.token) as client:
            client.connect()
            async for envelope in client.events(job.stream).envelopes():
                assert envelope.offset is not None
                offsets.append(envelope.offset)
                items.append(envelope.item)
                if isinstance(envelope.item, JobCompleted):
                    break
        assert offsets == list(range(1, len(offsets) + 1))
        # One event comes before the first tick, and it was read there.
        assert ticks(items) == list(range(49, 200))
    ok("resumes_a_job_from_another_process")


async def test_resets_when_the_log_was_trimmed(tmp_path: Path) -> None:
    async with await Server.new("--job-log-max", "100") as server:
        async with Client(server.url, tmp_path / "first.db", token=server.token) as first:
            first.connect()
            job = await job_of(first, 2_000, interval_ms=2)
            async for event in first.events(job.stream):
                if isinstance(event, TestTick) and event.index == 500:
                    break
            async with Client(server.url, tmp_path / "second.db", token=server.token) as second:
                second.connect()
                stream = second.events(job_stream(job.job), after=10)
                reset = await soon(anext(stream))
                assert isinstance(reset, Reset)
                assert reset.reason is ResetReason.TRIMMED
                assert reset.offset > 10
                assert reset.snapshot is not None
                offset = reset.offset
                async for envelope in stream.envelopes():
                    offset += 1
                    assert envelope.offset == offset
                    if isinstance(envelope.item, JobCompleted):
                        break
    ok("resets_when_the_log_was_trimmed")


async def test_delivers_custom_typed_events(tmp_path: Path) -> None:
    async with (
        await Server.new() as server,
        Client(server.url, tmp_path / "queue.db", token=server.token) as client,
    ):
        stream = client.events("user", Note)
        client.connect()
        await online(client)
        await client.submit(TestEmit("user", Note.NAME, {"id": 7, "text": "milk"}, count=3))
        notes: list[Note] = []
        while len(notes) < 3:
            event = await soon(anext(stream))
            if isinstance(event, Note):
                notes.append(event)
        assert notes == [Note(7, "milk")] * 3
    ok("delivers_custom_typed_events")


async def test_cancelling_the_caller_loses_nothing(tmp_path: Path) -> None:
    async with await Server.new() as server:
        async with Client(server.url, tmp_path / "queue.db", token=server.token) as client:
            client.connect()
            await every_second_wait_is_given_up(client)
            begun = 0
            for n in range(1, 51):
                submit = asyncio.ensure_future(client.submit(TestRecord(n)))
                # One turn of the loop hands the action over; then the caller goes away.
                await asyncio.sleep(0)
                submit.cancel()
                await asyncio.wait([submit])
                begun += submit.cancelled()
            assert begun > 0, "no caller was cancelled"
        # Whatever was begun is settled or refused by the time the client has shut down.
        async with Client(server.url, tmp_path / "queue.db", token=server.token) as client:
            client.connect()
            rows = [row for row in await client.outbox() if row.name == TestRecord.NAME]
            assert len(rows) == 50
            for row in rows:
                assert isinstance(await soon(client.submission(row.id).outcome()), Accepted)
        assert await recorded(server, tmp_path) == list(range(1, 51))
    ok("cancelling_the_caller_loses_nothing")


async def every_second_wait_is_given_up(client: Client) -> None:
    job = await job_of(client, 500, interval_ms=1)
    stream = client.events(job.stream)
    indexes: list[int] = []
    given_up = 0
    while True:
        wait = asyncio.ensure_future(anext(stream))
        if len(indexes) % 2:
            await asyncio.wait([wait], timeout=0.0005)
            if wait.cancel():
                given_up += 1
                await asyncio.wait([wait])
                if wait.cancelled():
                    wait = asyncio.ensure_future(anext(stream))
        event = await soon(wait)
        if isinstance(event, TestTick):
            indexes.append(event.index)
        elif isinstance(event, JobCompleted):
            break
    assert given_up > 0, "no wait was given up"
    assert indexes == list(range(500))
