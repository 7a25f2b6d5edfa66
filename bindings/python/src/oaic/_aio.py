"""The client for asyncio: one completion queue for each event loop, watched by the loop itself."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from ctypes import byref, c_int32, c_void_p
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from . import _calls, _sequence
from ._core import Core
from ._face import Face
from ._native import EVENT_DONE, EVENT_PROGRESS, quick
from ._request import FileInput, Json, Native, Request, RequestOptions
from ._response import BatchProgress, Embeddings, Progress, Response, good, take, tell
from ._stream import AsyncStream, Queue
from ._tokens import LoopTokens, TokenProvider
from .errors import OaicError, check

if TYPE_CHECKING:
    from typing_extensions import Unpack


_MOST = 256
_ROUNDS = 4


class _Channel:
    """The queue of one event loop, and the futures that wait for its events."""

    __slots__ = ("queue", "pending", "progress", "tag", "closing")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue = Queue()
        self.pending: dict[int, asyncio.Future[Response]] = {}
        self.progress: dict[int, Callable[[Any], object]] = {}
        self.tag = 0
        self.closing = False
        loop.add_reader(self.queue.fd, self.rung)

    def close(self) -> None:
        """Has the loop forget the queue as soon as nothing is left to come."""
        self.closing = True
        if not self.pending:
            asyncio.get_running_loop().remove_reader(self.queue.fd)

    def rung(self) -> None:
        """Resolves the futures of what has ended. What it leaves rings again, so that other tasks get their turn."""
        pending, pointer = self.pending, self.queue.pointer
        for _ in range(_ROUNDS):
            events = take(pointer, _MOST)
            if not events:
                break
            for tag, kind, data, end in events:
                if kind == EVENT_DONE:
                    future = pending.pop(tag, None)
                    if future is not None and not future.done() and end is not None:
                        future.set_result(end)
                elif kind == EVENT_PROGRESS:
                    # Whatever it raises is for the loop to tell, and no concern of the other events.
                    asyncio.get_running_loop().call_soon(tell, self.progress.get(tag), data)
        if self.closing:
            self.close()


class AsyncClient(Face):
    """A client for asyncio. It may be used from several event loops, one after the other or in several threads.

    Options as for `Client`. Cancelling a task cancels its request. A `token_provider` may be an async function, and is
    called in an event loop that uses the client; a plain function must not block it.
    """

    def __init__(self, *, token_provider: TokenProvider | None = None, **options: Any) -> None:
        self._core = Core(options)
        self._channels: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Channel] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        if token_provider is not None:
            self._core.use_tokens(self._tokens(token_provider))

    def _tokens(self, provider: TokenProvider) -> LoopTokens:
        tokens = LoopTokens(self._core, provider)
        # Those whose requests wait already.
        for loop in list(self._channels):
            try:
                loop.call_soon_threadsafe(tokens.serve)
            except RuntimeError:  # the loop is closed
                pass
        return tokens

    def _serve_tokens(self) -> None:
        if self._core.tokens is not None:
            self._core.tokens.serve()

    def _channel(self, loop: asyncio.AbstractEventLoop) -> _Channel:
        channel = self._channels.get(loop)
        if channel is None:
            channel = _Channel(loop)
            with self._lock:
                self._channels[loop] = channel
        return channel

    def _begin(self, native: Native | None, embed: tuple[str, str | Sequence[str]] | None = None) -> _Begun:
        loop = asyncio.get_running_loop()
        channel = self._channel(loop)
        self._serve_tokens()
        channel.tag = tag = channel.tag + 1
        pointer = channel.queue.pointer
        if embed is not None:
            number = self._core.embed(embed[0], embed[1], native, pointer, tag)
        else:
            assert native is not None
            number = self._core.submit(native, pointer, tag)
        channel.pending[tag] = future = loop.create_future()
        return channel, tag, number, future

    async def _finish(self, begun: _Begun) -> Response:
        channel, tag, number, future = begun
        try:
            return good(await future)
        except asyncio.CancelledError as cancelled:
            if tag not in channel.pending:
                raise
            # The end follows at once: it says what became of the request, which the exception then has as its cause.
            channel.pending[tag] = end = asyncio.get_running_loop().create_future()
            self._core.cancel(number)
            try:
                good(await end)
            except OaicError as error:
                raise cancelled from error
            finally:
                channel.pending.pop(tag, None)
            raise

    async def _told(self, begun: _Begun, on_progress: Callable[[Any], object]) -> Response:
        """Waits for the end, and tells how far it has come meanwhile."""
        channel, tag = begun[:2]
        channel.progress[tag] = on_progress
        try:
            return await self._finish(begun)
        finally:
            del channel.progress[tag]

    async def request(self, request: Request) -> Response:
        """Sends any request."""
        begun = self._begin(request.build())
        if request.on_progress is None:
            return await self._finish(begun)
        return await self._told(begun, request.on_progress)

    def stream(self, request: Request) -> AsyncStream:
        """Sends any request whose answer is a stream of events; to be called in the event loop."""
        self._serve_tokens()
        return AsyncStream(self._core, request)

    async def embed(
        self,
        model: str,
        inputs: str | Sequence[str],
        *,
        dimensions: int | None = None,
        user: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> Embeddings:
        """Embeds one text or many: a row of the result for each."""
        more = _calls.embed_options(dimensions, user, options)
        begun = self._begin(more.build() if more else None, (model, inputs))
        return cast(Embeddings, await self._finish(begun))

    async def pages(self, request: Request) -> AsyncGenerator[Response, None]:
        """The pages of a list. The next one is fetched while the caller works on one."""
        native = request.build()
        more, error = c_int32(1), c_void_p()
        begun: _Begun | None = self._begin(native)
        try:
            while begun is not None:
                asked, begun = begun, None
                page = await self._finish(asked)
                check(quick.oai_request_next_page(native.pointer, page._pointer, byref(more), byref(error)), error)
                if more.value:
                    begun = self._begin(native)
                yield page
        finally:
            if begun is not None:
                begun[0].pending.pop(begun[1], None)
                self._core.cancel(begun[2])

    async def items(self, request: Request) -> AsyncGenerator[Any, None]:
        """The elements of a list, page after page."""
        pages = self.pages(request)
        try:
            async for page in pages:
                for item in page.json().get("data") or ():
                    yield item
        finally:
            await pages.aclose()

    async def _run(self, begin: _sequence.Begin, on_progress: Callable[[Any], object] | None = None) -> Response:
        loop = asyncio.get_running_loop()
        channel = self._channel(loop)
        self._serve_tokens()
        channel.tag = tag = channel.tag + 1
        number = begin(self._core, channel.queue.pointer, tag)
        channel.pending[tag] = future = loop.create_future()
        begun = (channel, tag, number, future)
        return await (self._finish(begun) if on_progress is None else self._told(begun, on_progress))

    async def wait_until(self, path: str, **options: Unpack[_sequence.WaitOptions]) -> Response:
        """Asks for an object, such as ``/batches/batch_1``, until it is done; as `Client.wait_until`."""
        return await self._run(_sequence.wait_until(path, **options))

    async def run_batch(
        self,
        body: Json,
        input: str | os.PathLike[str] | None = None,
        output: str | os.PathLike[str] | None = None,
        *,
        on_progress: Callable[[Progress | BatchProgress], object] | None = None,
        **options: Unpack[_sequence.PollOptions],
    ) -> Response:
        """Runs a batch from its input file to its results; as `Client.run_batch`."""
        begin = _sequence.run_batch(body, input, output, on_progress is not None, **options)
        return await self._run(begin, on_progress)

    async def upload_in_parts(
        self, path: str | os.PathLike[str], body: Json, on_progress: Callable[[Progress], object] | None = None
    ) -> Response:
        """Uploads a file that is too large for `upload`; as `Client.upload_in_parts`."""
        return await self._run(_sequence.upload_in_parts(path, body, on_progress is not None), on_progress)

    async def chat(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /chat/completions."""
        return await self.request(_calls.post("/chat/completions", body, options))

    async def responses(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /responses."""
        return await self.request(_calls.post("/responses", body, options))

    async def completions(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /completions."""
        return await self.request(_calls.post("/completions", body, options))

    async def moderate(self, text: str | Sequence[str], model: str | None = None, **options: Unpack[RequestOptions]) -> Response:
        """POST /moderations."""
        return await self.request(_calls.moderate(text, model, options))

    async def models(self, **options: Unpack[RequestOptions]) -> Response:
        """GET /models."""
        return await self.request(_calls.models(options))

    async def image(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /images/generations."""
        return await self.request(_calls.post("/images/generations", body, options))

    async def image_edit(self, image: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /images/edits."""
        return await self.request(_calls.with_file("/images/edits", image, body, options, "image"))

    async def speech(self, body: Json, to: str | os.PathLike[str] | None = None, **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/speech, to memory or into a file."""
        return await self.request(_calls.speech(body, to, options))

    async def transcribe(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/transcriptions."""
        return await self.request(_calls.with_file("/audio/transcriptions", file, body, options))

    async def translate(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/translations."""
        return await self.request(_calls.with_file("/audio/translations", file, body, options))

    async def upload(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /files; `body` holds the other fields, such as purpose."""
        return await self.request(_calls.with_file("/files", file, body, options))

    async def download(self, file_id: str, to: str | os.PathLike[str] | None = None, **options: Unpack[RequestOptions]) -> Response:
        """GET /files/{file_id}/content, to memory or into a file."""
        return await self.request(_calls.download(file_id, to, options))

    def chat_stream(self, body: Json, **options: Unpack[RequestOptions]) -> AsyncStream:
        """POST /chat/completions as a stream."""
        return self.stream(_calls.post("/chat/completions", body, options))

    def responses_stream(self, body: Json, **options: Unpack[RequestOptions]) -> AsyncStream:
        """POST /responses as a stream."""
        return self.stream(_calls.post("/responses", body, options))

    def completions_stream(self, body: Json, **options: Unpack[RequestOptions]) -> AsyncStream:
        """POST /completions as a stream."""
        return self.stream(_calls.post("/completions", body, options))

    async def drain(self, timeout: float) -> None:
        """Takes no more, and waits until all that was accepted has ended; DeadlineError if some is left."""
        await asyncio.to_thread(self._core.drain, timeout)

    async def close(self) -> None:
        """Frees the client. What is left of its requests ends with RequestCancelledError."""
        self._core.free()
        self._forget()

    def _forget(self) -> None:
        """Tells the event loops, which would otherwise keep the queues for as long as they live."""
        for loop, channel in list(self._channels.items()):
            try:
                loop.call_soon_threadsafe(channel.close)
            except RuntimeError:  # the loop is closed, or was closed between
                pass
        self._channels.clear()

    def __del__(self) -> None:
        if hasattr(self, "_channels"):
            self._forget()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


_Begun = tuple[_Channel, int, int, "asyncio.Future[Response]"]
