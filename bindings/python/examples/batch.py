"""Runs a batch from its input file to its results. Interrupted, it says how to go on.

Usage: batch.py ENDPOINT INPUT OUTPUT, or batch.py ENDPOINT "" OUTPUT '{"batch_id":"batch_1"}'
"""

import asyncio
import json
import sys

import oaic


async def main(endpoint: str, source: str, target: str, resume: str = "{}") -> None:
    """Waits for the batch, and prints what became of it."""
    async with oaic.AsyncClient() as client:
        try:
            batch = await client.run_batch({"endpoint": endpoint, **json.loads(resume)}, source or None, target)
        except asyncio.CancelledError as cancelled:  # by Ctrl-C
            if isinstance(cancelled.__cause__, oaic.OaicError):
                print("interrupted; go on with", cancelled.__cause__.body.decode(), file=sys.stderr)
            raise
        print(batch.json()["status"], batch.json()["request_counts"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
