"""What the tests share: a test server for all of them, and clients that talk to it and to nothing else.

A test never sets the log or the environment for those after it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from server import Server

import oaic

_keys = itertools.count()

Options = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def one_server() -> Iterator[Server]:
    """The server."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server, with nothing left of the test before."""
    one_server.ask("/_reset", post=True)
    return one_server


@pytest.fixture
def options(server: Server) -> Options:
    """Makes the options of a client: the server, and a key of its own, so that no limits are shared."""

    def made(**more: Any) -> dict[str, Any]:
        key = f"sk-test-pytest-{os.getpid()}-{next(_keys)}"
        return {"base_url": server.url + "/v1", "api_key": key, "dotenv": False, **more}

    return made


@pytest.fixture
def client(options: Options) -> Iterator[oaic.Client]:
    """A client that waits."""
    with oaic.Client(**options()) as made:
        yield made


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    """The environment of a program that uses the package as the reader of its README would."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "OAI_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.path.join(root, "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENAI_BASE_URL": server.url + "/v1",
        "OPENAI_API_KEY": f"sk-test-pytest-{os.getpid()}-{next(_keys)}",
    }
