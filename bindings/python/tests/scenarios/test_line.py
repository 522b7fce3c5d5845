"""The line, tokens, and the end of a client."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from keepline import (
    Accepted,
    AuthRequired,
    AuthTrouble,
    CallError,
    Client,
    Closed,
    ClosedError,
    Connecting,
    Idle,
    Online,
    OutcomeError,
    Status,
    TokenReason,
    Waiting,
)
from keepline.catalogue import TestRecord

from ..host import Server, needs_host
from .world import ok, online, soon, until

pytestmark = needs_host

SHUTDOWN_SECONDS_MAX = 5.0


async def test_reports_status_changes(tmp_path: Path) -> None:
    seen: list[Status] = []

    async def collect() -> None:
        async for status in changes:
            seen.append(status)

    async with await Server.new() as server:
        client = await Client.open(server.url, tmp_path / "queue.db", token=server.token)
        changes = client.status_changes()
        collecting = asyncio.ensure_future(collect())
        await asyncio.sleep(0)
        client.connect()
        await online(client)
        await server.kill()
        await until(client, lambda status: isinstance(status.line, Waiting))
        await server.start()
        await online(client)
        await client.shutdown()
        await soon(collecting)
    lines = iter([status.line for status in seen])
    for kind in (Idle, Connecting, Online, Waiting, Online, Closed):
        line = next((line for line in lines if isinstance(line, kind)), None)
        assert line is not None, f"no {kind.__name__} in its place among {seen}"
        if isinstance(line, Waiting):
            assert line.attempt >= 1
            assert line.reason is not None
    ok("reports_status_changes")


async def test_refreshes_an_expired_token(tmp_path: Path) -> None:
    async with await Server.new() as server:
        first = await server.token_for("ann", ttl="2s")
        asked: list[TokenReason] = []
        asking = 0
        asked_twice = asyncio.Event()

        async def provider(reason: TokenReason) -> str:
            nonlocal asking
            asking += 1
            assert asking == 1, "asked twice at a time"
            asked.append(reason)
            token = first if len(asked) == 1 else await server.token_for("ann")
            if len(asked) == 2:
                asked_twice.set()
            asking -= 1
            return token

        async with Client(server.url, tmp_path / "queue.db", token_provider=provider) as client:
            client.connect()
            await soon(asked_twice.wait())
            sent = await client.submit(TestRecord(1))
            assert isinstance(await soon(sent.outcome()), Accepted)
        assert len(asked) >= 2
    ok("refreshes_an_expired_token")


async def test_stops_at_auth_required_and_keeps_the_queue(tmp_path: Path) -> None:
    async with await Server.new() as server:
        async with Client(server.url, tmp_path / "queue.db", token="no token") as client:
            sent = await client.submit(TestRecord(1))
            client.connect()
            status = await until(client, lambda status: isinstance(status.line, AuthRequired))
            assert status.line == AuthRequired(AuthTrouble.TOKEN_REFUSED, "AUTH_TOKEN_INVALID")
            (row,) = await client.outbox()
            assert row.id == sent.id
            assert row.outcome is None
        async with Client(server.url, tmp_path / "queue.db", token=server.token) as client:
            client.connect()
            assert isinstance(await soon(client.submission(sent.id).outcome()), Accepted)
    ok("stops_at_auth_required_and_keeps_the_queue")


async def test_shuts_down_with_calls_in_flight(tmp_path: Path) -> None:
    async with await Server.new() as server:
        client = await Client.open(server.url, tmp_path / "queue.db", token=server.token)
        client.connect()
        await online(client)
        await server.freeze()
        sent = await client.submit(TestRecord(1))
        stream = client.events("user")
        call = asyncio.ensure_future(client.call("test:echo:v1", None, timeout=60))
        outcome = asyncio.ensure_future(sent.outcome())
        event = asyncio.ensure_future(anext(stream, None))
        flush = asyncio.ensure_future(client.flush(60))
        # One turn of the loop begins them all, and none has an answer to end by.
        await asyncio.sleep(0)
        assert not any(task.done() for task in (call, outcome, event, flush))
        began = time.monotonic()
        await soon(client.shutdown())
        assert time.monotonic() - began < SHUTDOWN_SECONDS_MAX
        with pytest.raises(CallError) as raised:
            await soon(call)
        # It was on the line: with either code it may have happened.
        assert raised.value.code in ("CLOSED", "TIMED_OUT")
        with pytest.raises(OutcomeError) as closed:
            await soon(outcome)
        assert closed.value.code == "CLOSED"
        assert isinstance(closed.value, ClosedError)
        assert await soon(event) is None
        assert not await soon(flush)
        await server.thaw()
    ok("shuts_down_with_calls_in_flight")
