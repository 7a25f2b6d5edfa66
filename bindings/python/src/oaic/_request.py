"""Requests as Python gives them, made into requests of the library.

The clients make one for each call, and free it once it is submitted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from ctypes import byref, c_void_p
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, Union

from ._native import quick
from ._response import Progress
from .errors import check, error_at

#: A body: anything that json.dumps takes, or JSON as text or bytes.
Json = Union[Mapping[str, Any], str, bytes]
#: A file: a path, or a name and the content.
FileInput = Union[str, "os.PathLike[str]", tuple[str, bytes]]
Priority = Literal["high", "normal", "low"]

_PRIORITIES = {"high": 0, "normal": 1, "low": 2}


class RequestOptions(TypedDict, total=False):
    """What any call takes beside its own arguments."""

    headers: Mapping[str, str]
    query: Mapping[str, Any]
    priority: Priority
    timeout: float
    idempotency_key: str
    on_progress: Callable[[Progress], object]


@dataclass
class Request:
    """A request for any operation."""

    method: str
    path: str
    json: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[tuple[str, str | bytes]] = ()
    files: Mapping[str, FileInput] = field(default_factory=dict)
    #: A file that the body of a good answer is written to as it comes: a path, or an open descriptor.
    output: str | os.PathLike[str] | int | None = None
    priority: Priority | None = None
    timeout: float | None = None
    idempotency_key: str | None = None
    dimensions: int | None = None
    user: str | None = None
    #: Is told how far a form, or an answer to a file, has come; at most ten times a second.
    on_progress: Callable[[Progress], object] | None = None

    def build(self, stream: bool = False) -> Native:
        """The request as the library has it."""
        made, error = c_void_p(), c_void_p()
        check(quick.oai_request_new(_text(self.method), _text(self.path), byref(made), byref(error)), error)
        native = Native(made.value or 0)
        native.fill(self, stream)
        return native


class Native:
    """Owns a request of the library."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer

    def __del__(self, free: Any = quick.oai_request_free) -> None:
        free(self.pointer)

    def _set(self, what: str, function: str, *arguments: Any) -> None:
        if (status := getattr(quick, function)(self.pointer, *arguments)) != 0:
            made = error_at(0, status)
            made.message = f"{what} cannot be used; the log says why"
            made.args = (made.message,)
            raise made

    def fill(self, request: Request, stream: bool) -> None:
        """Sets all that the request says."""
        if request.json is not None:
            body = encoded(request.json)
            self._set("the body", "oai_request_set_json", body, len(body))
        for name, value in request.query.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                self._set(f"the query parameter {name}", "oai_request_add_query", _text(name), _text(_plain(one)))
        for name, value in request.headers.items():
            self._set(f"the header {name}", "oai_request_set_header", _text(name), _text(value))
        for name, content in request.fields:
            data = content.encode() if isinstance(content, str) else content
            self._set(f"the field {name}", "oai_request_add_field", _text(name), data, len(data))
        for name, file in request.files.items():
            if isinstance(file, tuple):
                self._set(f"the file {name}", "oai_request_add_file", _text(name), _text(file[0]), None, file[1], len(file[1]))
            else:
                self._set(f"the file {name}", "oai_request_add_file_path", _text(name), os.fsencode(file), None, None)
        if isinstance(request.output, int):
            self._set("the output descriptor", "oai_request_set_output_fd", request.output)
        elif request.output is not None:
            self._set("the output path", "oai_request_set_output_path", os.fsencode(request.output))
        if request.priority is not None:
            if request.priority not in _PRIORITIES:
                raise ValueError(f"priority is high, normal or low, not {request.priority!r}")
            self._set("the priority", "oai_request_set_priority", _PRIORITIES[request.priority])
        if request.timeout is not None:
            if request.timeout <= 0:
                raise ValueError(f"timeout is a number of seconds above 0, not {request.timeout!r}")
            self._set("the timeout", "oai_request_set_timeout_ms", max(1, round(request.timeout * 1000)))
        if request.idempotency_key is not None:
            self._set("the idempotency key", "oai_request_set_idempotency_key", _text(request.idempotency_key))
        if request.dimensions is not None:
            self._set("dimensions", "oai_request_set_dimensions", request.dimensions)
        if request.user is not None:
            self._set("user", "oai_request_set_user", _text(request.user))
        if request.on_progress is not None:
            self._set("progress", "oai_request_set_progress", 1)
        if stream:
            self._set("stream", "oai_request_set_stream", 1)


def encoded(body: Json) -> bytes:
    """JSON as bytes."""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))).encode()


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _text(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("a text that the library takes must not hold a NUL")
    return value.encode()


text = _text
