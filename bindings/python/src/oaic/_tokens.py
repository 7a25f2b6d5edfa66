"""Bearer tokens that rotate: the library asks for one in a queue of its own, and what the provider brings is the answer.

A thread answers for `Client`, the event loops for `AsyncClient`. Both begin with the first request, so that a client may
be made before a fork.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import weakref
from collections.abc import Awaitable, Callable
from ctypes import byref, c_size_t, c_void_p, string_at
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from ._native import EVENT_TOKEN_WANTED, RECORD, lib, quick
from .errors import OaicError, check

if TYPE_CHECKING:
    from ._core import Core

_FOREVER = 2**64 - 1


class Token(NamedTuple):
    """A bearer token, and how many seconds it is good from now on; None: until the server answers 401."""

    token: str
    expires_in: float | None = None


#: Brings a bearer token. It may be an async function.
TokenProvider = Callable[[], Union[str, Token, Awaitable[Union[str, Token]]]]


class Tokens:
    """A provider in use. It does not keep the client."""

    def __init__(self, core: Core, provider: TokenProvider) -> None:
        made, error = c_void_p(), c_void_p()
        check(quick.oai_queue_new(byref(made), byref(error)), error)
        self.pointer = made.value or 0
        self._core = weakref.ref(core)
        self._provider = provider

    def __del__(self, free: Any = lib.oai_queue_free) -> None:
        if hasattr(self, "pointer"):
            free(self.pointer)

    #: Whether somebody may wait for an answer.
    served = False

    def serve(self) -> None:
        """Sees to it that questions are answered from now on."""

    def stop(self) -> None:
        """Nobody asks any more."""

    def _answered(self, wanted: int, given: object) -> None:
        """Hands the provider's answer to the library. A question that is no longer open is nobody's concern."""
        made = Token(given) if isinstance(given, str) else given
        if not isinstance(made, tuple) or not made or not isinstance(made[0], str):
            raise TypeError("the token provider gave no token")
        life = made[1] if len(made) > 1 else None
        if life is not None and not life > 0:
            raise ValueError(f"the token had ended already: its expires_in is {life}")
        ms = 0 if life is None or math.isinf(life) else math.ceil(life * 1000)
        self._tell("oai_provide_token", wanted, made[0], ms)

    def _refused(self, wanted: int, error: BaseException) -> None:
        """Tells the library why there is no token."""
        why = str(error) or type(error).__name__
        try:
            self._tell("oai_refuse_token", wanted, why.encode(errors="replace").decode())
        except OaicError:
            pass  # Nobody waits for it any more: another provider was asked meanwhile, or the library has ended.

    def _tell(self, function: str, wanted: int, text: str, *more: int) -> None:
        if (core := self._core()) is not None:
            data = text.encode()
            core.tell(function, wanted, data, len(data), *more)


class ThreadTokens(Tokens):
    """Answers in a thread of its own."""

    def __init__(self, core: Core, provider: TokenProvider) -> None:
        super().__init__(core, provider)
        self._over = False
        self._begun = threading.Lock()

    def serve(self) -> None:
        """Starts the thread unless it runs."""
        if not self.served and self._begun.acquire(blocking=False):
            self.served = True
            threading.Thread(target=self._run, name="oaic-tokens", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread, as soon as the provider does."""
        self._over = True
        lib.oai_queue_wake(self.pointer)

    def _run(self) -> None:
        while not self._over:
            batch = c_void_p()
            if lib.oai_queue_wait(self.pointer, 1, _FOREVER, byref(batch)) != 0:
                return
            for wanted in _questions(batch):
                try:
                    given: Any = self._provider()
                    self._answered(wanted, asyncio.run(_awaited(given)) if inspect.isawaitable(given) else given)
                except BaseException as error:
                    # Of a SystemExit too, which would end this thread alone, and let all requests wait for ever.
                    self._refused(wanted, error)


class LoopTokens(Tokens):
    """Answers in the event loops: in whichever finds the question first."""

    def __init__(self, core: Core, provider: TokenProvider) -> None:
        super().__init__(core, provider)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Task[None]]]
        self._loops = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Lets the running event loop watch the queue."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop in self._loops:
                return
            self._loops[loop] = set()
        loop.add_reader(int(quick.oai_queue_fd(self.pointer)), self._rung)

    def stop(self) -> None:
        """Has the loops forget the queue, and cancels what they ask the provider."""
        with self._lock:
            loops = list(self._loops)
        for loop in loops:
            try:
                loop.call_soon_threadsafe(self._forget)
            except RuntimeError:  # the loop is closed
                pass

    def _forget(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(int(quick.oai_queue_fd(self.pointer)))
        for task in self._loops[loop]:
            task.cancel()

    def _rung(self) -> None:
        batch = c_void_p()
        check(quick.oai_queue_next(self.pointer, 1, byref(batch)), c_void_p())
        loop = asyncio.get_running_loop()
        tasks = self._loops[loop]
        for wanted in _questions(batch):
            task = loop.create_task(self._answer(wanted))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _answer(self, wanted: int) -> None:
        try:
            given: Any = self._provider()
            self._answered(wanted, await given if inspect.isawaitable(given) else given)
        except Exception as error:
            self._refused(wanted, error)
        except asyncio.CancelledError:
            self._refused(wanted, RuntimeError("asking for the token was cancelled, or the event loop ended meanwhile"))
            raise
        except BaseException as error:
            # A SystemExit or a KeyboardInterrupt ends this event loop, but not others that wait for the same token.
            self._refused(wanted, error)
            raise


async def _awaited(given: Awaitable[Any]) -> Any:
    return await given


def _questions(batch: c_void_p) -> list[int]:
    """The numbers of the questions in a batch, which is freed."""
    if not batch.value:
        return []
    array, count = c_void_p(), c_size_t()
    quick.oai_batch_records(batch, byref(array), byref(count))
    records = RECORD.iter_unpack(string_at(array.value or 0, count.value * RECORD.size))
    wanted = [int(record[0]) for record in records if record[2] == EVENT_TOKEN_WANTED]
    quick.oai_batch_free(batch)
    return wanted
