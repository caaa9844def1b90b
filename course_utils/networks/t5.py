"""T5, which turns text into text (Raffel et al., 2020, arXiv:1910.10683), in Keras on TensorFlow, without dropout.

An encoder reads the source tokens, a decoder writes the target tokens. Each is a stack of blocks, and a block adds to
its input what attention and a feed-forward network make of it. In shapes, n counts rows, s source positions, t target
positions (or, in an encoder, both), h heads; d_model, d_kv and d_ff are sizes that the configuration names.

The file goes from the configuration over layers, stack and model to the search for likely texts, and ends with the
loading of a folder in Hugging Face format, as transformers 4 and 5 write it.
"""

import dataclasses
import json
import math
import numbers
import reprlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from course_utils.checks import check_array, check_count, check_path
from course_utils.memory import CLOSE, say_memory
from course_utils.runtime import THREADS, load_keras
from course_utils.weights import WeightsError

keras = load_keras()
import tensorflow as tf  # noqa: E402

__all__ = [
    "Attention",
    "Block",
    "FeedForward",
    "Linear",
    "RMSNorm",
    "RelativePositionBias",
    "Stack",
    "T5",
    "T5Config",
    "beam_search",
    "causal_bias",
    "greedy_search",
    "mask_bias",
    "named_weights",
    "read_t5_folder",
    "relative_position_bucket",
]

HIDDEN = -1.0e9  # added to the score of a position that must not be attended to, or of a text that must not be chosen
ACTIVATIONS = {
    "relu": tf.nn.relu,
    "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
    "gelu": tf.nn.gelu,
    "silu": tf.nn.silu,
}


# Configuration

MOST = 2**31 - 1
SIZES = ("vocab_size", "d_model", "d_kv", "d_ff", "num_heads")
FIELDS = dict.fromkeys(SIZES, (numbers.Integral, 1, MOST)) | {  # what a config.json may say: its type, least and most
    "num_layers": (numbers.Integral, 1, 1000),
    "num_decoder_layers": (numbers.Integral, 1, 1000),
    "relative_attention_num_buckets": (numbers.Integral, 4, MOST),
    "relative_attention_max_distance": (numbers.Integral, 1, MOST),
    "layer_norm_epsilon": (numbers.Real, 1e-12, 0.99),
    "dropout_rate": (numbers.Real, 0, 0.99),
    "is_gated_act": (bool, False, True),
    "scale_decoder_outputs": (bool, False, True),
}
TYPES = {numbers.Integral: "a whole number", numbers.Real: "a number"}
TOKENS = ("pad_token_id", "eos_token_id", "decoder_start_token_id")


@dataclasses.dataclass(frozen=True)
class T5Config:
    """Sizes of a T5, named as in its config.json. `tied_head`: the output matrix is the embedding's, transposed.

    A `ValueError` names a field that no T5 can have. `dropout_rate` is for those who train with transformers.
    """

    vocab_size: int = 32128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 2048
    num_layers: int = 6
    num_decoder_layers: int = 6
    num_heads: int = 8
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    dropout_rate: float = 0.1
    dense_act_fn: str = "relu"
    is_gated_act: bool = False
    scale_decoder_outputs: bool = True
    tied_head: bool = True
    pad_token_id: int = 0
    eos_token_id: int | list | tuple | None = 1
    decoder_start_token_id: int = 0

    def __post_init__(self):
        for name, limits in FIELDS.items():
            _check_field(name, getattr(self, name), *limits)
        distance, buckets = self.relative_attention_max_distance, self.relative_attention_num_buckets
        if 2 * distance <= buckets:  # half of the buckets hold one distance each
            more = f"more than half of relative_attention_num_buckets, {buckets}"
            raise ValueError(f"relative_attention_max_distance: found {distance}, expected {more}.")
        _check_choice("dense_act_fn", self.dense_act_fn, list(ACTIVATIONS))
        for name in TOKENS:
            for token in self.end_tokens if name == "eos_token_id" else [getattr(self, name)]:
                _check_field(name, token, numbers.Integral, 0, self.vocab_size - 1)

    @property
    def end_tokens(self):
        """The tokens that end a text: a tuple, empty where there is none."""
        ends = self.eos_token_id
        return tuple(ends) if isinstance(ends, (list, tuple)) else () if ends is None else (ends,)

    @classmethod
    def from_dict(cls, values):
        """Read what a config.json holds; what it leaves out has T5's default.

        transformers 4 scaled the decoder's output if, and only if, `tie_word_embeddings` was true, its default.
        transformers 5 writes `scale_decoder_outputs`, and says nothing about the head with `tie_word_embeddings`.
        """
        values = {name: value for name, value in values.items() if value is not None or name == "eos_token_id"}
        projection, tied = values.get("feed_forward_proj", "relu"), values.get("tie_word_embeddings", True)
        _check_choice("feed_forward_proj", projection, [gate + name for gate in ("", "gated-") for name in ACTIVATIONS])
        _check_field("tie_word_embeddings", tied, bool, False, True)
        values.setdefault("is_gated_act", projection.startswith("gated-"))
        values.setdefault("dense_act_fn", "gelu_new" if projection == "gated-gelu" else projection.split("-")[-1])
        values.setdefault("num_decoder_layers", values.get("num_layers", cls.num_layers))
        values.setdefault("scale_decoder_outputs", tied)
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})


