"""From what an app says to what the library wants."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._backend import RawArgs
from ._encode import NotJson, is_unicode, to_json
from ._ffi import core
from ._requests import SURROGATE
from ._time import milliseconds
from ._version import SDK
from .errors import KeeplineError, OpenError, SubmitError, failure
from .options import AckMode, Options, SubmitOptions


def config(url: str, database: str | os.PathLike[str], options: Options, asks: bool) -> Any:
    def pairs(option: str, values: Mapping[str, str]) -> list[Any]:
        return [core.CorePair(name=_text(option, name), value=_text(option, value)) for name, value in values.items()]

    given: dict[str, Any] = {"asks_for_tokens": asks, "sdk": SDK}
    for option, value in options.items():
        if option in _TEXTS and value is not None:
            given[option] = _text(option, value)
        elif option == "attempts" and value is not None:
            given[option] = _short(option, value)
        elif option in _NUMBERS and value is not None:
            given[option] = _whole(option, value)
        elif option in _PAIRS:
            for (name, convert), part in zip(_PAIRS[option], _two(option, value)):
                given[name] = convert(option, part)
        elif option in ("query", "headers"):
            given[option] = pairs(option, _mapping(option, value))
        elif option in ("allow_plain_text", "relaxed_durability", "set_corrupt_aside"):
            given[option] = _flag(option, value)
        elif option in ("extra_roots_pem", "pinned_keys"):
            given[option] = [_text(option, one) for one in _several(option, value)]
        elif option == "ttl" and value is not None:
            given["ttl_ms"] = _time(option, value)
        elif option == "auth":
            given["auth"] = _json(option, value)
        elif option == "lanes":
            lanes = _mapping(option, value).items()
            given["lanes"] = [
                core.CoreLane(lane=_text(option, lane), policy=_policy(option, policy)) for lane, policy in lanes
            ]
        elif option == "default_lane":
            given["default_lane"] = _policy(option, value)
        elif option not in _KNOWN:
            raise TypeError(f"a client has no option {option!r}")
    return core.CoreConfig(url=_url(url), database=_text("database", os.fspath(database)), **given)


def _text(option: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(option, f"a str is wanted, not {type(value).__name__}")
    if not is_unicode(value):
        raise _bad(option, SURROGATE)
    return value


def _flag(option: str, value: object) -> bool:
    # "no" is true in Python, and here that might allow plain text.
    if not isinstance(value, bool):
        raise _bad(option, f"True or False is wanted, not {type(value).__name__}")
    return value


def _url(url: object) -> str:
    if isinstance(url, str) and not is_unicode(url):
        raise failure(OpenError, "BAD_URL", SURROGATE)
    return _text("url", url)


def _whole(option: str, value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise _bad(option, "a whole number is wanted that is not negative")
    return value


def _short(option: str, value: object) -> int:
    return min(_whole(option, value), 2**32 - 1)


def _time(option: str, value: Any) -> int:
    try:
        return milliseconds(value)
    except (TypeError, ValueError) as error:
        raise _bad(option, str(error)) from error


def _two(option: str, value: Any) -> tuple[Any, Any]:
    try:
        first, second = value
    except (TypeError, ValueError) as error:
        raise _bad(option, "two values are wanted") from error
    return first, second


def _mapping(option: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _bad(option, "a mapping is wanted")
    return value


def _several(option: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _bad(option, "a list is wanted")
    return list(value)


def _json(option: str, value: object) -> str:
    try:
        return to_json(value)
    except NotJson as error:
        raise _bad(option, str(error)) from error


def _policy(option: str, value: object) -> Any:
    name = getattr(value, "name", None)
    if name not in ("BLOCK", "SKIP"):
        raise _bad(option, "a LanePolicy is wanted")
    return core.CoreLanePolicy[name]


def _bad(option: str, text: str) -> KeeplineError:
    return failure(OpenError, "BAD_CONFIG", text, option=option)


_TEXTS = ("token", "account", "path", "namespace")
_NUMBERS = ("disk_quota", "receive_limit")
_KNOWN = frozenset(Options.__annotations__)
_PAIRS: dict[str, tuple[tuple[str, Callable[[str, Any], int]], ...]] = {
    "capacity": (("capacity_rows", _whole), ("capacity_bytes", _whole)),
    "buffer": (("buffer_events", _short), ("buffer_bytes", _whole)),
    "outcomes_kept": (("outcomes_rows", _whole), ("outcomes_age_ms", _time)),
    "reconnect": (("reconnect_base_ms", _time), ("reconnect_cap_ms", _time)),
}


def submit_options(options: SubmitOptions) -> Any:
    unknown = options.keys() - SubmitOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"a submit has no option {min(unknown)!r}")
    texts = {name: options.get(name) for name in ("lane", "label", "coalesce", "id")}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise _bad_field(name, f"a str is wanted, not {type(value).__name__}")
        if not is_unicode(value):
            raise _bad_field(name, SURROGATE)
    ttl, ack = options.get("ttl"), options.get("ack")
    try:
        ttl_ms = None if ttl is None else milliseconds(ttl)
    except (TypeError, ValueError) as error:
        raise _bad_field("ttl", str(error)) from error
    if ack is not None and not isinstance(ack, AckMode):
        raise _bad_field("ack", "an AckMode is wanted")
    return core.CoreSubmitOptions(ttl_ms=ttl_ms, ack=None if ack is None else core.CoreAckMode[ack.name], **texts)


def _bad_field(field: str, text: str) -> KeeplineError:
    return failure(SubmitError, "BAD_FIELD", text, field=field)


def args_of(args: RawArgs) -> Any:
    return core.CoreArgs(json=args.json, attachments=[bytes(one) for one in args.attachments])
