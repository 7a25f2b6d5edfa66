"""The Python package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what the kinds
are; bench_openai.py is its twin with the official package.

    bench_oaic.py KIND COUNT
"""

import asyncio
import json
import os
import sys

import oaic

MODEL = "text-embedding-3-small"


async def at_once(workers, count, work):
    left = iter(range(count))

    async def worker():
        for _ in left:
            await work()

    await asyncio.gather(*(worker() for _ in range(workers)))


async def main(kind, count):
    client = oaic.AsyncClient(max_concurrent_requests=64, queue_size=1_000_000, learn_limits=False)

    async def embed(texts):
        vectors = await client.embed(MODEL, texts)
        assert vectors.shape == (len(texts), 1536)

    if kind == "embed":
        await at_once(64, count, lambda: embed(["a text to embed"]))
    elif kind == "bulk":
        texts = ["a text to embed"] * 256
        await at_once(4, count // 256, lambda: embed(texts))
    elif kind == "stream":
        chunks = 0

        async def stream():
            nonlocal chunks
            async with client.chat_stream(json.loads(os.environ["BENCH_CHAT"])) as events:
                async for event in events:
                    if event.json()["choices"][0]["delta"].get("content") is not None:
                        chunks += 1

        await at_once(8, count // 1000, stream)
        assert chunks >= count
    elif kind == "pending":
        tasks = [asyncio.ensure_future(client.embed(MODEL, ["a text to embed"])) for _ in range(count)]
        await asyncio.sleep(0.5)
        print("pending", flush=True)
        sys.stdin.read()
        os._exit(len(tasks) == 0)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
