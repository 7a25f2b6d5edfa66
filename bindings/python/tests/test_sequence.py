"""Tests the calls that are several requests: waits, batches, and uploads in parts, by both clients."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Options
from server import Server

import oaic

JOB = "/fine_tuning/jobs/job-1"
SOON: Any = {"interval": 0.001, "max_interval": 0.001}


def tells(server: Server, *statuses: str) -> None:
    """Lets the server tell these statuses of a job one after the other, the last for ever."""
    rules: list[dict[str, Any]] = [
        {"match": {"path": "/v1/fine_tuning/*"}, "status": 200, "body": {"status": status}} for status in statuses
    ]
    rules[-1]["times"] = None
    server.ask("/_script", rules)


def test_a_wait_ends_with_its_object(server: Server, client: oaic.Client) -> None:
    tells(server, "queued", "running", "failed")
    answer = client.wait_until(JOB, headers={"x-thing": "yes"}, query={"expand": "all"}, priority="low", **SOON)
    assert answer.json() == {"status": "failed"}
    log = server.ask("/_log")
    assert [one["path"] for one in log] == [f"/v1{JOB}?expand=all"] * 3
    assert log[2]["headers"]["x-thing"] in ("yes", ["yes"])


def test_a_wait_looks_where_it_is_told_and_in_its_time(server: Server, client: oaic.Client) -> None:
    server.ask("/_script", [{"match": {"path": "/v1/things"}, "status": 200, "body": {"state": one}} for one in "abc"])
    assert client.wait_until("/things", field="state", statuses=["b"], **SOON).json() == {"state": "b"}
    tells(server, "running")
    with pytest.raises(oaic.DeadlineError) as late:
        client.wait_until(JOB, timeout=1, **SOON)
    assert json.loads(late.value.body) == {"status": "running"}
    with pytest.raises(oaic.NotFoundError) as missing:
        client.wait_until("/none")
    assert "error" in json.loads(missing.value.body)


def test_a_batch_runs_from_its_input_to_its_results(server: Server, client: oaic.Client, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"custom_id": "1"}\n')
    batch = client.run_batch({"endpoint": "/v1/embeddings", "metadata": {"for": "tests"}}, source, target, **SOON).json()
    assert batch["status"] == "completed" and target.read_text() == batch["output_file_id"]
    created = server.ask("/_log")[1]
    assert created["path"] == "/v1/batches" and created["body"]["metadata"] == {"for": "tests"}
    for body, kind in (("[]", ValueError), ("{", ValueError), ("{}", oaic.InvalidArgumentError)):
        with pytest.raises(kind):
            client.run_batch(body)


def test_a_misspelt_option_is_refused(server: Server, options: Options, client: oaic.Client) -> None:
    wrong: Any = {"timout": 1}
    with pytest.raises(TypeError, match=r"wait_until\(\).*'timout'"):
        client.wait_until(JOB, **SOON, **wrong)
    with pytest.raises(TypeError, match=r"run_batch\(\).*'timout'"):
        client.run_batch({"batch_id": "batch-test"}, **SOON, **wrong)

    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            with pytest.raises(TypeError, match=r"wait_until\(\).*'timout'"):
                await client.wait_until(JOB, **SOON, **wrong)
            with pytest.raises(TypeError, match=r"run_batch\(\).*'timout'"):
                await client.run_batch({"batch_id": "batch-test"}, **SOON, **wrong)

    asyncio.run(main())
    assert server.ask("/_log") == []


def told_of_a_batch(told: list[oaic.Progress | oaic.BatchProgress]) -> None:
    """Looks whether this is what a batch that `slow` let run tells."""
    # Of a body that goes up or down its last alone.
    upload, *others = {one if one.way == "batch" else one.way: one for one in told}.values()
    assert isinstance(upload, oaic.Progress) and upload.way == "upload" and upload.bytes == upload.total
    assert upload.bytes > 3 and upload.file is None
    assert others == [
        oaic.BatchProgress("batch", "batch-test", "validating", None, None, None),
        oaic.BatchProgress("batch", "batch-test", "in_progress", 40, 1, 100),
        oaic.BatchProgress("batch", "batch-test", "completed", 1, 0, 1),
        oaic.Progress("download", 11, 11, "output"),
    ]


def slow(server: Server) -> None:
    """Lets the server's batch be seen in three statuses."""
    counts = {"completed": 40, "failed": 1, "total": 100}
    running = {"id": "batch-test", "status": "in_progress", "request_counts": counts}
    rules: list[dict[str, Any]] = [
        {"match": {"path": "/v1/batches"}, "body": {"id": "batch-test", "status": "validating"}},
        {"match": {"path": "/v1/batches/*"}, "body": running},
    ]
    server.ask("/_script", [{"status": 200, **rule} for rule in rules])