def _check_field(name, value, kind, least, most):
    if not (isinstance(value, kind) and isinstance(value, bool) == (kind is bool) and least <= value <= most):
        expected = "true or false" if kind is bool else f"{TYPES[kind]} from {least} to {most}"
        raise ValueError(f"{name}: found {reprlib.repr(value)}, expected {expected}.")


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}: found {reprlib.repr(value)}, expected one of {', '.join(choices)}.")


# Layers


class Linear(keras.layers.Dense):
    """Multiply x (..., size_in) by a matrix (size_in, size_out), drawn from a normal distribution; no bias."""

    def __init__(self, size_in, size_out, deviation):
        start = keras.initializers.RandomNormal(stddev=deviation)
        super().__init__(size_out, use_bias=False, kernel_initializer=start)
        self.build((None, size_in))


class RMSNorm(keras.layers.Layer):
    """Divide x (..., d_model) by its root mean square, and multiply it by a learned scale (d_model)."""

    def __init__(self, d_model, epsilon=1e-6):
        super().__init__()
        self.scale, self.epsilon = self.add_weight(shape=(d_model,), initializer="ones", name="scale"), epsilon
        self.built = True

    def call(self, x):
        return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + self.epsilon) * self.scale


def relative_position_bucket(relative_position, bidirectional, num_buckets=32, max_distance=128):
    """Number the bucket of each distance "key position - query position" (integers of any shape).

    Half of the buckets hold one distance each, the others grow with its logarithm up to `max_distance`, beyond which
    all share the last. `bidirectional` gives keys after the query buckets of their own; else they count as distance 0.
    """
    relative_position, side = tf.cast(relative_position, tf.int32), 0
    if bidirectional:
        num_buckets //= 2
        side = tf.where(relative_position > 0, num_buckets, 0)
        distance = tf.abs(relative_position)
    else:
        distance = tf.maximum(-relative_position, 0)
    exact = num_buckets // 2
    octaves = tf.math.log(tf.cast(tf.maximum(distance, 1), tf.float32) / exact) / math.log(max_distance / exact)
    far = tf.minimum(exact + tf.cast(octaves * (num_buckets - exact), tf.int32), num_buckets - 1)
    return side + tf.where(distance < exact, distance, far)


class RelativePositionBias(keras.layers.Layer):
    """Look up what each head adds to its scores at a distance, in a learned table (num_buckets, h)."""

    def __init__(self, config, bidirectional):
        super().__init__()
        self.bidirectional, self.max_distance = bidirectional, config.relative_attention_max_distance
        shape = (config.relative_attention_num_buckets, config.num_heads)
        start = keras.initializers.RandomNormal(stddev=config.d_model**-0.5)
        self.table = self.add_weight(shape=shape, initializer=start, name="table")
        self.built = True

    def call(self, query_positions, key_positions):
        """Return the bias (1, h, t, s) of positions (t) and (s)."""
        distance = tf.cast(key_positions, tf.int32)[None, :] - tf.cast(query_positions, tf.int32)[:, None]
        bucket = relative_position_bucket(distance, self.bidirectional, self.table.shape[0], self.max_distance)
        return tf.transpose(tf.gather(self.table, bucket), (2, 0, 1))[None]


