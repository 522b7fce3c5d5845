"""A default python-socketio client as an app would write it.

It starts a job on a Keepline server and prints, as JSON lines, what comes back. Exit 0 only where the results came.
"""

import argparse
import asyncio
import json
import os
import sys
from typing import Any, Callable

import socketio


def parse() -> argparse.Namespace:
    flags = argparse.ArgumentParser()
    flags.add_argument("--url", required=True)
    flags.add_argument("--token", default=os.environ.get("KEEPLINE_TOKEN", ""))
    # search: a job with its results; record: the same id twice is applied once; no-ack: an action without an answer;
    # connect: no more than that.
    flags.add_argument("--mode", choices=["search", "record", "no-ack", "connect"], default="search")
    flags.add_argument("--query", default="the")
    flags.add_argument("--limit", type=int, default=5)
    flags.add_argument("--websocket", action="store_true", help="only WebSocket, not long polling and an upgrade")
    flags.add_argument("--meta", action="store_true", help="asks for metas with the events")
    flags.add_argument("--id", default="", help="the id of the action; without it the action has no meta")
    flags.add_argument("--timeout-ms", type=int, default=30_000)
    return flags.parse_args()


def say(kind: str, **fields: Any) -> None:
    print(json.dumps({"type": kind, **fields}, default=repr), flush=True)


class Failed(Exception):
    def __init__(self, why: str, **fields: Any) -> None:
        super().__init__(why)
        self.why = why
        self.fields = fields


class Client:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.io = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self.changed = asyncio.Condition()
        self.gone = False
        self.io.on("*", self.event)
        self.io.on("disconnect", self.disconnected)

    async def event(self, name: str, *args: Any) -> None:
        say("event", name=name, args=args)
        async with self.changed:
            self.events.append((name, args))
            self.changed.notify_all()

    async def disconnected(self, _reason: str) -> None:
        async with self.changed:
            self.gone = True
            self.changed.notify_all()

    async def run(self) -> None:
        auth = {"token": self.options.token, **({"meta": True} if self.options.meta else {})}
        transports = ["websocket"] if self.options.websocket else None
        try:
            await self.io.connect(self.options.url, auth=auth, transports=transports)
        except socketio.exceptions.ConnectionError as error:
            raise Failed("refused", message=str(error)) from error
        say("connected", transport=self.io.transport())
        modes = {"search": self.search, "record": self.record, "no-ack": self.no_ack}
        if self.options.mode in modes:
            await modes[self.options.mode]()
        say("done", transport=self.io.transport(), results=len(self.named("search:result:v1")))
        self.io.on("disconnect", lambda *_: None)
        await self.io.disconnect()

    async def search(self) -> None:
        ack = await self.call("search:start:v1", self.query(), self.meta())
        job = (ack.get("reply") or {}).get("job") if ack.get("ok") else None
        if not isinstance(job, str):
            raise Failed("no_job", ack=ack)
        await self.until(lambda: any(args[0].get("job") == job for args in self.named("job:completed:v1")))
        if not any(args[0].get("job") == job for args in self.named("search:result:v1")):
            raise Failed("no_results")
        self.check_metas()

    async def record(self) -> None:
        first = await self.call("test:record:v1", {"n": 7}, self.meta())
        second = await self.call("test:record:v1", {"n": 7}, self.meta())
        if not first.get("ok") or first.get("dup"):
            raise Failed("not_applied", first=first)
        if not second.get("ok") or not second.get("dup"):
            raise Failed("not_a_duplicate", second=second)
        other = await self.call("test:record:v1", {"n": 8}, self.meta())
        if other.get("ok") or other["error"]["code"] != "ID_CONFLICT":
            raise Failed("no_conflict", other=other)
        # A marker that comes after whatever the first two did: one effect by then, and no second one.
        await self.call("test:record:v1", {"n": 9}, [])
        await self.until(lambda: any(args[0].get("n") == 9 for args in self.named("test:recorded:v1")))
        if sum(args[0].get("n") == 7 for args in self.named("test:recorded:v1")) != 1:
            raise Failed("applied_twice")
        self.check_metas()

    async def no_ack(self) -> None:
        await self.io.emit("search:start:v1", self.query())
        await self.until(lambda: self.named("job:completed:v1") and self.named("search:result:v1"))
        self.check_metas()

    def query(self) -> dict[str, Any]:
        return {"query": self.options.query, "limit": self.options.limit}

    def meta(self) -> list[dict[str, str]]:
        return [{"id": self.options.id}] if self.options.id else []

    async def call(self, name: str, payload: Any, metas: list[dict[str, str]]) -> dict[str, Any]:
        ack = await self.io.call(name, (payload, *metas), timeout=self.options.timeout_ms / 1000)
        say("ack", name=name, ack=ack)
        return ack if isinstance(ack, dict) else {}

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [args for event, args in self.events if event == name]

    def check_metas(self) -> None:
        """A client that asked for metas gets one with each event of a stream, any other the payload alone."""
        wrong = [event for event in self.events if len(event[1]) != (2 if self.options.meta else 1)]
        if wrong:
            raise Failed("arguments", wrong=wrong)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.gone or condition())
        if not condition():
            raise Failed("disconnected")


async def main() -> int:
    options = parse()
    try:
        await asyncio.wait_for(Client(options).run(), options.timeout_ms / 1000)
    except Failed as failed:
        say("failed", why=failed.why, **failed.fields)
        return 1
    except (asyncio.TimeoutError, socketio.exceptions.TimeoutError):
        say("failed", why="timeout")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
