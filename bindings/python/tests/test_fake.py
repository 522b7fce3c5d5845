"""The fake client, as an app's own tests use it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from keepline import (
    Accepted,
    ActionState,
    CallError,
    Cancelled,
    Changed,
    Closed,
    ClosedError,
    Connecting,
    ControlError,
    Gone,
    Idle,
    Online,
    OutboxChange,
    OutboxFilter,
    OutcomeError,
    RawEvent,
    Refused,
    Rejected,
    Renamed,
    Reset,
    ResetReason,
    Settled,
    SignOut,
    SubmitError,
    Waiting,
)
from keepline.catalogue import JobCompleted, JobStarted, SearchResult, StartSearch, TaskCancel
from keepline.testing import BlockingFakeClient, FakeClient

FOUND = SearchResult("7", 0, "Lines", "the log is the truth", "docs/lines.md", 1.0)


async def test_nothing_native_is_loaded() -> None:
    program = """
import asyncio, sys
from keepline.testing import FakeClient
async def main():
    async with FakeClient() as client:
        client.go_online()
        await client.submit("x", 1)
asyncio.run(main())
assert "ctypes" not in sys.modules, "ctypes"
assert not any(name.startswith("keepline._ffi") for name in sys.modules), "keepline._ffi"
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=True)


async def test_a_search_as_an_app_does_it() -> None:
    async with FakeClient() as client:
        client.answer(StartSearch, JobStarted("7"))
        sent = await client.submit(StartSearch("rust"), label="from the menu")
        assert client.status().pending == 1
        assert client.submitted[0].payload == {"query": "rust"}
        client.connect()
        assert client.status().line == Connecting()
        client.go_online()
        assert await sent.outcome() == Accepted(JobStarted("7"))
        assert client.status().pending == 0
        client.go_offline()
        client.deliver("job:7", FOUND, JobCompleted("7", "search"))
        stream = client.events("job:7")
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not waiting.done()
        client.go_online()
        assert await waiting == FOUND
        assert await anext(stream) == JobCompleted("7", "search")


async def test_answers_may_be_outcomes_and_functions() -> None:
    async with FakeClient() as client:
        client.go_online()
        client.answer("note:add:v1", Rejected("FORBIDDEN", "no"))
        client.answer("double", lambda payload: payload * 2)
        assert await (await client.submit("note:add:v1", {})).outcome() == Rejected("FORBIDDEN", "no")
        assert await (await client.submit("double", 4)).outcome() == Accepted(8)
        assert await client.call("double", 5, timeout=1) == 10
        with pytest.raises(CallError) as raised:
            await client.call("note:add:v1", {}, timeout=1)
        assert (raised.value.code, raised.value.details) == ("REJECTED", {"rejection": "FORBIDDEN"})
        with pytest.raises(TimeoutError):
            await client.call("nobody", {}, timeout=1)
        client.answer(TaskCancel, {"wrong": "shape"})
        with pytest.raises(OutcomeError) as bad:
            await (await client.submit(TaskCancel("7"))).outcome()
        assert bad.value.code == "BAD_REPLY"
        assert await client.emit("ping", 1)
        assert client.emitted == [("ping", 1)]
        client.go_offline()
        assert not await client.emit("ping", 2)
        with pytest.raises(CallError) as offline:
            await client.call("double", 5, timeout=1)
        assert offline.value.code == "NOT_ONLINE"


async def test_the_queue_is_a_queue() -> None:
    async with FakeClient() as client:
        changes = client.outbox_changes()
        first = await client.submit("x", 1, lane="a", id="0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80")
        second = await client.submit("x", 2)
        assert (await client.submit("x", 1, id=first.id)).id == first.id
        with pytest.raises(SubmitError) as conflict:
            await client.submit("x", 3, id=first.id)
        assert conflict.value.code == "ID_CONFLICT"
        with pytest.raises(SubmitError) as large:
            await client.submit("x", "x" * 70_000)
        assert large.value.details == {"bytes": 70_002, "limit": 65_536}
        assert [row.id for row in await client.outbox(OutboxFilter(lane="a"))] == [first.id]
        assert [row.id for row in await client.outbox(OutboxFilter(after=first.id))] == [second.id]
        await client.cancel(second.id)
        assert await second.outcome() == Cancelled()
        with pytest.raises(ControlError) as settled:
            await client.cancel(second.id)
        assert settled.value.code == "SETTLED"
        client.park(first.id, "UNAVAILABLE")
        (row,) = await client.outbox(OutboxFilter(pending_only=True))
        assert (row.state, row.attempts, row.last_error) == (ActionState.PARKED, 1, Rejected("UNAVAILABLE"))
        assert client.status().parked == 1
        again = await client.retry(first.id)
        client.settle(again, Accepted("done"))
        assert await first.outcome() == Accepted("done")
        seen: list[OutboxChange] = [await anext(changes) for _ in range(6)]
        assert seen[:5] == [
            Changed(first.id),
            Changed(second.id),
            Settled(second.id, Cancelled()),
            Changed(first.id),
            Renamed(first.id, again),
        ]
        assert isinstance(seen[5], Settled)
        await client.sign_out(SignOut.DISCARD)
        assert await client.outbox() == []