def mask_bias(mask):
    """Turn a mask (n, s), 1 where a position counts and 0 where it is hidden, into a bias (n, 1, 1, s)."""
    return (1.0 - tf.cast(mask, tf.float32))[:, None, None, :] * HIDDEN


def causal_bias(length):
    """Return the bias (1, 1, t, t) that hides from each position those that come after it."""
    positions = tf.range(length)
    return tf.where(positions[None, :] > positions[:, None], HIDDEN, 0.0)[None, None]


class Attention(keras.layers.Layer):
    """Let each position of x gather from `states` (from x itself where None) what its query finds there."""

    def __init__(self, config):
        super().__init__()
        self.heads, self.d_kv, inner = config.num_heads, config.d_kv, config.num_heads * config.d_kv
        self.query = Linear(config.d_model, inner, (config.d_model * config.d_kv) ** -0.5)  # in place of a division
        self.key = Linear(config.d_model, inner, config.d_model**-0.5)
        self.value = Linear(config.d_model, inner, config.d_model**-0.5)
        self.merge = Linear(inner, config.d_model, inner**-0.5)
        self.built = True

    def split(self, x):
        """Give each head its part: (n, t, h * d_kv) to (n, h, t, d_kv)."""
        return tf.transpose(tf.reshape(x, (tf.shape(x)[0], -1, self.heads, self.d_kv)), (0, 2, 1, 3))

    def keys_values(self, states):
        """Return keys and values (n, h, s, d_kv) of states (n, s, d_model)."""
        return self.split(self.key(states)), self.split(self.value(states))

    def attention_weights(self, x, keys, bias=None):
        """Return the softmax of the scores (n, h, t, s): queries of x times keys, plus bias, not divided by √d_kv."""
        scores = tf.matmul(self.split(self.query(x)), keys, transpose_b=True)
        return tf.nn.softmax(scores if bias is None else scores + bias)

    def attend(self, x, keys, values, bias=None):
        """Average the values (n, h, s, d_kv) by their weights, and merge the heads: (n, t, d_model)."""
        gathered = tf.transpose(tf.matmul(self.attention_weights(x, keys, bias), values), (0, 2, 1, 3))
        return self.merge(tf.reshape(gathered, (tf.shape(x)[0], -1, self.heads * self.d_kv)))

    def call(self, x, states=None, bias=None):
        return self.attend(x, *self.keys_values(x if states is None else states), bias)


class FeedForward(keras.layers.Layer):
    """Widen each position from d_model to d_ff, apply the activation (to a gate in T5 1.1), and narrow it again."""

    def __init__(self, config):
        super().__init__()
        self.activation = ACTIVATIONS[config.dense_act_fn]
        self.expand = Linear(config.d_model, config.d_ff, config.d_model**-0.5)
        self.gate = Linear(config.d_model, config.d_ff, config.d_model**-0.5) if config.is_gated_act else None
        self.contract = Linear(config.d_ff, config.d_model, config.d_ff**-0.5)
        self.built = True

    def call(self, x):
        if self.gate is None:
            return self.contract(self.activation(self.expand(x)))
        return self.contract(self.activation(self.gate(x)) * self.expand(x))


# Blocks and stacks


class Block(keras.layers.Layer):
    """Add to x what self-attention, cross-attention (decoder only) and the feed-forward network make of it."""

    def __init__(self, config, is_decoder):
        super().__init__()
        norm = (config.d_model, config.layer_norm_epsilon)
        self.attention_norm, self.attention = RMSNorm(*norm), Attention(config)
        if is_decoder:
            self.cross_norm, self.cross_attention = RMSNorm(*norm), Attention(config)
        self.feed_forward_norm, self.feed_forward = RMSNorm(*norm), FeedForward(config)
        self.built = True

    def call(self, x, bias, past=None, cross=None, cross_bias=None):
        """Return x, and its keys and values behind those of the `past`. `cross`: keys and values of the source."""
        normed = self.attention_norm(x)
        cache = self.attention.keys_values(normed)
        if past is not None:
            cache = tuple(tf.concat(pair, axis=2) for pair in zip(past, cache, strict=True))
        x = x + self.attention.attend(normed, *cache, bias)
        if cross is not None:
            x = x + self.cross_attention.attend(self.cross_norm(x), *cross, cross_bias)
        return x + self.feed_forward(self.feed_forward_norm(x)), cache


