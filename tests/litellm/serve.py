#!/usr/bin/env python3
"""Runs a command beside the LiteLLM proxy with the models of config.yaml, and ends the proxy whatever happens.

    tests/litellm/serve.py DIRECTORY COMMAND...

DIRECTORY is the virtual environment that holds the proxy. COMMAND finds the proxy's URL in OAI_TEST_SERVER. `make
test-litellm` calls it. The proxy reads its table of prices from its own package, so that it asks the network nothing.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# How long the proxy may take to import all that it has, on a busy machine.
PATIENCE = 180


def start(directory, port):
    config = Path(__file__).resolve().parent / "config.yaml"
    server = [directory / "bin/litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    # Nothing of the machine's environment chooses a database, a model or a key.
    told = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    told |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    with open(directory / "proxy.log", "wb") as log:
        return subprocess.Popen(server, stdout=log, stderr=log, env=told, start_new_session=True)


def wait(process, url):
    until = time.monotonic() + PATIENCE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until and process.poll() is None:
        try:
            direct.open(f"{url}/health/liveliness", timeout=PATIENCE).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the LiteLLM proxy does not answer; build/litellm/proxy.log says why")


def main(directory, command):
    directory = Path(directory).resolve()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # The proxy ends also when make is told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    process = start(directory, port)
    try:
        wait(process, url)
        return subprocess.run(command, env={**os.environ, "OAI_TEST_SERVER": url, "OAI_LOG": "error"}).returncode
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
