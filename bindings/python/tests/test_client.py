"""Tests `Client`: its calls from one thread and from many, its errors, settings and end."""

from __future__ import annotations

import base64
import gc
import hashlib
import hmac
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Options
from server import Server

import oaic

HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
MODEL = "text-embedding-3-small"
HANG = {"drop": "hang", "times": None}


def test_embed_gives_a_row_for_each_text(server: Server, client: oaic.Client) -> None:
    vectors = client.embed(MODEL, ["one", "two ü €", "long " * 6000], dimensions=8)
    assert vectors.shape == (3, 8) and len(vectors) == 3 and (vectors.rows, vectors.dims) == (3, 8)
    assert vectors.attempts == 1 and vectors.usage.prompt_tokens > 0
    assert (vectors.request_id or "").startswith("req_")
    alone = client.embed(MODEL, "two ü €", dimensions=8)
    assert alone.tolist()[0] == vectors.tolist()[1]
    assert list(vectors[1]) == list(alone[0])
    assert list(vectors[-2]) == list(alone[0])
    assert list(map(list, vectors)) == [list(vectors[row]) for row in range(3)]
    with pytest.raises(IndexError):
        vectors[3]
    assert server.ask("/_log")[0]["body"]["input"][1] == "two ü €"


def test_the_buffer_keeps_the_vectors_alive_and_is_read_only(client: oaic.Client) -> None:
    def buffer() -> memoryview[float]:
        return client.embed(MODEL, ["one", "two"]).buffer

    views = [buffer() for _ in range(20)]
    gc.collect()
    wanted: Any = client.embed(MODEL, ["one", "two"]).tolist()
    for view in views:
        assert view.shape == (2, 1536) and view.format == "f" and view.readonly
        assert view.tolist() == wanted
    with pytest.raises(TypeError):
        views[0][0, 0] = 1.0


def test_numpy_takes_the_vectors_without_a_copy(client: oaic.Client) -> None:
    numpy = pytest.importorskip("numpy")
    vectors = client.embed(MODEL, ["one", "two"])
    matrix = numpy.asarray(vectors)
    assert matrix.dtype == numpy.float32 and matrix.shape == (2, 1536) and not matrix.flags.writeable
    assert matrix.__array_interface__["data"][0] == vectors.__array_interface__["data"][0]
    wanted = vectors.tolist()
    del vectors
    gc.collect()
    assert matrix.tolist() == wanted


def test_no_texts_are_refused(server: Server, client: oaic.Client) -> None:
    with pytest.raises(oaic.InvalidArgumentError):
        client.embed(MODEL, [])
    assert server.ask("/_log") == []


def test_threads_share_a_client_and_wait_side_by_side(server: Server, options: Options) -> None:
    server.ask("/_script", [{"pass": True, "delay_ms": 5, "times": None}])
    with oaic.Client(**options(max_concurrent_requests=16, queue_size=1000)) as client:
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(client.embed, MODEL, f"text {i}", dimensions=4) for i in range(64)]
            alone = [one.result().tolist()[0] for one in asked]
        assert server.ask("/_stats")["max_in_flight"] > 1
        assert alone == client.embed(MODEL, [f"text {i}" for i in range(64)], dimensions=4).tolist()


def test_bodies_are_objects_texts_or_bytes(client: oaic.Client) -> None:
    for body in (HELLO, json.dumps(HELLO), json.dumps(HELLO).encode()):
        answer = client.chat(body)
        assert answer.json()["choices"][0]["message"]["content"] == "You said: Hello"
        assert answer.http_status == 200 and answer.headers["content-type"] == "application/json"
        assert answer.usage.total_tokens > 0
    with pytest.raises(oaic.InvalidArgumentError):
        client.chat("{")