class Stack(keras.layers.Layer):
    """Send x through blocks that share one position bias, and normalise the last one's output."""

    def __init__(self, config, is_decoder):
        super().__init__()
        layers = config.num_decoder_layers if is_decoder else config.num_layers
        self.blocks = [Block(config, is_decoder) for _ in range(layers)]
        self.position_bias = RelativePositionBias(config, bidirectional=not is_decoder)
        self.final_norm = RMSNorm(config.d_model, config.layer_norm_epsilon)
        self.built = True

    def call(self, x, bias, past=None, cross=None, cross_bias=None):
        """Return states (n, t, d_model) and each block's keys and values in a list, as `past` and `cross` are."""
        cache, nothing = [], [None] * len(self.blocks)
        for block, earlier, source in zip(self.blocks, past or nothing, cross or nothing, strict=True):
            x, keys_values = block(x, bias, earlier, source, cross_bias)
            cache.append(keys_values)
        return self.final_norm(x), cache


# The model


class T5(keras.Model):
    """The whole model, with random weights as T5 starts from; `T5.from_pretrained` loads trained ones."""

    def __init__(self, config):
        super().__init__()
        self.config, normal = config, keras.initializers.RandomNormal(stddev=1.0)
        self.shared = keras.layers.Embedding(config.vocab_size, config.d_model, embeddings_initializer=normal)
        self.shared.build()
        self.encoder, self.decoder = Stack(config, is_decoder=False), Stack(config, is_decoder=True)
        self.head = None if config.tied_head else Linear(config.d_model, config.vocab_size, 1.0)
        self.built = True
        # so many parts of the rows are searched at once, unless each operation is split over the threads already
        self.parts = THREADS if tf.config.threading.get_intra_op_parallelism_threads() == 1 else 1
        ids, number = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.int32)  # one graph for all shapes
        self._greedy = tf.function(self._search, [ids, ids, number], autograph=False)
        self._beam = tf.function(self._search, [ids, ids, number, number], autograph=False)

    def encode(self, input_ids, attention_mask=None):
        """Return the encoder's states (n, s, d_model) of token numbers (n, s); a mask of 0 hides a position."""
        positions = tf.range(tf.shape(input_ids)[1])
        bias = self.encoder.position_bias(positions, positions)
        if attention_mask is not None:
            bias = bias + mask_bias(attention_mask)
        return self.encoder(self.shared(input_ids), bias)[0]

    def decode(self, decoder_input_ids, states, attention_mask=None):
        """Return the logits (n, t, vocab_size) of the token after each of (n, t); states and mask are the source's."""
        positions = tf.range(tf.shape(decoder_input_ids)[1])
        bias = self.decoder.position_bias(positions, positions) + causal_bias(tf.size(positions))
        cross = [block.cross_attention.keys_values(states) for block in self.decoder.blocks]
        cross_bias = None if attention_mask is None else mask_bias(attention_mask)
        return self.logits(self.decoder(self.shared(decoder_input_ids), bias, None, cross, cross_bias)[0])

    def call(self, input_ids, decoder_input_ids, attention_mask=None):
        return self.decode(decoder_input_ids, self.encode(input_ids, attention_mask), attention_mask)

    def logits(self, states):
        """Score each token of the vocabulary: states (..., d_model) times the output matrix, (..., vocab_size)."""
        if self.config.scale_decoder_outputs:
            states = states * self.config.d_model**-0.5
        return self.head(states) if self.head else tf.matmul(states, self.shared.embeddings, transpose_b=True)

    @say_memory("generate", f"Give fewer rows, fewer beams or fewer new tokens. {CLOSE}")
    def generate(self, input_ids, attention_mask=None, max_new_tokens=20, num_beams=1):
        """Write a text for each row of token numbers (n, s), by the likeliest tokens (one beam) or by beam search.

        A mask (n, s) of zeros and ones hides positions by 0; without one all are read, padding too. A text is cut after
        `max_new_tokens`; `num_beams` hypotheses are kept. Returns a NumPy array of int64, (n, 1 + length): the start
        token, the text, its end, and padding up to the longest row. What does not fit raises ValueError.
        """
        input_ids, mask = _check_tokens(input_ids, attention_mask, self.config.vocab_size)
        check_count("max_new_tokens", max_new_tokens)
        check_count("num_beams", num_beams)

        def search(rows):
            if num_beams == 1:
                return self._greedy(input_ids[rows], mask[rows], max_new_tokens).numpy()
            return self._beam(input_ids[rows], mask[rows], max_new_tokens, num_beams)[0].numpy()

        parts = np.array_split(np.arange(len(mask)), min(self.parts, len(mask)))
        with ThreadPoolExecutor() as threads:
            found = list(threads.map(search, parts))
        length, pad = max(tokens.shape[1] for tokens in found), self.config.pad_token_id
        wide = [np.pad(tokens, ((0, 0), (0, length - tokens.shape[1])), constant_values=pad) for tokens in found]
        return np.concatenate(wide).astype("int64")

    def _search(self, input_ids, mask, max_new_tokens, beams=None):
        """Run the encoder once, then the decoder for one position after another, with what it computed before."""
        rows, positions, config = tf.shape(mask)[0], tf.range(max_new_tokens), self.config
        states, source_bias = self.encode(input_ids, mask), mask_bias(mask)
        source = [block.cross_attention.keys_values(states) for block in self.decoder.blocks]
        if beams is not None:
            source, source_bias = tf.nest.map_structure(lambda x: tf.repeat(x, beams, axis=0), (source, source_bias))
        bias = self.decoder.position_bias(positions, positions)
        nothing = tf.zeros((tf.shape(source_bias)[0], config.num_heads, 0, config.d_kv))
        past = [(nothing, nothing)] * len(self.decoder.blocks)
        ends = (config.decoder_start_token_id, config.end_tokens, config.pad_token_id, max_new_tokens)

        def step(tokens, position, cache):
            past, source, source_bias = cache
            bias_of_position = bias[:, :, position : position + 1, : position + 1]
            states, past = self.decoder(self.shared(tokens[:, None]), bias_of_position, past, source, source_bias)
            return self.logits(states[:, 0]), (past, source, source_bias)

        cache = (past, source, source_bias)
        if beams is None:
            return greedy_search(step, cache, rows, *ends)
        return beam_search(step, cache, rows, beams, *ends)

    @classmethod
    @say_memory("load the T5", CLOSE)
    def from_pretrained(cls, folder):
        """Load a T5 from a folder as transformers saves it; `read_t5_folder` says which errors it raises."""
        config, tensors = read_t5_folder(folder)
        model = cls(config)
        for name, variable in named_weights(model).items():
            variable.assign(tensors[name].T if variable.name == "kernel" else tensors[name])
        return model


