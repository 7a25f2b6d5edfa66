"""Makes the calls of the behaviour suite through AsyncClient, and tells their outcomes in the suite's words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import oaic

Outcome = dict[str, Any]
_STREAMS = {"chat_stream": "/chat/completions", "responses_stream": "/responses"}


class Started:
    """A call under way."""

    def __init__(self) -> None:
        self.chunks = 0
        self.task: asyncio.Task[Outcome] | None = None


def of_error(error: BaseException | None) -> Outcome:
    """The outcome of what a call raised, or of nothing."""
    if error is None:
        return {"status": "OAI_OK", "error": None}
    if isinstance(error, asyncio.CancelledError):
        return {**(of_error(error.__cause__) if error.__cause__ else {}), "status": "OAI_ERR_CANCELLED"}
    if not isinstance(error, oaic.OaicError):
        raise error
    told = {
        "http_status": error.http_status, "code": error.code, "type": error.type, "param": error.param,
        "message": error.message, "request_id": error.request_id, "retry_after_ms": error.retry_after,
        "may_have_executed": error.may_have_executed,
    }  # fmt: skip
    return {
        "status": error.status, "http_status": error.http_status, "attempts": error.attempts,
        "request_id": error.request_id, "error": told,
    }  # fmt: skip


def of_response(answer: oaic.Response) -> Outcome:
    """The outcome of a good answer."""
    made = of_error(None)
    made.update(http_status=answer.http_status, attempts=answer.attempts, request_id=answer.request_id)
    made.update(headers=answer.headers, usage=answer.usage._asdict())
    if isinstance(answer, oaic.Embeddings):
        made.update(rows=answer.rows, dims=answer.dims)
        if answer.rows * answer.dims <= 64:
            made["vectors"] = answer.tolist()
        return made
    made["text"] = text_of(answer.body)
    try:
        made["body"] = answer.json()
    except ValueError:
        made["body"] = answer.text or None
    return made


def text_of(body: bytes) -> str | None:
    """The text of an answer of chat, completions or responses."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    if answer.get("choices"):
        first = answer["choices"][0]
        text = (first.get("message") or {}).get("content")
        found: str | None = text if text is not None else first.get("text")
        return found
    texts = [
        part["text"]
        for output in answer.get("output") or []
        for part in output.get("content") or []
        if part.get("type") == "output_text"
    ]
    return "".join(texts) if texts else None


async def call(client: oaic.AsyncClient, told: dict[str, Any], folder: Path, started: Started) -> Outcome:
    """Makes a call; its outcome."""
    rest = dict(told)
    operation = rest.pop("op")
    options: oaic.RequestOptions = {}
    if "priority" in rest:
        options["priority"] = rest.pop("priority")
    if "timeout_ms" in rest:
        options["timeout"] = rest.pop("timeout_ms") / 1000
    if "idempotency_key" in rest:
        options["idempotency_key"] = rest.pop("idempotency_key")
    try:
        return await _call(client, operation, rest, options, folder, started)
    except (oaic.OaicError, asyncio.CancelledError) as error:
        return of_error(error)


async def _call(
    client: oaic.AsyncClient, operation: str, rest: dict[str, Any], options: oaic.RequestOptions, folder: Path,
    started: Started,
) -> Outcome:  # fmt: skip
    take = rest.pop
    if operation == "embed":
        model, inputs, dimensions, user = take("model"), take("inputs"), take("dimensions", None), take("user", None)
        _no_more(rest)
        return of_response(await client.embed(model, inputs, dimensions=dimensions, user=user, **options))
    if operation in _STREAMS:
        request = oaic.Request("POST", _STREAMS[operation], json=take("json"), **options)
        return await _stream(client, request, take("cancel_after", 0), rest, started)
    if operation in ("chat", "responses", "completions"):
        body = take("json")
        _no_more(rest)
        return of_response(await getattr(client, operation)(body, **options))
    if operation == "moderate":
        text, model = take("input"), take("model", None)
        _no_more(rest)
        return of_response(await client.moderate(text, model, **options))
    if operation == "models":
        _no_more(rest)
        return of_response(await client.models(**options))
    if operation == "upload":
        file, body = (take("filename"), take("content").encode()), take("json")
        _no_more(rest)
        return of_response(await client.upload(file, body, **options))
    if operation == "download":
        return await _download(client, take("file_id"), take("to", None), rest, folder)
    if operation == "pages":
        request = oaic.Request("GET", take("path"), query=take("query", {}))
        _no_more(rest)
        return await _pages(client, request)
    if operation == "request":
        options["query"], options["headers"] = take("query", {}), take("headers", {})
        request = oaic.Request(take("method"), take("path"), json=take("json", None), **options)
        if take("stream", False):
            return await _stream(client, request, take("cancel_after", 0), rest, started)
        _no_more(rest)
        return of_response(await client.request(request))
    raise ValueError(f"there is no call {operation}")


def _no_more(rest: dict[str, Any]) -> None:
    if rest:
        raise ValueError(f"the call has keys that are not known: {', '.join(rest)}")


async def _stream(
    client: oaic.AsyncClient, request: oaic.Request, cancel_after: int, rest: dict[str, Any], started: Started
) -> Outcome:
    _no_more(rest)
    stream = client.stream(request)
    try:
        async with stream:
            async for _ in stream:
                started.chunks += 1
                if started.chunks == cancel_after:
                    break
        made = of_response(await stream.final())
    except (oaic.OaicError, asyncio.CancelledError) as error:
        made = of_error(error)
        try:
            made["text"] = text_of(stream.partial())
        except oaic.OaicError:
            made["text"] = None
    made["chunks"] = started.chunks
    return made


async def _download(
    client: oaic.AsyncClient, file_id: str, to: str | None, rest: dict[str, Any], folder: Path
) -> Outcome:
    _no_more(rest)
    path = folder / to if to is not None else None
    try:
        made = of_response(await client.download(file_id, path))
    except oaic.OaicError as error:
        made = of_error(error)
    if path is not None:
        made["file"] = path.read_text() if path.exists() else None
    return made


async def _pages(client: oaic.AsyncClient, request: oaic.Request) -> Outcome:
    count, ids, failed = 0, [], None
    try:
        async for page in client.pages(request):
            count += 1
            ids += [item["id"] for item in page.json()["data"]]
    except oaic.OaicError as error:
        failed = error
    return {**of_error(failed), "pages": count, "ids": ids}