def test_short_forms_reach_their_paths(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"match": {"path": "/v1/*"}, "times": None, "status": 200, "body": {"object": "any"}}])
    sound = ("a.mp3", b"sound")
    answers = [
        (client.chat({}), "POST /v1/chat/completions"), (client.responses({}), "POST /v1/responses"),
        (client.completions({}), "POST /v1/completions"), (client.moderate("a"), "POST /v1/moderations"),
        (client.models(), "GET /v1/models"), (client.image({}), "POST /v1/images/generations"),
        (client.image_edit(("a.png", b"x"), {"prompt": "p"}), "POST /v1/images/edits"),
        (client.speech({}), "POST /v1/audio/speech"),
        (client.transcribe(sound, {"model": "m"}), "POST /v1/audio/transcriptions"),
        (client.translate(sound, {"model": "m"}), "POST /v1/audio/translations"),
        (client.upload(sound, {"purpose": "batch"}), "POST /v1/files"),
        (client.download("f"), "GET /v1/files/f/content"),
    ]  # fmt: skip
    assert [answer.json() for answer, _ in answers] == [{"object": "any"}] * len(answers)
    assert [f"{one['method']} {one['path']}" for one in server.ask("/_log")] == [where for _, where in answers]


def test_a_request_sends_all_that_it_holds(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"match": {"path": "/v1/things"}, "status": 200, "body": {}}])
    client.request(
        oaic.Request(
            "PATCH", "/things", json={"a": 1}, query={"include[]": ["x", "y z"], "limit": 2, "all": True},
            headers={"x-thing": "yes"}, idempotency_key="key-1", priority="high", timeout=5,
        )
    )  # fmt: skip
    arrived = server.ask("/_log")[0]
    assert arrived["method"] == "PATCH" and arrived["body"] == {"a": 1}
    assert parse_qs(urlsplit(arrived["path"]).query) == {"include[]": ["x", "y z"], "limit": ["2"], "all": ["true"]}
    assert arrived["headers"]["x-thing"] in ("yes", ["yes"])
    assert arrived["headers"]["idempotency-key"] in ("key-1", ["key-1"])
    for wrong in ({"priority": "urgent"}, {"timeout": 0}, {"headers": {"a": "b\0c"}}):
        with pytest.raises(ValueError):
            client.request(oaic.Request("GET", "/things", **wrong))


def test_errors_tell_all_that_is_known(server: Server, options: Options) -> None:
    told = {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded", "param": "model"}
    server.ask("/_script", [{"status": 429, "headers": {"retry-after": "7"}, "body": {"error": told}}])
    with oaic.Client(**options(max_retries=0)) as client, pytest.raises(oaic.RateLimitError) as caught:
        client.chat(HELLO)
    error = caught.value
    assert isinstance(error, oaic.APIStatusError) and isinstance(error, oaic.OaicError)
    assert (error.status, error.status_code, error.http_status) == ("OAI_ERR_RATE_LIMITED", -207, 429)
    assert (error.type, error.code, error.param) == ("requests", "rate_limit_exceeded", "model")
    assert (error.retry_after, error.attempts, error.may_have_executed) == (7000, 1, False)
    assert "Slow down." in str(error) and (error.request_id or "").startswith("req_")
    assert json.loads(error.body) == {"error": told}


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, oaic.BadRequestError), (401, oaic.AuthenticationError), (403, oaic.PermissionDeniedError),
        (404, oaic.NotFoundError), (409, oaic.ConflictError), (422, oaic.UnprocessableEntityError),
        (500, oaic.InternalServerError),
    ],
)  # fmt: skip
def test_each_status_has_its_class(server: Server, options: Options, status: int, kind: type[oaic.OaicError]) -> None:
    server.ask("/_script", [{"status": status, "times": None}])
    with oaic.Client(**options(max_retries=0)) as client, pytest.raises(kind) as caught:
        client.chat(HELLO)
    assert type(caught.value) is kind and caught.value.http_status == status


def test_a_request_whose_time_is_over_ends(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [HANG])
    with pytest.raises(TimeoutError) as caught:
        client.chat(HELLO, timeout=0.05)
    assert isinstance(caught.value, oaic.DeadlineError)
    assert server.ask("/_stats?in_flight=0")["in_flight"] == 0


class Interrupted(Exception):
    """What the handler raises."""


