"""What an app does wrong: the error that its author expects, and a client that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from keepline import (
    Accepted,
    AuthRequired,
    AuthTrouble,
    CallError,
    Client,
    Closed,
    ClosedError,
    ControlError,
    EventsError,
    LanePolicy,
    LineTrouble,
    OpenError,
    OutboxFilter,
    OutcomeError,
    RawEvent,
    SignedOut,
    StoreError,
    SubmitError,
    Waiting,
    blocking,
)
from keepline.catalogue import TestEmit, TestRecord, TestRecorded

from .host import WAIT_SECONDS_MAX, Server, needs_host

NOWHERE = "http://127.0.0.1:1"

THREADS_SECONDS_MAX = 2.0


def no_thread_left() -> None:
    """Neither one of Python's nor one of the library's, at the latest two seconds after a shutdown."""
    until = time.monotonic() + THREADS_SECONDS_MAX
    names: list[str] = []
    while time.monotonic() < until:
        names = [thread.name for thread in threading.enumerate()]
        names += [name.read_text() for name in Path("/proc/self/task").glob("*/comm")]
        if not any(name.startswith("keepline") for name in names):
            return
        time.sleep(0.01)
    pytest.fail(f"threads are left: {names}")


async def cancelled() -> None:
    """Raises `CancelledError`, though nobody has cancelled the caller."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


async def until_line(client: Client, kind: type[Any]) -> Any:
    async def watch() -> Any:
        async for status in client.status_changes():
            if isinstance(status.line, kind):
                return status.line

    return await asyncio.wait_for(watch(), WAIT_SECONDS_MAX)


@pytest.mark.parametrize("payload", [object(), {1}, float("nan"), "\ud800"], ids=["object", "set", "nan", "surrogate"])
async def test_an_unserialisable_payload_is_a_type_error(database: Path, payload: Any) -> None:
    async with Client(NOWHERE, database) as client:
        for raising in (client.submit("x", payload), client.submit_raw("x", [payload])):
            with pytest.raises(SubmitError) as raised:
                await raising
            assert isinstance(raised.value, TypeError)
            assert raised.value.code == "NOT_JSON"
        for calling in (client.call("x", payload, timeout=1), client.emit("x", payload)):
            with pytest.raises(CallError) as called:
                await calling
            assert called.value.code == "NOT_JSON"
        assert await client.outbox() == []
        await client.submit("x", 1)
        assert len(await client.outbox()) == 1


async def test_attachments_that_are_no_bytes_are_a_type_error(database: Path) -> None:
    async with Client(NOWHERE, database) as client:
        with pytest.raises(TypeError):
            await client.submit_raw("x", [1], ["text"])  # type: ignore[list-item]
        with pytest.raises(TypeError):
            await client.submit_raw("x", "text")


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org", "http://example.org", "ws://a b", "wss://a?token=x", "ws://\ud800"]
)
async def test_a_wrong_url_is_a_value_error(database: Path, url: str) -> None:
    with pytest.raises(OpenError) as raised:
        await Client.open(url, database)
    assert raised.value.code == "BAD_URL"
    assert isinstance(raised.value, ValueError)
    assert not database.exists()


@pytest.mark.parametrize(
    "options",
    [
        {"ttl": -1},
        {"ttl": "1 h"},
        {"capacity": (1,)},
        {"capacity": 7},
        {"capacity": ("1", "2")},
        {"reconnect": (10.0, 1.0)},
        {"receive_limit": -1},
        {"auth": {"a": object()}},
        {"auth": [1]},
        {"query": ["a"]},
        {"headers": {"a": 1}},
        {"headers": {"a\n": "b"}},
        {"lanes": {"a": "block"}},
        {"default_lane": None},
        {"pinned_keys": ["00"]},
        {"pinned_keys": "00"},
        {"extra_roots_pem": ["no pem"]},
        {"extra_roots_pem": None},
        {"extra_roots_pem": 5},
        {"lanes": {"": LanePolicy.SKIP}},
        {"allow_plain_text": "no"},
        {"relaxed_durability": 1},
        {"account": "\ud800"},
        {"query": {"a": "\ud800"}},
        {"token": 7},
    ],
    ids=str,
)
async def test_an_option_out_of_its_range_is_named(database: Path, options: Any) -> None:
    with pytest.raises(OpenError) as raised:
        await Client.open(NOWHERE, database, **options)
    assert raised.value.code == "BAD_CONFIG"
    assert isinstance(raised.value, ValueError)
    (option,) = options
    assert raised.value.details["option"] == option


