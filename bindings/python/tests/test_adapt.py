"""The reader of batches against the one that UniFFI generates."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from keepline._ffi import core

Fields = tuple[str, str, "int | None", "str | None", "str | None", "tuple[list[str], list[bytes]] | None"]

EPOCH = "5f0c6b1e"
EVENTS: list[Fields] = [
    ("test:tick:v1", '{"index":1}', 2**40, EPOCH, "2026-01-01T00:00:00Z", None),
    ("ünï", '"text"', None, None, None, None),
    ("question", "null", None, None, None, (["1", "{}"], [b"\x00\xff", b""])),
    ("", "[]", 0, "another", "", None),
    ("ünï", "7", 8, EPOCH, None, None),
]
THENS: list[Any] = [
    None,
    ("reset", "epoch", 7, 1, '{"a":1}'),
    ("reset", "epoch", 7, 3, None),
    ("gone",),
    ("refused", "FORBIDDEN"),
    ("lagged", 9),
]


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">i", len(data)) + data


def texts(values: list[str]) -> bytes:
    return struct.pack(">i", len(values)) + b"".join(map(text, values))


def maybe(value: Any, write: Any) -> bytes:
    return b"\x00" if value is None else b"\x01" + write(value)


def event_bytes(event: Fields, names: list[str], times: list[str]) -> bytes:
    name, payload, offset, epoch, time, details = event

    def details_bytes(value: tuple[list[str], list[bytes]]) -> bytes:
        args, attachments = value
        listed = struct.pack(">i", len(args)) + b"".join(text(arg) for arg in args)
        parts = b"".join(struct.pack(">i", len(part)) + part for part in attachments)
        return listed + struct.pack(">i", len(attachments)) + parts + b"\x00"

    number = maybe(offset, lambda value: struct.pack(">Q", value))

    def time_index(value: str) -> bytes:
        return struct.pack(">I", times.index(value))

    index = struct.pack(">I", names.index(name))
    other_epoch = maybe(None if epoch == EPOCH else epoch, text)
    return b"".join([index, text(payload), number, other_epoch, maybe(time, time_index), maybe(details, details_bytes)])


def batch_bytes(events: list[Fields], then: Any) -> bytes:
    names = list(dict.fromkeys(event[0] for event in events))
    times = list(dict.fromkeys(event[4] for event in events if event[4] is not None))
    epoch = maybe(EPOCH if events else None, text)
    written = b"".join(event_bytes(event, names, times) for event in events)
    return (
        struct.pack(">Q", 3)
        + texts(names)
        + epoch
        + texts(times)
        + struct.pack(">i", len(events))
        + written
        + maybe(then, then_bytes)
    )


def then_bytes(then: Any) -> bytes:
    kind, *rest = then
    if kind == "reset":
        epoch, offset, reason, snapshot = rest
        return struct.pack(">i", 1) + text(epoch) + struct.pack(">Qi", offset, reason) + maybe(snapshot, text)
    if kind == "refused":
        return struct.pack(">i", 3) + text(rest[0])
    return struct.pack(">i", 2) if kind == "gone" else struct.pack(">iQ", 4, rest[0])


@pytest.mark.parametrize("then", THENS, ids=str)
@pytest.mark.parametrize("count", [0, 1, len(EVENTS)])
def test_both_readers_read_the_same(count: int, then: Any) -> None:
    events = EVENTS[:count]
    data = batch_bytes(events, then)
    number, items, last = core._UniffiFfiConverterTypeCoreEventBatch.read(data)
    stream = core._UniffiRustBufferStream(data, len(data))
    generated_number = core._UniffiFfiConverterUInt64.read(stream)
    names = core._UniffiFfiConverterSequenceString.read(stream)
    epoch = core._UniffiFfiConverterOptionalString.read(stream)
    times = core._UniffiFfiConverterSequenceString.read(stream)
    generated = core._UniffiFfiConverterSequenceTypeCoreEvent.read(stream)
    generated_then = core._UniffiFfiConverterOptionalTypeCoreItem.read(stream)
    assert stream.remaining() == 0
    assert number == generated_number == 3
    assert last == generated_then
    epochs = [event.epoch or (None if event.offset is None else epoch) for event in generated]
    assert [item[:5] for item in items] == [
        (names[event.name], event.payload, event.offset, epoch, None if event.time is None else times[event.time])
        for event, epoch in zip(generated, epochs, strict=True)
    ]
    assert [item[5] for item in items] == [event.details for event in generated]
    assert [item[:5] for item in items] == [event[:5] for event in events]
