"""The official package's side of `make bench-bindings`; bench_oaic.py is its twin.

    bench_openai.py KIND COUNT
"""

import asyncio
import json
import os
import sys

from openai import AsyncOpenAI

MODEL = "text-embedding-3-small"


async def at_once(workers, count, work):
    left = iter(range(count))

    async def worker():
        for _ in left:
            await work()

    await asyncio.gather(*(worker() for _ in range(workers)))


async def main(kind, count):
    client = AsyncOpenAI(max_retries=0)

    async def embed(texts):
        answer = await client.embeddings.create(model=MODEL, input=texts)
        assert (len(answer.data), len(answer.data[0].embedding)) == (len(texts), 1536)

    if kind == "embed":
        await at_once(64, count, lambda: embed(["a text to embed"]))
    elif kind == "bulk":
        texts = ["a text to embed"] * 256
        await at_once(4, count // 256, lambda: embed(texts))
    elif kind == "stream":
        chunks = 0

        async def stream():
            nonlocal chunks
            events = await client.chat.completions.create(**json.loads(os.environ["BENCH_CHAT"]), stream=True)
            async for event in events:
                if event.choices and event.choices[0].delta.content is not None:
                    chunks += 1

        await at_once(8, count // 1000, stream)
        assert chunks >= count
    elif kind == "pending":
        embed_one = client.embeddings.create
        tasks = [asyncio.ensure_future(embed_one(model=MODEL, input=["a text to embed"])) for _ in range(count)]
        await asyncio.sleep(5)
        print("pending", flush=True)
        sys.stdin.read()
        os._exit(len(tasks) == 0)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