async def test_an_option_that_is_none_is_a_type_error(database: Path) -> None:
    unknown: Any = {"tokn": "a"}
    with pytest.raises(TypeError):
        await Client.open(NOWHERE, database, **unknown)
    async with Client(NOWHERE, database) as client:
        with pytest.raises(TypeError):
            await client.submit("x", 1, lan="a")  # type: ignore[call-overload]
        wrong: list[Any] = [
            {"id": "no uuid"},
            {"ttl": -1},
            {"lane": 7},
            {"label": "x" * 257},
            {"label": "\ud800"},
            {"ack": "NONE"},
        ]
        for options in wrong:
            with pytest.raises(SubmitError) as raised:
                await client.submit("x", 1, **options)
            assert raised.value.code == "BAD_FIELD"
            assert raised.value.details["field"] in options


async def test_a_database_in_use_and_a_folder_that_is_none(database: Path) -> None:
    async with Client(NOWHERE, database):
        with pytest.raises(OpenError) as raised:
            await Client.open(NOWHERE, database)
        assert raised.value.code == "IN_USE"
    with pytest.raises(OpenError) as raised:
        await Client.open(NOWHERE, "/proc/none/queue.db")
    assert raised.value.code == "STORE_IO"
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(OpenError) as raised:
        await Client.open(NOWHERE, database)
    assert raised.value.code == "STORE_CORRUPT"


async def test_a_stream_that_is_none_and_one_that_is_taken(database: Path) -> None:
    async with Client(NOWHERE, database) as client:
        for name in ("", "users", "job:", "job:a\nb", "job:\ud800"):
            for opening in (client.events, client.observe, lambda name: client.on(name, TestRecorded, print)):
                with pytest.raises(EventsError) as refused:
                    opening(name)
                assert refused.value.code == "BAD_STREAM"
                assert isinstance(refused.value, ValueError)
        with client_stream(client):
            with pytest.raises(EventsError) as raised:
                client.events("user")
            assert raised.value.code == "STREAM_IN_USE"
        client.events("user").end()
        with pytest.raises(TypeError):
            client.events("user", int)


class client_stream:
    """The user stream, for as long as the block lasts."""

    def __init__(self, client: Client) -> None:
        self._stream = client.events("user")

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._stream.end()


async def test_unknown_actions_are_not_found(database: Path) -> None:
    async with Client(NOWHERE, database) as client:
        for id in ("no uuid", "\ud800", "0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80"):
            for raising in (client.cancel(id), client.retry(id), client.discard(id)):
                with pytest.raises(ControlError) as raised:
                    await raising
                assert raised.value.code == "NOT_FOUND"
            with pytest.raises(OutcomeError) as missing:
                await client.submission(id).outcome()
            assert missing.value.code == "NOT_FOUND"
        sent = await client.submit("x", 1)
        with pytest.raises(ControlError) as raised:
            await client.retry(sent.id)
        assert raised.value.code == "NOT_PARKED"
        with pytest.raises(CallError) as called:
            await client.call("x", 1, timeout=1)
        assert called.value.code == "NOT_ONLINE"
        with pytest.raises(ValueError, match="negative"):
            await client.flush(-1)


