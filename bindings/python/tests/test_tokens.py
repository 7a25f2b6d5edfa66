"""Tests bearer tokens that rotate, by both clients."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Options
from server import Server

import oaic

HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


class Numbered:
    """Provides token-1, token-2, ..."""

    def __init__(self, expires_in: float | None = None) -> None:
        self.asked = 0
        self.expires_in = expires_in
        self.threads: set[int] = set()

    def __call__(self) -> oaic.Token:
        self.asked += 1
        self.threads.add(threading.get_ident())
        return oaic.Token(f"token-{self.asked}", self.expires_in)


def authorizations(server: Server) -> list[str]:
    """With what the requests came."""
    found = [one["headers"]["authorization"] for one in server.ask("/_log")]
    return [one if isinstance(one, str) else one[0] for one in found]


def test_many_calls_and_streams_wait_for_one_token(server: Server, options: Options) -> None:
    provider = Numbered(3600)
    with oaic.Client(token_provider=provider, **options()) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.models(), range(20)))
        client.chat_stream(HELLO).final()
        client.embed("m", "text")
    assert provider.asked == 1 and threading.get_ident() not in provider.threads
    assert set(authorizations(server)) == {"Bearer token-1"}

    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return "plain"

    with oaic.Client(token_provider=asynchronous, **options()) as client:
        client.chat_stream(HELLO).final()
    assert authorizations(server)[-1] == "Bearer plain"


def test_a_401_and_the_end_of_a_token_bring_a_new_one(server: Server, options: Options) -> None:
    server.ask("/_script", [{"status": 401}])
    with oaic.Client(token_provider=Numbered(), **options()) as client:
        client.models()
    assert authorizations(server) == ["Bearer token-1", "Bearer token-2"]
    short = Numbered(0.05)
    with oaic.Client(token_provider=short, **options()) as client:
        while short.asked < 3:
            client.models()


def sealed() -> str:
    """Has no token."""
    raise RuntimeError("the vault is sealed")


WRONG = [
    (sealed, "the vault is sealed"),
    (lambda: oaic.Token("t", -1), "had ended already"),
    (lambda: None, "gave no token"),
    (lambda: "two\nlines", "token"),
]


def test_why_there_is_no_token_is_told(server: Server, client: oaic.Client) -> None:
    for provider, message in WRONG:
        client.configure(token_provider=provider)
        with pytest.raises(oaic.ConfigError, match=message) as caught:
            client.models()
        assert caught.value.status == "OAI_ERR_NO_API_KEY" and "lines" not in str(caught.value)
    assert server.ask("/_log") == []


def test_a_provider_is_an_option_that_changes(server: Server, options: Options) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        asked.set()
        go_on.wait()
        return "late"

    with oaic.Client(token_provider=slow, **options(api_key="sk-fixed")) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.models)
        asked.wait()
        client.configure(max_retries=1, token_provider=Numbered())
        assert waiting.result().http_status == 200
        go_on.set()
        client.configure(token_provider=None)
        client.models()
    assert authorizations(server) == ["Bearer token-1", "Bearer sk-fixed"]


def test_event_loops_ask_an_async_provider(server: Server, options: Options) -> None:
    asked = 0

    async def provider() -> oaic.Token:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return oaic.Token(f"token-{asked}", 3600)

    client = oaic.AsyncClient(token_provider=provider, **options())

    async def use() -> None:
        await asyncio.gather(client.chat_stream(HELLO).final(), *(client.models() for _ in range(20)))

    asyncio.run(use())
    server.ask("/_script", [{"status": 401}])
    # Another loop asks when the one before is gone.
    asyncio.run(use())
    assert asked == 2
    assert set(authorizations(server)) == {"Bearer token-1", "Bearer token-2"}

    async def end() -> None:
        client.configure(token_provider=lambda: "plain")
        await client.models()
        await client.close()

    asyncio.run(end())
    assert authorizations(server)[-1] == "Bearer plain"


def test_event_loops_tell_why_there_is_no_token(options: Options) -> None:
    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            for provider, message in WRONG:
                client.configure(token_provider=provider)
                with pytest.raises(oaic.ConfigError, match=message):
                    await client.models()

    asyncio.run(main())


def test_a_new_provider_takes_over_from_one_that_does_not_answer(server: Server, options: Options) -> None:
    async def main() -> None:
        asked, ended = asyncio.Event(), asyncio.Event()

        async def never() -> str:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

        async with oaic.AsyncClient(token_provider=never, **options()) as client:
            waiting = asyncio.create_task(client.models())
            await asked.wait()
            client.configure(token_provider=Numbered())
            assert (await waiting).http_status == 200
            await ended.wait()

    asyncio.run(main())
    assert authorizations(server) == ["Bearer token-1"]


def leave() -> str:
    """Ends the program, or the thread that calls it."""
    raise SystemExit("no vault")


async def cancelled() -> str:
    """Ends as a task that was cancelled."""
    raise asyncio.CancelledError


def test_what_no_exception_is_refuses_the_token_too(client: oaic.Client) -> None:
    for provider, message in ((leave, "no vault"), (cancelled, "CancelledError")):
        client.configure(token_provider=provider)
        for _ in range(2):
            with pytest.raises(oaic.ConfigError, match=message):
                client.models(timeout=10)
    client.configure(token_provider=lambda: "good")
    client.models(timeout=10)


def test_an_exit_ends_an_event_loop_and_not_the_tokens_of_others(options: Options) -> None:
    given: list[str] = []

    async def provider() -> str:
        if not given:
            given.append("good")
            leave()
        return given[0]

    client = oaic.AsyncClient(token_provider=provider, **options())

    async def use() -> int:
        return (await client.models(timeout=10)).http_status

    with pytest.raises(SystemExit):
        asyncio.run(use())
    assert asyncio.run(use()) == 200

    async def end() -> None:
        client.configure(token_provider=cancelled)
        with pytest.raises(oaic.ConfigError, match="was cancelled"):
            await client.models(timeout=10)
        await client.close()

    asyncio.run(end())


def test_a_provider_that_was_replaced_ends_in_silence(options: Options) -> None:
    asked, go_on = threading.Event(), threading.Event()
    spilt: list[Any] = []

    def slow() -> str:
        asked.set()
        go_on.wait()
        return sealed()

    before, threading.excepthook = threading.excepthook, spilt.append
    try:
        with oaic.Client(token_provider=slow, **options()) as client, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.models)
            asked.wait()
            [thread] = [one for one in threading.enumerate() if one.name == "oaic-tokens"]
            client.configure(token_provider=Numbered())
            waiting.result()
            go_on.set()
            thread.join(10)
    finally:
        threading.excepthook = before
    assert spilt == [] and not thread.is_alive()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: spilt.append(context))
        asked = asyncio.Event()

        async def never() -> str:
            asked.set()
            await asyncio.Event().wait()
            return ""

        async with oaic.AsyncClient(token_provider=never, **options()) as client:
            waiting = asyncio.create_task(client.models())
            await asked.wait()
            client.configure(token_provider=Numbered())
            await waiting
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert spilt == []


def test_a_dropped_client_ends_its_thread(options: Options) -> None:
    def threads() -> int:
        return sum(thread.name == "oaic-tokens" for thread in threading.enumerate())

    before = threads()
    client = oaic.Client(token_provider=Numbered(), **options())
    client.models()
    assert threads() == before + 1
    gone = weakref.ref(client)
    [thread] = [thread for thread in threading.enumerate() if thread.name == "oaic-tokens"][before:]
    del client
    gc.collect()
    assert gone() is None
    thread.join(10)
    assert not thread.is_alive()


def test_a_client_with_a_provider_may_be_made_before_a_fork(server: Server, environment: dict[str, str]) -> None:
    program = (
        "import os, oaic; client = oaic.Client(token_provider=lambda: 't'); child = os.fork()\n"
        "client.models()\n"
        "if child: os.waitpid(child, 0)\n"
        "print('good')"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30)
    assert done.stdout == "good\ngood\n", done.stderr
