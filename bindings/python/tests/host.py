"""The scenario host: it starts, kills and restarts real servers on request."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOST = os.environ.get("KEEPLINE_SCENARIO_HOST", "")

needs_host = pytest.mark.skipif(not HOST, reason="KEEPLINE_SCENARIO_HOST is not set: scripts/test.sh sets it")

WAIT_SECONDS_MAX = 20.0

DOCUMENTS = Path(__file__).parents[3] / "docs"
"""What a server may search."""


@dataclass
class Server:
    """A server of the host's, whether it runs or not."""

    id: str
    url: str
    token: str | None

    @classmethod
    async def new(cls, *args: str, running: bool = True) -> Server:
        """A Keepline server with a data folder of its own."""
        return cls._of(await _post("/servers", args=list(args), running=running))

    @classmethod
    async def stock(cls) -> Server:
        """A stock Socket.IO server."""
        return cls._of(await _post("/stock"))

    async def start(self) -> None:
        self.token = (await _post(f"/servers/{self.id}/start"))["token"]

    async def kill(self) -> None:
        await _post(f"/servers/{self.id}/kill")

    async def stop(self) -> int | None:
        """Gives the code with which it ended."""
        code: int | None = (await _post(f"/servers/{self.id}/stop"))["code"]
        return code

    async def freeze(self) -> None:
        """It listens and answers nothing."""
        await _post(f"/servers/{self.id}/freeze")

    async def thaw(self) -> None:
        await _post(f"/servers/{self.id}/thaw")

    async def token_for(self, subject: str, ttl: str = "1h") -> str:
        token: str = (await _post(f"/servers/{self.id}/token", sub=subject, ttl=ttl))["token"]
        return token

    async def remove(self) -> None:
        await asyncio.to_thread(_request, "DELETE", f"/servers/{self.id}", None)

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.remove()

    @classmethod
    def _of(cls, card: dict[str, Any]) -> Server:
        return cls(card["id"], card["url"], card.get("token"))


async def _post(path: str, **body: Any) -> dict[str, Any]:
    return await asyncio.to_thread(_request, "POST", path, body)


def _request(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HOST + path, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS_MAX) as answer:
        return json.loads(answer.read() or b"{}")  # type: ignore[no-any-return]
