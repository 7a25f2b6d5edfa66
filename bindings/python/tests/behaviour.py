"""Replays the behaviour suite through AsyncClient: `python behaviour.py FILES...`. tests/behaviour/README.md says how.

behaviour_calls.py makes the calls, behaviour_pattern.py compares.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import urllib.error
from pathlib import Path
from typing import Any

import oaic
from behaviour_calls import Started, call, of_error
from behaviour_pattern import differs
from server import Server

_CASE = {"name", "why", "server", "client", "environment", "files", "log", "created", "steps"}
_STEPS: dict[str, set[str]] = {
    "call": {"call", "expect"}, "start": {"as", "call"}, "finish": {"as", "expect"}, "cancel": {"as"},
    "chunks": {"as", "count"}, "server": {"path", "json", "expect"}, "gaps": {"at_least_ms"},
    "configure": {"json", "expect"}, "config": {"expect"}, "stats": {"expect"}, "prometheus": {"contains"},
    "log": {"expect", "never"},
    "webhook": {"secret", "body", "id", "timestamp", "signature", "now_ms", "expect"},
    "close": {"timeout_ms", "expect"}, "free": set(),
}  # fmt: skip


class Run:
    """A case under way."""

    def __init__(self, server: Server, key: str, folder: Path) -> None:
        self.server, self.key, self.folder = server, key, folder
        self.client: oaic.AsyncClient | None = None
        self.started: dict[str, Started] = {}
        self.lines: list[tuple[str, str]] = []

    async def case(self, case: dict[str, Any]) -> str | None:
        """Runs it; what failed."""
        if unknown := set(case) - _CASE:
            return f"keys that are not known: {unknown}"
        script = case.get("server", {})
        if unknown := set(script) - {"script", "limits"}:
            return f"keys of the server that are not known: {unknown}"
        self.server.ask("/_reset", post=True)
        for name in script:
            self.server.ask("/_" + name, script[name])
        if "log" in case:
            oaic.set_log(case["log"], lambda level, line: self.lines.append((level, line)))
        try:
            if failure := differs(_with_status(case.get("created")), self.create(case), "created"):
                return failure
            for number, step in enumerate(case["steps"]):
                try:
                    failure = await asyncio.wait_for(self.step(step), 20)
                except asyncio.TimeoutError:
                    failure = "took longer than 20 seconds"
                except Exception as error:
                    failure = repr(error)
                if failure:
                    return f"step {number} ({step['do']}): {failure}"
            return None
        finally:
            if self.client is not None:
                await self.client.close()
            await asyncio.gather(*(one.task for one in self.started.values() if one.task), return_exceptions=True)
            if "log" in case:
                oaic.set_log("warn")

    def create(self, case: dict[str, Any]) -> dict[str, Any]:
        """Makes the client in the case's folder and environment."""
        options = {"base_url": self.server.url + "/v1", "api_key": self.key, "dotenv": False, **case.get("client", {})}
        options = {
            name: value for name, value in options.items() if value is not None or name not in case.get("client", {})
        }
        for name, content in case.get("files", {}).items():
            (self.folder / name).write_text(content)
        back, before = os.getcwd(), dict(os.environ)
        os.chdir(self.folder)
        os.environ.update(case.get("environment", {}))
        try:
            self.client = oaic.AsyncClient(**options)
            return of_error(None)
        except oaic.OaicError as error:
            return of_error(error)
        finally:
            os.chdir(back)
            for name in case.get("environment", {}):
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]

    async def step(self, step: dict[str, Any]) -> str | None:
        """Does a step; what failed."""
        do, keys = step["do"], set(step) - {"do"}
        if do not in _STEPS:
            return "there is no such step"
        if unknown := keys - _STEPS[do]:
            return f"keys that are not known: {unknown}"
        if do == "server":
            return await self.ask(step)
        if do == "log":
            return await self.log(step.get("expect", []), step.get("never", []))
        if do == "gaps":
            return self.gaps(step["at_least_ms"])
        if do == "finish":
            task = self.started[step["as"]].task
            assert task is not None
            return _expect(step, await task)
        client = self.client
        assert client is not None
        if do == "call":
            return _expect(step, await call(client, step["call"], self.folder, Started()))
        if do == "start":
            made = self.started[step["as"]] = Started()
            made.task = asyncio.ensure_future(call(client, step["call"], self.folder, made))
            await asyncio.sleep(0)  # the task runs up to its first wait, behind the submit
        elif do == "cancel":
            task = self.started[step["as"]].task
            assert task is not None
            task.cancel()
        elif do == "chunks":
            one = self.started[step["as"]]
            while one.chunks < step["count"] and one.task is not None and not one.task.done():
                await asyncio.sleep(0.001)
        elif do == "configure":
            return _expect(step, _outcome(lambda: client.configure(**step["json"])))
        elif do == "config":
            return differs(step["expect"], client.config(), "config")
        elif do == "stats":
            return differs(step["expect"], client.stats(), "stats")
        elif do == "prometheus":
            return differs({"$contains": step["contains"]}, client.prometheus(), "prometheus")
        elif do == "webhook":
            return _expect(step, _outcome(lambda: _webhook(client, step)))
        elif do == "close":
            try:
                await client.drain(step.get("timeout_ms", 0) / 1000)
                return _expect(step, of_error(None))
            except oaic.OaicError as error:
                return _expect(step, of_error(error))
        elif do == "free":
            await client.close()
        return None

    async def ask(self, step: dict[str, Any]) -> str | None:
        """Asks the server at a control path."""
        try:
            answer = await asyncio.to_thread(self.server.ask, step["path"], step.get("json"))
        except urllib.error.HTTPError as error:
            return f"{step['path']}: HTTP {error.code}"
        return differs(step["expect"], answer, "answer") if "expect" in step else None

    def gaps(self, at_least: list[float]) -> str | None:
        """Compares the times between the requests."""
        log = self.server.ask("/_log")
        if len(log) != len(at_least) + 1:
            return f"{len(log)} requests arrived, not {len(at_least) + 1}"
        for i, least in enumerate(at_least):
            if (gap := log[i + 1]["t_ms"] - log[i]["t_ms"]) < least:
                return f"gap {i} is {gap} ms, not {least}"
        return None

    async def log(self, expect: list[dict[str, str]], never: list[str]) -> str | None:
        """Waits for lines, then looks for those that must not be."""
        for one in expect:
            while not any(level == one["level"] and one["contains"] in line for level, line in self.lines):
                await asyncio.sleep(0.001)
        for text in never:
            if any(text in line for _, line in self.lines):
                return f"a line of the log holds {text!r}"
        return None


