"""The official package's side of `make bench-bindings`; bench_oaic.py is its twin.

    bench_openai.py KIND COUNT
"""

import asyncio

import work
from openai import AsyncOpenAI


async def main():
    client = AsyncOpenAI(max_retries=0)

    async def embed(texts):
        answer = await client.embeddings.create(model=work.MODEL, input=texts)
        assert (len(answer.data), len(answer.data[0].embedding)) == (len(texts), 1536)

    async def chunks_of_a_stream():
        chunks = 0
        async for event in await client.chat.completions.create(**work.CHAT, stream=True):
            if event.choices and event.choices[0].delta.content is not None:
                chunks += 1
        return chunks

    await work.do(embed, chunks_of_a_stream, lambda: client.embeddings.create(model=work.MODEL, input=[work.TEXT]))


asyncio.run(main())
