"""The examples against the fake client: no server, no terminal, no waiting."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

from keepline import Accepted, LineTrouble, Online, Status, Waiting
from keepline.catalogue import JobCompleted, JobProgress, JobStarted, SearchResult, StartSearch
from keepline.testing import BlockingFakeClient, FakeClient
from live import App
from screen import Screen, Search, render
from search import earlier, search


def found(index: int, title: str) -> SearchResult:
    return SearchResult("7", index, title, "…", f"docs/{title}.md", 1.0)


ANSWER = (found(0, "lines"), JobProgress("7", 1, 2), found(1, "logs"), JobCompleted("7", "search"))


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_script_finds_and_says_how_far_it_is() -> None:
    said: list[str] = []
    with BlockingFakeClient() as client:
        client.fake.answer(StartSearch, JobStarted("7"))
        client.fake.deliver("job:7", *ANSWER)
        client.fake.go_online()
        assert [result.title for result in search(client, "the log", said.append)] == ["lines", "logs"]
        assert said == ["1 of 2 documents, 1 found"]
        assert client.fake.submitted[0].label == "the log"


def test_the_script_goes_on_with_what_it_left_in_the_queue() -> None:
    with BlockingFakeClient() as client:
        left = client.submit(StartSearch("the log"), label="the log")
        again = earlier(client, "the log")
        assert again is not None
        assert again.id == left.id
        assert earlier(client, "another") is None
        client.fake.answer(StartSearch, JobStarted("7"))
        client.fake.go_online()
        assert again.outcome(timeout=5) == Accepted(JobStarted("7"))
        assert earlier(client, "the log") is None


def test_the_app_searches_while_the_line_is_down() -> None:
    async def story() -> None:
        changed = asyncio.Event()

        def draw(screen: Screen) -> None:
            changed.set()

        async def until(text: str) -> None:
            while text not in plain(render(app.screen, 80, 24)):
                changed.clear()
                await asyncio.wait_for(changed.wait(), 5)

        async with FakeClient() as client:
            app = App(client, draw)
            await app.start()
            client.go_offline()
            for key in "the lof\x7fg\n":
                await app.typed(key)
            await until("No line: lost")
            await until("in the queue")
            await until("1 queued")
            client.answer(StartSearch, JobStarted("7"))
            client.deliver("job:7", *ANSWER)
            client.go_online()
            await until("Online")
            await until("2 found")
            await until("logs")
            await app.stop()

    asyncio.run(story())


def test_the_screen_fits_its_terminal() -> None:
    waiting = Waiting(timedelta(seconds=2.5), 3, LineTrouble.TOKEN_EXPIRED)
    screen = Screen(Status(waiting, 2, 1, timedelta(seconds=75)))
    assert "No line: token expired. Attempt 3 in 2.5 s" in plain(render(screen, 80, 24))
    screen.searches = [Search(f"search {n}", "searching", n, 10, ["a title" * 20] * n) for n in range(10)]
    for width, height in ((80, 24), (40, 10)):
        lines = plain(render(screen, width, height)).split("\n")
        assert len(lines) == height
    screen.status = Status(Online(resumed=True))
    assert plain(render(screen, 80, 24)).startswith(" ● Online")
