"""The handle of a client, with all that does not wait: both clients are faces of it.

It makes sure that nobody uses the handle once it is freed, and that a forked child gets an error and not a deadlock.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from array import array
from collections.abc import Mapping, Sequence
from ctypes import byref, c_size_t, c_uint64, c_void_p, string_at
from typing import TYPE_CHECKING, Any

from ._native import lib, quick
from ._request import Native, encoded, text
from .errors import ClosedError, DeadlineError, check, raise_owned

if TYPE_CHECKING:
    from ._tokens import Tokens

_embed = quick.oai_embed_to
_submit = quick.oai_submit_to

_cores: weakref.WeakSet[Core] = weakref.WeakSet()

_DEADLINE = -301

#: The longest wait without a look at signals, in seconds. One that comes just before a wait begins, or that the system
#: hands to another thread, does not end the wait.
STEP = 0.25


class Core:
    """A client of the library."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        made, error = c_void_p(), c_void_p()
        config = encoded({name: _option(value) for name, value in options.items()})
        check(lib.oai_client_new(config, len(config), byref(made), byref(error)), error)
        self._handle: int | None = made.value
        # The garbage collector may drop a stream, which cancels it, in a thread that holds the lock.
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._busy = 0
        self._models: dict[str, bytes] = {}
        self.tokens: Tokens | None = None
        _cores.add(self)

    def _live(self) -> int:
        if self._handle is None:
            raise ClosedError("the client is closed", number=-303)
        return self._handle

    def after_fork(self) -> None:
        """In the child: locks that other threads held are held by nobody now."""
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._busy = 0

    def submit(self, native: Native, queue: int, tag: int) -> int:
        """Submits a request; gives its id."""
        number, error = c_uint64(), c_void_p()
        with self._lock:
            status = _submit(self._live(), native.pointer, queue, tag, byref(number), byref(error))
        check(status, error)
        return number.value

    def embed(self, model: str, inputs: str | Sequence[str], options: Native | None, queue: int, tag: int) -> int:
        """Submits texts to be embedded; gives the request's id."""
        name = self._models.get(model)
        if name is None:
            name = self._models[model] = text(model)
        if isinstance(inputs, str):
            joined = inputs.encode()
            lengths = array("Q", (len(joined),))
        else:
            parts = [one.encode() for one in inputs]
            joined = b"".join(parts)
            lengths = array("Q", map(len, parts))
        number, error = c_uint64(), c_void_p()
        with self._lock:
            status = _embed(
                self._live(), name, joined, lengths.buffer_info()[0], len(lengths),
                options.pointer if options else None, queue, tag, byref(number), byref(error),
            )  # fmt: skip
        if status != 0:
            raise_owned(status, error)
        return number.value

    def begin(self, function: Any, arguments: tuple[Any, ...], queue: int, tag: int) -> int:
        """Begins a call by a function of the library that tells a queue its outcome; gives its id."""
        number, error = c_uint64(), c_void_p()
        with self._lock:
            status = function(self._live(), *arguments, queue, tag, byref(number), byref(error))
        check(status, error)
        return number.value

    def use_tokens(self, tokens: Tokens | None) -> None:
        """Lets a provider bring bearer tokens; None: none."""
        error = c_void_p()
        with self._lock:
            status = quick.oai_set_token_queue(self._live(), tokens.pointer if tokens else None, 0, byref(error))
            check(status, error)
            before, self.tokens = self.tokens, tokens
        if before is not None:
            before.stop()

    def tell(self, function: str, *arguments: Any) -> None:
        """Tells the client something, unless it is closed."""
        error = c_void_p()
        with self._lock:
            if self._handle is None:
                return
            status = getattr(quick, function)(self._handle, *arguments, byref(error))
        check(status, error)

    def cancel(self, number: int) -> None:
        """Cancels a request; one that has ended stays as it is."""
        with self._lock:
            if self._handle is not None:
                quick.oai_cancel(self._handle, number, None)

    def configure(self, options: Mapping[str, Any]) -> None:
        """Changes options, all or none."""
        error, config = c_void_p(), encoded({name: _option(value) for name, value in options.items()})
        with self._lock:
            status = quick.oai_client_configure_json(self._live(), config, len(config), byref(error))
        check(status, error)

    def told(self, function: str) -> str:
        """A text that the library makes."""
        made, size, error = c_void_p(), c_size_t(), c_void_p()
        with self._lock:
            status = getattr(quick, function)(self._live(), byref(made), byref(size), byref(error))
        check(status, error)
        try:
            return string_at(made.value or 0, size.value).decode()
        finally:
            quick.oai_string_free(made)

    def json(self, function: str) -> dict[str, Any]:
        """A JSON object that the library makes."""
        made: dict[str, Any] = json.loads(self.told(function))
        return made

    def verify_webhook(self, body: bytes, headers: Mapping[str, str], tolerance: float) -> None:
        """Raises WebhookError if a webhook must not be believed."""
        error = c_void_p()
        with self._lock:
            status = quick.oai_webhook_verify(
                self._live(), body, len(body), *signed(headers), round(tolerance * 1000), byref(error)
            )
        check(status, error)

    def drain(self, timeout: float) -> None:
        """Takes no more and waits for what is accepted, in short steps, between which signals are handled."""
        error, end = c_void_p(), time.monotonic() + timeout
        with self._lock:
            handle = self._live()
            self._busy += 1
        try:
            while True:
                left = max(0.0, end - time.monotonic())
                status = lib.oai_client_close(handle, round(min(left, STEP) * 1000), byref(error))
                if status != _DEADLINE:
                    break
                quick.oai_error_free(error)
                if left <= STEP:
                    raise DeadlineError(f"the client still had requests after {round(timeout * 1000)} ms; they go on", number=_DEADLINE)
        finally:
            with self._lock:
                self._busy -= 1
                self._idle.notify_all()
        check(status, error)

    def free(self) -> None:
        """Frees the client; what is left of its requests ends as cancelled."""
        with self._lock:
            handle, self._handle = self._handle, None
            while self._busy:
                self._idle.wait()
        if handle is not None:
            lib.oai_client_free(handle)
        if self.tokens is not None:
            self.tokens.stop()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            lib.oai_client_free(self._handle)
            self._handle = None
            if self.tokens is not None:
                self.tokens.stop()


def signed(headers: Mapping[str, str]) -> list[bytes | None]:
    """The three headers of a webhook."""
    lower = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return [text(lower[name]) if name in lower else None for name in names]


def new_queue() -> int:
    """A completion queue, to be freed with oai_queue_free."""
    made, error = c_void_p(), c_void_p()
    check(quick.oai_queue_new(byref(made), byref(error)), error)
    return made.value or 0


def fold(chunks: Sequence[bytes]) -> bytes:
    """The whole message of a stream's chunks."""
    made, text_, size, error = c_void_p(), c_void_p(), c_size_t(), c_void_p()
    check(lib.oai_fold_new(byref(made), byref(error)), error)
    try:
        for chunk in chunks:
            check(quick.oai_fold_push(made, chunk, len(chunk), byref(error)), error)
        check(quick.oai_fold_finish(made, byref(text_), byref(size), byref(error)), error)
        try:
            return string_at(text_.value or 0, size.value)
        finally:
            quick.oai_string_free(text_)
    finally:
        quick.oai_fold_free(made)


def _option(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _after_fork() -> None:
    for core in list(_cores):
        core.after_fork()


os.register_at_fork(after_in_child=_after_fork)
