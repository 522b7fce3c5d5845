"""The actions and events that Keepline's reference server knows, written as an app's own would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._named import Action, Event

__all__ = [
    "Emitted",
    "JobCancelled",
    "JobCompleted",
    "JobCreated",
    "JobFailed",
    "JobFailure",
    "JobProgress",
    "JobStarted",
    "ModelChunk",
    "PromptModel",
    "ResearchFinding",
    "SearchResult",
    "StartResearch",
    "StartSearch",
    "TaskCancel",
    "TaskCancelled",
    "TestEmit",
    "TestFail",
    "TestJob",
    "TestRecord",
    "TestRecorded",
    "TestTick",
]


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The answer to every action that starts a job."""

    job: str
    """The job's id."""

    @property
    def stream(self) -> str:
        """The stream of the job's events."""
        return f"job:{self.job}"


@dataclass(frozen=True, slots=True)
class StartSearch(Action[JobStarted], name="search:start:v1"):
    """Searches the server's documents; results stream in as they are found."""

    query: str
    """Words to look for."""
    limit: int | None = None
    """How many results at most; the server's default without it."""


@dataclass(frozen=True, slots=True)
class SearchResult(Event, name="search:result:v1"):
    """One document found."""

    job: str
    """The job it belongs to."""
    index: int
    """Its number among the results, from 0."""
    title: str
    """The document's title."""
    snippet: str
    """Text around what was found."""
    source: str
    """Where the document lies, relative to the searched folder."""
    score: float
    """The higher, the better the match."""


@dataclass(frozen=True, slots=True)
class StartResearch(Action[JobStarted], name="research:start:v1"):
    """Looks into a topic with several searches and reports."""

    topic: str
    """What to look into."""
    depth: int | None = None
    """How many rounds of questions; the server's default without it."""


@dataclass(frozen=True, slots=True)
class ResearchFinding(Event, name="research:finding:v1"):
    """One question answered."""

    job: str
    """The job it belongs to."""
    index: int
    """Its number among the findings, from 0."""
    question: str
    """The question asked."""
    text: str
    """What was found."""
    sources: tuple[str, ...]
    """The documents it stands on."""


@dataclass(frozen=True, slots=True)
class PromptModel(Action[JobStarted], name="model:prompt:v1"):
    """Asks a language model; its answer streams in pieces."""

    prompt: str
    """What to ask."""
    model: str | None = None
    """Which model; the server's default without it."""
    max_tokens: int | None = None
    """How long the answer may be, in tokens."""


@dataclass(frozen=True, slots=True)
class ModelChunk(Event, name="model:chunk:v1"):
    """One piece of a model's answer."""

    job: str
    """The job it belongs to."""
    index: int
    """Its number among the pieces, from 0."""
    text: str
    """The text to append."""


@dataclass(frozen=True, slots=True)
class TaskCancelled:
    """The answer to `TaskCancel`."""

    cancelled: bool
    """Whether it was stopped by this; false where it had ended before."""


@dataclass(frozen=True, slots=True)
class TaskCancel(Action[TaskCancelled], name="task:cancel:v1"):
    """Stops a job that still runs."""

    job: str
    """The job's id."""


@dataclass(frozen=True, slots=True)
class JobCreated(Event, name="job:created:v1"):
    """A job was accepted."""

    job: str
    """The job's id."""
    kind: str
    """What it does: `search`, `research`, `model`, `test`."""


@dataclass(frozen=True, slots=True)
class JobProgress(Event, name="job:progress:v1"):
    """How far a job is."""

    job: str
    """The job's id."""
    done: int
    """Steps done."""
    total: int
    """Steps in all."""
    note: str | None = None
    """For people."""


@dataclass(frozen=True, slots=True)
class JobCompleted(Event, name="job:completed:v1"):
    """A job ended well."""

    job: str
    """The job's id."""
    kind: str
    """What it did."""
    result: Any = None
    """What came of it, in the shape of its kind."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed."""

    code: str
    """A stable code."""
    message: str = ""
    """For people."""


@dataclass(frozen=True, slots=True)
class JobFailed(Event, name="job:failed:v1"):
    """A job ended badly."""

    job: str
    """The job's id."""
    kind: str
    """What it did."""
    error: JobFailure
    """Why."""


@dataclass(frozen=True, slots=True)
class JobCancelled(Event, name="job:cancelled:v1"):
    """A job was stopped before its end."""

    job: str
    """The job's id."""
    kind: str
    """What it did."""


# What a server with `--dev` knows besides, for tests and for people who try things. `test:echo:v1` takes any payload
# and so has no type: `client.submit("test:echo:v1", payload)`.


@dataclass(frozen=True, slots=True)
class TestRecord(Action[Any], name="test:record:v1"):
    """Appends `TestRecorded` to the user stream in the action's own transaction."""

    __test__ = False
    n: int
    """Any number."""


@dataclass(frozen=True, slots=True)
class TestRecorded(Event, name="test:recorded:v1"):
    """A `TestRecord` was applied."""

    __test__ = False
    n: int
    """The number that was recorded."""
    action: str | None = None
    """The id of the action that did it; `None` where a stock client sent none."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """The answer to `TestEmit`."""

    head: int
    """The offset of the last event emitted."""


@dataclass(frozen=True, slots=True)
class TestEmit(Action[Emitted], name="test:emit:v1"):
    """Emits events on a stream."""

    __test__ = False
    stream: str
    """Where."""
    name: str
    """The events' name."""
    payload: Any
    """The events' payload."""
    count: int = 1
    """How many."""


@dataclass(frozen=True, slots=True)
class TestFail(Action[Any], name="test:fail:v1"):
    """Fails with a code, a number of times, then succeeds."""

    __test__ = False
    code: str
    """The code to fail with."""
    retryable: bool = False
    """Whether it may pass."""
    times: int | None = None
    """How many times, counted for each action id; for ever without it."""


@dataclass(frozen=True, slots=True)
class TestJob(Action[JobStarted], name="test:job:v1"):
    """A job that emits `TestTick` at a steady pace."""

    __test__ = False
    events: int
    """How many events."""
    interval_ms: int = 0
    """The pause between two, in milliseconds."""
    bytes: int = 0
    """How many bytes of filling each has."""


@dataclass(frozen=True, slots=True)
class TestTick(Event, name="test:tick:v1"):
    """One beat of a `TestJob`."""

    __test__ = False
    job: str
    """The job it belongs to."""
    index: int
    """Its number, from 0."""
    data: str = ""
    """The filling."""
