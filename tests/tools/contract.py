#!/usr/bin/env python3
"""Runs a command beside a mock server of the official description, with a valid request for each operation.

    tests/tools/contract.py DESCRIPTION DIRECTORY COMMAND...

DIRECTORY holds Steady (`npm ci` of tests/contract) and gets the requests, made from the description's schemas, as
requests.json. COMMAND finds its path in OAIC_CONTRACT_REQUESTS and the server's URL in OAIC_CONTRACT_URL. `make
test-contract` calls it. What it makes stays in DIRECTORY; nothing of it is committed.

Steady refuses with 400 what the description does not allow.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from operations import Description, MEDIA, row

# How long the server may take to listen, on a busy machine. Prism follows each reference of the description first.
PATIENCE = {"steady": 60, "prism": 600}

# What belongs to streams, and is not sent where none is asked for.
STREAM = ("stream", "stream_format", "stream_options", "starting_after", "include_obfuscation")


def value(description, schema):
    """The smallest value that a schema allows."""
    schema = description.follow(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    variants = schema.get("oneOf", schema.get("anyOf"))
    # Variants of an object may say no more than which of its members they require.
    if ("allOf" in schema or "properties" in schema) and is_object(description, schema):
        known = description.members(schema)
        return {name: value(description, known[name]) for name in required(description, schema)}
    if "allOf" in schema:
        return value(description, schema["allOf"][0])
    if variants:
        return value(description, first(description, variants))
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(name for name in kind if name != "null")
    if kind == "object":
        return {}
    if kind == "array":
        return [value(description, schema["items"])] * max(1, schema.get("minItems", 0))
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return False
    return text(schema)


def first(description, variants):
    """The first variant that is not null."""
    return next(variant for variant in variants if description.follow(variant).get("type") != "null")


def required(description, schema):
    """The members that an object must have, those of its parts and of its first variant included."""
    schema = description.follow(schema)
    names = list(schema.get("required", []))
    for part in schema.get("allOf", []):
        names += required(description, part)
    variants = schema.get("oneOf", schema.get("anyOf"))
    if variants:
        names += required(description, first(description, variants))
    return names


def is_object(description, schema):
    schema = description.follow(schema)
    if schema.get("type") == "object" or "properties" in schema:
        return True
    variants = schema.get("oneOf", schema.get("anyOf"))
    parts = schema.get("allOf", []) + ([first(description, variants)] if variants else [])
    return any(is_object(description, part) for part in parts)


def text(schema):
    if schema.get("format") == "uri":
        return "https://example.com/a"
    if schema.get("pattern", "").startswith("^tunnel_"):
        return "tunnel_" + "a" * 32
    return "a" * max(1, schema.get("minLength", 0))


def is_file(description, schema):
    """Whether a member of a form is a file, or files."""
    schema = description.follow(schema)
    if schema.get("type") == "array":
        return is_file(description, schema["items"])
    variants = schema.get("oneOf", schema.get("anyOf"))
    if variants:
        return is_file(description, first(description, variants))
    return schema.get("format") == "binary"


def queried(description, parameter):
    """The values that a parameter of the query gets, as text; a list is its elements, an object is left out."""
    made = value(description, parameter["schema"])
    made = [one for one in (made if isinstance(made, list) else [made]) if not isinstance(one, dict)]
    return [[parameter["name"], one if isinstance(one, str) else json.dumps(one)] for one in made]


def requests(description):
    """Two requests for each way of each operation: with what is required, and with all that there is at the top."""
    for method, path, operation in description.operations():
        facts = row(description, method, path, operation)
        parameters = [description.follow(parameter) for parameter in operation.get("parameters", [])]
        bodies = {media: body["schema"] for media, body in operation.get("requestBody", {}).get("content", {}).items()}
        # The library sends JSON and forms, and no body of another kind.
        bodies.pop("application/sdp", None)
        for media, schema in (bodies or {None: None}).items():
            for way in facts["answer"]:
                asks = facts["stream"] if way == "sse" else {}
                least = request(description, facts, parameters, media, schema, False, asks)
                most = request(description, facts, parameters, media, schema, True, asks)
                yield least | {"answer": way}
                if most != least:
                    yield most | {"answer": way}


def request(description, facts, parameters, media, schema, whole, asks):
    path, _, rest = facts["path"].partition("?")
    query = [pair.split("=") for pair in rest.split("&") if pair]
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(value(description, parameter["schema"])))
        elif parameter["in"] == "query" and (parameter.get("required") or whole) and parameter["name"] not in STREAM:
            query += queried(description, parameter)
    body, files = None, []
    if media:
        body = value(description, schema)
        known = {name: member for name, member in description.members(schema).items() if name not in STREAM}
        if whole and isinstance(body, dict):
            body = {name: value(description, member) for name, member in known.items()}
        if media == "multipart/form-data":
            # A form without anything is none.
            body = body or {name: value(description, member) for name, member in list(known.items())[:1]}
            for name in [name for name in body if is_file(description, known[name])]:
                is_list = isinstance(body.pop(name), list)
                files.append(name + "[]" if is_list else name)
        body |= asks
    else:
        query += [[name, json.dumps(to)] for name, to in asks.items()]
    return {
        "operationId": facts["operationId"],
        "method": facts["method"],
        "path": path,
        "query": query,
        "json": body,
        "files": files,
        "multipart": media == "multipart/form-data",
    }


def program(server, directory, description, port):
    """What starts a server."""
    if server == "prism":
        # Without --errors, which would refuse also what its own answers have wrong.
        return [
            str(directory / "node_modules/.bin/prism"),
            *("mock", "--host", "127.0.0.1", "--port", str(port), "--verboseLevel", "error"),
            str(description),
        ]
    return [
        str(directory / "node_modules/.bin/steady"),
        *("--host", "127.0.0.1", "--port", str(port), "--quiet", "--no-color", "--stream-interval=1"),
        *("--reject-on-sdk-error", "--validator-form-array-format=brackets", "--validator-form-object-format=brackets"),
        str(description),
    ]


def start(command, log):
    with open(log, "wb") as log:
        # A group of its own: what npm installs starts the server, and would leave it behind when killed alone.
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def wait(process, url, patience):
    until = time.monotonic() + patience
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until and process.poll() is None:
        try:
            direct.open(f"{url}/models", timeout=patience).close()
            return True
        except urllib.error.HTTPError:
            # Without a key it refuses, but it answers.
            return True
        except OSError:
            time.sleep(0.05)
    return False


def main(server, description, directory, command):
    directory = Path(directory).resolve()
    made = list(requests(Description(description)))
    (directory / "requests.json").write_text(json.dumps(made, indent=1), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # The server ends also when make is told to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    log = directory / "server.log"
    process = start(program(server, directory, description, port), log)
    try:
        if not wait(process, url, PATIENCE[server]):
            sys.exit(f"{server} does not answer; {log} says why")
        told = {
            "OAIC_CONTRACT_SERVER": server,
            "OAIC_CONTRACT_URL": url,
            "OAIC_CONTRACT_REQUESTS": str(directory / "requests.json"),
            # What the server refuses is for the command to tell, once.
            "OAI_LOG": "error",
        }
        return subprocess.run(command, env={**os.environ, **told}).returncode
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
