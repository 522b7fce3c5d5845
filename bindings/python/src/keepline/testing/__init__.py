"""A client for an app's own tests: no server, no library, no disk, no time that passes.

>>> async def test_shows_what_was_found():
...     async with FakeClient() as client:
...         client.answer(StartSearch, JobStarted("7"))
...         client.go_online()
...         app = App(client)                       # what takes a `keepline.Client` takes this
...         await app.search("rust")
...         client.deliver("job:7", SearchResult(...), JobCompleted("7", "search"))
...         assert ...

It is a `keepline.Client` whose other end is scripted: going online and offline, outcomes, events. Everything between,
such as types, handlers, cursors and errors, is the real client's.
"""

from ._client import BlockingFakeClient, FakeClient

__all__ = ["BlockingFakeClient", "FakeClient"]