async def test_a_client_that_was_shut_down_says_so(database: Path) -> None:
    client = await Client.open(NOWHERE, database)
    sent = await client.submit("x", 1)
    stream, statuses, changes = client.events("user"), client.status_changes(), client.outbox_changes()
    await client.shutdown()
    await client.shutdown()
    for call in (client.connect, client.disconnect, client.network_available, client.network_lost, client.foreground):
        with pytest.raises(ClosedError):
            call()
    errors: list[tuple[Any, Any]] = [
        (client.submit("x", 1), SubmitError),
        (client.submit_raw("x", [1]), SubmitError),
        (client.call("x", timeout=1), CallError),
        (client.emit("x"), CallError),
        (client.diagnostics(), ClosedError),
        (client.outbox(), StoreError),
        (client.cancel(sent.id), ControlError),
        (sent.outcome(), OutcomeError),
        (client.flush(1), ClosedError),
        (client.suspend(1), ClosedError),
    ]
    for raising, kind in errors:
        with pytest.raises(kind) as raised:
            await raising
        assert isinstance(raised.value, ClosedError)
        assert raised.value.code == "CLOSED"
    with pytest.raises(EventsError):
        client.events("user")
    assert client.status().line == Closed()
    assert await anext(stream, None) is None
    assert await anext(changes, None) is None
    assert [type(status.line) async for status in statuses][-1] is Closed
    # The queue is intact.
    async with Client(NOWHERE, database) as client:
        assert [row.id for row in await client.outbox()] == [sent.id]
    no_thread_left()


async def test_a_client_that_was_not_opened_says_so(database: Path) -> None:
    client = Client(NOWHERE, database)
    with pytest.raises(ClosedError):
        client.connect()
    with pytest.raises(ClosedError):
        await client.submit("x", 1)
    assert client.status().line == Closed()
    await client.shutdown()
    async with client:
        with pytest.raises(RuntimeError):
            await client.__aenter__()


