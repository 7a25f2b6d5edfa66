"""Tests the package as a whole: how it is loaded, forks, its log, and that its README and examples are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Options
from server import Server

import oaic

ROOT = Path(__file__).resolve().parent.parent
HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


def run(environment: dict[str, str], *arguments: str, folder: Path | None = None, good: bool = True) -> str:
    """What a program of Python prints; on both streams if it is to fail."""
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done.stdout if good else done.stdout + done.stderr


def library(folder: Path, text: str) -> Path:
    """A library that is not the real one."""
    (folder / "other.c").write_text(text)
    made = folder / ("liboaic.0.dylib" if sys.platform == "darwin" else "liboaic.so.0")
    subprocess.run(
        [os.environ.get("CC") or "cc", "-shared", "-fPIC", "-o", str(made), str(folder / "other.c")], check=True
    )
    return made


def test_a_library_that_does_not_fit_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    def said(path: Path) -> str:
        return run({**environment, "OAI_LIBRARY_PATH": str(path)}, "-c", "import oaic", good=False)

    made = library(tmp_path, "unsigned oai_abi_version(void) { return 7u << 16 | 3u; }\n")
    for path in (tmp_path, made):
        told = said(path)
        assert f"{made} speaks ABI 7.3" in told and "needs epoch 0 with at least 3 additions" in told
    library(tmp_path, "unsigned oai_abi_version(void) { return 2u; }\n")
    assert "speaks ABI 0.2" in said(tmp_path)
    library(tmp_path, "int nothing;\n")
    assert f"{made} is not liboaic" in said(made)
    told = said(tmp_path / "nowhere")
    assert "set OAI_LIBRARY_PATH" in told and str(tmp_path / "nowhere") in told


def test_a_forked_child_gets_an_error_and_may_spawn(client: oaic.Client) -> None:
    client.chat(HELLO)
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for use in (lambda: client.chat(HELLO), lambda: client.chat_stream(HELLO), oaic.Client):
            try:
                use()
                told.append("nothing")
            except BaseException as error:
                told.append(type(error).__name__)
        os.write(writes, " ".join(told).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        assert pipe.read() == "ForkedError ForkedError ForkedError"
    assert os.waitpid(child, 0)[1] == 0
    assert client.chat(HELLO).http_status == 200


def test_the_log_goes_to_a_function_and_back(client: oaic.Client) -> None:
    first: list[tuple[str, str]] = []
    second: list[str] = []

    def until(good: object) -> None:
        end = time.monotonic() + 10
        while not good() and time.monotonic() < end:  # type: ignore[operator]
            time.sleep(0.001)
        assert good()  # type: ignore[operator]

    try:
        oaic.set_log("debug", lambda level, line: first.append((level, line)))
        client.chat(HELLO)
        until(lambda: any(level == "debug" and "/chat/completions" in line for level, line in first))
        oaic.set_log("debug", lambda level, line: second.append(line))
        client.chat(HELLO)
        until(lambda: second)
        assert not any("sk-test" in line for _, line in first)
        with pytest.raises(ValueError, match="loud"):
            oaic.set_log("loud")  # type: ignore[arg-type]
    finally:
        oaic.set_log("warn")


def test_the_log_goes_to_logging(client: oaic.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "oaic")
    try:
        oaic.set_log("debug", oaic.to_logging)
        client.chat(HELLO)
        end = time.monotonic() + 10
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.001)
        assert caplog.records[0].name == "oaic"
    finally:
        oaic.set_log("warn")


def test_the_code_of_the_readme_runs(environment: dict[str, str], tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) >= 6
    for number, block in enumerate(blocks):
        program = tmp_path / f"block{number}.py"
        program.write_text(block)
        assert run(environment, str(program), folder=tmp_path), f"block {number} printed nothing"


def test_the_examples_run(environment: dict[str, str]) -> None:
    examples = ROOT / "examples"
    assert run(environment, str(examples / "chat.py"), "Hello") == "You said: Hello\n"
    assert "lighthouse" in run(environment, str(examples / "search.py"), "When was the lighthouse built?")


def test_a_program_ends_with_a_client_and_a_stream_left_open(environment: dict[str, str], server: Server) -> None:
    server.ask("/_script", [{"pass": True, "chunk_delay_ms": 1000}])
    program = f"import oaic; oaic.set_log('info', print); c = oaic.Client(); s = c.chat_stream({HELLO!r}); next(s); print('end')"
    assert "end\n" in run(environment, "-c", program)


def test_the_version_and_the_names_are_told(options: Options) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{oaic.__version__}"' in text
    assert all(hasattr(oaic, name) for name in oaic.__all__)