async def test_statuses_come_in_order_and_end() -> None:
    seen: list[Any] = []
    async with FakeClient() as client:
        statuses = client.status_changes()
        client.connect()
        client.go_online()
        client.go_offline()
        client.network_lost()
        client.network_available()
        client.disconnect()
        await client.suspend()
        client.foreground()
    async for status in statuses:
        seen.append(type(status.line).__name__)
    expected = "Idle Connecting Online Waiting Offline Connecting Idle Suspended Connecting Closed"
    assert seen == expected.split()
    with pytest.raises(ClosedError):
        client.connect()


async def test_raw_events_and_acknowledgements() -> None:
    answers: list[str] = []

    async def acknowledge(answer: str) -> None:
        answers.append(answer)

    async with FakeClient() as client:
        client.go_online()
        client.deliver("user", RawEvent("q", 1, (1, 2), (b"x",), acknowledge), ("note:added:v1", {"id": 7}))
        stream = client.events("user")
        question = await anext(stream)
        assert isinstance(question, RawEvent)
        assert (question.args, question.attachments, question.wants_ack) == ((1, 2), (b"x",), True)
        await question.ack("yes", 1)
        assert answers == ['["yes",1]']
        with pytest.raises(TypeError):
            await question.ack(object())
        assert await anext(stream) == RawEvent("note:added:v1", {"id": 7}, ({"id": 7},))


async def test_a_handler_that_was_removed_makes_room_for_the_next() -> None:
    async with FakeClient() as client:
        client.go_online()
        called: list[str] = []
        client.on("user", JobCompleted, lambda _: called.append("first")).remove()
        client.on("user", JobCompleted, lambda _: called.append("second"))
        # The first one's task comes to its end meanwhile.
        await asyncio.sleep(0.01)
        done = asyncio.Event()
        client.on("user", JobCompleted, lambda _: done.set())
        client.deliver("user", JobCompleted("7", "search"))
        await asyncio.wait_for(done.wait(), 5)
        assert called == ["second"]


async def test_handlers_may_register_and_remove_handlers() -> None:
    async with FakeClient() as client:
        client.go_online()
        called: list[str] = []
        done = asyncio.Event()

        def first(event: JobCompleted) -> None:
            called.append(event.job)
            second.remove()
            client.on("user", JobCompleted, lambda _: done.set())

        client.on("user", JobCompleted, first)
        second = client.on("user", JobCompleted, lambda _: called.append("removed"))
        client.deliver("user", JobCompleted("7", "search"), JobCompleted("8", "search"))
        await asyncio.wait_for(done.wait(), 5)
        assert called == ["7", "8"]


async def test_what_interrupts_a_stream_without_a_handler_for_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeClient() as client:
        client.go_online()
        interrupted = asyncio.Event()
        client.on("job:1", JobCompleted, print)
        client.on("job:2", JobCompleted, print)
        client.on("job:3", Gone, lambda _: interrupted.set())
        client.deliver("job:1", Reset("e", 7, ResetReason.TRIMMED, {"secret": 1}), Refused("FORBIDDEN"))
        client.deliver("job:2", Gone())
        client.deliver("job:3", Gone())
        await asyncio.wait_for(interrupted.wait(), 5)
        # The others' tasks have woken in the same turn.
        await asyncio.sleep(0.01)
    warnings = [record.getMessage() for record in caplog.records if record.name == "keepline.handlers"]
    assert [warning.partition(" ")[0] for warning in sorted(warnings)] == ["job:1", "job:1", "job:2"]
    assert "secret" not in caplog.text


def test_the_blocking_one() -> None:
    with BlockingFakeClient() as client:
        assert client.status().line == Idle()
        client.fake.answer(StartSearch, JobStarted("7"))
        client.connect()
        client.fake.go_online()
        assert client.status().line == Online(True)
        assert client.submit(StartSearch("rust")).outcome(timeout=5) == Accepted(JobStarted("7"))
        client.fake.deliver("job:7", FOUND, JobCompleted("7", "search"))
        with client.events("job:7") as stream:
            assert stream.next(timeout=5) == FOUND
            assert next(stream.envelopes()).offset == 2
            with pytest.raises(TimeoutError):
                stream.next(timeout=0.01)
            client.fake.deliver("job:7", JobCompleted("7", "again"))
            assert stream.next(timeout=5) == JobCompleted("7", "again")
        called = threading.Event()
        with client.on("user", JobCompleted, lambda _: called.set()):
            client.fake.deliver("user", JobCompleted("7", "search"))
            assert called.wait(5)
        with client.status_changes() as statuses:
            client.fake.go_offline()
            assert isinstance(statuses.next(timeout=5).line, Online)
            assert isinstance(next(statuses).line, Waiting)
        assert client.fake.submitted[0].name == StartSearch.NAME
    assert client.status().line == Closed()
    assert not any(thread.name.startswith("keepline") for thread in threading.enumerate())
