"""A language model of the Llama family in NumPy: SmolLM2, and Llama, Qwen2 and Qwen3 of any size.

A token's number becomes a row of d_model numbers; blocks, one after another, add to each row what attention finds in
the rows before it and what a feed-forward network makes of it; the last state scores every token of the vocabulary.
In shapes, b counts texts, n their tokens, m the tokens that can be attended to; a matrix is (numbers in, numbers out).
"""

import reprlib
from dataclasses import dataclass

import numpy as np

from course_utils.checks import check_count, check_range, check_seed, check_texts
from course_utils.networks.chat_tokenizer import check_tokens

__all__ = [
    "Config",
    "LanguageModel",
    "Layer",
    "attend",
    "causal_mask",
    "choose",
    "rms_norm",
    "rotate",
    "silu",
    "softmax",
    "turns",
]


@dataclass(frozen=True)
class Config:
    """The sizes of a model; `theta` sets how slowly the slowest pair of numbers turns with the position."""

    vocabulary: int
    d_model: int
    layers: int
    heads: int
    key_value_heads: int
    d_head: int
    d_hidden: int
    context: int
    theta: float
    epsilon: float


@dataclass
class Layer:
    """The weights of a block. Qwen2 adds a bias to queries, keys and values; Qwen3 normalises queries and keys."""

    attention_norm: np.ndarray  # (d_model)
    query: np.ndarray  # (d_model, heads * d_head)
    key: np.ndarray  # (d_model, key_value_heads * d_head)
    value: np.ndarray  # (d_model, key_value_heads * d_head)
    output: np.ndarray  # (heads * d_head, d_model)
    feed_forward_norm: np.ndarray  # (d_model)
    gate: np.ndarray  # (d_model, d_hidden)
    up: np.ndarray  # (d_model, d_hidden)
    down: np.ndarray  # (d_hidden, d_model)
    query_bias: np.ndarray | float = 0.0
    key_bias: np.ndarray | float = 0.0
    value_bias: np.ndarray | float = 0.0
    query_norm: np.ndarray | None = None  # (d_head)
    key_norm: np.ndarray | None = None  # (d_head)

    def __post_init__(self):
        """Lay side by side what reads the same rows: one product of matrices in place of two or three."""
        self.query_key_value = np.concatenate([self.query, self.key, self.value], axis=1)
        self.gate_up = np.concatenate([self.gate, self.up], axis=1)
        wide, narrow, d_hidden = self.query.shape[1], self.key.shape[1], self.gate.shape[1]
        self.query, self.key, self.value = np.split(self.query_key_value, [wide, wide + narrow], axis=1)
        self.gate, self.up = np.split(self.gate_up, [d_hidden], axis=1)
        biases = (self.query_bias, wide), (self.key_bias, narrow), (self.value_bias, narrow)
        self.bias = np.concatenate([np.broadcast_to(np.float32(bias), size) for bias, size in biases])
        self.norm = None  # (query and key heads, 1, d_head)
        if self.query_norm is not None:
            heads = [size // len(self.query_norm) for size in (wide, narrow)]
            self.norm = np.repeat([self.query_norm, self.key_norm], heads, axis=0)[:, None]


def rms_norm(x, scale, epsilon):
    """Divide each row of x (..., size) by its root mean square, and multiply it by a learned scale (size)."""
    mean_square = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
    return x * (scale / np.sqrt(mean_square + epsilon))


def turns(positions, d_head, theta):
    """Return cosine and sine (b, 1, n, d_head / 2), float32, of positions (b, n) times theta ** (-2 i / d_head)."""
    angles = positions[:, None, :, None] * theta ** (-np.arange(0, d_head, 2) / d_head)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotate(x, cosine, sine):
    """Turn the numbers i and i + d_head / 2 of each row of x (b, heads, n, d_head) by the angle of its position.

    So the product of a query and a key depends on their distance alone (Su et al., 2021, arXiv:2104.09864).
    """
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def causal_mask(n, m):
    """Say which of m tokens each of the last n may look at: itself and those before it, as truth values (n, m)."""
    return np.arange(m) <= np.arange(m - n, m)[:, None]


def softmax(scores):
    """Turn scores (..., m) into probabilities that sum to 1, along the last axis."""
    powers = scores - 1.0 * scores.max(axis=-1, keepdims=True)  # integers become floats
    np.exp(powers, out=powers)  # in place: new memory costs time
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


def attend(queries, keys, values, mask):
    """Average values (..., m, d_head) by how well keys (..., m, d_head) answer queries (..., n, d_head), where a mask
    (..., n, m) is True.
    """
    scores = queries / np.float32(np.sqrt(queries.shape[-1])) @ keys.swapaxes(-1, -2)
    np.copyto(scores, np.float32(-1e30), where=~mask)
    return softmax(scores) @ values


def silu(x):
    """Return x * sigmoid(x) of each number."""
    return x / (1 + np.exp(np.minimum(-x, 80)))  # e to the 80th still is a number in float32


def choose(logits, temperature, top_k, top_p, random):
    """Choose a token number for each row of logits (b, vocabulary); settings are those of `LanguageModel.generate`."""
    if temperature < 1e-6:
        return logits.argmax(axis=-1)
    order = np.argsort(-logits, axis=-1)[:, :top_k]
    chances = softmax(np.take_along_axis(logits, order, axis=-1).astype(float) / temperature)
    chances[:, 1:][chances.cumsum(axis=-1)[:, :-1] >= top_p] = 0  # those before have the probability already
    sums = chances.cumsum(axis=-1)
    place = (sums <= random.random((len(logits), 1)) * sums[:, -1:]).sum(axis=-1, keepdims=True)
    return np.take_along_axis(order, place, axis=-1)[:, 0]


class LanguageModel:
    """A model and its tokenizer, as `course_utils.networks.pretrained.load_language_model` returns it.

    There to be read: `config`, `embedding` (vocabulary, d_model), `layers` (a list of `Layer`), `final_norm` (d_model),
    `head` (d_model, vocabulary), `tokenizer`, and where the weights come from: `name`, `source`, `licence`.
    """

    def __init__(self, config, embedding, layers, final_norm, head, tokenizer, name, source, licence):
        self.config, self.embedding, self.layers = config, embedding, layers
        self.final_norm, self.head, self.tokenizer = final_norm, head, tokenizer
        self.name, self.source, self.licence = name, source, licence

    def encode(self, text):
        """Return the token numbers of a text; a special token that is typed in it is text like any other."""
        return self.tokenizer.encode(text)

    def decode(self, ids):
        """Return the text of token numbers."""
        return self.tokenizer.decode(ids)

    def block(self, x, layer, turn, mask, past=None):
        """Add to x (b * n, d_model) what attention finds, and then what the feed-forward network makes of it.

        `turn` is what `turns` makes of the positions; `mask` (b, n, m) is True where a token may look at another.
        `past` holds the keys and values (b, key_value_heads, m, d_head) of all m tokens; the new ones go to their end.
        """
        sizes, (b, n, _) = self.config, mask.shape
        heads, shared = sizes.heads, sizes.heads // sizes.key_value_heads  # so many heads of queries ask the same keys
        rows = rms_norm(x, layer.attention_norm, sizes.epsilon) @ layer.query_key_value + layer.bias
        rows = rows.reshape(b, n, -1, sizes.d_head).swapaxes(1, 2)  # (b, heads of all three, n, d_head)
        asked, values = rows[:, : -sizes.key_value_heads], rows[:, -sizes.key_value_heads :]
        if layer.norm is not None:
            asked = rms_norm(asked, layer.norm, sizes.epsilon)
        asked = rotate(asked, *turn)
        queries, keys = asked[:, :heads], asked[:, heads:]
        if past is not None:
            past[0][:, :, -n:], past[1][:, :, -n:] = keys, values
            keys, values = past
        grouped = queries.reshape(b, sizes.key_value_heads, shared * n, sizes.d_head)
        found = attend(grouped, keys, values, np.concatenate([mask] * shared, axis=1)[:, None])
        x = x + found.reshape(b, heads, n, -1).swapaxes(1, 2).reshape(b * n, -1) @ layer.output
        both = rms_norm(x, layer.feed_forward_norm, sizes.epsilon) @ layer.gate_up
        return x + (silu(both[:, : sizes.d_hidden]) * both[:, sizes.d_hidden :]) @ layer.down

    def states(self, ids, counted, cache=None):
        """Return the final states (b, n, d_model) of ids (b, n), the newest of the tokens that `counted` (b, m) has."""
        (b, n), m = ids.shape, counted.shape[1]
        positions = np.maximum(counted.cumsum(axis=1) - 1, 0)[:, -n:]
        mask = causal_mask(n, m) & counted[:, None, :].astype(bool)
        x, turn = self.embedding[ids.reshape(-1)], turns(positions, self.config.d_head, self.config.theta)
        for layer, past in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            x = self.block(x, layer, turn, mask, past and [part[:, :, :m] for part in past])
        return rms_norm(x, self.final_norm, self.config.epsilon).reshape(b, n, -1)

    def logits(self, ids, counted=None):
        """Score every token as the next one, after each of ids (n,) or (b, n): float32 (n or b, n, vocabulary).

        `counted`, zeros and ones of the same shape, is 0 for padding, whose own scores mean nothing.
        """
        rows, counted = check_tokens(ids, counted, self.config)
        return (self.states(rows, counted).reshape(-1, self.config.d_model) @ self.head).reshape(*np.shape(ids), -1)

    def next_tokens(self, ids, counted=None, max_new_tokens=64, temperature=0.0, top_k=None, top_p=1.0, seed=0):
        """Return an iterator over arrays (b): the new token numbers, one for each row of ids (b, n), again and again.

        Shorter rows are padded on the left, where `counted` is 0. Settings are those of `generate`.
        """
        check_count("max_new_tokens", max_new_tokens)
        rows, counted = check_tokens(ids, counted, self.config, max_new_tokens)
        temperature, top_p = check_range("temperature", temperature, 0, 100), check_range("top_p", top_p, 0, 1)
        top_k = None if top_k is None else check_count("top_k", top_k)
        random = np.random.default_rng(check_seed(seed))
        return self._write(rows, counted, max_new_tokens, (temperature, top_k, top_p, random))

    def _write(self, rows, counted, max_new_tokens, settings):
        sizes, (b, n) = self.config, rows.shape
        room = (b, sizes.key_value_heads, n + max_new_tokens, sizes.d_head)
        cache = [(np.zeros(room, np.float32), np.zeros(room, np.float32)) for _ in self.layers]
        for _ in range(max_new_tokens):
            tokens = choose(self.states(rows, counted, cache)[:, -1] @ self.head, *settings)
            yield tokens
            rows, counted = tokens[:, None], np.concatenate([counted, np.ones((b, 1), int)], axis=1)

    def generate(self, prompt, max_new_tokens=64, temperature=0.0, top_k=None, top_p=1.0, seed=0, stop=None):
        """Write on from a prompt (a text, or token numbers); return an iterator over the pieces of text, once certain.

        At most `max_new_tokens` are written; the text ends before the first of the texts in `stop`, or where the model
        ends it. Temperature 0 takes the likeliest token; else the logits are divided by it, and one is drawn, from the
        `top_k` likeliest tokens (None: all), of these from the fewest that have the probability `top_p`.
        """
        ids = self.encode(prompt) if isinstance(prompt, str) else prompt
        if np.ndim(ids) != 1 or len(ids) == 0:
            raise ValueError(f"prompt: found {reprlib.repr(prompt)}, expected a text, or token numbers, at least one.")
        stop = check_texts("stop", stop) if stop is not None else []
        if "" in stop:
            raise ValueError("stop: found an empty text, which ends everything. Leave it out.")
        tokens = self.next_tokens([ids], None, max_new_tokens, temperature, top_k, top_p, seed)
        return self.tokenizer.stream((int(token) for (token,) in tokens), stop)

    def chat(self, messages, **settings):
        """Answer a conversation, in the form that the model was tuned on; return pieces of text as `generate` does.

        `messages` is a list of {"role": "user", "content": "…"}; roles are system, user and assistant. Settings are
        those of `generate`.
        """
        return self.generate(self.tokenizer.encode_chat(messages), **settings)
