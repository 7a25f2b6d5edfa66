"""Streams. Each has a completion queue of its own, read when its reader wants more: what a slow reader leaves stays in
the library, which then no longer reads the socket.
"""

from __future__ import annotations

import asyncio
import json
import select
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from ._core import STEP, Core, fold, new_queue
from ._native import EVENT_CHUNK, EVENT_DONE, lib, quick
from ._request import Request
from ._response import Folded, QueueEvent, Response, good, take
from .errors import OaicError

_MOST = 64

_parse = json.JSONDecoder().raw_decode


class Event:
    """One event of a stream."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        #: The event's JSON.
        self.data = data

    def json(self) -> Any:
        """The event, parsed."""
        text = self.data.decode()
        # An event nearly always is a JSON value and nothing around it: so it takes half the time of json.loads.
        try:
            value, end = _parse(text)
        except ValueError:
            return json.loads(text)
        return value if end == len(text) else json.loads(text)

    @property
    def text(self) -> str:
        """The piece of text that it adds to the answer, in streams of chat, completions and responses; else empty."""
        try:
            event = json.loads(self.data)
        except ValueError:
            return ""
        if not isinstance(event, dict):
            return ""
        if event.get("type") == "response.output_text.delta":
            return str(event.get("delta") or "")
        return "".join(
            (choice.get("text") or "") + ((choice.get("delta") or {}).get("content") or "")
            for choice in event.get("choices") or []
        )

    def __repr__(self) -> str:
        return f"Event({self.data!r})"


class Queue:
    """Owns a completion queue; `wait` is for threads."""

    __slots__ = ("pointer", "fd", "_poll")

    def __init__(self) -> None:
        self.pointer = new_queue()
        self.fd = int(quick.oai_queue_fd(self.pointer))
        self._poll: Any = None

    def __del__(self, free: Any = lib.oai_queue_free) -> None:
        if hasattr(self, "pointer"):
            free(self.pointer)

    def wait(self, most: int) -> list[QueueEvent]:
        """Waits for events. Signals are handled meanwhile, and other threads run."""
        while not (events := take(self.pointer, most)):
            # Only the main thread handles signals.
            main = threading.current_thread() is threading.main_thread()
            self._listen(STEP * 1000 if main else None)
        return events

    def end_within(self, seconds: float) -> Response | None:
        """The end of the queue's only request, if it comes in so short a time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._listen(left * 1000)
            for _, kind, _, end in take(self.pointer, _MOST):
                if kind == EVENT_DONE:
                    return end
        return None

    def _listen(self, ms: float | None) -> None:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.fd, select.POLLIN)
        self._poll.poll(ms)


class _Reader:
    """What streams of both kinds know."""

    def __init__(self, core: Core, request: Request) -> None:
        self._queue = Queue()
        self._core = core
        self._events: list[QueueEvent] = []
        self._received: list[bytes] = []
        self._end: Response | None = None
        self._id = core.submit(request.build(stream=True), self._queue.pointer, 1)

    def _pop(self) -> Event | None:
        """The next event at hand; None if there is none, or at the end."""
        while self._events:
            _, kind, data, end = self._events.pop()
            if kind == EVENT_CHUNK:
                self._received.append(data)
                return Event(data)
            if kind == EVENT_DONE:
                self._end = end
        return None

    def _got(self, events: list[QueueEvent]) -> None:
        events.reverse()
        self._events = events

    def partial(self) -> bytes:
        """What came so far, put together as far as it goes: JSON."""
        return fold(self._received)

    def _whole(self) -> Response:
        assert self._end is not None
        return Folded(good(self._end), self.partial())

    def __del__(self) -> None:
        if getattr(self, "_end", self) is None and hasattr(self, "_id"):
            self._core.cancel(self._id)


class Stream(_Reader, Iterator[Event]):
    """An answer that comes event by event: iterate, then ask for `final`.

    It belongs to one thread at a time. Leaving its ``with`` block ends it.
    """

    def __next__(self) -> Event:
        while True:
            if (event := self._pop()) is not None:
                return event
            if self._end is not None:
                good(self._end)
                raise StopIteration
            self._got(self._queue.wait(_MOST))

    def final(self) -> Response:
        """Reads to the end and gives the whole message."""
        for _ in self:
            pass
        return self._whole()

    def close(self) -> None:
        """Ends the stream if it has not ended: the connection is dropped at once."""
        if self._end is None:
            self._core.cancel(self._id)
        while self._end is None:
            if self._pop() is None and self._end is None:
                self._got(self._queue.wait(_MOST))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncStream(_Reader, AsyncIterator[Event]):
    """The same for asyncio. It belongs to the event loop that it was made in."""

    def __init__(self, core: Core, request: Request) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched = False
        self._waiter: asyncio.Future[None] | None = None
        super().__init__(core, request)

    async def __anext__(self) -> Event:
        while True:
            if (event := self._pop()) is not None:
                return event
            if self._end is not None:
                self._unwatch()
                good(self._end)
                raise StopAsyncIteration
            await self._more()

    async def _more(self) -> None:
        events = take(self._queue.pointer, _MOST)
        if events:
            self._got(events)
            return
        if not self._watched:
            self._watched = True
            self._loop.add_reader(self._queue.fd, self._rung)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError as cancelled:
            await self.close()
            try:
                self._whole()
            except OaicError as error:
                raise cancelled from error
            raise
        finally:
            self._waiter = None

    def _rung(self) -> None:
        """The doorbell rang: wakes the reader, or stops listening while there is none."""
        if self._waiter is None or self._waiter.done():
            self._unwatch()
            return
        if events := take(self._queue.pointer, _MOST):
            self._got(events)
            self._waiter.set_result(None)

    def _unwatch(self) -> None:
        if self._watched and not self._loop.is_closed():
            self._loop.remove_reader(self._queue.fd)
        self._watched = False

    async def final(self) -> Response:
        """Reads to the end and gives the whole message."""
        async for _ in self:
            pass
        return self._whole()

    async def close(self) -> None:
        """Ends the stream if it has not ended: the connection is dropped at once."""
        if self._end is None:
            self._core.cancel(self._id)
        while self._end is None:
            if self._pop() is None and self._end is None:
                await self._more()
        self._unwatch()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        self._unwatch()
        super().__del__()
