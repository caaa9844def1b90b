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


def rms_norm(x, scale, epsilon):
    """Divide each row of x (..., size) by its root mean square, and multiply it by a learned scale (size)."""
    mean_square = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
    return x * (scale / np.sqrt(mean_square + epsilon))


def rotate(x, positions, theta):
    """Turn the numbers i and i + d_head / 2 of each row of x (b, heads, n, d_head) by an angle times its position.

    Positions are (b, n), the angle is theta ** (-2 i / d_head): so the product of a query and a key depends on their
    distance alone, not on where they stand (Su et al., 2021, arXiv:2104.09864).
    """
    half = x.shape[-1] // 2
    angles = positions[:, None, :, None] * theta ** (-np.arange(half) / half)
    cosine, sine = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def causal_mask(n, m):
    """Say which of m tokens each of the last n may look at: itself and those before it, as truth values (n, m)."""
    return np.arange(m) <= np.arange(m - n, m)[:, None]


def softmax(scores):
    """Turn scores (..., m) into probabilities that sum to 1, along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def attend(queries, keys, values, mask):
    """Average the values (..., m, d_head) by how well keys (..., m, d_head) answer the queries (..., n, d_head).

    `mask` (..., n, m) is True where a query may look.
    """
    scores = queries @ keys.swapaxes(-1, -2) / np.float32(np.sqrt(queries.shape[-1]))
    return softmax(np.where(mask, scores, np.float32(-1e30))) @ values


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

    def block(self, x, layer, positions, mask, past=None):
        """Add to x (b * n, d_model) what attention finds, and then what the feed-forward network makes of it.

        `positions` (b, n) count each text's tokens from 0; `mask` (b, n, m) is True where one may look at another.
        `past` holds the keys and values (b, key_value_heads, m, d_head) of all m tokens; the new ones go to their end.
        """
        sizes, (b, n) = self.config, positions.shape

        def split(rows, norm=None):  # into heads: (b, heads, n, d_head)
            rows = rows.reshape(b, n, -1, sizes.d_head)
            return (rows if norm is None else rms_norm(rows, norm, sizes.epsilon)).swapaxes(1, 2)

        normed = rms_norm(x, layer.attention_norm, sizes.epsilon)
        queries = rotate(split(normed @ layer.query + layer.query_bias, layer.query_norm), positions, sizes.theta)
        keys = rotate(split(normed @ layer.key + layer.key_bias, layer.key_norm), positions, sizes.theta)
        values = split(normed @ layer.value + layer.value_bias)
        if past is not None:
            past[0][:, :, -n:], past[1][:, :, -n:] = keys, values
            keys, values = past
        shared = sizes.heads // sizes.key_value_heads  # so many heads of queries ask one head of keys and values
        grouped = queries.reshape(b, sizes.key_value_heads, shared * n, sizes.d_head)
        found = attend(grouped, keys, values, np.tile(mask, (1, shared, 1))[:, None])
        found = found.reshape(b, sizes.heads, n, sizes.d_head).swapaxes(1, 2).reshape(b * n, -1)
        x = x + found @ layer.output
        normed = rms_norm(x, layer.feed_forward_norm, sizes.epsilon)
        return x + (silu(normed @ layer.gate) * (normed @ layer.up)) @ layer.down

    def states(self, ids, counted, cache=None):
        """Return the final states (b, n, d_model) of ids (b, n), the newest of the tokens that `counted` (b, m) has."""
        (b, n), m = ids.shape, counted.shape[1]
        positions = np.maximum(counted.cumsum(axis=1) - 1, 0)[:, -n:]
        mask = causal_mask(n, m) & counted[:, None, :].astype(bool)
        x = self.embedding[ids.reshape(-1)]
        for layer, past in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            x = self.block(x, layer, positions, mask, past and [part[:, :, :m] for part in past])
        return rms_norm(x, self.final_norm, self.config.epsilon).reshape(b, n, -1)

    def logits(self, ids, counted=None):
        """Score every token of the vocabulary as the next one, after each of the given tokens.

        Parameters
        ----------
        ids : integers, shape (n,) or (b, n)
            From 1 token to as many as the model's context holds.
        counted : zeros and ones of the same shape, optional
            0 for padding, whose own scores mean nothing.

        Returns
        -------
        float32 array of shape (n, vocabulary) or (b, n, vocabulary)
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
        """Write on from a prompt; return an iterator over the pieces of text, each as soon as it is certain.

        Parameters
        ----------
        prompt : str or sequence of int
            A text, or token numbers.
        max_new_tokens : int
            Where the text is cut. The model may end it before.
        temperature : float
            0 takes the likeliest token; else the logits are divided by it, and one is drawn.
        top_k, top_p : int or None, float
            Draw from the k likeliest tokens, of these from the fewest that have the probability p.
        seed : int
            Where the draws begin.
        stop : sequence of str, optional
            The text ends before the first of these.
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
