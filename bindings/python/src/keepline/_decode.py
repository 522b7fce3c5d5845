"""From JSON to an app's types.

`decoder(type)` makes a function once for each type. For a dataclass it is written out as source, as `dataclasses` does
it for `__init__`: events come by the hundred thousand, and each goes through one of these.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from json.scanner import make_scanner
from typing import Any, Literal, Union
from uuid import UUID

Decoder = Callable[[Any], Any]

# The typing of the standard library says that it takes another scanner.
_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]


def _int_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


# A function for each integer would cost every event, so this is for the text alone that the other cannot read.
_lenient = json.JSONDecoder(parse_int=_int_or_text)


UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError)
"""What an app's own type raises where a value does not suit it."""


class Mismatch(ValueError):
    """The JSON has another shape than the type. It says where, and never what the JSON holds."""


def parse(text: str) -> Any:
    """JSON text as Python's values. The library has checked it already, and `json.loads` would look at it once more.

    An integer of more digits than Python reads (4,300, see `sys.set_int_max_str_digits`) stays text.
    """
    try:
        return _scan(text, 0)[0]
    except (StopIteration, ValueError):
        return _lenient.decode(text)


def decode(target: Any, value: Any) -> Any:
    """The value as the type, or `Mismatch`."""
    return decoder(target)(value)


@functools.cache
def _cached(target: Any) -> Decoder:
    return _make(target)


def decoder(target: Any) -> Decoder:
    """The function that turns JSON into this type. A type that JSON has nothing for is a `TypeError`, here."""
    try:
        return _cached(target)
    except TypeError:
        # Some hints, such as a `Literal` of a list, cannot be keys; and what is wrong with a type says `_make` again.
        return _make(target)


