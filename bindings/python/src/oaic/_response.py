"""What comes back: answers and embeddings, which own their part of the library's memory, and batches of a queue.

The clients make these from the records and views of a batch, which are read in one go.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from ctypes import byref, c_size_t, c_void_p, string_at
from typing import Any, Literal, NamedTuple, cast

from ._native import EVENT_DONE, RECORD, VIEW, quick
from .errors import error_at, text_at

_take = quick.oai_record_take_response
_free = quick.oai_response_free
_next = quick.oai_queue_next
_records = quick.oai_batch_records
_views = quick.oai_batch_views
_batch_free = quick.oai_batch_free
_SIZE = RECORD.size


class Usage(NamedTuple):
    """The tokens that an answer was billed for, as far as the server tells."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Progress(NamedTuple):
    """How much of a form was sent, or of an answer written to its file."""

    way: Literal["upload", "download"]
    bytes: int
    #: None where it is not known.
    total: int | None
    #: Which of a batch's results is downloaded; None of anything else.
    file: Literal["output", "errors"] | None = None


class BatchProgress(NamedTuple):
    """What is new of a batch that `run_batch` waits for. Numbers that it does not tell are None."""

    way: Literal["batch"]
    batch_id: str
    status: str
    completed: int | None
    failed: int | None
    #: How many requests it has.
    total: int | None


def tell(progress: Callable[[Any], object] | None, data: bytes) -> None:
    """Tells what an event of progress says: a BatchProgress if it is of a batch, which only `run_batch` brings."""
    if progress is not None:
        news = json.loads(data)
        kind: Any = BatchProgress if news["way"] == "batch" else Progress
        progress(kind(**{name: news[name] for name in kind._fields if name in news}))


class Response:
    """An answer. Its body stays in the library's memory until this object goes."""

    __slots__ = ("_pointer", "_view", "__weakref__")

    def __init__(self, pointer: int, view: tuple[int, ...]) -> None:
        self._pointer = pointer
        self._view = view

    def __del__(self, free: Any = _free) -> None:
        free(self._pointer)

    @property
    def http_status(self) -> int:
        """The HTTP status."""
        return self._view[2]

    @property
    def attempts(self) -> int:
        """How many attempts were started, the first included."""
        return self._view[3]

    @property
    def request_id(self) -> str | None:
        """The server's id of the request."""
        return text_at(self._view[10])

    @property
    def body(self) -> bytes:
        """The body, copied."""
        return string_at(self._view[5], self._view[6])

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by lower-case name; of several with one name the first."""
        found: dict[str, str] = {}
        name, value = c_void_p(), c_void_p()
        for index in range(self._view[4]):
            quick.oai_response_header_at(self._pointer, index, byref(name), byref(value))
            found.setdefault((text_at(name.value) or "").lower(), text_at(value.value) or "")
        return found

    @property
    def fallback(self) -> int:
        """0 if the client's own place answered, n for the nth of its fallbacks."""
        return int(quick.oai_response_fallback(self._pointer))

    @property
    def usage(self) -> Usage:
        """The tokens, 0 where the server does not tell."""
        told = (ctypes.c_uint64 * 3)()
        first = ctypes.addressof(told)
        quick.oai_response_usage(self._pointer, first, first + 8, first + 16)
        return Usage(told[0], told[1], told[2])


class Embeddings(Response):
    """Vectors as one matrix of float32, in the library's memory.

    ``numpy.asarray(embeddings)`` and ``memoryview`` of `buffer` take it without a copy, and keep it alive.
    """

    __slots__ = ()

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return self._view[8]

    @property
    def dims(self) -> int:
        """How long each is."""
        return self._view[9]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dims."""
        return self._view[8], self._view[9]

    @property
    def __array_interface__(self) -> dict[str, Any]:
        order = "<f4" if sys.byteorder == "little" else ">f4"
        return {"version": 3, "typestr": order, "shape": self.shape, "data": (self._view[7], True)}

    @property
    def buffer(self) -> memoryview[float]:
        """The matrix as a read-only view of two dimensions. It keeps the vectors alive."""
        array: Any = (ctypes.c_float * (self.rows * self.dims)).from_address(self._view[7])
        array.owner = self
        return memoryview(array).toreadonly().cast("B").cast("f", [self.rows, self.dims])

    def tolist(self) -> list[list[float]]:
        """The vectors as lists."""
        made: Any = self.buffer.tolist()
        return cast("list[list[float]]", made)

    def __len__(self) -> int:
        return self._view[8]

    def __getitem__(self, row: int) -> memoryview[float]:
        """One vector as a view without a copy."""
        if row < 0:
            row += self.rows
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of {self.rows}")
        width = self.dims * 4
        return self.buffer.cast("B")[row * width : (row + 1) * width].cast("f")

    def __iter__(self) -> Iterator[memoryview[float]]:
        return (self[row] for row in range(self.rows))


#: An event: its tag, its kind, the data of all but the end, and the response of the end.
QueueEvent = tuple[int, int, bytes, "Response | None"]


def take(queue: int, most: int) -> list[QueueEvent]:
    """Takes events from a queue without waiting; none arms its doorbell."""
    batch = c_void_p()
    if (status := _next(queue, most, byref(batch))) != 0:
        raise error_at(0, status)
    return unpack(batch) if batch.value else []


def unpack(batch: c_void_p) -> list[QueueEvent]:
    """Copies the events out of a batch, takes its responses, and frees it."""
    array, count = c_void_p(), c_size_t()
    try:
        _records(batch, byref(array), byref(count))
        number, base = count.value, array.value or 0
        records = list(RECORD.iter_unpack(string_at(base, number * _SIZE)))
        views: list[tuple[int, ...]] = []
        if any(record[2] == EVENT_DONE for record in records):
            _views(batch, byref(array), byref(count))
            views = list(VIEW.iter_unpack(string_at(array.value or 0, number * VIEW.size)))
        events: list[QueueEvent] = []
        for index, (_, tag, kind, _, data, size, _) in enumerate(records):
            if kind == EVENT_DONE:
                view = views[index]
                made = (Embeddings if view[7] else Response)(_take(base + index * _SIZE), view)
                events.append((tag, kind, b"", made))
            else:
                events.append((tag, kind, string_at(data, size), None))
        return events
    finally:
        _batch_free(batch)


def good(response: Response) -> Response:
    """The response, or its error raised."""
    view = response._view
    if view[1] != 0:
        raise error_at(view[11], view[1], view[3], string_at(view[5], view[6]))
    return response


class Folded(Response):
    """The whole answer of a stream, put together from its events."""

    __slots__ = ("_end", "_whole")

    def __init__(self, end: Response, whole: bytes) -> None:
        super().__init__(0, end._view)
        self._end = end
        self._pointer = end._pointer
        self._whole = whole

    def __del__(self, free: Any = None) -> None:
        """The end that it keeps owns the memory."""

    @property
    def body(self) -> bytes:
        """The message as the call without a stream would have given it."""
        return self._whole
