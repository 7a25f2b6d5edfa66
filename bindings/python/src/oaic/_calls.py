"""The short forms: each makes the request of one operation. Both clients send what these make."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ._request import FileInput, Json, Request, RequestOptions


def post(path: str, body: Json, options: RequestOptions) -> Request:
    """A POST of JSON."""
    return Request("POST", path, json=body, **options)


def embed_options(dimensions: int | None, user: str | None, options: RequestOptions) -> Request | None:
    """What goes with an embed call beside model and texts; None if it is nothing."""
    if dimensions is None and user is None and not options:
        return None
    return Request("POST", "/embeddings", dimensions=dimensions, user=user, **options)


def moderate(text: str | Sequence[str], model: str | None, options: RequestOptions) -> Request:
    """POST /moderations."""
    body: dict[str, Any] = {"input": text if isinstance(text, str) else list(text)}
    if model is not None:
        body["model"] = model
    return post("/moderations", body, options)


def models(options: RequestOptions) -> Request:
    """GET /models."""
    return Request("GET", "/models", **options)


def with_file(
    path: str, file: FileInput, body: Mapping[str, Any], options: RequestOptions, name: str = "file"
) -> Request:
    """A form with one file."""
    return Request("POST", path, json=body, files={name: file}, **options)


def speech(body: Json, to: str | os.PathLike[str] | None, options: RequestOptions) -> Request:
    """POST /audio/speech."""
    return Request("POST", "/audio/speech", json=body, output=to, **options)


def download(file_id: str, to: str | os.PathLike[str] | None, options: RequestOptions) -> Request:
    """GET /files/{file_id}/content."""
    return Request("GET", f"/files/{quote(file_id, safe='')}/content", output=to, **options)