def _check_tokens(input_ids, attention_mask, vocabulary):
    """Return token numbers and mask as arrays of int32, shape (n, s); no mask means ones everywhere."""
    ids = check_array("input_ids", input_ids)
    if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"input_ids: found {ids.dtype} of shape {ids.shape}, expected integers of shape (rows, positions). "
            "For one row, write [input_ids]."
        )
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise ValueError(f"input_ids: found {ids.min()} to {ids.max()}, expected 0 to {vocabulary - 1}.")
    mask = np.ones(ids.shape) if attention_mask is None else check_array("attention_mask", attention_mask)
    if mask.shape != ids.shape or not np.isin(mask, (0, 1)).all() or not mask.any(axis=1).all():
        raise ValueError(
            f"attention_mask: found {reprlib.repr(mask.tolist())}, expected 0 (hidden) and 1 (read) in the shape of "
            f"input_ids, {ids.shape}, and at least one 1 in each row."
        )
    return ids.astype("int32"), mask.astype("int32")


# Search: greedy, and with a beam of hypotheses
#
# The model is a function `step(tokens, position, cache) -> (logits, cache)`. It gets the newest token of each text,
# integers of shape (texts,), their position, which starts at 0, and what it returned as cache the last time: any nest
# of tensors whose first axis counts the texts, such as keys and values. Logits have the shape (texts, vocabulary). Each
# text begins with `start_token`, ends with the first of `end_tokens` or after `max_new_tokens`, and is padded.


