"""Tests that are `async def` run in an event loop of their own, and none may hang."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

TEST_SECONDS_MAX = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    wanted = inspect.signature(function).parameters
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in wanted}
    asyncio.run(asyncio.wait_for(function(**arguments), TEST_SECONDS_MAX))
    return True


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"
