"""Tests streams of both clients: read to the end, left early, slow readers, broken ones."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import pytest
from conftest import Options
from server import Server

import oaic

HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello there"}]}
SAID = "You said: Hello there"
SLOW = {"pass": True, "chunk_delay_ms": 20, "times": None}
SSE = {"content-type": "text/event-stream"}


def chunk(text: str) -> str:
    event = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    return f"data: {json.dumps(event)}\n\n"


def test_a_stream_gives_its_events_and_the_whole(client: oaic.Client) -> None:
    with client.chat_stream(HELLO) as stream:
        events = list(stream)
        assert "".join(event.text for event in events) == SAID and len(events) > 3
        assert events[0].json()["object"] == "chat.completion.chunk"
        whole = stream.final()
    assert whole.json()["choices"][0]["message"]["content"] == SAID
    assert whole.http_status == 200 and whole.attempts == 1
    assert list(stream) == []


def test_the_whole_comes_unread_and_of_every_form(client: oaic.Client) -> None:
    assert SAID in client.chat_stream(HELLO).final().text
    asked = {"model": "gpt-4o-mini", "input": "Hello there"}
    assert "".join(event.text for event in client.responses_stream(asked)) == SAID
    assert "".join(e.text for e in client.completions_stream({"model": "m", "prompt": "Hello there"})) == SAID


def test_leaving_a_stream_closes_its_connection(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [SLOW])
    with client.chat_stream(HELLO) as stream:
        next(stream)
    assert server.ask("/_stats?in_flight=0")["client_gone"] == 1
    with pytest.raises(oaic.RequestCancelledError):
        stream.final()
    assert b"choices" in stream.partial()


def test_a_dropped_stream_closes_its_connection(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [SLOW])
    stream = client.chat_stream(HELLO)
    next(stream)
    del stream
    gc.collect()
    assert server.ask("/_stats?in_flight=0")["client_gone"] == 1


def test_a_stream_that_breaks_says_so_and_keeps_what_came(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"status": 200, "headers": SSE, "chunks": [chunk("Half")]}])
    stream = client.chat_stream(HELLO)
    assert next(stream).text == "Half"
    for read in (lambda: next(stream), stream.final):
        with pytest.raises(oaic.OaicError) as caught:
            read()
        assert caught.value.status == "OAI_ERR_INCOMPLETE"
    assert b"Half" in stream.partial()


def flood(server: Server) -> None:
    chunks = [chunk("x" * 60_000)] * 400
    server.ask("/_script", [{"status": 200, "headers": SSE, "chunks": [*chunks, "data: [DONE]\n\n"]}])


def test_a_slow_reader_stops_the_server(server: Server, options: Options) -> None:
    flood(server)
    with oaic.Client(**options(stream_buffer_events=2)) as client, client.chat_stream(HELLO) as stream:
        next(stream)
        assert server.ask("/_stats?in_flight=0&timeout_ms=300")["in_flight"] == 1
        assert sum(1 for _ in stream) == 399


def test_a_refused_stream_raises_its_error(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"status": 404}])
    with pytest.raises(oaic.NotFoundError), client.chat_stream(HELLO) as stream:
        next(stream)


def test_closing_the_client_ends_its_streams(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [SLOW])
    stream = client.chat_stream(HELLO)
    next(stream)
    client.close()
    with pytest.raises(oaic.RequestCancelledError):
        stream.final()


def test_many_streams_at_once_in_asyncio(options: Options) -> None:
    async def read(client: oaic.AsyncClient, number: int) -> str:
        body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": f"number {number}"}]}
        async with client.chat_stream(body) as stream:
            text = "".join([event.text async for event in stream])
            assert (await stream.final()).json()["choices"][0]["message"]["content"] == text
        return text

    async def main() -> None:
        async with oaic.AsyncClient(**options(max_concurrent_requests=20, queue_size=200)) as client:
            texts = await asyncio.gather(*(read(client, i) for i in range(100)))
        assert texts == [f"You said: number {i}" for i in range(100)]

    asyncio.run(main())


def test_a_slow_reader_stops_the_server_in_asyncio(server: Server, options: Options) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options(stream_buffer_events=2)) as client:
            async with client.chat_stream(HELLO) as stream:
                await stream.__anext__()
                told = await asyncio.to_thread(server.ask, "/_stats?in_flight=0&timeout_ms=300")
                assert told["in_flight"] == 1
                assert len([event async for event in stream]) == 399

    flood(server)
    asyncio.run(main())


def test_leaving_and_cancelling_close_the_connection_in_asyncio(server: Server, options: Options) -> None:
    async def first(client: oaic.AsyncClient, seen: asyncio.Event) -> None:
        async with client.chat_stream(HELLO) as stream:
            async for _ in stream:
                seen.set()

    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            async with client.chat_stream(HELLO) as stream:
                await stream.__anext__()
            with pytest.raises(oaic.RequestCancelledError):
                await stream.final()
            seen = asyncio.Event()
            task = asyncio.create_task(first(client, seen))
            await seen.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await asyncio.to_thread(server.ask, "/_stats?in_flight=0"))["client_gone"] == 2

    server.ask("/_script", [SLOW])
    asyncio.run(main())


@pytest.mark.parametrize("data", ['{"a": [1, "ü"]}', ' {"a": 1}', '{"a": 1}\n', "2.5", '"x"'])
def test_an_event_is_parsed_as_json_says(data: str) -> None:
    assert oaic.Event(data.encode()).json() == json.loads(data)


@pytest.mark.parametrize("data", ["", "{", "{} {}", "[1,]", "nul"])
def test_an_event_that_is_no_json_says_where(data: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        oaic.Event(data.encode()).json()
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(data)
    assert str(caught.value) == str(expected.value)
