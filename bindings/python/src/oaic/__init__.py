"""A client for the OpenAI API and compatible servers, over the C library oaic."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import byref, c_void_p

from ._aio import AsyncClient
from ._client import Client
from ._core import signed
from ._log import set_log, to_logging
from ._native import quick as _quick
from ._request import FileInput, Json, Request, RequestOptions, text
from ._response import BatchProgress, Embeddings, Progress, Response, Usage
from ._stream import AsyncStream, Event, Stream
from ._tokens import Token, TokenProvider
from .errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClosedError,
    ConfigError,
    ConflictError,
    DeadlineError,
    FileError,
    ForkedError,
    InternalServerError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    NotSentError,
    OaicError,
    PermissionDeniedError,
    QueueFullError,
    QuotaError,
    RateLimitError,
    RequestCancelledError,
    UnprocessableEntityError,
    WebhookError,
    check,
)

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError", "APIError", "APIResponseError", "APIStatusError", "APITimeoutError", "AsyncClient",
    "AsyncStream", "AuthenticationError", "BadRequestError", "BatchProgress", "Client", "ClosedError", "ConfigError",
    "ConflictError", "DeadlineError", "Embeddings", "Event", "FileError", "FileInput", "ForkedError",
    "InternalServerError", "InvalidArgumentError", "Json", "LimitExceededError", "NotFoundError", "NotSentError",
    "OaicError", "PermissionDeniedError", "Progress", "QueueFullError", "QuotaError", "RateLimitError", "Request",
    "RequestCancelledError", "RequestOptions", "Response", "Stream", "Token", "TokenProvider",
    "UnprocessableEntityError", "Usage", "WebhookError", "set_log", "to_logging", "verify_webhook",
]  # fmt: skip


def verify_webhook(
    secret: str, body: bytes, headers: Mapping[str, str], *, tolerance: float = 0, now: float = 0
) -> None:
    """Raises WebhookError unless the webhook was signed with the secret, and not long ago.

    `body` is byte for byte what came. `tolerance` is in seconds (0: five minutes), as is `now` since 1970 (0: now).
    """
    error = c_void_p()
    status = _quick.oai_webhook_verify_secret(
        text(secret), body, len(body), *signed(headers), round(tolerance * 1000), round(now * 1000), byref(error)
    )
    check(status, error)
