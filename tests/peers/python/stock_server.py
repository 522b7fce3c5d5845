"""A default python-socketio server as an app would write it.

It shows that a Keepline client in plain mode gets on with one. It prints what it saw as JSON lines, and ends with
code 70 where a handler gets what it does not expect.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import socket
from typing import Any

import socketio
from aiohttp import web


def parse() -> argparse.Namespace:
    flags = argparse.ArgumentParser()
    flags.add_argument("--host", default="127.0.0.1")
    flags.add_argument("--port", type=int, default=0)
    flags.add_argument("--path", default="/socket.io/")
    flags.add_argument("--namespace", default="/")
    flags.add_argument("--ping-interval-ms", type=int, default=25_000)
    flags.add_argument("--ping-timeout-ms", type=int, default=20_000)
    flags.add_argument("--single-use", action="store_true", help="each token good-N opens one connection only")
    return flags.parse_args()


def say(kind: str, **fields: Any) -> None:
    print(json.dumps({"type": kind, **fields}, default=as_hex), flush=True)


def as_hex(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {"hex": bytes(value).hex()}
    return repr(value)


class Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.used_tokens: set[str] = set()
        self.io = socketio.AsyncServer(
            async_mode="aiohttp",
            ping_interval=options.ping_interval_ms / 1000,
            ping_timeout=options.ping_timeout_ms / 1000,
        )
        self.io.on("connect", self.connect, namespace=options.namespace)
        self.io.on("disconnect", self.disconnect, namespace=options.namespace)
        self.io.on("*", self.unknown, namespace=options.namespace)
        for name in HANDLERS:
            self.io.on(name, self.expecting(name), namespace=options.namespace)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        auth = auth if isinstance(auth, dict) else {}
        token = auth.get("token")
        good = isinstance(token, str) and re.fullmatch(r"good-\d+", token) is not None
        fresh = not self.options.single_use or token not in self.used_tokens
        say("auth", token=token, accepted=good and fresh, keys=list(auth))
        if not good:
            raise socketio.exceptions.ConnectionRefusedError("AUTH_TOKEN_INVALID")
        if not fresh:
            raise socketio.exceptions.ConnectionRefusedError("AUTH_TOKEN_EXPIRED", {"detail": "used"})
        self.used_tokens.add(token)
        transport = self.io.transport(sid, namespace=self.options.namespace)
        say("connected", id=sid, transport=transport, query=environ.get("QUERY_STRING"))

    async def disconnect(self, sid: str, reason: str) -> None:
        say("disconnected", id=sid, reason=reason)

    async def unknown(self, event: str, _sid: str, *args: Any) -> None:
        say("unknown", name=event, args=args)

    def expecting(self, name: str) -> Any:
        """A handler is called as handler(sid, data). A real one with this signature raises at a further argument."""

        async def handle(sid: str, *args: Any) -> Any:
            if len(args) > 1:
                say("failed", name=name, error="UNEXPECTED ARGUMENT", count=len(args), extra=args[1:])
                os._exit(70)
            data = args[0] if args else None
            say("event", name=name, data=data)
            return await getattr(self, f"on_{name}")(sid, data)

        return handle

    async def emit(self, name: str, *args: Any, to: str | None = None, **more: Any) -> None:
        # A tuple is several arguments.
        await self.io.emit(name, args, to=to, namespace=self.options.namespace, **more)

    async def on_echo(self, _sid: str, data: Any) -> Any:
        return data

    async def on_several(self, _sid: str, data: Any) -> Any:
        return "first", 2, {"third": data}

    async def on_nothing(self, _sid: str, _data: Any) -> Any:
        return None

    async def on_slow(self, _sid: str, data: Any) -> Any:
        await asyncio.sleep((data or {}).get("ms", 50) / 1000)
        return data

    async def on_silent(self, _sid: str, _data: Any) -> Any:
        # python-socketio acknowledges what returns, so this one does not.
        await asyncio.Event().wait()

    async def on_refuse(self, _sid: str, data: Any) -> Any:
        return {"error": "no", "data": data}

    async def on_record(self, _sid: str, _data: Any) -> Any:
        return None

    async def on_binary(self, _sid: str, data: Any) -> Any:
        return data

    async def on_broadcast(self, _sid: str, data: Any) -> Any:
        await self.emit(data["name"], *data.get("args", []))
        return "sent"

    async def on_events(self, sid: str, data: Any) -> Any:
        for n in range(1, data["count"] + 1):
            await self.emit("tick", {"n": n, "text": "x" * data.get("bytes", 0)}, to=sid)
        return "sent"

    async def on_attachments(self, sid: str, data: Any) -> Any:
        count = data["n"]
        await self.emit("files", {"n": count, "parts": [bytes([n]) * (n + 1) for n in range(count)]}, b"last", to=sid)
        return "sent"

    async def on_ask(self, sid: str, data: Any) -> Any:
        await self.emit("question", data, to=sid, callback=lambda *answer: say("answer", answer=answer))
        return "asked"

    async def on_leave(self, sid: str, _data: Any) -> Any:
        await self.io.disconnect(sid, namespace=self.options.namespace)

    async def on_close(self, sid: str, _data: Any) -> Any:
        engine_id = self.io.manager.eio_sid_from_sid(sid, self.options.namespace)
        await self.io.eio.disconnect(engine_id)


HANDLERS = [name.removeprefix("on_") for name in vars(Server) if name.startswith("on_")]


async def main() -> None:
    options = parse()
    server = Server(options)
    app = web.Application()
    server.io.attach(app, socketio_path=options.path.strip("/"))
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server((options.host, options.port))
    await web.SockSite(runner, listener).start()
    port = listener.getsockname()[1]
    say("listening", port=port, url=f"http://{options.host}:{port}")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    say("ending")
    await server.io.shutdown()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
