#!/usr/bin/env python3
"""Makes tests/data/operations.json, the table of the API's operations, from the official OpenAPI description.

    tests/tools/operations.py [--check] [DESCRIPTION]

DESCRIPTION is ../shared/openapi.json beside the repository unless given. --check writes nothing and fails when the
committed table is not what the description makes. `make bless` and `make test-contract` call it. It must need nothing
but Python, and put nothing but facts of the interface into the table: no text of the description.

A row says, for tests/operations.rs and the contract test:

    operationId, method, path   as in the description
    body     how the body may go: json, multipart, sdp; empty for none
    answer   how the answer may come: json, binary (bytes to be handed on), none (nothing), and sse where a stream can
             be asked for
    stream   what asks for the stream, in the body, or in the query of an operation without a body; null for no stream
    pages    the parameter that leads to the next page, after or page; null for no pages
    cursor   what of a page says what to give it: last_id, next, next_page, or data (the id of its last item)
    key      api, or admin for the organisation's
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/operations.json"

MEDIA = {
    "application/json": "json",
    "multipart/form-data": "multipart",
    "application/sdp": "sdp",
    "text/event-stream": "sse",
}


class Description:
    """An OpenAPI description, with its references followed."""

    def __init__(self, path):
        self.root = json.loads(Path(path).read_text(encoding="utf-8"))

    def follow(self, node):
        while "$ref" in node:
            steps = node["$ref"].removeprefix("#/").split("/")
            node = self.root
            for step in steps:
                node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    def members(self, schema):
        """The members that an object of this schema may have, those of its variants included."""
        schema = self.follow(schema)
        members = dict(schema.get("properties", {}))
        for kind in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(kind, []):
                members.update(self.members(part))
        return members

    def operations(self):
        for path, item in self.root["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation


def row(description, method, path, operation):
    bodies = operation.get("requestBody", {}).get("content", {})
    answers = {}
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answers.update(description.follow(answer).get("content", {}))
    query = {
        parameter["name"]
        for parameter in map(description.follow, operation.get("parameters", []))
        if parameter["in"] == "query"
    }
    asked = set(query)
    for body in bodies.values():
        asked.update(description.members(body["schema"]))
    stream = None
    if "stream" in asked:
        stream = {"stream": True}
    elif "stream_format" in asked:
        stream = {"stream_format": "sse"}
    elif "text/event-stream" in answers:
        sys.exit(f"{method} {path} answers with a stream, but nothing in it asks for one")
    pages = next((name for name in ("after", "page") if name in query), None)
    page = description.members(answers["application/json"]["schema"]) if pages else {}
    keys = [name for scheme in operation.get("security", description.root["security"]) for name in scheme]
    return {
        "operationId": operation["operationId"],
        "method": method,
        "path": path,
        "body": sorted(MEDIA[media] for media in bodies),
        "answer": [whole_answer(description, method, answers)] + (["sse"] if stream else []),
        "stream": stream,
        "pages": pages,
        "cursor": next((name for name in ("next_page", "next", "last_id", "data") if name in page), None),
        "key": "admin" if keys == ["AdminApiKeyAuth"] else "api",
    }


def whole_answer(description, method, answers):
    """How the answer comes when no stream is asked for."""
    if not answers:
        # What is asked for and has no described form is a file; what is done need not be answered with anything.
        return "binary" if method == "GET" else "none"
    if any(media not in MEDIA or MEDIA[media] == "sdp" for media in answers):
        return "binary"
    # A file's content is described as a JSON string; it comes as it is.
    is_text = description.follow(answers["application/json"]["schema"]).get("type") == "string"
    return "binary" if is_text else "json"


def table(description):
    rows = [row(description, *operation) for operation in description.operations()]
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f"[\n{lines}\n]\n"


def main(arguments):
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    source = Path(paths[0]) if paths else ROOT.parent / "shared/openapi.json"
    made = table(Description(source))
    if not check:
        TABLE.write_text(made, encoding="utf-8")
    elif not TABLE.exists() or TABLE.read_text(encoding="utf-8") != made:
        table_name = TABLE.relative_to(ROOT)
        sys.exit(f"{table_name} is not what {source} makes; run `make bless` and look at what changed")


if __name__ == "__main__":
    main(sys.argv[1:])
