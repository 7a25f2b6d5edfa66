"""Finds and loads the C library, and declares the functions of oai.h that the package calls.

Everything else in the package goes through here; it never interprets what the library says.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from ctypes import c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

__all__ = ["ABI_ADDITIONS", "ABI_EPOCH", "RECORD", "VIEW", "lib", "quick"]

ABI_EPOCH = 0
ABI_ADDITIONS = 3

#: oai_event_record: id, tag, kind, status, data, len, response.
RECORD = struct.Struct("=QQiiQQQ16x")
#: oai_response_view: id, status, http_status, attempts, header_count, body, body_len, embeddings, rows, dims,
#: request_id, error.
VIEW = struct.Struct("=QiiIIQQQQQQQ32x")
#: oai_error_view: status, http_status, retry_after_ms, may_have_executed, message, type, code, param, request_id.
ERROR_VIEW = struct.Struct("=iiQi4xQQQQQ32x")

EVENT_CHUNK = 1
EVENT_DONE = 2
EVENT_PROGRESS = 4
EVENT_LOG = 8
EVENT_TOKEN_WANTED = 16


def _candidates() -> list[str]:
    names = ["liboaic.0.dylib", "liboaic.dylib"] if sys.platform == "darwin" else ["liboaic.so.0", "liboaic.so"]
    told = os.environ.get("OAI_LIBRARY_PATH")
    if told:
        if os.path.isdir(told):
            return [os.path.join(told, name) for name in names]
        return [told]
    packaged = [path for path in map(Path(__file__).with_name, names) if path.exists()]
    return [str(packaged[0])] if packaged else names


def _load() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    why: list[str] = []
    for path in _candidates():
        try:
            loaded = ctypes.CDLL(path)
        except OSError as error:
            why.append(str(error))
            continue
        if not hasattr(loaded, "oai_abi_version"):
            raise ImportError(f"{path} is not liboaic: it does not tell its ABI")
        loaded.oai_abi_version.restype = c_uint32
        version = int(loaded.oai_abi_version())
        epoch, additions = version >> 16, version & 0xFFFF
        if epoch != ABI_EPOCH or additions < ABI_ADDITIONS:
            raise ImportError(
                f"{path} speaks ABI {epoch}.{additions}; this package needs epoch {ABI_EPOCH} with at least "
                f"{ABI_ADDITIONS} additions: install the library that belongs to the package"
            )
        return loaded, ctypes.PyDLL(path)
    raise ImportError(
        "the library liboaic was not found; set OAI_LIBRARY_PATH to its file or folder, or install it where the "
        "system looks for libraries (" + "; ".join(why) + ")"
    )


#: The library; its calls let other Python threads run.
lib: Any
#: The same library for calls that take next to no time: the interpreter's lock is kept.
quick: Any
lib, quick = _load()

_P = c_void_p
_TEXT = c_char_p
_N = c_size_t

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "oai_status_name": (_TEXT, [c_int32]),
    "oai_error_get_view": (c_int32, [_P, _P]),
    "oai_error_free": (None, [_P]),
    "oai_client_new": (c_int32, [_TEXT, _N, _P, _P]),
    "oai_client_configure_json": (c_int32, [_P, _TEXT, _N, _P]),
    "oai_client_config_json": (c_int32, [_P, _P, _P, _P]),
    "oai_client_close": (c_int32, [_P, c_uint64, _P]),
    "oai_client_free": (None, [_P]),
    "oai_client_stats_json": (c_int32, [_P, _P, _P, _P]),
    "oai_client_stats_prometheus": (c_int32, [_P, _P, _P, _P]),
    "oai_request_new": (c_int32, [_TEXT, _TEXT, _P, _P]),
    "oai_request_free": (None, [_P]),
    "oai_request_set_json": (c_int32, [_P, _TEXT, _N]),
    "oai_request_add_query": (c_int32, [_P, _TEXT, _TEXT]),
    "oai_request_set_header": (c_int32, [_P, _TEXT, _TEXT]),
    "oai_request_set_dimensions": (c_int32, [_P, c_uint32]),
    "oai_request_set_user": (c_int32, [_P, _TEXT]),
    "oai_request_set_stream": (c_int32, [_P, c_int32]),
    "oai_request_set_priority": (c_int32, [_P, c_uint32]),
    "oai_request_set_timeout_ms": (c_int32, [_P, c_uint64]),
    "oai_request_set_idempotency_key": (c_int32, [_P, _TEXT]),
    "oai_request_add_field": (c_int32, [_P, _TEXT, _TEXT, _N]),
    "oai_request_add_file": (c_int32, [_P, _TEXT, _TEXT, _TEXT, _TEXT, _N]),
    "oai_request_add_file_path": (c_int32, [_P, _TEXT, _TEXT, _TEXT, _TEXT]),
    "oai_request_set_output_path": (c_int32, [_P, _TEXT]),
    "oai_request_set_output_fd": (c_int32, [_P, c_int32]),
    "oai_request_set_progress": (c_int32, [_P, c_int32]),
    "oai_request_next_page": (c_int32, [_P, _P, _P, _P]),
    "oai_response_header_at": (c_int32, [_P, _N, _P, _P]),
    "oai_response_fallback": (c_uint32, [_P]),
    "oai_response_usage": (c_int32, [_P, _P, _P, _P]),
    "oai_response_free": (None, [_P]),
    "oai_string_free": (None, [_P]),
    "oai_submit_to": (c_int32, [_P, _P, _P, c_uint64, _P, _P]),
    "oai_embed_to": (c_int32, [_P, _TEXT, _TEXT, _P, _N, _P, _P, c_uint64, _P, _P]),
    "oai_wait_until_to": (c_int32, [_P, _P, _TEXT, _N, _P, c_uint64, _P, _P]),
    "oai_batch_run_to": (c_int32, [_P, _TEXT, _N, _TEXT, _TEXT, _P, c_uint64, _P, _P]),
    "oai_upload_to": (c_int32, [_P, _TEXT, _N, _TEXT, _P, c_uint64, _P, _P]),
    "oai_set_token_queue": (c_int32, [_P, _P, c_uint64, _P]),
    "oai_provide_token": (c_int32, [_P, c_uint64, _TEXT, _N, c_uint64, _P]),
    "oai_refuse_token": (c_int32, [_P, c_uint64, _TEXT, _N, _P]),
    "oai_cancel": (c_int32, [_P, c_uint64, _P]),
    "oai_fold_new": (c_int32, [_P, _P]),
    "oai_fold_push": (c_int32, [_P, _TEXT, _N, _P]),
    "oai_fold_finish": (c_int32, [_P, _P, _P, _P]),
    "oai_fold_free": (None, [_P]),
    "oai_queue_new": (c_int32, [_P, _P]),
    "oai_queue_free": (None, [_P]),
    "oai_queue_fd": (c_int64, [_P]),
    "oai_queue_next": (c_int32, [_P, _N, _P]),
    "oai_queue_wait": (c_int32, [_P, _N, c_uint64, _P]),
    "oai_queue_wake": (c_int32, [_P]),
    "oai_batch_records": (c_int32, [_P, _P, _P]),
    "oai_batch_views": (c_int32, [_P, _P, _P]),
    "oai_record_take_response": (c_void_p, [_P]),
    "oai_batch_free": (None, [_P]),
    "oai_webhook_verify": (c_int32, [_P, _TEXT, _N, _TEXT, _TEXT, _TEXT, c_uint64, _P]),
    "oai_webhook_verify_secret": (c_int32, [_TEXT, _TEXT, _N, _TEXT, _TEXT, _TEXT, c_uint64, c_uint64, _P]),
    "oai_set_log": (c_int32, [c_int32, _P, _P, _P, _P]),
    "oai_set_log_to": (c_int32, [c_int32, _P, _P]),
}
for _name, (_result, _arguments) in _FUNCTIONS.items():
    for _from in (lib, quick):
        _function = getattr(_from, _name)
        _function.restype = _result
        _function.argtypes = _arguments
