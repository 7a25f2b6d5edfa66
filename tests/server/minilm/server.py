"""An OpenAI-compatible embedding server on loopback over a real model, for `make demo-model`.

    python server.py [--port N]        0, the default, takes a free port; the first line printed is the URL

It answers POST /v1/embeddings and GET /v1/models for the one model it has, and never listens beyond loopback.
"""

import argparse
import base64
import http.server
import json

from model import DIMENSIONS, NAME, Model

MAX_BODY = 32 * 1024 * 1024
MAX_INPUTS = 2048


class Refused(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, status, message, param=None, code=None):
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def embeddings(model, body):
    """The answer to one embeddings request."""
    try:
        request = json.loads(body)
    except ValueError:
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(request, dict):
        raise Refused(400, "The body must be a JSON object.")
    if request.get("model") != NAME:
        raise Refused(404, f"This server has only the model {NAME}.", "model", "model_not_found")
    texts = request.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_INPUTS:
        raise Refused(400, f"input must be a text or a list of 1 to {MAX_INPUTS} texts.", "input")
    if not all(isinstance(text, str) and text for text in texts):
        raise Refused(400, "Each input must be a text that is not empty.", "input")
    if request.get("dimensions", DIMENSIONS) != DIMENSIONS:
        raise Refused(400, f"{NAME} has {DIMENSIONS} dimensions and no others.", "dimensions")
    encoding = request.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise Refused(400, "encoding_format must be float or base64.", "encoding_format")

    vectors, tokens = model.embed(texts)
    data = []
    for index, vector in enumerate(vectors):
        value = vector.tolist() if encoding == "float" else base64.b64encode(vector.tobytes()).decode()
        data.append({"object": "embedding", "index": index, "embedding": value})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": NAME, "usage": usage}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one write
    model = None

    def do_POST(self):
        self.reply(self.post)

    def do_GET(self):
        self.reply(self.get)

    def post(self):
        body = self.read_body()
        if self.path != "/v1/embeddings":
            raise Refused(404, f"There is no POST {self.path} here.")
        return embeddings(self.model, body)

    def get(self):
        if self.path != "/v1/models":
            raise Refused(404, f"There is no GET {self.path} here.")
        return {"object": "list", "data": [{"id": NAME, "object": "model", "created": 0, "owned_by": "loopback"}]}

    def read_body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            # The body stays unread, so this connection can carry nothing more.
            self.close_connection = True
            raise Refused(411 if not length.isdigit() else 413, "Send a Content-Length of at most 32 MiB.")
        return self.rfile.read(int(length))

    def reply(self, answer):
        try:
            status, value = 200, answer()
        except Refused as refused:
            status, value = refused.status, {"error": refused.error}
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *values):
        """One line a request would drown the demo's own output."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, model, port=0):
        handler = type("BoundHandler", (Handler,), {"model": model})
        super().__init__(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


def main():
    parser = argparse.ArgumentParser(description="all-MiniLM-L6-v2 behind an OpenAI-compatible API, on loopback")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    with Server(Model(), arguments.port) as server:
        print(server.url, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
