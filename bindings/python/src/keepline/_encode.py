"""From an app's values to JSON text."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID


def is_unicode(text: object) -> bool:
    """Whether a `str` has no lone surrogate, which no UTF-8 holds. What is no `str` is for others to refuse."""
    if isinstance(text, str) and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


class NotJson(Exception):
    """Why a value cannot be JSON, for people."""


def to_json(value: object) -> str:
    """The value as JSON text, or `NotJson`.

    It may hold dataclasses, pydantic models, enums, dates (RFC 3339) and UUIDs, and whatever `json` knows. A field of a
    dataclass is left out where it is `None` and `None` is its default.
    """
    try:
        text = json.dumps(_plain(value), default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # A lone surrogate is in a `str` of Python and in no UTF-8.
        text.encode()
    except UnicodeEncodeError:
        # Its own text has the payload in it.
        raise NotJson("a lone surrogate is no text") from None
    except RecursionError as error:
        raise NotJson("it nests too deep") from error
    except (TypeError, ValueError) as error:
        raise NotJson(str(error)) from error
    return text


def _plain(value: Any) -> Any:
    """A value in the terms of `json`, one step deep: `json` asks again for what is inside."""
    if value is None or isinstance(value, (str, int, float, list, tuple)):
        return value
    if isinstance(value, dict):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: item
            for field in dataclasses.fields(value)
            if (item := getattr(value, field.name)) is not None or field.default is not None
        }
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json", by_alias=True)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise TypeError("a datetime without a time zone is no RFC 3339")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be JSON")
