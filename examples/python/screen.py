"""What the terminal app shows, as a function of what it knows. No terminal is needed to look at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from keepline import AuthRequired, Connecting, Idle, Line, Offline, Online, Status, Waiting

RESULTS_SHOWN = 3
BAR_WIDTH = 24


@dataclass
class Search:
    """One search and how far it is."""

    words: str
    state: str = "in the queue"
    done: int = 0
    total: int = 0
    titles: list[str] = field(default_factory=list)


@dataclass
class Screen:
    """All that is on the screen."""

    status: Status = field(default_factory=lambda: Status(Idle()))
    searches: list[Search] = field(default_factory=list)
    typed: str = ""


def render(screen: Screen, width: int, height: int) -> str:
    """The screen as lines of text with ANSI colours, exactly `height` of them."""
    lines = [*_header(screen.status, width), ""]
    for search in reversed(screen.searches):
        lines += [*_search(search, width), ""]
    if not screen.searches:
        lines += [_dim("  Type some words and press Enter. Try it with the server stopped."), ""]
    room = height - 2
    lines = lines[:room] + [""] * (room - len(lines))
    return "\n".join([*lines, _dim("─" * width), _fit(f" > {screen.typed}█", width)])


def _header(status: Status, width: int) -> list[str]:
    colour, text = describe(status.line)
    left = f" {_colour(colour, '●')} {_bold(text)}"
    queue = f"{status.pending} queued" + (f", {status.parked} parked" if status.parked else "")
    if status.oldest is not None and status.pending:
        queue += f", oldest {status.oldest.total_seconds():.0f} s"
    gap = max(width - len(text) - len(queue) - 4, 1)
    return [left + " " * gap + _dim(queue), _dim("─" * width)]


def describe(line: Line) -> tuple[int, str]:
    """A colour and words for people."""
    match line:
        case Online(resumed):
            return 32, "Online" if resumed else "Online, caught up anew"
        case Connecting():
            return 33, "Connecting…"
        case Waiting(retry_in, attempt, reason):
            words = reason.value if reason.value.isupper() else _words(reason.value)
            return 33, f"No line: {words}. Attempt {attempt} in {retry_in.total_seconds():.1f} s"
        case AuthRequired(reason):
            return 31, f"Sign in again: {_words(reason.value)}"
        case Offline():
            return 90, "No network"
        case _:
            return 90, type(line).__name__


def _words(name: str) -> str:
    """`TokenExpired` as `token expired`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _search(search: Search, width: int) -> list[str]:
    filled = BAR_WIDTH * search.done // search.total if search.total else 0
    bar = _colour(36, "━" * filled) + _dim("━" * (BAR_WIDTH - filled))
    lines = [f"  {bar}  {_bold(_fit(search.words, 28))}  {_dim(search.state)}"]
    shown = search.titles[-RESULTS_SHOWN:]
    lines += [_fit(f"      {title}", width) for title in shown]
    if len(search.titles) > len(shown):
        lines.append(_dim(f"      and {len(search.titles) - len(shown)} more"))
    return lines


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _colour(code: int, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text else ""


def _bold(text: str) -> str:
    return _colour(1, text)


def _dim(text: str) -> str:
    return _colour(2, text)
