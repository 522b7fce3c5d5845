"""A server that never heard of Keepline."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from keepline import Accepted, Attachment, Client, RawEvent, TokenReason

from ..host import Server, needs_host
from .world import ok, soon

pytestmark = needs_host


async def test_talks_to_a_stock_socketio_server(tmp_path: Path) -> None:
    numbers = count(1)

    async def provider(_: TokenReason) -> str:
        return f"good-{next(numbers)}"

    async with await Server.stock() as server:
        async with Client(server.url, tmp_path / "queue.db", token_provider=provider) as client:
            stream = client.events("user")
            client.connect()
            echo = await client.submit_raw("echo", [{"text": "hello"}])
            assert await soon(echo.outcome()) == Accepted([{"text": "hello"}])

            binary = await client.submit_raw("binary", [Attachment(0)], [b"\x00\x01\xff"])
            outcome = await soon(binary.outcome_raw())
            assert isinstance(outcome, Accepted)
            assert outcome.reply.attachments == (b"\x00\x01\xff",)

            await client.submit_raw("events", [{"count": 3}])
            seen: list[int] = []
            while len(seen) < 3:
                event = await soon(anext(stream))
                if isinstance(event, RawEvent) and event.name == "tick":
                    seen.append(event.payload["n"])
            assert seen == [1, 2, 3]
        # It ends with another code where a handler got what it does not expect.
        assert await server.stop() == 0
    ok("talks_to_a_stock_socketio_server")
