"""Three pieces of the generated module that the package puts its own in the place of.

The generated reader copies every field out of the buffer by itself, which halves what can cross in a second; the one
here copies the buffer once. And the generated continuation raises where an event loop was closed with a call under
way; nobody waits for that call any more, so there is nothing to say. And what the library has freed is not used again.

They rest on the form that UniFFI's pinned version gives to data. The generated module checks that version when it is
loaded, and `tests/test_adapt.py` compares what both readers read.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from struct import Struct
from typing import Any

_NAME_AND_LENGTH = Struct(">Ii").unpack_from
_INT = Struct(">i").unpack_from
_OFFSET = Struct(">Q").unpack_from


def install(core: Any) -> None:
    """Replaces them in the generated module."""
    core._UniffiFfiConverterTypeCoreEventBatch = _reader(core)
    core._uniffi_continuation_callback = _continuation(core)
    for made in vars(core).values():
        if isinstance(made, type) and "_uniffi_clone_handle" in vars(made):
            _forget_when_freed(made)


def _forget_when_freed(made: Any) -> None:
    """Whoever uses an object of the library after its finalizer gets a `ReferenceError`.

    What is garbage together is finalized in an order of the interpreter's own, so that a stream may be finalized after
    the source that it wants to end. The generated class would hand the freed pointer to the library then.
    """
    free, clone = made.__del__, made._uniffi_clone_handle

    def free_once(self: Any) -> None:
        free(self)
        vars(self).pop("_handle", None)

    def clone_unless_freed(self: Any) -> Any:
        if "_handle" not in vars(self):
            raise ReferenceError("the library's object was freed")
        return clone(self)

    made.__del__, made._uniffi_clone_handle = free_once, clone_unless_freed


def disarm(core: Any) -> None:
    """What is left of the library's objects is not given back any more: the process ends, and takes all of it along.

    The interpreter takes its modules apart in an order of its own, and a finalizer that runs then finds half of them.
    """
    for made in vars(core).values():
        if isinstance(made, type) and "__del__" in vars(made):
            made.__del__ = lambda self: None  # type: ignore[attr-defined]


def _reader(core: Any) -> type:
    read_number = core._UniffiFfiConverterUInt64.read
    read_texts = core._UniffiFfiConverterSequenceString.read
    read_epoch = core._UniffiFfiConverterOptionalString.read
    read_details = core._UniffiFfiConverterTypeCoreEventDetails.read
    read_then = core._UniffiFfiConverterOptionalTypeCoreItem.read
    rest_of_buffer = core._UniffiRustBufferStream

    class EventBatchReader:
        """Reads a batch as `(number, events, then)`; an event is the tuple of its fields."""

        @staticmethod
        def lift(buffer: Any) -> tuple[int, list[Any], Any]:
            try:
                data = ctypes.string_at(buffer.data, buffer.len)
            finally:
                buffer.free()
            return EventBatchReader.read(data)

        @staticmethod
        def read(data: bytes) -> tuple[int, list[Any], Any]:
            head = rest_of_buffer(data, len(data))
            number = read_number(head)
            names = read_texts(head)
            epoch_of_all = read_epoch(head)
            times = read_texts(head)
            count = head.read_i32()
            at = head.offset
            events = []
            # Written out: this loop is what 100,000 events a second hang on.
            for _ in range(count):
                index, length = _NAME_AND_LENGTH(data, at)
                end = at + 8 + length
                payload = data[at + 8 : end].decode()
                at = end
                offset = time = details = None
                epoch = epoch_of_all
                if data[at]:
                    offset = _OFFSET(data, at + 1)[0]
                    at += 8
                else:
                    epoch = None
                at += 1
                if data[at]:
                    end = at + 5 + _INT(data, at + 1)[0]
                    epoch = data[at + 5 : end].decode()
                    at = end
                else:
                    at += 1
                if data[at]:
                    time = times[_INT(data, at + 1)[0]]
                    at += 4
                at += 1
                if data[at]:
                    # Only existing Socket.IO servers send these: the generated reader is good enough.
                    rest = rest_of_buffer(data, len(data))
                    rest.offset = at + 1
                    details = read_details(rest)
                    at = rest.offset
                else:
                    at += 1
                events.append((names[index], payload, offset, epoch, time, details))
            rest = rest_of_buffer(data, len(data))
            rest.offset = at
            return number, events, read_then(rest)

    return EventBatchReader


def is_quiet(core: Any) -> bool:
    """Whether no thread of the library is in Python, or may yet come."""
    return not core._UniffiContinuationHandleMap and not _inside


# The threads of the library that are in Python just now. One is waited for at exit even when what it came for is done:
# waking the loop gives the interpreter up for a moment, and the interpreter must not end in that moment.
_inside: dict[int, None] = {}


def _continuation(core: Any) -> Any:
    waiting = core._UniffiContinuationHandleMap
    resume = core._uniffi_set_future_result

    def on_ready(handle: int, poll_code: int) -> None:
        me = threading.get_ident()
        # Before the handle goes: one of the two is to be seen at any time.
        _inside[me] = None
        loop, future = waiting.remove(handle)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(resume, future, poll_code)
        # A statement and not a call, since the interpreter may be given up after a call.
        del _inside[me]

    return core._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK(on_ready)
