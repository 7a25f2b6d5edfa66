"""Runs the cases of `make bench-limits` and prints a line for each client and case.

    run.py [--cases NAME,...] [--runs N] [--peer-runs N] [--clients NAME,...] SERVER LIMITS PEERS

SERVER is oai-test-server, LIMITS the program of limits.c, PEERS the folder with node_modules and venv. Each run has a
server of its own. The time is taken here, from the word to begin until the last answer: no client takes its own.
Exits with 0 whatever the figures are; it is a measurement, not a test.
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

LATENCY = 0.002
RATE = 100.0  # 6,000 a minute
START = 50
CONCURRENCY = 64
MODES = ["seconds", "seconds_and_ms", "none"]
CLIENTS = ["oaic", "openai-npm", "openai-pypi"]


def tokens(i):
    """The tokens of request i in `mixed`, as limits.c has them."""
    return 10 + i * 7919 % 3991


class Case:
    """One row of the table: what the server does, what the clients send, and what is to be reached."""

    def __init__(self, name, least, groups=("bench=1000",), **more):
        self.name = name
        self.least = least
        self.groups = groups
        self.about = more.get("about", "")
        self.texts = more.get("texts", "short")
        self.processes = more.get("processes", 1)
        self.server = more.get("server", ["--requests-per-minute", "6000", "--start-requests", "50"])
        self.modes = more.get("modes", ["seconds"])
        self.config = more.get("config", {})
        self.at = more.get("at", [])  # [(seconds after the start, body of POST /_limits)]
        self.script = more.get("script", [])
        self.model = more.get("model", "bench")
        self.log = more.get("log", False)
        self.most_time = more.get("most_time")  # of the least time
        self.most_seconds = more.get("most_seconds")
        self.most_429 = more.get("most_429")
        self.peers = more.get("peers", "")  # what the other clients cannot do here

    def requests(self):
        return self.processes * sum(int(group.split("=")[1]) for group in self.groups)


def mixed_tokens(n):
    return sum(tokens(i) for i in range(n))


CASES = [
    Case(
        "unknown",
        (1000 - START) / RATE + LATENCY,
        about="6,000 RPM, starting level 50, 1,000 requests, limit unknown",
        modes=MODES,
        most_time=1.02,
        most_429=5,
    ),
    Case(
        "hidden",
        (1000 - START) / RATE + LATENCY,
        about="the same, hidden burst of 50 while the headers speak of 6,000",
        server=["--requests-per-minute", "6000", "--hidden-burst", "50"],
        modes=MODES,
        most_time=1.06,
        most_429=20,
    ),
    Case(
        "configured",
        (3000 - START) / RATE + LATENCY,
        ("bench=3000",),
        about="6,000 RPM configured, starting level 50, 3,000 requests",
        config={"requests_per_minute": 6000},
        peers="cannot be told a limit",
        most_time=1.01,
        most_429=0,
    ),
    Case(
        "tokens",
        (mixed_tokens(1000) - 100_000) / 100_000 + LATENCY,
        about="6,000,000 TPM, starting level 100,000, 1,000 requests of 10 to 4,000 tokens",
        texts="mixed",
        server=["--tokens-per-minute", "6000000", "--start-tokens", "100000"],
        most_time=1.04,
        most_429=10,
    ),
    Case(
        "two",
        (2000 - START) / RATE + LATENCY,
        about="6,000 RPM, two processes of 1,000 requests each on one key",
        processes=2,
        most_time=1.06,
        most_429=40,
    ),
    Case(
        "halved",
        # 50 + 300 in the first 3 s, 200 in the next 4, 450 are left.
        7 + (1000 - START - 3 * RATE - 4 * RATE / 2) / RATE + LATENCY,
        about="6,000 RPM, 3,000 from 3 s to 7 s, 1,000 requests",
        at=[(3.0, {"requests_per_minute": 3000}), (7.0, {"requests_per_minute": 6000})],
        most_time=1.08,
        most_429=20,
    ),
    Case(
        "outage",
        # As without an outage: the server's bucket fills up meanwhile.
        (1000 - START) / RATE + LATENCY,
        about="6,000 RPM, 1,000 requests, 503 to everything for 5 s from 4.75 s on",
        config={"circuit_breaker_failures": 5, "circuit_breaker_reset_ms": 500},
        peers="has no breaker",
        at=[(0.0, {"outage": {"after_ms": 4750, "for_ms": 5000, "status": 503}})],
        log=True,
        most_seconds=15.1,
    ),
    Case(
        "paused",
        (1000 - START) / RATE + LATENCY,
        ("paused=200", "bench=1000"),
        about="two models in one client, one of them paused for 20 s: the other against its time alone",
        script=[
            {
                "match": {"path": "/v1/embeddings", "model": "paused"},
                "status": 429,
                "headers": {"retry-after": "20"},
            }
        ],
        most_time=1.02,
    ),
]

ALONE = Case("alone", CASES[0].least)


class Server:
    """A test server, on its own port, that ends with this program."""

    def __init__(self, program, case, mode):
        command = [program, "--port", "0", "--exit-on-stdin-close", "--in-memory", "--latency-ms", "2"]
        command += ["--retry-after", mode] + case.server
        if not case.log:
            command.append("--no-log")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.url = self.process.stdout.readline().strip()

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def command(client, case, url, paths):
    groups = [case.texts, *case.groups]
    if client == "oaic":
        config = {
            "base_url": url + "/v1",
            "api_key": "sk-bench",
            "max_concurrent_requests": CONCURRENCY,
            "queue_size": 10_000,
            "dotenv": False,
            **case.config,
        }
        return [paths.limits, json.dumps(config), *groups]
    if client == "openai-npm":
        return ["node", f"{paths.peers}/openai.mjs", url + "/v1", *groups]
    script = Path(__file__).parent / "peers/openai_peer.py"
    return [f"{paths.peers}/venv/bin/python", str(script), url + "/v1", *groups]


def patience(case):
    """Seconds until a run is given up: many times what the slowest client takes that comes through at all."""
    return 60 + 6 * case.least


def follow(process, lines):
    """Hands over each line with the time it came."""
    for line in process.stdout:
        lines.put((time.monotonic(), line.split()))
    lines.put((time.monotonic(), ["gone"]))


def run(client, case, mode, paths):
    """One run: seconds per model, failures, and what the server counted. Who is not done in time is stopped."""
    server = Server(paths.server, case, mode)
    environment = {k: os.environ[k] for k in ("HOME", "PATH", "OAI_LOG") if k in os.environ}
    environment.setdefault("OAI_LOG", "error")
    pipe = subprocess.PIPE
    processes = []
    lines = queue.Queue()
    timers = []
    try:
        if case.script:
            server.ask("/_script", case.script)
        for _ in range(case.processes):
            process = subprocess.Popen(
                command(client, case, server.url, paths), stdin=pipe, stdout=pipe, text=True, env=environment
            )
            processes.append(process)
            threading.Thread(target=follow, args=(process, lines), daemon=True).start()
        for _ in processes:
            if lines.get()[1] != ["ready"]:
                raise SystemExit(f"bench-limits: {client} did not start")
        begun = time.monotonic()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        for after, limits in case.at:
            timer = threading.Timer(max(0, begun + after - time.monotonic()), server.ask, ("/_limits", limits))
            timer.start()
            timers.append(timer)
        seconds, failed, returned, running = {}, 0, 0, len(processes)
        while running:
            try:
                at, words = lines.get(timeout=begun + patience(case) - time.monotonic())
            except (queue.Empty, ValueError):
                break
            if words[0] == "done":
                seconds[words[1]] = at - begun
                returned += int(words[2])
                failed += int(words[3])
            elif words[0] == "gone":
                running -= 1
        failed += case.requests() - returned  # a process that died has lost what it did not tell of
        served = server.ask("/_stats")["served"]
        log = server.ask("/_log") if case.log else []
    finally:
        for timer in timers:
            timer.cancel()
        for process in processes:
            process.kill()
            process.wait()
        server.stop()
    return {
        "seconds": seconds.get(case.model, float("inf")),
        "429": served.get("429", 0),
        "failed": failed,
        "probes": probes(log),
    }


def probes(log):
    """Requests a second that were answered with 503 later than 100 ms after the first of them."""
    times = [entry["t_ms"] for entry in log if entry["status"] == 503]
    if not times:
        return None
    return sum(t > times[0] + 100 for t in times) / 4.9


def judge(case, client, mode, results, least):
    """The line of a client, a case and a mode."""
    seconds = sorted(r["seconds"] for r in results)
    times = [s / least for s in seconds]
    refused = [r["429"] for r in results]
    failed = sum(r["failed"] for r in results)
    wanted, good = [], failed == 0
    median = statistics.median(times)
    if case.most_time:
        wanted.append(f"time <= {case.most_time:.2f}")
        good &= median <= case.most_time
    if case.most_seconds:
        wanted.append(f"<= {case.most_seconds} s")
        good &= statistics.median(seconds) <= case.most_seconds
    if case.most_429 is not None:
        wanted.append(f"429s <= {case.most_429}")
        good &= statistics.median(refused) <= case.most_429
    line = (
        f"  {client:<12} {mode:<15} {least:7.2f} s  {median:6.3f} ({times[0]:.3f}-{times[-1]:.3f})"
        f"  {statistics.median(refused):6.0f} ({min(refused)}-{max(refused)})  {failed:6}"
    )
    if case.log:
        rates = [r["probes"] for r in results if r["probes"] is not None]
        rate = statistics.median(rates) if rates else 0
        wanted.append("probes <= 2/s")
        good &= rate <= 2
        line += f"  {statistics.median(seconds):.2f} s, {rate:.1f} probes/s"
    if client == "oaic":
        line += "  " + ", ".join(wanted) + ("  pass" if good else "  FAIL")
    elif case.peers:
        line += f"  ({case.peers})"
    if unended := times.count(float("inf")):
        line += f"  ({unended} not done after {patience(case):.0f} s)"
    print(line, flush=True)


def measure(case, client, runs, paths):
    for mode in case.modes:
        least = case.least
        if case.name == "paused":
            # Its own time without the other model, measured right before.
            alone = [run(client, ALONE, mode, paths)["seconds"] for _ in range(runs)]
            least = statistics.median(alone)
        judge(case, client, mode, [run(client, case, mode, paths) for _ in range(runs)], least)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", default="", help="names, separated by commas; all unless given")
    parser.add_argument("--clients", default="", help=f"of {', '.join(CLIENTS)}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-runs", type=int)
    parser.add_argument("server")
    parser.add_argument("limits")
    parser.add_argument("peers")
    paths = parser.parse_args()
    names = [name for name in paths.cases.split(",") if name] or [case.name for case in CASES]
    clients = [name for name in paths.clients.split(",") if name] or CLIENTS
    if unknown := set(names) - {case.name for case in CASES} | set(clients) - set(CLIENTS):
        sys.exit(f"bench-limits: no such case or client: {', '.join(sorted(unknown))}")
    load = os.getloadavg()
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {load[0]:.2f}, {CONCURRENCY} at once")
    print("  client       retry-after           T      time/T (min-max)   429s (min-max)  failed")
    for case in CASES:
        if case.name not in names:
            continue
        print(f"{case.name}: {case.about}", flush=True)
        for client in clients:
            measure(case, client, paths.runs if client == "oaic" else paths.peer_runs or paths.runs, paths)


main()