def greedy_search(step, cache, rows, start_token, end_tokens, pad_token, max_new_tokens):
    """Append the likeliest token to each row until all have ended: int32, (rows, 1 + length of the longest)."""

    def advance(position, tokens, going, newest, cache):
        logits, cache = step(newest, position, cache)
        newest = tf.argmax(logits, axis=-1, output_type=tf.int32)
        column = tf.tensor_scatter_nd_update(tf.fill([rows], pad_token), going[:, None], newest)
        staying = tf.where(~_is_in(newest, end_tokens))[:, 0]  # rows that have ended are computed no more
        going, newest, cache = _take((going, newest, cache), staying)
        return position + 1, tf.concat([tokens, column[:, None]], axis=1), going, newest, cache

    def unfinished(position, tokens, going, newest, cache):
        return (position < max_new_tokens) & (tf.size(going) > 0)

    start = tf.fill([rows], start_token)
    return _loop(unfinished, advance, (tf.constant(0), start[:, None], tf.range(rows), start, cache))[1]


def beam_search(step, cache, rows, beams, start_token, end_tokens, pad_token, max_new_tokens):
    """Keep the `beams` likeliest unfinished hypotheses of each row, and return its best finished one.

    The score of a hypothesis is the sum of the log-probabilities of its tokens divided by how many they are, its end
    included. Of the best `beams` continuations, those that have ended or are as long as allowed are finished. A row is
    done when its likeliest unfinished hypothesis, divided by its length so far, scores no better than the worst of
    `beams` finished ones: what it could reach by growing is not looked at (transformers' `early_stopping=False`).

    `step` gets, and `cache` counts, rows * beams texts, those of one row together. Returns the tokens, int32 of shape
    (rows, 1 + length of the longest), and their scores (rows,).
    """
    candidates = beams * max(2, 1 + len(end_tokens))  # so many cannot all have ended
    first_of_row = tf.range(rows)[:, None] * beams

    def advance(position, tokens, scores, finished_tokens, finished_scores, done, cache):
        length = tf.cast(position + 1, tf.float32)
        logits, cache = step(tf.reshape(tokens[:, :, -1], [-1]), position, cache)
        totals = scores[:, :, None] + tf.reshape(tf.nn.log_softmax(logits), [rows, beams, -1])
        vocabulary = tf.shape(totals)[2]
        best, index = tf.math.top_k(tf.reshape(totals, [rows, -1]), tf.minimum(candidates, beams * vocabulary))
        origin, chosen = index // vocabulary, index % vocabulary
        grown = tf.concat([tf.gather(tokens, origin, batch_dims=1), chosen[:, :, None]], axis=2)
        ended = _is_in(chosen, end_tokens) | (position + 1 >= max_new_tokens)

        eligible = ended & (tf.range(tf.shape(best)[1]) < beams) & ~done[:, None]
        pool = tf.concat([finished_scores, tf.where(eligible, best / length, HIDDEN)], axis=1)
        padded = tf.pad(finished_tokens, [[0, 0], [0, 0], [0, 1]], constant_values=pad_token)
        finished_scores, kept = tf.math.top_k(pool, beams)
        finished_tokens = tf.gather(tf.concat([padded, grown], axis=1), kept, batch_dims=1)

        scores, kept = tf.math.top_k(tf.where(ended, HIDDEN, best), beams)
        tokens = tf.gather(grown, kept, batch_dims=1)
        parents = tf.reshape(first_of_row + tf.gather(origin, kept, batch_dims=1), [-1])
        cache = _take(cache, parents)
        done |= scores[:, 0] / length <= finished_scores[:, -1]
        return position + 1, tokens, scores, finished_tokens, finished_scores, done, cache

    def unfinished(position, tokens, scores, finished_tokens, finished_scores, done, cache):
        return (position < max_new_tokens) & ~tf.reduce_all(done)

    start = tf.fill([rows, beams, 1], start_token)
    only_first = tf.tile(tf.where(tf.range(beams) == 0, 0.0, HIDDEN)[None], [rows, 1])  # or all beams would be the same
    nothing = tf.fill([rows, beams], HIDDEN)
    state = (tf.constant(0), start, only_first, start, nothing, tf.fill([rows], False), cache)
    _, _, _, tokens, scores, _, _ = _loop(unfinished, advance, state)
    before_end = tf.cumsum(tf.cast(_is_in(tokens[:, 0, 1:], end_tokens), tf.int32), axis=1, exclusive=True) == 0
    longest = 1 + tf.reduce_max(tf.reduce_sum(tf.cast(before_end, tf.int32), axis=1))
    return tokens[:, 0, :longest], scores[:, 0]


