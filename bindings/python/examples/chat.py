"""Asks and prints the answer as it comes. Usage: chat.py QUESTION"""

import asyncio
import sys

import oaic


async def main(question: str) -> None:
    """Streams an answer to stdout."""
    async with oaic.AsyncClient() as client:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
        async with client.chat_stream(body) as stream:
            async for event in stream:
                print(event.text, end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
