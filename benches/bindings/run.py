"""CPU and memory of the packages beside the official SDKs of their languages, for Ruby a client of its standard library,
for `make bench-bindings`.

    run.py --runs N SERVER NAME=COMMAND...

Each COMMAND is given a kind of work and a count, and does the same on both sides of a language:

    embed    single texts, 64 at once, 1,536 numbers each; a unit is a vector
    bulk     256 texts a request, 4 requests at once; a unit is a vector
    stream   8 streams at once, parsed event by event; a unit is a chunk
    pending  so many requests started of which none is answered; a unit is a request, in bytes of memory

CPU is user and system time of the whole process, less that of the same program with nothing to do. The sides of a
language take turns, so that a change of the machine's load meets both; the medians are compared. It exits with 0
whatever the figures are.
"""

import argparse
import json
import os
import resource
import shlex
import socket
import statistics
import subprocess
import sys

# So many that what a program does once, such as compiling its hot code or its first collection of garbage, weighs little.
COUNTS = {"embed": 4_000, "bulk": 51_200, "stream": 24_000}
PENDING = {"oaic": 100_000, "sdk": 20_000}
WORDS = " ".join(["word"] * 1_000)
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": WORDS}]}


def environment(url):
    keep = ("HOME", "PATH", "NODE_PATH", "OAIC_NODE", "OAI_LIBRARY_PATH", "PYTHONPATH", "RUBYLIB")
    return {
        **{name: os.environ[name] for name in keep if name in os.environ},
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "sk-bench",
        "OAI_DOTENV": "false",
        "BENCH_TEXT": WORDS,
        "BENCH_CHAT": json.dumps(CHAT),
    }


def cpu(command, kind, count, url):
    """Seconds of CPU of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, kind, str(count)], env=environment(url), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def memory(command, count):
    """Bytes of resident memory with so many requests pending, at a server that accepts connections and is silent."""
    with socket.create_server(("127.0.0.1", 0), backlog=65_535) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        child = subprocess.Popen(
            [*command, "pending", str(count)],
            env=environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout.readline() == b"pending\n", f"{command} did not get there"
        held = resident(child.pid)
        child.kill()
        child.wait()
        return held


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("server")
    parser.add_argument("commands", nargs="+", metavar="NAME=COMMAND")
    given = parser.parse_args()
    commands = {}
    for text in given.commands:
        name, _, command = text.partition("=")
        commands[name] = shlex.split(command)
    server = subprocess.Popen(
        [given.server, "--port", "0", "--exit-on-stdin-close", "--no-log", "--in-memory"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = server.stdout.readline().strip() + "/v1"
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; CPU in microseconds a unit, medians of {given.runs} (min-max)")
    languages = sorted({name.split("-")[0] for name in commands})
    for language in languages:
        sides = {side: commands[f"{language}-{side}"] for side in ("oaic", "sdk")}
        for kind, count in COUNTS.items():
            taken = {side: [] for side in sides}
            for _ in range(given.runs):
                for side, command in sides.items():
                    idle = cpu(command, kind, 0, url)
                    taken[side].append((cpu(command, kind, count, url) - idle) * 1e6 / count)
            told = {
                side: f"{statistics.median(values):8.1f} ({min(values):.1f}-{max(values):.1f})"
                for side, values in taken.items()
            }
            ratio = statistics.median(taken["sdk"]) / statistics.median(taken["oaic"])
            print(f"  {language:<7}{kind:<8}oaic {told['oaic']:<26}SDK {told['sdk']:<28}{ratio:.1f} times less", flush=True)
        each = {}
        for side, command in sides.items():
            each[side] = (memory(command, PENDING[side]) - memory(command, 0)) / PENDING[side]
        print(
            f"  {language:<7}pending oaic {each['oaic']:8.0f} bytes of {PENDING['oaic']}    "
            f"SDK {each['sdk']:8.0f} bytes of {PENDING['sdk']}   {each['sdk'] / each['oaic']:.1f} times less",
            flush=True,
        )
    server.stdin.close()
    server.wait()


if __name__ == "__main__":
    sys.exit(main())
