"""What is submitted, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from keepline import (
    Accepted,
    ActionState,
    Cancelled,
    Client,
    LanePolicy,
    OutboxFilter,
    Rejected,
    SubmitError,
)
from keepline.catalogue import TestFail, TestRecord

from ..host import Server, needs_host
from .world import child, line_of, ok, online, recorded, soon, until

pytestmark = needs_host


async def test_submits_offline_and_delivers_after_reconnect(tmp_path: Path) -> None:
    async with await Server.new(running=False) as server:
        # The first token comes with the first start; until then there is nobody to show one to.
        async def provider(_: object) -> str:
            assert server.token is not None
            return server.token

        async with Client(server.url, tmp_path / "queue.db", token_provider=provider) as client:
            client.connect()
            sent = [await client.submit(TestRecord(n)) for n in (1, 2, 3)]
            await server.start()
            for submission in sent:
                assert isinstance(await soon(submission.outcome()), Accepted)
        assert await recorded(server, tmp_path) == [1, 2, 3]
    ok("submits_offline_and_delivers_after_reconnect")


async def test_survives_a_kill_and_delivers_once(tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    async with await Server.new(running=False) as server:
        process = await child("submit", server.url, "not yet known", str(database), "20")
        assert await line_of(process) == "submitted"
        process.kill()
        await soon(process.wait())
        await server.start()
        async with Client(server.url, database, token=server.token) as client:
            rows = await client.outbox()
            assert len(rows) == 20
            client.connect()
            for row in rows:
                assert isinstance(await soon(client.submission(row.id).outcome()), Accepted)
        assert await recorded(server, tmp_path) == list(range(1, 21))
    ok("survives_a_kill_and_delivers_once")


async def test_surfaces_a_rejection_as_an_outcome(tmp_path: Path) -> None:
    async with (
        await Server.new() as server,
        Client(server.url, tmp_path / "queue.db", token=server.token) as client,
    ):
        client.connect()
        sent = await client.submit(TestFail("FORBIDDEN"))
        outcome = await soon(sent.outcome())
        assert isinstance(outcome, Rejected)
        assert outcome.code == "FORBIDDEN"
    ok("surfaces_a_rejection_as_an_outcome")


async def test_parks_and_retries(tmp_path: Path) -> None:
    async with (
        await Server.new() as server,
        Client(
            server.url,
            tmp_path / "queue.db",
            token=server.token,
            attempts=1,
            lanes={"strict": LanePolicy.BLOCK},
        ) as client,
    ):
        client.connect()
        once = await client.submit(TestFail("UNAVAILABLE", retryable=True, times=1), lane="strict")
        await until(client, lambda status: status.parked == 1)
        (row,) = await client.outbox(OutboxFilter(id=once.id))
        assert row.state is ActionState.PARKED
        assert row.last_error is not None
        assert row.last_error.code == "UNAVAILABLE"
        again = await client.retry(once.id)
        assert isinstance(await soon(client.submission(again).outcome()), Accepted)

        for_ever = await client.submit(TestFail("UNAVAILABLE", retryable=True), lane="strict")
        await until(client, lambda status: status.parked == 1)
        await client.discard(for_ever.id)
        assert await soon(for_ever.outcome()) == Cancelled()
        await until(client, lambda status: status.parked == 0)
    ok("parks_and_retries")


async def test_cancels_a_queued_action(tmp_path: Path) -> None:
    async with await Server.new(running=False) as server:

        async def provider(_: object) -> str:
            assert server.token is not None
            return server.token

        async with Client(server.url, tmp_path / "queue.db", token_provider=provider) as client:
            sent = await client.submit(TestRecord(1))
            await client.cancel(sent.id)
            assert await soon(sent.outcome()) == Cancelled()
            await server.start()
            client.connect()
            await online(client)
            assert await recorded(server, tmp_path) == []
    ok("cancels_a_queued_action")


async def test_refuses_an_oversize_action(tmp_path: Path) -> None:
    async with Client("http://127.0.0.1:1", tmp_path / "queue.db") as client:
        with pytest.raises(SubmitError) as raised:
            await client.submit("note:add:v1", "x" * 70_000)
        assert raised.value.code == "TOO_LARGE"
        assert raised.value.details == {"bytes": 70_002, "limit": 65_536}
        assert await client.outbox() == []
    ok("refuses_an_oversize_action")


async def test_reattaches_to_a_submission_after_restart(tmp_path: Path) -> None:
    own = str(uuid4())
    async with await Server.new(running=False) as server:
        async with Client(server.url, tmp_path / "queue.db") as client:
            await client.submit(TestRecord(1), label="from the menu", id=own)
        await server.start()
        async with Client(server.url, tmp_path / "queue.db", token=server.token) as client:
            (row,) = [row for row in await client.outbox() if row.label == "from the menu"]
            assert row.id == own
            client.connect()
            assert isinstance(await soon(client.submission(row.id).outcome()), Accepted)
    ok("reattaches_to_a_submission_after_restart")