def test_what_a_signal_raises_cancels_the_request(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"drop": "hang"}])
    raised = threading.Event()

    def handler(number: int, frame: object) -> None:
        if not raised.is_set() and server.ask("/_stats")["in_flight"] == 1:
            raised.set()
            raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(Interrupted) as caught:
            client.chat(HELLO)
        assert isinstance(caught.value.__cause__, oaic.RequestCancelledError)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert server.ask("/_stats?in_flight=0")["in_flight"] == 0
    assert client.chat(HELLO).http_status == 200


@pytest.mark.parametrize("wait", ["call", "stream", "drain"])
def test_a_signal_that_does_not_end_the_wait_is_handled(server: Server, client: oaic.Client, wait: str) -> None:
    # As when it comes between the interpreter's last look and the wait: the wait goes on, and the flag is set. Here the
    # system hands it to another thread, since the main thread has it blocked.
    server.ask("/_script", [{"drop": "hang"}])
    if wait == "drain":
        # In the queue's own time.
        threading.Thread(target=lambda: pytest.raises(oaic.RequestCancelledError, client.chat, HELLO), daemon=True).start()
        server.ask("/_stats?in_flight=1")

    def sender() -> None:
        server.ask("/_stats?in_flight=1")
        signal.pthread_kill(threading.get_ident(), signal.SIGALRM)

    def handler(number: int, frame: object) -> None:
        raise Interrupted

    def waits() -> None:
        if wait == "call":
            client.chat(HELLO)
        elif wait == "stream":
            with client.chat_stream(HELLO) as stream:
                next(stream)
        else:
            client.drain(60)

    before, begun = signal.signal(signal.SIGALRM, handler), time.monotonic()
    thread = threading.Thread(target=sender)
    thread.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    try:
        with pytest.raises(Interrupted):
            waits()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        signal.signal(signal.SIGALRM, before)
        thread.join()
        client.close()
    assert time.monotonic() - begun < 20
    assert server.ask("/_stats?in_flight=0")["in_flight"] == 0


def test_options_change_and_tell_where_they_came_from(options: Options) -> None:
    with oaic.Client(**options(max_concurrent_requests=7)) as client:
        told = client.config()
        assert "7" in str(told["max_concurrent_requests"]) and "sk-test-pytest" not in str(told)
        client.configure(max_concurrent_requests=9)
        assert "9" in str(client.config()["max_concurrent_requests"])
        client.configure(max_concurrent_requests=None)
        assert "9" not in str(client.config()["max_concurrent_requests"])
        with pytest.raises(oaic.ConfigError, match="no_such_option"):
            client.configure(no_such_option=1)
    with pytest.raises(oaic.ConfigError, match="no_such_option"):
        oaic.Client(**options(no_such_option=1))


def test_a_fallback_serves_what_its_own_place_cannot(server: Server, options: Options) -> None:
    more = {**options(max_retries=0, fallbacks=[{"base_url": server.url + "/v1"}]), "base_url": "http://127.0.0.1:1/v1"}
    with oaic.Client(**more) as client:
        assert client.chat(HELLO).fallback == 1
    with oaic.Client(**options()) as client:
        assert client.chat(HELLO).fallback == 0


def test_a_full_queue_refuses(server: Server, options: Options) -> None:
    server.ask("/_script", [HANG])
    client = oaic.Client(**options(max_concurrent_requests=1, queue_size=1))
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.chat, HELLO)]
        server.ask("/_stats?in_flight=1")
        asked.append(pool.submit(client.chat, HELLO))
        while client.stats()["requests"]["accepted"] < 2:
            time.sleep(0.001)
        with pytest.raises(oaic.QueueFullError):
            client.chat(HELLO)
        client.close()
        for one in asked:
            with pytest.raises(oaic.RequestCancelledError):
                one.result()


def test_statistics_are_json_and_prometheus(client: oaic.Client) -> None:
    client.chat(HELLO)
    assert client.stats()["requests"]["accepted"] == 1
    assert "\noai_" in client.prometheus()


