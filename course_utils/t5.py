"""T5, which turns text into text (Raffel et al., 2020, arXiv:1910.10683), in Keras on TensorFlow, without dropout.

An encoder reads the source tokens, a decoder writes the target tokens. Each is a stack of blocks, and a block adds to
its input what attention and a feed-forward network make of it. In shapes, n counts rows, s source positions, t target
positions (or, in an encoder, both), h heads; d_model, d_kv and d_ff are sizes that the configuration names.
"""

import functools
import math

from course_utils.checks import check_count
from course_utils.decoding import beam_search, check_tokens, greedy_search, search_in_parts
from course_utils.memory import CLOSE, say_memory
from course_utils.runtime import THREADS, load_keras
from course_utils.t5_folder import T5Config, load_tensors, read_t5_folder

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
    "causal_bias",
    "mask_bias",
    "multiply_rows",
    "relative_position_bucket",
]

HIDDEN = -1.0e9  # added to the score of a position that must not be attended to
ACTIVATIONS = {
    "relu": tf.nn.relu,
    "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
    "gelu": tf.nn.gelu,
    "silu": tf.nn.silu,
}


class Linear(keras.layers.Dense):
    """Multiply x (..., size_in) by a matrix (size_in, size_out), drawn from a normal distribution; no bias."""

    def __init__(self, size_in, size_out, deviation):
        start = keras.initializers.RandomNormal(stddev=deviation)
        super().__init__(size_out, use_bias=False, kernel_initializer=start)
        self.build((None, size_in))

    def call(self, x):
        return multiply_rows(x, self.kernel)


def multiply_rows(x, matrix):
    """Return x @ matrix as one product of all rows of x (..., size_in); `tf.matmul` makes many small ones of it."""
    product = tf.matmul(tf.reshape(x, (-1, matrix.shape[0])), matrix)
    return tf.reshape(product, (*_sizes(x)[:-1], matrix.shape[1]))


