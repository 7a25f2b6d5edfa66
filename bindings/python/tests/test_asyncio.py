"""Tests `AsyncClient`: its calls, cancellation, and event loops that come and go."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from conftest import Options
from server import Server

import oaic

HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
MODEL = "text-embedding-3-small"
HANG = {"drop": "hang", "times": None}


async def ask(server: Server, path: str) -> int:
    """How many requests the server handles, as soon as the path says."""
    told = await asyncio.to_thread(server.ask, path)
    return int(told["in_flight"])


def test_many_calls_at_once_each_get_their_own_outcome(options: Options) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options(max_concurrent_requests=32, queue_size=1000)) as client:
            texts = [f"text {i}" for i in range(300)]
            alone = await asyncio.gather(*(client.embed(MODEL, text, dimensions=4) for text in texts))
            together = await client.embed(MODEL, texts, dimensions=4)
            assert [one.tolist()[0] for one in alone] == together.tolist()

    asyncio.run(main())


def test_short_forms_reach_their_paths(server: Server, options: Options) -> None:
    async def main() -> list[str]:
        sound = ("a.mp3", b"sound")
        async with oaic.AsyncClient(**options()) as client:
            calls = [
                (client.chat({}), "POST /v1/chat/completions"), (client.responses({}), "POST /v1/responses"),
                (client.completions({}), "POST /v1/completions"), (client.moderate("a", "m"), "POST /v1/moderations"),
                (client.models(), "GET /v1/models"), (client.image({}), "POST /v1/images/generations"),
                (client.image_edit(("a.png", b"x"), {"prompt": "p"}), "POST /v1/images/edits"),
                (client.speech({}), "POST /v1/audio/speech"),
                (client.transcribe(sound, {"model": "m"}), "POST /v1/audio/transcriptions"),
                (client.translate(sound, {"model": "m"}), "POST /v1/audio/translations"),
                (client.upload(sound, {"purpose": "batch"}), "POST /v1/files"),
                (client.download("f"), "GET /v1/files/f/content"),
            ]  # fmt: skip
            for call, _ in calls:
                assert (await call).json() == {"object": "any"}
        return [where for _, where in calls]

    server.ask("/_script", [{"match": {"path": "/v1/*"}, "times": None, "status": 200, "body": {"object": "any"}}])
    wanted = asyncio.run(main())
    assert [f"{one['method']} {one['path']}" for one in server.ask("/_log")] == wanted


def test_cancelling_a_task_cancels_its_request(server: Server, options: Options) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            task = asyncio.create_task(client.chat(HELLO))
            assert await ask(server, "/_stats?in_flight=1") == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert isinstance(caught.value.__cause__, oaic.RequestCancelledError)
            assert caught.value.__cause__.attempts == 1
            assert await ask(server, "/_stats?in_flight=0") == 0
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.chat(HELLO), 0.05)
            assert await ask(server, "/_stats?in_flight=0") == 0
            with pytest.raises(oaic.DeadlineError):
                await client.chat(HELLO, timeout=0.05)

    server.ask("/_script", [HANG])
    asyncio.run(main())


def test_a_client_serves_one_loop_after_the_other(options: Options) -> None:
    client = oaic.AsyncClient(**options())
    for _ in range(3):
        assert asyncio.run(client.chat(HELLO)).http_status == 200
    asyncio.run(client.close())
    with pytest.raises(oaic.ClosedError):
        asyncio.run(client.chat(HELLO))


def test_a_client_serves_the_loops_of_several_threads(options: Options) -> None:
    client = oaic.AsyncClient(**options(queue_size=1000))
    found: list[list[list[float]]] = []

    async def main() -> list[list[float]]:
        return [one.tolist()[0] for one in await asyncio.gather(*(client.embed(MODEL, f"text {i}") for i in range(20)))]

    threads = [threading.Thread(target=lambda: found.append(asyncio.run(main()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(one == found[0] for one in found)
    asyncio.run(client.close())


def test_closing_ends_what_is_left_and_gives_descriptors_back(server: Server, options: Options) -> None:
    async def main() -> None:
        client = oaic.AsyncClient(**options())
        task = asyncio.create_task(client.chat(HELLO))
        await ask(server, "/_stats?in_flight=1")
        await client.close()
        with pytest.raises(oaic.RequestCancelledError):
            await task
        server.ask("/_reset", post=True)
        before = len(os.listdir("/dev/fd"))
        for _ in range(30):
            async with oaic.AsyncClient(**options()) as other:
                await other.embed(MODEL, "text", dimensions=4)
        for _ in range(1000):
            if len(os.listdir("/dev/fd")) <= before + 5:
                break
            await asyncio.sleep(0.01)
        assert len(os.listdir("/dev/fd")) <= before + 5

    server.ask("/_script", [HANG])
    asyncio.run(main())


def test_draining_waits_for_what_is_under_way(server: Server, options: Options) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            task = asyncio.create_task(client.chat(HELLO))
            await ask(server, "/_stats?in_flight=1")
            with pytest.raises(oaic.DeadlineError):
                await client.drain(0.01)
            server.ask("/_release", {"hold": "gate"})
            await client.drain(10)
            assert (await task).http_status == 200

    server.ask("/_script", [{"hold": "gate", "pass": True}])
    asyncio.run(main())


def test_pages_files_and_what_a_client_tells(server: Server, options: Options, tmp_path: Path) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            pages = client.pages(oaic.Request("GET", "/files"))
            assert [page.json()["data"][0]["id"] async for page in pages] == ["a", "b"]
            assert (await client.download("zeros-1000", tmp_path / "zeros")).body == b""
            assert (tmp_path / "zeros").read_bytes() == bytes(1000)
            client.configure(max_concurrent_requests=9)
            assert "9" in str(client.config()["max_concurrent_requests"])
            assert client.stats()["requests"]["accepted"] == 3 and "oai_" in client.prometheus()

    first = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    bodies = [first, {"data": [{"id": "b"}], "has_more": False}]
    server.ask("/_script", [{"match": {"path": "/v1/files"}, "status": 200, "body": body} for body in bodies])
    asyncio.run(main())
