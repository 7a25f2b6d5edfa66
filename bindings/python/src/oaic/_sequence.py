"""The calls that are several requests, one after the other: waiting until something is done, batches, and uploads in
parts. The library makes the requests; both clients begin what these make.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from ._core import Core
from ._native import quick
from ._request import Json, Priority, Request, encoded

#: Begins a call: the core, the queue for its outcome and its tag give its id.
Begin = Callable[[Core, int, int], int]


class PollOptions(TypedDict, total=False):
    """How often to look whether something is done, in seconds; `timeout` is of the whole call."""

    interval: float
    max_interval: float
    timeout: float


class WaitOptions(PollOptions, total=False):
    """What `wait_until` takes beside its path."""

    field: str
    statuses: Sequence[str]
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    priority: Priority


def wait_until(
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    priority: Priority | None = None,
    field: str | None = None,
    statuses: Sequence[str] | None = None,
    interval: float | None = None,
    max_interval: float | None = None,
    timeout: float | None = None,
) -> Begin:
    """GET of an object until it is done."""
    members = _polling(interval, max_interval, timeout)
    look = {"headers": headers, "query": query, "priority": priority}
    native = Request("GET", path, **_given(look)).build()
    if statuses is not None:
        members["statuses"] = list(statuses)
    body = encoded({**members, **_given({"field": field})})

    def begin(core: Core, queue: int, tag: int) -> int:
        return core.begin(quick.oai_wait_until_to, (native.pointer, body, len(body)), queue, tag)

    return begin


def run_batch(
    body: Json,
    input: str | os.PathLike[str] | None,
    output: str | os.PathLike[str] | None,
    progress: bool,
    *,
    interval: float | None = None,
    max_interval: float | None = None,
    timeout: float | None = None,
) -> Begin:
    """POST /files, POST /batches, GET until it has ended, and its results."""
    made = encoded({**_members(body), **_polling(interval, max_interval, timeout), "progress": progress})
    source = os.fsencode(input) if input is not None else None
    target = os.fsencode(output) if output is not None else None

    def begin(core: Core, queue: int, tag: int) -> int:
        return core.begin(quick.oai_batch_run_to, (made, len(made), source, target), queue, tag)

    return begin


def upload_in_parts(path: str | os.PathLike[str], body: Json, progress: bool) -> Begin:
    """POST /uploads with all that follows."""
    made, source = encoded({**_members(body), "progress": progress}), os.fsencode(path)

    def begin(core: Core, queue: int, tag: int) -> int:
        return core.begin(quick.oai_upload_to, (made, len(made), source), queue, tag)

    return begin


def _polling(interval: float | None, max_interval: float | None, timeout: float | None) -> dict[str, Any]:
    """The times as members of the library's JSON."""
    seconds = {"interval_ms": interval, "max_interval_ms": max_interval, "timeout_ms": timeout}
    return {name: math.ceil(value * 1000) for name, value in _given(seconds).items()}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _members(body: Json) -> Mapping[str, Any]:
    members: Any = json.loads(body) if isinstance(body, (str, bytes)) else body
    if not isinstance(members, Mapping):
        raise ValueError("the body is no JSON object")
    return members