def _make(target: Any) -> Decoder:
    if target is Any or target is object:
        return lambda value: value
    if target is None or target is type(None):
        return _none
    origin, arguments = typing.get_origin(target), typing.get_args(target)
    if origin is None:
        return _make_class(target)
    if origin in (Union, types.UnionType):
        return _make_union(arguments)
    if origin is Literal:
        return _make_literal(arguments)
    if origin is tuple:
        return _make_tuple(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _make_mapping(arguments)
    if isinstance(origin, type) and issubclass(origin, (Sequence, set, frozenset)):
        return _make_sequence(list if issubclass(list, origin) else origin, arguments[0])
    raise TypeError(f"no JSON for {target!r}")


def _make_class(target: Any) -> Decoder:
    if target is float:
        return _float
    if target in (str, int, bool, list, dict):
        return functools.partial(_exactly, target)
    if target is tuple:
        return lambda value: tuple(_exactly(list, value))
    if hasattr(target, "model_validate"):
        return _foreign(target.model_validate)
    if typing.is_typeddict(target):
        return _make_typed_dict(target)
    if dataclasses.is_dataclass(target):
        return _make_dataclass(target)
    if isinstance(target, type) and issubclass(target, enum.Enum):
        return _foreign(target)
    if target is datetime:
        return _foreign(_datetime)
    if target is UUID:
        return _foreign(UUID)
    supertype = getattr(target, "__supertype__", None)
    if supertype is not None:
        return decoder(supertype)
    raise TypeError(f"no JSON for {target!r}")


def _make_dataclass(target: Any) -> Decoder:
    """The source of a function that reads the fields that it knows and leaves out the others."""
    hints = typing.get_type_hints(target)
    scope: dict[str, Any] = {"target": target, "Mismatch": Mismatch, "unfit": UNFIT, "absent": object()}
    lines: list[str] = []
    arguments: list[str] = []
    for number, field in enumerate(field for field in dataclasses.fields(target) if field.init):
        variable = f"v{number}"
        lines += _read_field(field, hints[field.name], number, scope)
        arguments.append(f"{field.name}={variable}" if field.kw_only else variable)
    body = "\n        ".join(lines or ["pass"])
    source = f"""
def decode(value):
    if type(value) is not dict: raise Mismatch("no object")
    try:
        {body}
    except KeyError as error:
        raise Mismatch(f"{{error}} is missing") from None
    try:
        return target({", ".join(arguments)})
    except unfit as error:
        raise Mismatch(f"no {{target.__name__}}: {{type(error).__name__}}") from None
"""
    # The names of fields are identifiers, and nothing else of the app's is in the source.
    exec(source, scope)
    made: Decoder = scope["decode"]
    return made


def _read_field(field: dataclasses.Field[Any], hint: Any, number: int, scope: dict[str, Any]) -> list[str]:
    """The lines that put a field into its variable, with what they need added to their scope."""
    key, variable = repr(field.name), f"v{number}"
    condition, action = _check(field.name, hint, number, scope)
    if field.default_factory is not dataclasses.MISSING:
        scope[f"d{number}"], default = field.default_factory, f"d{number}()"
    elif field.default is not dataclasses.MISSING:
        scope[f"d{number}"], default = field.default, f"d{number}"
    else:
        lines = [f"{variable} = value[{key}]"]
        return [*lines, f"if {condition}: {action}"] if action else lines
    lines = [f"{variable} = value.get({key}, absent)", f"if {variable} is absent: {variable} = {default}"]
    return [*lines, f"elif {condition}: {action}"] if action else lines


def _check(name: str, hint: Any, number: int, scope: dict[str, Any]) -> tuple[str, str]:
    """When something is to be done about a field's JSON, and what. The simple types need no call where they fit."""
    variable = f"v{number}"
    if hint in (str, int, bool):
        complaint = f"{name!r} is no {hint.__name__}"
        return f"type({variable}) is not {hint.__name__}", f"raise Mismatch({complaint!r})"
    if hint is Any:
        return "", ""
    scope[f"f{number}"] = decoder(hint)
    condition = f"type({variable}) is not float" if hint is float else "True"
    return condition, f"{variable} = f{number}({variable})"


def _none(value: Any) -> None:
    if value is not None:
        raise Mismatch("not null")


def _exactly(target: Any, value: Any) -> Any:
    if type(value) is not target:
        raise Mismatch(f"no {target.__name__}")
    return value


def _float(value: Any) -> float:
    # JSON has one kind of number: 7.0 may have been written as 7.
    if type(value) is float:
        return value
    try:
        return float(_exactly(int, value))
    except OverflowError:
        raise Mismatch("no float") from None


def _datetime(value: Any) -> datetime:
    # Python learned the Z, and other fractions than of 3 or 6 digits, in 3.11.
    parts = _RFC_3339.fullmatch(_exactly(str, value))
    if parts is None:
        raise Mismatch("no RFC 3339")
    day, time, fraction, zone = parts.groups()
    offset = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{day}T{time}.{(fraction or '0')[:6]:0<6}{offset}")


_RFC_3339 = re.compile(r"([0-9-]{10})[Tt ]([0-9:]{8})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def _foreign(make: Callable[[Any], Any]) -> Decoder:
    def make_or_mismatch(value: Any) -> Any:
        try:
            return make(value)
        except Mismatch:
            raise
        except UNFIT as error:
            # pydantic's own error names the values, so it does not go on.
            raise Mismatch(f"no {getattr(make, '__name__', 'value')}: {type(error).__name__}") from None

    return make_or_mismatch


def _make_union(arguments: tuple[Any, ...]) -> Decoder:
    decoders = [decoder(argument) for argument in arguments]

    def first_that_fits(value: Any) -> Any:
        for attempt in decoders:
            try:
                return attempt(value)
            except Mismatch:
                continue
        raise Mismatch("fits none of several types")

    if len(decoders) == 2 and type(None) in arguments:
        (inner,) = (made for made, argument in zip(decoders, arguments) if argument is not type(None))
        return lambda value: None if value is None else inner(value)
    return first_that_fits


def _make_literal(allowed: tuple[Any, ...]) -> Decoder:
    def one_of(value: Any) -> Any:
        if not any(value == item and type(value) is type(item) for item in allowed):
            raise Mismatch("not one of the allowed values")
        return value

    return one_of


def _make_tuple(arguments: tuple[Any, ...]) -> Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _make_sequence(tuple, arguments[0])
    decoders = [decoder(argument) for argument in arguments]

    def by_place(value: Any) -> tuple[Any, ...]:
        if len(_exactly(list, value)) != len(decoders):
            raise Mismatch(f"not {len(decoders)} items")
        return tuple(made(item) for made, item in zip(decoders, value))

    return by_place


def _make_sequence(target: Any, item: Any) -> Decoder:
    made = decoder(item)
    return lambda value: target([made(one) for one in _exactly(list, value)])


def _make_mapping(arguments: tuple[Any, ...]) -> Decoder:
    made = decoder(arguments[1])
    return lambda value: {key: made(item) for key, item in _exactly(dict, value).items()}


def _make_typed_dict(target: Any) -> Decoder:
    decoders = {name: decoder(hint) for name, hint in typing.get_type_hints(target).items()}
    required: frozenset[str] = target.__required_keys__

    def checked(value: Any) -> Any:
        if missing := required - _exactly(dict, value).keys():
            raise Mismatch(f"{min(missing)!r} is missing")
        return {name: decoders[name](item) if name in decoders else item for name, item in value.items()}

    return checked
