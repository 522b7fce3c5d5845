"""What an app writes, for the type checkers: every hint has to come out right without one of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import keepline
from keepline import Accepted, ActionType, Client, EventType, Rejected, blocking
from keepline.catalogue import JobCompleted, JobStarted, SearchResult, StartSearch
from keepline.testing import FakeClient

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: Any, _: Any) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class NoteAdded(keepline.Event, name="note:added:v1"):
    id: int


@dataclass(frozen=True, slots=True)
class AddNote(keepline.Action[NoteAdded], name="note:add:v1"):
    text: str


class Removed(TypedDict):
    id: int


REMOVE = ActionType("note:remove:v1", Removed, reply=bool)
REMOVED = EventType("note:removed:v1", Removed)


async def search(client: Client) -> list[str]:
    sent = await client.submit(StartSearch("rust"), lane="searches", ttl=60)
    outcome = await sent.outcome()
    titles: list[str] = []
    match outcome:
        case Accepted(started):
            assert_type(started, JobStarted)
            async for event in client.events(started.stream):
                match event:
                    case SearchResult(title=title):
                        titles.append(title)
                    case JobCompleted() | keepline.Gone():
                        break
                    case _:
                        pass
        case Rejected(code=code):
            assert_type(code, str)
        case _:
            pass
    return titles


async def notes(client: Client) -> None:
    added = await (await client.submit(AddNote("milk"))).outcome()
    if isinstance(added, Accepted):
        assert_type(added.reply, NoteAdded)
    removed = await client.call(REMOVE({"id": 7}), timeout=5)
    assert_type(removed, bool)
    async for item in client.events("user", NoteAdded, REMOVED):
        if isinstance(item, NoteAdded):
            assert_type(item.id, int)
        elif isinstance(item, dict):
            assert_type(item["id"], int)
    async for status in client.status_changes():
        match status.line:
            case keepline.Waiting(retry_in, attempt, reason):
                print(retry_in.total_seconds(), attempt, reason.name)
            case _:
                pass
    client.on("user", NoteAdded, lambda note: print(note.id))


def script(client: blocking.Client) -> None:
    outcome = client.submit(StartSearch("rust")).outcome(timeout=5)
    if isinstance(outcome, Accepted):
        assert_type(outcome.reply.job, str)
    for item in client.events("user", NoteAdded):
        if isinstance(item, NoteAdded):
            assert_type(item.id, int)


async def test() -> None:
    async with FakeClient() as fake:
        fake.answer(StartSearch, JobStarted("7"))
        fake.go_online()
        fake.deliver("job:7", SearchResult("7", 0, "Lines", "", "", 1.0), JobCompleted("7", "search"))
        titles = await search(fake)
        assert titles == ["Lines"], titles
        print(f"keepline {keepline.__version__} found {titles}")


if __name__ == "__main__":
    asyncio.run(test())
