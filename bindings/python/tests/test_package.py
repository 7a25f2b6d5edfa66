"""Tests the package as a whole: how it is loaded, forks, its log, and that its README and examples are true."""

from __future__ import annotations

import os
import re
import shutil
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


def run(
    environment: dict[str, str],
    *arguments: str,
    folder: Path | None = None,
    good: bool = True,
    python: str | Path = sys.executable,
) -> str:
    """What a program of Python prints; on both streams if it is to fail."""
    done = subprocess.run(
        [str(python), *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=60
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


def installed(folder: Path, with_library: bool) -> tuple[str, Path]:
    """Builds a wheel, and installs it where nothing else is: its name, and the interpreter that has it."""
    source, made = folder / "source", folder / "made"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info", "liboaic.*"))
    if with_library:
        place = Path(os.environ["OAI_LIBRARY_PATH"])
        name = "liboaic.0.dylib" if sys.platform == "darwin" else "liboaic.so.0"
        shutil.copy(place / name if place.is_dir() else place, source / "src" / "oaic" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(made), str(source)]
    subprocess.run([*pip, *wheel], check=True)
    [path] = made.iterdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"], text=True)
    subprocess.run([*pip, "install", "--no-index", "--target", site.strip(), str(path)], check=True)
    return path.name, python


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A wheel with the library in it, installed."""
    return installed(tmp_path_factory.mktemp("complete"), with_library=True)


@pytest.fixture
def bare(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a program whose package is installed with its library."""
    return {name: value for name, value in environment.items() if name not in ("PYTHONPATH", "OAI_LIBRARY_PATH")}


def test_a_wheel_with_the_library_needs_nothing_else(complete: tuple[str, Path], bare: dict[str, str]) -> None:
    name, python = complete
    assert re.fullmatch(r"oaic-[\d.]+-py3-none-(linux|macosx)_\w+\.whl", name)
    files = "import oaic, pathlib; print(*(path.name for path in pathlib.Path(oaic.__file__).parent.iterdir()))"
    assert {"py.typed", "_client.py"} < set(run(bare, "-c", files, python=python).split())
    program = "import oaic; print(oaic.Client().embed('m', 'text').rows)"
    assert run(bare, "-c", program, python=python) == "1\n"


def test_a_wheel_without_it_finds_the_library_elsewhere(
    tmp_path: Path, bare: dict[str, str], environment: dict[str, str]
) -> None:
    name, python = installed(tmp_path, with_library=False)
    assert name.endswith("-py3-none-any.whl")
    told = run(bare, "-c", "import oaic", python=python, good=False)
    assert "set OAI_LIBRARY_PATH to its file or folder" in told and "liboaic.so.0" in told
    found = {**bare, "OAI_LIBRARY_PATH": environment["OAI_LIBRARY_PATH"]}
    program = "import oaic; print(oaic.Client().models().http_status)"
    assert run(found, "-c", program, python=python) == "200\n"
    # By the system's loader.
    place = found["OAI_LIBRARY_PATH"]
    system = {**bare, "LD_LIBRARY_PATH": place, "DYLD_LIBRARY_PATH": place}
    assert run(system, "-c", program, python=python) == "200\n"


def test_the_code_of_the_readme_runs(complete: tuple[str, Path], bare: dict[str, str], tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) == 8
    for name in ("large.jsonl", "requests.jsonl"):
        (tmp_path / name).write_text("{}\n")
    for number, block in enumerate(blocks):
        program = tmp_path / f"block{number}.py"
        program.write_text(block)
        assert run(bare, str(program), folder=tmp_path, python=complete[1]), f"block {number} printed nothing"


def test_the_examples_run(complete: tuple[str, Path], bare: dict[str, str], tmp_path: Path) -> None:
    def example(name: str, *arguments: str) -> str:
        return run(bare, str(ROOT / "examples" / name), *arguments, folder=tmp_path, python=complete[1])

    assert example("chat.py", "Hello") == "You said: Hello\n"
    assert "lighthouse" in example("search.py", "When was the lighthouse built?")
    (tmp_path / "in.jsonl").write_text("{}\n")
    assert example("batch.py", "/v1/embeddings", "in.jsonl", "out.jsonl").startswith("completed")
    assert (tmp_path / "out.jsonl").exists()


def test_a_program_ends_with_a_client_and_a_stream_left_open(environment: dict[str, str], server: Server) -> None:
    server.ask("/_script", [{"pass": True, "chunk_delay_ms": 1000}])
    program = f"import oaic; oaic.set_log('info', print); c = oaic.Client(); s = c.chat_stream({HELLO!r}); next(s); print('end')"
    assert "end\n" in run(environment, "-c", program)


def test_the_version_and_the_names_are_told(options: Options) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{oaic.__version__}"' in text
    assert all(hasattr(oaic, name) for name in oaic.__all__)
