"""Starts the test server for the tests and the behaviour runner, and asks it at its control paths."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from typing import Any


class Server:
    """A test server of its own, which ends with its stdin."""

    def __init__(self) -> None:
        program = os.environ["OAI_TEST_SERVER_BIN"]
        self.process = subprocess.Popen(
            [program, "--port", "0", "--exit-on-stdin-close"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().rstrip("/")

    def ask(self, path: str, body: Any = None, post: bool = False) -> Any:
        """The JSON of a control path: POST if there is a body."""
        data = json.dumps(body).encode() if body is not None else b"" if post else None
        made = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(made, timeout=15) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def close(self) -> None:
        """Ends it."""
        self.process.communicate()
