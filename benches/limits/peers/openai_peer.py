"""The same as limits.c with openai (PyPI): a semaphore of 64 and max_retries 10.

    openai_peer.py BASE_URL short|mixed MODEL=COUNT...

run.py starts it. It only makes embeddings calls to BASE_URL.
"""

import asyncio
import sys

from openai import AsyncOpenAI


def tokens(i):
    return 10 + i * 7919 % 3991


async def main(base_url, texts, *groups):
    client = AsyncOpenAI(base_url=base_url, api_key="sk-bench", max_retries=10)
    semaphore = asyncio.Semaphore(64)
    left, failed, count = {}, {}, {}

    async def call(model, i):
        async with semaphore:
            text = "a" * (4 * tokens(i) if texts == "mixed" else 16)
            try:
                await client.embeddings.create(model=model, input=text, dimensions=8)
            except Exception:
                failed[model] += 1
        left[model] -= 1
        if left[model] == 0:
            print(f"done {model} {count[model]} {failed[model]}", flush=True)

    work = []
    for group in groups:
        model, n = group.split("=")
        left[model] = count[model] = int(n)
        failed[model] = 0
        work += [(model, i) for i in range(int(n))]
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(call(model, i) for model, i in work))
    print("end", flush=True)


asyncio.run(main(*sys.argv[1:]))
