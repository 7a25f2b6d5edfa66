"""The Python package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what the kinds
are; bench_openai.py is its twin with the official package.

    bench_oaic.py KIND COUNT
"""

import asyncio

import oaic
import work


async def main():
    client = oaic.AsyncClient(max_concurrent_requests=64, queue_size=1_000_000, learn_limits=False)

    async def embed(texts):
        vectors = await client.embed(work.MODEL, texts)
        assert vectors.shape == (len(texts), 1536)

    async def chunks_of_a_stream():
        chunks = 0
        async with client.chat_stream(work.CHAT) as events:
            async for event in events:
                if event.json()["choices"][0]["delta"].get("content") is not None:
                    chunks += 1
        return chunks

    await work.do(embed, chunks_of_a_stream, lambda: client.embed(work.MODEL, [work.TEXT]))


asyncio.run(main())