def _take(nest, rows):
    return tf.nest.map_structure(lambda part: tf.gather(part, rows), nest)


def _loop(unfinished, advance, state):
    shapes = tf.nest.map_structure(lambda part: tf.TensorShape([None] * part.shape.rank), state)  # any of this rank
    return tf.while_loop(unfinished, advance, state, shape_invariants=shapes)


def _is_in(tokens, end_tokens):
    return tf.reduce_any(tokens[..., None] == tf.constant(list(end_tokens), tf.int32), axis=-1)


# A folder

FLOATS = ("F16", "BF16", "F32", "F64")
LARGEST = 1e6  # no weight of a trained T5 comes near; products of such weights fit into float32
COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of the shared embedding, in older files
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"  # in Google's own files
REPLACE = "Give a folder as `save_pretrained` of transformers writes it."
OTHER_FILES = {
    "model.safetensors.index.json": "Its weights lie in several files: save it with transformers again, in one.",
    "pytorch_model.bin": "Its pytorch_model.bin is refused: such a file can run code when it is opened. If you trust "
    "where it comes from, load it with transformers and save it again.",
}


def read_t5_folder(folder):
    """Check the config.json and model.safetensors of a folder, and return a `T5Config` and the tensors.

    The tensors are arrays of float32 by the names that Hugging Face gives them; none is read before all sizes were
    compared. `lm_head.weight` is there only where it is not tied, which the file of the tensors decides, as in
    transformers 5. The tokens that start, end and pad a text are those of generation_config.json where there is one.

    A FileNotFoundError names the folder or file that is missing; a `WeightsError` the file that is damaged or does not
    describe a T5, and its field or tensor; a ValueError a `folder` that is no path.
    """
    folder = check_path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: found no folder {str(folder)!r}. {REPLACE}")
    file, generation = folder / "config.json", folder / "generation_config.json"
    values = _read_json(file)
    if values.get("model_type") != "t5":
        raise WeightsError(
            f"folder: {file} describes the model type {reprlib.repr(values.get('model_type'))}, expected 't5'. "
            "Relatives such as mt5 and umt5 are built differently and not supported."
        )
    try:
        config = T5Config.from_dict(values)
        if generation.exists():
            file, values = generation, _read_json(generation)
            tokens = {name: values[name] for name in TOKENS if values.get(name) is not None}
            config = dataclasses.replace(config, **tokens)
    except ValueError as error:
        raise WeightsError(f"folder: {file} does not describe a T5: {error} {REPLACE}") from error
    return _read_tensors(folder, config)


def _read_json(file):
    if not file.is_file():
        raise FileNotFoundError(f"folder: found no file {file.name} in {str(file.parent)!r}. {REPLACE}")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"folder: {file} holds a {type(values).__name__}, expected an object. {REPLACE}")
    return values