def _sizes(x):
    """Return the shape of x for a reshape: whole numbers where they are known, and -1 for a single unknown one."""
    known = list(x.shape)
    unknown = [-1] * len(known) if known.count(None) == 1 else tf.shape(x)
    return [unknown[axis] if size is None else size for axis, size in enumerate(known)]


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
        return tf.transpose(tf.reshape(x, (*_sizes(x)[:-1], self.heads, self.d_kv)), (0, 2, 1, 3))

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
        return self.merge(tf.reshape(gathered, (*_sizes(x)[:-1], self.heads * self.d_kv)))

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

    def call(self, x, bias, past=None, cross=None, cross_bias=None, place=None):
        """Return x, and its keys and values with those of the `past`. `cross`: keys and values of the source.

        The new ones go after those of the past or, of a single position, into them where `place` (s, 1) is True.
        """
        normed = self.attention_norm(x)
        cache = self.attention.keys_values(normed)
        if past is not None:
            pairs = zip(past, cache, strict=True)
            cache = tuple(tf.concat(pair, 2) if place is None else tf.where(place, *pair[::-1]) for pair in pairs)
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

    def call(self, x, bias, past=None, cross=None, cross_bias=None, place=None):
        """Return states (n, t, d_model) and each block's keys and values in a list, as `past` and `cross` are."""
        cache, nothing = [], [None] * len(self.blocks)
        for block, earlier, source in zip(self.blocks, past or nothing, cross or nothing, strict=True):
            x, keys_values = block(x, bias, earlier, source, cross_bias, place)
            cache.append(keys_values)
        return self.final_norm(x), cache


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
        # rows are searched in so many threads, unless each operation is split over the threads already
        self.parts = THREADS if tf.config.threading.get_intra_op_parallelism_threads() == 1 else 1
        ids, number = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((), tf.int32)  # one graph for all shapes
        self._greedy = tf.function(self._search, [ids, ids, number], autograph=False)
        whole = functools.partial(self._search, fixed_size=True)
        self._compiled = tf.function(whole, jit_compile=True, autograph=False)  # one program for each shape
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
        if self.head:
            return self.head(states)
        rows = tf.reshape(states, (-1, self.config.d_model))
        scores = tf.matmul(self.shared.embeddings, rows, transpose_b=True)  # transposes the smaller of the two
        return tf.reshape(tf.transpose(scores), (*_sizes(states)[:-1], self.config.vocab_size))

    @say_memory("generate", f"Give fewer rows, fewer beams or fewer new tokens. {CLOSE}")
    def generate(
        self,
        input_ids,
        attention_mask=None,
        max_new_tokens=20,
        num_beams=1,
        return_scores=False,
        jit_compile=False,
    ):
        """Write a text for each row, by the likeliest tokens (one beam) or by beam search.

        Parameters
        ----------
        input_ids : integers of shape (n, s)
        attention_mask : zeros and ones of shape (n, s), optional
            0 hides a position. Without a mask all are read, padding too.
        max_new_tokens, num_beams : int
            Where a text is cut, and how many hypotheses are kept; at least 1.
        return_scores : bool
            Return (tokens, scores): those of `course_utils.decoding.beam_search`.
        jit_compile : bool
            Let XLA compile greedy search for the sizes at hand: some seconds when they are new, faster ever after for a
            single row. It cannot let rows go when they end, so many rows are faster without.

        Returns
        -------
        NumPy array of int64, shape (n, 1 + length)
            The start token, the text, its end, and padding up to the longest row.
        """
        input_ids, mask = check_tokens(input_ids, attention_mask, self.config.vocab_size)
        numbers = [check_count("max_new_tokens", max_new_tokens), check_count("num_beams", num_beams)]
        greedy, parts = num_beams == 1 and not return_scores, 1
        if jit_compile and not greedy:
            raise ValueError("jit_compile: XLA compiles greedy search only. Use one beam, and leave return_scores out.")
        if jit_compile:
            search, numbers = self._compiled, [int(max_new_tokens)]  # an int becomes part of what is compiled
        else:
            search, numbers = (self._greedy, numbers[:1]) if greedy else (self._beam, numbers)
            parts = self.parts
        pad, multiple = self.config.pad_token_id, 8 if jit_compile else 1
        found = search_in_parts(lambda *part: search(*part, *numbers), input_ids, mask, pad, parts, multiple)
        tokens, values = found[0].astype("int64"), found[1]
        if greedy:
            return tokens[:, : values.max()]  # to the end of the longest
        return (tokens, values) if return_scores else tokens

    def _search(self, input_ids, mask, max_new_tokens, beams=None, fixed_size=False):
        """Run the encoder once, then the decoder for one position after another, with what it computed before."""
        rows, positions, config = tf.shape(mask)[0], tf.range(max_new_tokens), self.config
        states, source_bias = self.encode(input_ids, mask), mask_bias(mask)
        source = [block.cross_attention.keys_values(states) for block in self.decoder.blocks]
        bias = self.decoder.position_bias(positions, positions) + causal_bias(max_new_tokens)
        nothing = tf.zeros((rows, config.num_heads, max_new_tokens if fixed_size else 0, config.d_kv))
        past = [(nothing, nothing)] * len(self.decoder.blocks)
        ends = (config.decoder_start_token_id, config.end_tokens, config.pad_token_id, max_new_tokens)

        def step(tokens, position, cache):
            past, source, source_bias = cache
            row, place = tf.gather(bias, [position], axis=2), (positions == position)[:, None]
            if not fixed_size:
                row, place = row[..., : position + 1], None
            states, past = self.decoder(self.shared(tokens[:, None]), row, past, source, source_bias, place)
            return self.logits(states[:, 0]), (past, source, source_bias)

        if beams is None:
            return greedy_search(step, (past, source, source_bias), rows, *ends, drop_ended=not fixed_size)
        repeated = tf.nest.map_structure(lambda part: tf.repeat(part, beams, axis=0), (source, source_bias))

        def step_beams(tokens, position, past):  # the source is the same for all beams: no need to reorder it
            logits, (past, *_) = step(tokens, position, (past, *repeated))
            return logits, past

        return beam_search(step_beams, past, rows, beams, *ends)

    @classmethod
    @say_memory("load the T5", CLOSE)
    def from_pretrained(cls, folder):
        """Load a T5 from a folder as transformers saves it: config.json and model.safetensors, cast to float32.

        Raises
        ------
        FileNotFoundError
            When the folder or one of its files is missing.
        course_utils.weights.WeightsError
            When a file is damaged, or does not hold the T5 that config.json describes; the message names what is wrong.
        """
        config, tensors = read_t5_folder(folder)
        model = cls(config)
        load_tensors(model, tensors)
        return model