def _with_status(pattern: Any) -> Any:
    return {"status": "OAI_OK", **(pattern or {})}


def _expect(step: dict[str, Any], outcome: dict[str, Any]) -> str | None:
    return differs(_with_status(step.get("expect")), outcome, "outcome")


def _outcome(function: Any) -> dict[str, Any]:
    try:
        function()
    except oaic.OaicError as error:
        return of_error(error)
    return of_error(None)


def _webhook(client: oaic.AsyncClient, step: dict[str, Any]) -> None:
    headers = {f"webhook-{name}": step[name] for name in ("id", "timestamp", "signature") if step.get(name) is not None}
    body = step["body"].encode()
    if "secret" in step:
        oaic.verify_webhook(step["secret"], body, headers, now=step.get("now_ms", 0) / 1000)
    else:
        client.verify_webhook(body, headers)


def main(files: list[str]) -> int:
    """Runs all cases of the files."""
    server = Server()
    passed = count = 0
    for file in files:
        for case in json.loads(Path(file).read_text()):
            count += 1
            key = f"sk-test-python-{os.getpid()}-{count}"
            with tempfile.TemporaryDirectory() as folder:
                text = json.dumps(case).replace("${server}", server.url).replace("${key}", key)
                filled = json.loads(text.replace("${dir}", folder))
                try:
                    failure = asyncio.run(Run(server, key, Path(folder)).case(filled))
                except Exception as error:
                    failure = repr(error)
            if failure is None:
                passed += 1
            else:
                print(f"{Path(file).name}: {case['name']}: {failure}")
    server.close()
    print(f"behaviour python: {passed} of {count} cases passed")
    return 0 if passed == count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