def test_files_go_up_and_come_down(server: Server, client: oaic.Client, tmp_path: Path) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text('{"line": 1}\n' * 1000)
    told: list[oaic.Progress] = []
    number = client.upload(source, {"purpose": "batch"}, on_progress=told.append).json()["id"]
    sent = server.ask("/_log")[0]
    assert "line" in str(sent["body"]) and "batch" in str(sent["body"])
    content = client.download(number).body
    answer = client.download(number, target)
    assert answer.body == b"" and target.read_bytes() == content != b""
    with open(tmp_path / "c", "wb") as file:
        client.request(oaic.Request("GET", "/files/zeros-1000/content", output=file.fileno(), on_progress=told.append))
    assert (tmp_path / "c").read_bytes() == bytes(1000)
    assert {progress.way for progress in told} == {"upload", "download"}
    assert told[-1] == oaic.Progress("download", 1000, 1000)
    assert client.download("zeros-100000").body == bytes(100000)
    with pytest.raises(oaic.FileError, match="none"):
        client.upload(tmp_path / "none", {"purpose": "batch"})


PAGE = {"match": {"path": "/v1/files"}, "status": 200, "body": {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}}
LAST = {"match": {"path": "/v1/files"}, "status": 200, "body": {"data": [{"id": "b"}], "has_more": False}}


def test_pages_and_items_are_followed_to_the_end(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [PAGE, LAST, PAGE, LAST])
    pages = client.pages(oaic.Request("GET", "/files"))
    assert [item["id"] for page in pages for item in page.json()["data"]] == ["a", "b"]
    assert server.ask("/_log")[1]["path"] == "/v1/files?after=a"
    assert [item["id"] for item in client.items(oaic.Request("GET", "/files"))] == ["a", "b"]


def test_a_list_that_is_left_fetches_no_more(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [PAGE, {"match": {"path": "/v1/files"}, "drop": "hang"}])
    pages = client.pages(oaic.Request("GET", "/files"))
    next(pages)
    server.ask("/_stats?in_flight=1")
    del pages
    assert server.ask("/_stats?in_flight=0")["in_flight"] == 0


def test_a_closed_client_says_so(client: oaic.Client) -> None:
    client.close()
    client.close()
    for call in (client.models, client.stats, lambda: client.chat_stream(HELLO), lambda: client.configure(burst=1)):
        with pytest.raises(oaic.ClosedError):
            call()


def test_draining_waits_for_what_is_under_way(server: Server, options: Options) -> None:
    server.ask("/_script", [{"hold": "gate", "pass": True}])
    client = oaic.Client(**options())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.chat, HELLO)
        server.ask("/_stats?in_flight=1")
        with pytest.raises(oaic.DeadlineError):
            client.drain(0.01)
        with pytest.raises(oaic.ClosedError):
            client.chat(HELLO)
        server.ask("/_release", {"hold": "gate"})
        client.drain(10)
        assert asked.result().http_status == 200
    client.close()


def test_a_dropped_client_is_freed(options: Options) -> None:
    def use() -> None:
        oaic.Client(**options()).embed(MODEL, "text", dimensions=4)

    use()
    before = len(os.listdir("/dev/fd"))
    for _ in range(30):
        use()
    gc.collect()
    # The connections of freed clients close in threads of the library.
    until = time.monotonic() + 10
    while len(os.listdir("/dev/fd")) > before + 5 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(os.listdir("/dev/fd")) <= before + 5


def test_webhooks_are_verified(options: Options) -> None:
    secret, body, key = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0", b'{"type": "batch.completed"}', b"secretsecretsecret"

    def headers(now: int) -> dict[str, str]:
        made = hmac.new(key, b"wh_1.%d.%s" % (now, body), hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(made).decode()
        return {"Webhook-Id": "wh_1", "Webhook-Timestamp": str(now), "Webhook-Signature": signature}

    past, now = 1_700_000_000, int(time.time())
    oaic.verify_webhook(secret, body, headers(past), now=past)
    for wrong_body, wrong_headers, at in ((body + b" ", headers(past), past), (body, {}, past), (body, headers(past), 0)):
        with pytest.raises(oaic.WebhookError):
            oaic.verify_webhook(secret, wrong_body, wrong_headers, now=at)
    with oaic.Client(**options(webhook_secret=secret)) as client:
        client.verify_webhook(body, headers(now))
        with pytest.raises(oaic.WebhookError):
            client.verify_webhook(body, headers(past))