def test_a_batch_tells_how_far_it_is(server: Server, options: Options, client: oaic.Client, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("{}\n")
    told: list[oaic.Progress | oaic.BatchProgress] = []
    slow(server)
    client.run_batch({"endpoint": "/v1/embeddings"}, source, target, on_progress=told.append, **SOON)
    told_of_a_batch(told)

    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            await client.run_batch({"endpoint": "/v1/embeddings"}, source, target, on_progress=told.append, **SOON)

    told.clear()
    slow(server)
    asyncio.run(main())
    told_of_a_batch(told)


def test_an_interrupted_batch_goes_on(server: Server, options: Options, tmp_path: Path) -> None:
    rule = {"match": {"path": "/v1/batches/*"}, "times": None, "status": 200, "body": {"status": "in_progress"}}
    server.ask("/_script", [rule])
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n")
    client = oaic.Client(**options())

    def close() -> None:
        server.ask("/_stats?arrived=4")
        client.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(oaic.RequestCancelledError) as caught:
        client.run_batch({"endpoint": "/v1/embeddings"}, source, **SOON)
    closer.join()
    assert json.loads(caught.value.body) == {"batch_id": "batch-test"}
    server.ask("/_reset", post=True)
    with oaic.Client(**options()) as again:
        assert again.run_batch(caught.value.body, **SOON).json()["status"] == "completed"
    assert server.ask("/_log")[0]["path"] == "/v1/batches/batch-test"


def test_what_progress_raises_ends_the_upload_and_says_how_it_goes_on(client: oaic.Client, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text("x" * 100_000)

    def told(progress: oaic.Progress) -> None:
        raise KeyError(progress.way)

    with pytest.raises(KeyError) as caught:
        client.upload_in_parts(path, {"purpose": "batch", "part_bytes": 300}, told)
    assert isinstance(caught.value.__cause__, oaic.RequestCancelledError)
    assert json.loads(caught.value.__cause__.body)["upload_id"] == "upload-test"


def test_a_file_goes_up_in_parts_and_an_interrupted_one_goes_on(server: Server, options: Options, tmp_path: Path) -> None:
    path, body = tmp_path / "large.jsonl", {"purpose": "batch", "part_bytes": 300}
    path.write_text("x" * 1000)
    told: list[oaic.Progress] = []
    with oaic.Client(**options(max_retries=0)) as client:
        assert client.upload_in_parts(path, body, told.append).json()["status"] == "completed"
        assert told[-1] == oaic.Progress("upload", 1000, 1000)
        assert server.ask("/_stats")["arrived"] == 6
        server.ask("/_reset", post=True)
        server.ask("/_script", [{"match": {"path": "/v1/uploads/upload-test/complete"}, "status": 500}])
        with pytest.raises(oaic.InternalServerError) as caught:
            client.upload_in_parts(path, body)
        assert len(json.loads(caught.value.body)["part_ids"]) == 4
        client.upload_in_parts(path, caught.value.body)
        assert server.ask("/_stats")["arrived"] == 7
        with pytest.raises(oaic.FileError):
            client.upload_in_parts(tmp_path / "none", body)


def test_the_same_without_waiting(server: Server, options: Options, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("x" * 1000)
    told: list[oaic.Progress] = []

    async def main() -> None:
        async with oaic.AsyncClient(**options()) as client:
            tells(server, "queued", "succeeded")
            assert (await client.wait_until(JOB, **SOON)).json() == {"status": "succeeded"}
            batch = await client.run_batch({"endpoint": "/v1/embeddings"}, source, target, **SOON)
            assert target.read_text() == batch.json()["output_file_id"]
            await client.upload_in_parts(source, {"purpose": "batch", "part_bytes": 300}, told.append)
            assert told.pop() == oaic.Progress("upload", 1000, 1000)
            await client.upload(source, {"purpose": "batch"}, on_progress=told.append)
            assert told[-1].way == "upload"

            server.ask("/_reset", post=True)
            tells(server, "running")
            waiting = asyncio.create_task(client.wait_until(JOB, **SOON))
            await asyncio.to_thread(server.ask, "/_stats?arrived=3")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await waiting
            assert isinstance(caught.value.__cause__, oaic.RequestCancelledError)

    asyncio.run(main())


def test_items_come_one_by_one_without_waiting(server: Server, options: Options) -> None:
    pages = [{"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}, {"data": [{"id": "c"}], "has_more": False}]
    server.ask("/_script", [{"match": {"path": "/v1/files"}, "status": 200, "body": page} for page in pages])

    async def main() -> list[str]:
        async with oaic.AsyncClient(**options()) as client:
            return [item["id"] async for item in client.items(oaic.Request("GET", "/files"))]

    assert asyncio.run(main()) == ["a", "b", "c"]
