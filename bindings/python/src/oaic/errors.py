"""The errors of the package: one class for each kind of failure, all of them `OaicError`.

Names follow what users of other Python clients know. Nothing here decides what an error is: the library does.
"""

from __future__ import annotations

import ctypes
from typing import NoReturn

from . import _native
from ._native import lib, quick


class OaicError(Exception):
    """What went wrong. `str(error)` says it for people; the attributes say it for programs."""

    #: The status by name, such as ``OAI_ERR_RATE_LIMITED``, and by number.
    status: str
    status_code: int
    #: The HTTP status of the answer; 0 when none came.
    http_status: int
    #: The server's ``error.code``, ``error.type`` and ``error.param``.
    code: str | None
    type: str | None
    param: str | None
    #: The server's id of the request.
    request_id: str | None
    #: How many milliseconds the server asked to wait; 0 when it did not say.
    retry_after: int
    #: How many attempts were started.
    attempts: int
    #: Whether the request may have been carried out although it failed.
    may_have_executed: bool
    #: The body of the last answer. Of a `run_batch` or `upload_in_parts` that can go on, the JSON to go on with; of a
    #: `wait_until` whose time is over, the object as it was last seen.
    body: bytes
    message: str

    def __init__(
        self,
        message: str,
        *,
        number: int = -8,
        http_status: int = 0,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: int = 0,
        attempts: int = 0,
        may_have_executed: bool = False,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = number
        self.status = status_name(number)
        self.http_status = http_status
        self.code = code
        self.type = type
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.may_have_executed = may_have_executed
        self.body = body


class ConfigError(OaicError):
    """An option, a key or a name of an option is not usable."""


class InvalidArgumentError(OaicError, ValueError):
    """An argument is not what it should be."""


class WebhookError(OaicError):
    """A webhook must not be believed."""


class FileError(OaicError):
    """A file cannot be read or written."""


class APIError(OaicError):
    """A request did not come to a good answer."""


class APIConnectionError(APIError):
    """No connection, or it ended early, or what came is not HTTP."""


class APITimeoutError(APIConnectionError):
    """An attempt, or the silence inside a stream, took too long."""


class APIResponseError(APIError):
    """The answer cannot be used: too large, not what the call expects, or broken off."""


class APIStatusError(APIError):
    """The server answered with an error."""


class BadRequestError(APIStatusError):
    """HTTP 400."""


class AuthenticationError(APIStatusError):
    """HTTP 401."""


class PermissionDeniedError(APIStatusError):
    """HTTP 403."""


class NotFoundError(APIStatusError):
    """HTTP 404."""


class ConflictError(APIStatusError):
    """HTTP 409."""


class UnprocessableEntityError(APIStatusError):
    """HTTP 422."""


class RateLimitError(APIStatusError):
    """HTTP 429."""


class QuotaError(RateLimitError):
    """HTTP 429 since the account has nothing left; waiting does not help."""


class InternalServerError(APIStatusError):
    """HTTP 500 and above."""


class NotSentError(APIError):
    """The library did not send the request, or did not wait for its end."""


class QueueFullError(NotSentError):
    """As many requests wait as `queue_size` allows."""


class DeadlineError(NotSentError, TimeoutError):
    """The time of the request as a whole is over."""


class RequestCancelledError(NotSentError):
    """The request was cancelled."""


class ClosedError(NotSentError):
    """The client is closed, or the library was shut down."""


class LimitExceededError(NotSentError):
    """The request alone is larger than a limit allows."""


class ForkedError(OaicError):
    """The process is a fork of one that had used the library: nothing works in it, new clients neither. Fork before the
    first request, or use spawn.
    """


_CLASSES: dict[int, type[OaicError]] = {
    -1: InvalidArgumentError, -4: ConfigError, -5: ConfigError, -7: ConfigError, -9: WebhookError, -10: FileError,
    -100: APIConnectionError, -101: APIConnectionError, -102: APITimeoutError, -103: APIConnectionError,
    -104: APIConnectionError, -105: APIResponseError, -106: APIConnectionError, -107: APIResponseError,
    -108: APIResponseError, -109: APIResponseError, -110: APITimeoutError,
    -200: APIStatusError, -201: BadRequestError, -202: AuthenticationError, -203: PermissionDeniedError,
    -204: NotFoundError, -205: ConflictError, -206: UnprocessableEntityError, -207: RateLimitError, -208: QuotaError,
    -209: InternalServerError, -210: APIStatusError, -211: APIStatusError,
    -300: QueueFullError, -301: DeadlineError, -302: RequestCancelledError, -303: ClosedError,
    -304: LimitExceededError, -400: ForkedError, -401: ClosedError,
}  # fmt: skip


def status_name(number: int) -> str:
    """The name of a status."""
    return text_at(lib.oai_status_name(number)) or str(number)


def text_at(value: bytes | int | None) -> str | None:
    """A C text, or the text at an address, as str."""
    if not value:
        return None
    found = value if isinstance(value, bytes) else ctypes.string_at(value)
    return found.decode("utf-8", "replace")


def error_at(pointer: int, number: int, attempts: int = 0, body: bytes = b"") -> OaicError:
    """The exception for a borrowed oai_error (0: only the status is known)."""
    kind = _CLASSES.get(number, OaicError)
    if not pointer:
        message = status_name(number)
        if kind is ForkedError:
            message = (
                "this process was forked from one that had used oaic: nothing of it works here, new clients neither; "
                "fork before the first request, or use multiprocessing's method spawn"
            )
        return kind(message, number=number, attempts=attempts)
    view = ctypes.create_string_buffer(_native.ERROR_VIEW.size)
    quick.oai_error_get_view(pointer, view)
    told = _native.ERROR_VIEW.unpack(view.raw)
    return kind(
        text_at(told[4]) or status_name(number),
        number=number,
        http_status=told[1],
        retry_after=told[2],
        may_have_executed=bool(told[3]),
        type=text_at(told[5]),
        code=text_at(told[6]),
        param=text_at(told[7]),
        request_id=text_at(told[8]),
        attempts=attempts,
        body=body,
    )


def raise_owned(number: int, error: ctypes.c_void_p) -> NoReturn:
    """Raises what a call said through its out-parameter, and frees that."""
    made = error_at(error.value or 0, number)
    if error.value:
        quick.oai_error_free(error)
    raise made


def check(number: int, error: ctypes.c_void_p) -> None:
    """Raises if a call failed."""
    if number != 0:
        raise_owned(number, error)