@needs_host
async def test_a_provider_that_throws_is_asked_again(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with await Server.new() as server:
        asked = 0

        async def provider(_: object) -> Any:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise KeyError("no such user")
            if asked == 2:
                await cancelled()
            return {3: 7, 4: "\ud800"}.get(asked, server.token)

        async with Client(server.url, database, token_provider=provider, reconnect=(0.01, 0.05)) as client:
            sent = await client.submit(TestRecord(1))
            client.connect()
            waiting = await until_line(client, Waiting)
            assert waiting.reason is LineTrouble.TOKEN_UNAVAILABLE
            assert isinstance(await asyncio.wait_for(sent.outcome(), WAIT_SECONDS_MAX), Accepted)
        assert asked >= 5
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["keepline.tokens"] * 4
    no_thread_left()


async def test_a_provider_that_has_signed_out_stops_the_line(database: Path) -> None:
    async def provider(_: object) -> str:
        raise SignedOut

    async with Client(NOWHERE, database, token_provider=provider) as client:
        sent = await client.submit("x", 1)
        client.connect()
        assert await until_line(client, AuthRequired) == AuthRequired(AuthTrouble.SIGNED_OUT)
        assert [row.id for row in await client.outbox()] == [sent.id]


async def test_a_provider_that_never_answers_keeps_nothing_from_ending(database: Path) -> None:
    asked = asyncio.Event()
    before = asyncio.all_tasks()

    async def provider(_: object) -> str:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    began = time.monotonic()
    async with Client(NOWHERE, database, token_provider=provider) as client:
        sent = await client.submit("x", 1)
        client.connect()
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        assert [row.id for row in await client.outbox()] == [sent.id]
    assert time.monotonic() - began < 5
    # What was cancelled ends in the next turn of the loop.
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    no_thread_left()


def test_a_blocking_provider_that_never_answers_keeps_nothing_from_ending(database: Path) -> None:
    asked, never = threading.Event(), threading.Event()

    def provider(_: object) -> str:
        asked.set()
        never.wait()
        return ""

    began = time.monotonic()
    with blocking.Client(NOWHERE, database, token_provider=provider) as client:
        client.submit("x", 1)
        client.connect()
        assert asked.wait(WAIT_SECONDS_MAX)
    assert time.monotonic() - began < 5
    # It is the app's own function that waits; let it go.
    never.set()
    no_thread_left()


@needs_host
async def test_a_handler_that_raises_is_logged_and_the_stream_goes_on(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Server.new() as server, Client(server.url, database, token=server.token) as client:
        seen: list[int] = []
        done = asyncio.Event()

        @client.on("user", TestRecorded)
        def raises(event: TestRecorded) -> None:
            raise ValueError(event.n)

        @client.on("user", TestRecorded)
        async def waits_for_what_was_cancelled(_: TestRecorded) -> None:
            await cancelled()

        @client.on("user", TestRecorded)
        async def collects(event: TestRecorded) -> None:
            seen.append(event.n)
            if len(seen) == 3:
                done.set()

        client.connect()
        for n in (1, 2, 3):
            await client.submit(TestRecord(n))
        await asyncio.wait_for(done.wait(), WAIT_SECONDS_MAX)
        assert seen == [1, 2, 3]
        with pytest.raises(EventsError):
            client.events("user")
    assert len([record for record in caplog.records if record.name == "keepline.handlers"]) == 6
    no_thread_left()


async def test_what_is_no_function_is_refused_at_once(database: Path) -> None:
    wrong: Any = "no function"
    with pytest.raises(TypeError):
        Client(NOWHERE, database, token_provider=wrong)
    with pytest.raises(TypeError):
        blocking.Client(NOWHERE, database, token_provider=wrong)
    async with Client(NOWHERE, database) as client:
        with pytest.raises(TypeError):
            client.on("user", TestRecorded, wrong)
        # A type that is none leaves the stream free as well.
        no_event: Any = int
        with pytest.raises(TypeError):
            client.on("user", no_event, print)
        client.events("user").end()


async def test_names_that_are_no_text_are_refused(database: Path) -> None:
    async with Client(NOWHERE, database) as client:
        for submitting in (client.submit("\ud800", 1), client.submit_raw("\ud800", [])):
            with pytest.raises(SubmitError) as refused:
                await submitting
            assert (refused.value.code, refused.value.details) == ("BAD_FIELD", {"field": "name"})
        for calling in (client.call("\ud800", timeout=1), client.emit("\ud800")):
            with pytest.raises(CallError) as called:
                await calling
            assert called.value.code == "BAD_FIELD"
        assert await client.outbox(OutboxFilter(lane="\ud800")) == []


async def test_what_is_garbage_together_ends_in_any_order(database: Path) -> None:
    async with Client(NOWHERE, database) as client:
        for opening in (client.status_changes, client.outbox_changes, lambda: client.events("user")):
            opened: Any = opening()
            opened.itself = opened
            del opened
            gc.collect()
        # The stream was given back.
        client.events("user").end()
    no_thread_left()


async def test_what_nests_too_deep_is_said(database: Path) -> None:
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    async with Client(NOWHERE, database) as client:
        with pytest.raises(SubmitError) as raised:
            await client.submit("x", deep)
        assert raised.value.code == "NOT_JSON"
        assert raised.value.text


@pytest.mark.parametrize("turns", [1, 2, 5, 50])
async def test_an_opening_that_was_cancelled_leaves_nothing_open(database: Path, turns: int) -> None:
    opening = asyncio.ensure_future(Client.open(NOWHERE, database))
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await (await opening).shutdown()
    async with Client(NOWHERE, database):
        pass
    no_thread_left()


@needs_host
async def test_an_integer_too_long_for_python_stops_nothing(database: Path) -> None:
    digits = "7" * 5000
    async with await Server.new() as server, Client(server.url, database, token=server.token) as client:
        stream = client.events("user")
        client.connect()
        text = f'{{"stream":"user","name":"{TestRecorded.NAME}","payload":{{"n":{digits},"action":"x"}}}}'
        await client._backend.submit(TestEmit.NAME, text, {})
        await client.submit(TestRecord(2))
        raw = await asyncio.wait_for(anext(stream), WAIT_SECONDS_MAX)
        assert isinstance(raw, RawEvent)
        assert raw.payload == {"n": digits, "action": "x"}
        event = await asyncio.wait_for(anext(stream), WAIT_SECONDS_MAX)
        assert isinstance(event, TestRecorded)
        assert (await client.outbox())[0].payload["payload"]["n"] == digits


@needs_host
async def test_a_payload_of_another_shape_arrives_raw(database: Path) -> None:
    async with await Server.new() as server, Client(server.url, database, token=server.token) as client:
        stream = client.events("user", TestRecorded)
        client.connect()
        await client.submit(TestEmit("user", TestRecorded.NAME, {"n": "one"}))
        await client.submit(TestRecord(2))
        raw = await asyncio.wait_for(anext(stream), WAIT_SECONDS_MAX)
        assert getattr(raw, "payload", None) == {"n": "one"}
        event = await asyncio.wait_for(anext(stream), WAIT_SECONDS_MAX)
        assert isinstance(event, TestRecorded)
        assert event.n == 2
