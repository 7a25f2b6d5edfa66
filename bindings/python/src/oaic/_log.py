"""The log of the library: its lines come to a queue, and a thread of Python hands them on. It is of the whole process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from ctypes import byref, c_void_p
from typing import Literal

from ._native import EVENT_LOG, lib
from ._response import unpack
from ._stream import Queue
from .errors import check

Level = Literal["off", "error", "warn", "info", "debug", "trace"]

_LEVELS: list[Level] = ["off", "error", "warn", "info", "debug", "trace"]
_FOR_LOGGING = [0, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, logging.DEBUG - 5]
_lock = threading.Lock()
_reader: _Reader | None = None


class _Reader(threading.Thread):
    def __init__(self, handler: Callable[[Level, str], None]) -> None:
        super().__init__(name="oaic-log", daemon=True)
        self.queue = Queue()
        self.handler = handler
        self.over = False

    def run(self) -> None:
        while not self.over:
            batch = c_void_p()
            if lib.oai_queue_wait(self.queue.pointer, 256, 2**64 - 1, byref(batch)) != 0:
                return
            for level, kind, line, _ in unpack(batch) if batch.value else []:
                if kind == EVENT_LOG:
                    try:
                        self.handler(_LEVELS[level], line.decode("utf-8", "replace"))
                    except Exception:
                        logging.getLogger("oaic").exception("the log handler failed")


def to_logging(level: Level, line: str) -> None:
    """A handler for `set_log`: hands lines to ``logging.getLogger("oaic")``."""
    logging.getLogger("oaic").log(_FOR_LOGGING[_LEVELS.index(level)], "%s", line)


def set_log(level: Level, handler: Callable[[Level, str], None] | None = None) -> None:
    """Sets the log level of the process, and who gets the lines: a function, called on a thread of Python; None: stderr.

    No line ever holds an API key.
    """
    global _reader
    if level not in _LEVELS:
        raise ValueError(f"the level is one of {', '.join(_LEVELS)}, not {level!r}")
    error, number = c_void_p(), _LEVELS.index(level)
    with _lock:
        before, made = _reader, _Reader(handler) if handler is not None else None
        if made is None:
            check(lib.oai_set_log(number, None, None, None, byref(error)), error)
        else:
            check(lib.oai_set_log_to(number, made.queue.pointer, byref(error)), error)
            made.start()
        _reader = made
        if before is not None:
            before.over = True
            lib.oai_queue_wake(before.queue.pointer)
