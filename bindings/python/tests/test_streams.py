"""When an event counts as taken, and what is given again."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from keepline import Envelope, EventStream, Gone, Refused, Reset, ResetReason
from keepline.catalogue import TestTick
from keepline.testing import FakeClient

STREAM = "job:1"


def tick(index: int) -> TestTick:
    return TestTick("1", index)


async def with_ticks(client: FakeClient, count: int) -> FakeClient:
    client.go_online()
    client.deliver(STREAM, *(tick(index) for index in range(count)))
    return client


async def take(stream: EventStream[Any], count: int) -> list[int]:
    return [(await anext(stream)).index for _ in range(count)]


async def test_an_event_counts_as_taken_when_the_next_is_asked_for() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 5)
        stream = client.events(STREAM)
        assert await take(stream, 3) == [0, 1, 2]
        stream.finish(clean=False)
        assert await take(client.events(STREAM), 1) == [2]


async def test_a_clean_exit_takes_the_last_event_and_an_error_does_not() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 5)
        async with client.events(STREAM) as stream:
            assert await take(stream, 2) == [0, 1]
        with pytest.raises(KeyError):
            async with client.events(STREAM) as stream:
                assert await take(stream, 2) == [2, 3]
                raise KeyError
        async with client.events(STREAM) as stream:
            assert await take(stream, 2) == [3, 4]


async def test_a_stream_that_nobody_ended_is_given_back_without_its_last_event() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 5)
        assert await take(client.events(STREAM), 3) == [0, 1, 2]
        gc.collect()
        assert await take(client.events(STREAM), 1) == [2]


async def test_the_clients_own_end_takes_as_its_context_ends() -> None:
    client = await with_ticks(await FakeClient.new(), 5)
    stream = client.events(STREAM)
    assert await take(stream, 2) == [0, 1]
    await client.shutdown()
    assert client._fake.log(STREAM).taken == 2
    assert await anext(stream, None) is None

    client = FakeClient()
    with pytest.raises(KeyError):
        async with client:
            stream = (await with_ticks(client, 5)).events(STREAM)
            assert await take(stream, 2) == [0, 1]
            raise KeyError
    assert client._fake.log(STREAM).taken == 1


async def test_a_manual_cursor_moves_by_ack_alone() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 5)
        async with client.events(STREAM, manual=True) as stream:
            assert await take(stream, 3) == [0, 1, 2]
            stream.ack_up_to(1)
        async with client.events(STREAM, manual=True) as stream:
            assert await take(stream, 2) == [1, 2]
            stream.ack()
            assert await take(stream, 1) == [3]
        assert await take(client.events(STREAM), 1) == [3]


async def test_a_look_back_and_a_tap_leave_the_cursor_alone() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 5)
        tap = client.observe(STREAM)
        assert await take(client.events(STREAM, after=3), 2) == [3, 4]
        client.deliver(STREAM, tick(5))
        assert await take(tap, 1) == [5]
        assert await take(client.events(STREAM), 1) == [0]


async def test_a_wait_that_is_given_up_loses_nothing() -> None:
    async with FakeClient() as client:
        client.go_online()
        stream = client.events(STREAM)
        wait = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task"):
            await anext(stream)
        client.deliver(STREAM, tick(0))
        wait.cancel()
        await asyncio.wait([wait])
        assert wait.cancelled()
        assert await take(stream, 1) == [0]


async def test_what_interrupts_a_stream_has_its_place() -> None:
    reset = Reset("fake", 10, ResetReason.TRIMMED, {"so": "far"})
    async with FakeClient() as client:
        client.go_online()
        client.deliver(STREAM, tick(0), reset, tick(1), Refused("FORBIDDEN"), Gone())
        envelopes = client.events(STREAM).envelopes()
        assert [await anext(envelopes) for _ in range(5)] == [
            Envelope(tick(0), "test:tick:v1", "fake", 1, None),
            Envelope(reset, None, "fake", 10, None),
            Envelope(tick(1), "test:tick:v1", "fake", 11, None),
            Envelope(Refused("FORBIDDEN"), None, None, None, None),
            Envelope(Gone(), None, None, None, None),
        ]


async def test_more_than_a_batch_comes_in_order() -> None:
    async with FakeClient() as client:
        await with_ticks(client, 1_000)
        assert await take(client.events(STREAM), 1_000) == list(range(1_000))


async def test_handlers_share_the_stream_and_the_last_gives_it_back() -> None:
    async with FakeClient() as client:
        client.go_online()
        first: list[Any] = []
        second: list[Any] = []
        done = asyncio.Event()
        one = client.on(STREAM, TestTick, first.append)
        client.on(STREAM, TestTick, second.append)
        client.on(STREAM, Gone, lambda _: done.set())
        client.deliver(STREAM, tick(0), Gone())
        await asyncio.wait_for(done.wait(), 5)
        assert first == second == [tick(0)]
        one.remove()
        client.on("user", TestTick, first.append).remove()
        async with client.events("user"):
            pass
