"""What the real model must find, and how its server answers: `make test-model` runs this.

The queries are those of the Makefile, read from it, so that the demo shows what is tested here.
"""

import base64
import http.client
import json
import pathlib
import re
import shlex
import struct
import threading
import unittest

import numpy as np

from model import DIMENSIONS, NAME, Model
from server import Server

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEXT = ROOT / "bindings/c/examples/text.txt"

# How the best paragraph begins, query by query; both sets of queries ask for the same three things.
BEST = ["Old Marten Hale builds and repairs", "The bakery on Cooper's Lane", "When fog rolls in, ships"]


def paragraphs():
    return [" ".join(part.split()) for part in TEXT.read_text(encoding="utf-8").split("\n\n") if part.strip()]


def queries(variable):
    """The list that the Makefile assigns to `variable`."""
    match = re.search(rf"^{variable} := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise AssertionError(f"the Makefile no longer assigns {variable}")
    return shlex.split(match[1])


class ModelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Model()

    def test_each_query_finds_its_paragraph_by_a_clear_lead(self):
        texts = paragraphs()
        vectors, _ = self.model.embed(texts)
        for variable in ("DEMO_QUERIES", "MODEL_QUERIES"):
            asked = queries(variable)
            self.assertEqual(len(asked), len(BEST), variable)
            for query, best in zip(asked, BEST):
                scores = vectors @ self.model.embed([query])[0][0]
                first, second = np.argsort(scores)[::-1][:2]
                self.assertTrue(texts[first].startswith(best), f"{query} found: {texts[first]}")
                self.assertGreater(scores[first] - scores[second], 0.08, query)

    def test_similarities_are_those_published_for_this_model(self):
        sentences = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
        vectors, _ = self.model.embed(sentences)
        for score, published in zip(vectors[1:] @ vectors[0], (0.695, 0.943, 0.257)):
            self.assertAlmostEqual(float(score), published, places=3)

    def test_a_vector_does_not_depend_on_its_neighbours(self):
        alone, _ = self.model.embed(["The boat is late."])
        padded, _ = self.model.embed(["The boat is late.", "It will come when the tide turns and the fog lifts. " * 9])
        np.testing.assert_allclose(alone[0], padded[0], atol=1e-5)

    def test_vectors_have_length_one_and_long_texts_are_cut(self):
        vectors, tokens = self.model.embed(["tide " * 1000])
        self.assertEqual(vectors.shape, (1, DIMENSIONS))
        self.assertAlmostEqual(float(np.linalg.norm(vectors[0])), 1.0, places=5)
        self.assertEqual(tokens, 256)


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(Model())
        cls.thread = threading.Thread(target=cls.server.serve_forever)
        cls.thread.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()

    def ask(self, method, path, value=None):
        connection = http.client.HTTPConnection(*self.server.server_address)
        self.addCleanup(connection.close)
        body = None if value is None else value if isinstance(value, str) else json.dumps(value)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def test_float_and_base64_carry_the_same_numbers(self):
        request = {"model": NAME, "input": ["one fish", "two fish"]}
        status, floats = self.ask("POST", "/v1/embeddings", request)
        self.assertEqual(status, 200)
        _, packed = self.ask("POST", "/v1/embeddings", {**request, "encoding_format": "base64"})
        for index, (plain, coded) in enumerate(zip(floats["data"], packed["data"], strict=True)):
            raw = base64.b64decode(coded["embedding"])
            self.assertEqual(list(struct.unpack(f"<{DIMENSIONS}f", raw)), plain["embedding"])
            self.assertEqual((plain["index"], plain["object"]), (index, "embedding"))
        self.assertEqual(floats["usage"], {"prompt_tokens": 8, "total_tokens": 8})
        self.assertEqual(floats["model"], NAME)

    def test_one_text_is_a_list_of_one(self):
        status, answer = self.ask("POST", "/v1/embeddings", {"model": NAME, "input": "one fish"})
        self.assertEqual((status, len(answer["data"])), (200, 1))

    def test_models_lists_the_one_model(self):
        status, answer = self.ask("GET", "/v1/models")
        self.assertEqual((status, [model["id"] for model in answer["data"]]), (200, [NAME]))

    def test_a_bad_request_is_told_what_is_wrong(self):
        good = {"model": NAME, "input": "x"}
        for request, status, param in [
            ("{", 400, None),
            ([], 400, None),
            ({**good, "model": "other"}, 404, "model"),
            ({**good, "input": []}, 400, "input"),
            ({**good, "input": [""]}, 400, "input"),
            ({**good, "input": [1, 2]}, 400, "input"),
            ({**good, "dimensions": 256}, 400, "dimensions"),
            ({**good, "encoding_format": "hex"}, 400, "encoding_format"),
        ]:
            got, answer = self.ask("POST", "/v1/embeddings", request)
            self.assertEqual((got, answer["error"]["param"]), (status, param), request)
        self.assertEqual(self.ask("POST", "/v1/other", good)[0], 404)
        self.assertEqual(self.ask("GET", "/v1/embeddings")[0], 404)


if __name__ == "__main__":
    unittest.main()
