"""The client for threads: each call waits, and lets other threads run meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes import byref, c_int32, c_void_p
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from . import _calls, _sequence
from ._core import Core
from ._face import Face
from ._native import EVENT_DONE, EVENT_PROGRESS, quick
from ._request import FileInput, Json, Native, Request, RequestOptions
from ._response import BatchProgress, Embeddings, Progress, Response, good, tell
from ._stream import Queue, Stream
from ._tokens import ThreadTokens, TokenProvider
from .errors import OaicError, check

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Client(Face):
    """A client that waits. Any number of threads may use it at once.

    Options go by the names of the library's option table, such as ``max_concurrent_requests=64``; what is not given
    comes from the environment, a ``.env`` file and the defaults.

    `token_provider` brings bearer tokens in place of the API key: it is called in a thread of its own, before the first
    request, shortly before a token's end, and when the server answers 401; never twice at once. What it raises is why
    requests fail with the status ``OAI_ERR_NO_API_KEY``.
    """

    def __init__(self, *, token_provider: TokenProvider | None = None, **options: Any) -> None:
        self._core = Core(options)
        self._queues: list[Queue] = []
        if token_provider is not None:
            self._core.use_tokens(self._tokens(token_provider))

    def _tokens(self, provider: TokenProvider) -> ThreadTokens:
        tokens, before = ThreadTokens(self._core, provider), self._core.tokens
        if before is not None and before.served:
            tokens.serve()
        return tokens

    def _queue(self) -> Queue:
        if self._core.tokens is not None:
            self._core.tokens.serve()
        try:
            return self._queues.pop()
        except IndexError:
            return Queue()

    def _begin(self, native: Native) -> tuple[Queue, int]:
        queue = self._queue()
        return queue, self._core.submit(native, queue.pointer, 1)

    def _finish(
        self, queue: Queue, number: int, on_progress: Callable[[Any], object] | None = None
    ) -> Response:
        """Waits for the only request of a queue. Interrupted, it cancels it and gives the queue up."""
        end: Response | None = None
        try:
            while end is None:
                for _, kind, data, made in queue.wait(1):
                    if kind == EVENT_DONE:
                        end = made
                    elif kind == EVENT_PROGRESS:
                        tell(on_progress, data)
        except BaseException as interrupted:  # what the handler of a signal raised, such as KeyboardInterrupt
            self._core.cancel(number)
            _explain(interrupted, queue)
            raise
        self._queues.append(queue)
        return good(end)

    def request(self, request: Request) -> Response:
        """Sends any request."""
        return self._finish(*self._begin(request.build()), request.on_progress)

    def stream(self, request: Request) -> Stream:
        """Sends any request whose answer is a stream of events."""
        if self._core.tokens is not None:
            self._core.tokens.serve()
        return Stream(self._core, request)

    def embed(
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
        queue = self._queue()
        number = self._core.embed(model, inputs, more.build() if more else None, queue.pointer, 1)
        return cast(Embeddings, self._finish(queue, number))

    def pages(self, request: Request) -> Iterator[Response]:
        """The pages of a list. The next one is fetched while the caller works on one."""
        native = request.build()
        more, error = c_int32(1), c_void_p()
        begun: tuple[Queue, int] | None = self._begin(native)
        try:
            while begun is not None:
                asked, begun = begun, None
                page = self._finish(*asked)
                check(quick.oai_request_next_page(native.pointer, page._pointer, byref(more), byref(error)), error)
                if more.value:
                    begun = self._begin(native)
                yield page
        finally:
            if begun is not None:
                self._core.cancel(begun[1])

    def items(self, request: Request) -> Iterator[Any]:
        """The elements of a list, page after page."""
        for page in self.pages(request):
            yield from page.json().get("data") or ()

    def _run(self, begin: _sequence.Begin, on_progress: Callable[[Any], object] | None = None) -> Response:
        queue = self._queue()
        return self._finish(queue, begin(self._core, queue.pointer, 1), on_progress)

    def wait_until(self, path: str, **options: Unpack[_sequence.WaitOptions]) -> Response:
        """Asks for an object, such as ``/batches/batch_1``, until it is done: a run, batch, fine-tuning job, vector-store
        file, video or background response. Gives it as it ended, also if it failed: look at its status.
        """
        return self._run(_sequence.wait_until(path, **options))

    def run_batch(
        self,
        body: Json,
        input: str | os.PathLike[str] | None = None,
        output: str | os.PathLike[str] | None = None,
        *,
        on_progress: Callable[[Progress | BatchProgress], object] | None = None,
        **options: Unpack[_sequence.PollOptions],
    ) -> Response:
        """Runs a batch from its input file (JSONL) to its results: uploads, creates, waits, and writes its results to `output`,
        and the lines that failed to the same name with ``.errors`` added.

        `body` holds the members of POST /batches, such as endpoint. Gives the batch as it ended, also if it failed.
        `on_progress` is told how much of the input has gone up and of the results has come (`Progress`), and in between
        what is new of the batch (`BatchProgress`); the `way` of each says which it is. Interrupted, it goes on at the
        server, and the error's `body` holds the members that another call goes on with.
        """
        begin = _sequence.run_batch(body, input, output, on_progress is not None, **options)
        return self._run(begin, on_progress)

    def upload_in_parts(
        self, path: str | os.PathLike[str], body: Json, on_progress: Callable[[Progress], object] | None = None
    ) -> Response:
        """Uploads a file that is too large for `upload`: in parts of 64 MiB, or ``part_bytes`` of the body, four at a time.

        `body` holds the members of POST /uploads, such as purpose. `on_progress` is told how many bytes of whole parts
        have arrived. Interrupted, the error's `body` is what to go on with as the body.
        """
        return self._run(_sequence.upload_in_parts(path, body, on_progress is not None), on_progress)

    def chat(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /chat/completions."""
        return self.request(_calls.post("/chat/completions", body, options))

    def responses(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /responses."""
        return self.request(_calls.post("/responses", body, options))

    def completions(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /completions."""
        return self.request(_calls.post("/completions", body, options))

    def moderate(self, text: str | Sequence[str], model: str | None = None, **options: Unpack[RequestOptions]) -> Response:
        """POST /moderations."""
        return self.request(_calls.moderate(text, model, options))

    def models(self, **options: Unpack[RequestOptions]) -> Response:
        """GET /models."""
        return self.request(_calls.models(options))

    def image(self, body: Json, **options: Unpack[RequestOptions]) -> Response:
        """POST /images/generations."""
        return self.request(_calls.post("/images/generations", body, options))

    def image_edit(self, image: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /images/edits."""
        return self.request(_calls.with_file("/images/edits", image, body, options, "image"))

    def speech(self, body: Json, to: str | os.PathLike[str] | None = None, **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/speech, to memory or into a file."""
        return self.request(_calls.speech(body, to, options))

    def transcribe(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/transcriptions."""
        return self.request(_calls.with_file("/audio/transcriptions", file, body, options))

    def translate(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /audio/translations."""
        return self.request(_calls.with_file("/audio/translations", file, body, options))

    def upload(self, file: FileInput, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> Response:
        """POST /files; `body` holds the other fields, such as purpose."""
        return self.request(_calls.with_file("/files", file, body, options))

    def download(self, file_id: str, to: str | os.PathLike[str] | None = None, **options: Unpack[RequestOptions]) -> Response:
        """GET /files/{file_id}/content, to memory or into a file."""
        return self.request(_calls.download(file_id, to, options))

    def chat_stream(self, body: Json, **options: Unpack[RequestOptions]) -> Stream:
        """POST /chat/completions as a stream."""
        return self.stream(_calls.post("/chat/completions", body, options))

    def responses_stream(self, body: Json, **options: Unpack[RequestOptions]) -> Stream:
        """POST /responses as a stream."""
        return self.stream(_calls.post("/responses", body, options))

    def completions_stream(self, body: Json, **options: Unpack[RequestOptions]) -> Stream:
        """POST /completions as a stream."""
        return self.stream(_calls.post("/completions", body, options))

    def drain(self, timeout: float) -> None:
        """Takes no more, and waits until all that was accepted has ended; DeadlineError if some is left."""
        self._core.drain(timeout)

    def close(self) -> None:
        """Frees the client. What is left of its requests ends with RequestCancelledError."""
        self._core.free()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _explain(interrupted: BaseException, queue: Queue) -> None:
    """Gives an exception what became of its request as its cause. The end follows a cancel at once, unless it was lost in
    the very moment of the interruption.
    """
    end = queue.end_within(1)
    if end is not None and interrupted.__cause__ is None:
        try:
            good(end)
        except OaicError as error:
            interrupted.__cause__ = error
