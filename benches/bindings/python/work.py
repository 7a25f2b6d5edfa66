"""What both sides of the Python benchmark share: the kinds of work, spread over tasks; a side brings how it embeds,
streams and starts."""

import asyncio
import json
import os
import sys

MODEL = "text-embedding-3-small"
TEXT = "a text to embed"
CHAT = json.loads(os.environ["BENCH_CHAT"])


async def at_once(workers, count, work):
    left = iter(range(count))

    async def worker():
        for _ in left:
            await work()

    await asyncio.gather(*(worker() for _ in range(workers)))


async def do(embed, chunks_of_a_stream, start):
    """`embed(texts)` checks its vectors, `chunks_of_a_stream()` counts, `start()` gives an awaitable of an embedding."""
    kind, count = sys.argv[1], int(sys.argv[2])
    if kind == "embed":
        await at_once(64, count, lambda: embed([TEXT]))
    elif kind == "bulk":
        await at_once(4, count // 256, lambda: embed([TEXT] * 256))
    elif kind == "stream":
        chunks = 0

        async def stream():
            nonlocal chunks
            # Not in one line, which would read the sum before it waits.
            more = await chunks_of_a_stream()
            chunks += more

        await at_once(8, count // 1000, stream)
        assert chunks >= count
    elif kind == "pending":
        tasks = [asyncio.ensure_future(start()) for _ in range(count)]
        # So long the slower side takes to start them all.
        await asyncio.sleep(5)
        print("pending", flush=True)
        sys.stdin.read()
        os._exit(len(tasks) == 0)