def _tensors(config):
    """Yield of each tensor its name in a file, its place in a `T5`, and its shape in the file."""
    width, inner, wide = config.d_model, config.num_heads * config.d_kv, config.d_ff
    yield "shared.weight", "shared.embeddings", (config.vocab_size, width)
    if not config.tied_head:
        yield "lm_head.weight", "head.kernel", (config.vocab_size, width)
    attention = {name: (part, inner, width) for name, part in (("q", "query"), ("k", "key"), ("v", "value"))}
    attention["o"] = ("merge", width, inner)
    widening = {"wi_0": "gate", "wi_1": "expand"} if config.is_gated_act else {"wi": "expand"}
    feed_forward = {name: (part, wide, width) for name, part in widening.items()} | {"wo": ("contract", width, wide)}
    for side, depth in (("encoder", config.num_layers), ("decoder", config.num_decoder_layers)):
        layers = [("SelfAttention", "attention", attention), ("DenseReluDense", "feed_forward", feed_forward)]
        if side == "decoder":
            layers.insert(1, ("EncDecAttention", "cross_attention", attention))
        yield f"{side}.final_layer_norm.weight", f"{side}.final_norm.scale", (width,)
        table = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        yield table, f"{side}.position_bias.table", (config.relative_attention_num_buckets, config.num_heads)
        for i in range(depth):
            for j, (kind, layer, parts) in enumerate(layers):
                name, place = f"{side}.block.{i}.layer.{j}", f"{side}.blocks.{i}.{layer}"
                yield f"{name}.layer_norm.weight", f"{place.removesuffix('_attention')}_norm.scale", (width,)
                for short, (part, *shape) in parts.items():
                    yield f"{name}.{kind}.{short}.weight", f"{place}.{part}.kernel", tuple(shape)


def named_weights(model):
    """Map the names that Hugging Face gives to T5's tensors to the variables of a `T5`.

    Variables named kernel are the transposes of those tensors.
    """

    def find(place):
        found = model
        for part in place.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        return found

    return {name: find(place) for name, place, _ in _tensors(model.config)}


def _read_tensors(folder, config):
    """Compare the tensors' sizes with the configuration, then read them; say in the configuration whether heads tie."""
    import ml_dtypes  # noqa: F401 (makes bfloat16 known to NumPy)
    from safetensors import SafetensorError, safe_open

    file = folder / "model.safetensors"
    if not file.is_file():
        advice = next((advice for name, advice in OTHER_FILES.items() if (folder / name).is_file()), REPLACE)
        raise FileNotFoundError(f"folder: found no file model.safetensors in {str(folder)!r}. {advice}")
    try:
        with safe_open(file, framework="numpy") as stored:
            slices = {name: stored.get_slice(name) for name in stored.keys() if name != UNUSED}
            config = dataclasses.replace(config, tied_head="lm_head.weight" not in slices)
            copies = [name for name in COPIES if name in slices]
            if copies:
                slices.setdefault("shared.weight", slices[copies[0]])
            _compare(file, config, slices)
            tensors = {name: _read_float32(file, name, part) for name, part in slices.items()}
    except SafetensorError as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    for name in copies:
        if not np.array_equal(tensors.pop(name), tensors["shared.weight"]):
            raise WeightsError(f"folder: {file}: {name} differs from shared.weight, which T5 does not allow. {REPLACE}")
    if not config.tied_head and np.array_equal(tensors["lm_head.weight"], tensors["shared.weight"]):
        del tensors["lm_head.weight"]
        config = dataclasses.replace(config, tied_head=True)
    return config, tensors


def _compare(file, config, slices):
    """Raise a `WeightsError` unless the slices of a file are those that the configuration describes."""
    expected = {name: f"shape {shape}" for name, _, shape in _tensors(config)}
    expected |= {name: expected["shared.weight"] for name in COPIES if name in slices}
    found = {name: f"shape {tuple(part.get_shape())}" for name, part in slices.items()}
    found |= {n: f"{found[n]} of type {p.get_dtype()}" for n, p in slices.items() if p.get_dtype() not in FLOATS}
    for name in {**expected, **found}:
        here, there = found.get(name, "no such tensor"), expected.get(name, "no such tensor")
        if here != there:
            says = ", ".join(f"{field} {getattr(config, field)}" for field in FIELDS)
            raise WeightsError(
                f"folder: {file}: {name}: found {here}, expected {there}, of type {', '.join(FLOATS)}: "
                f"config.json says {says}. {REPLACE}"
            )


def _read_float32(file, name, part):
    with np.errstate(all="ignore"):  # what is too large for float32 becomes infinity
        tensor = part[:].astype("float32", copy=False)
    if not -LARGEST < tensor.min() <= tensor.max() < LARGEST:
        raise WeightsError(
            f"folder: {file}: {name}: found NaN, infinity or a weight beyond {LARGEST:,.0f}, expected none. {REPLACE}"
        )
    return tensor
