"""Search for the tokens that a language model finds likely: greedily, or with a beam of hypotheses.

The model is a function `step(tokens, position, cache) -> (logits, cache)`. It gets the newest token of each row,
integers of shape (rows,), their position, which starts at 0, and what it returned as cache the last time: any nest of
tensors whose first axis counts the rows, such as keys and values. Logits have the shape (rows, vocabulary).

Both searches are loops of TensorFlow: called inside a `tf.function` they become part of one compiled graph.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from course_utils.checks import check_count
from course_utils.runtime import load_keras

load_keras()
import tensorflow as tf  # noqa: E402

__all__ = ["beam_search", "check_tokens", "greedy_search", "search_in_parts"]

NEVER = -1.0e9  # the score of what must not be chosen


def greedy_search(step, cache, rows, start_token, end_tokens, pad_token, max_new_tokens, drop_ended=True):
    """Append the likeliest token to each row until all rows have ended.

    Parameters
    ----------
    step : callable
        The model, as above.
    cache : nest of tensors
        What the first call of `step` gets. With `drop_ended=False` its shapes may not change.
    rows : int
        How many sequences to write; at least 1.
    start_token, pad_token : int
        What each row begins with, and what follows its end.
    end_tokens : sequence of int
        A row ends with the first of these.
    max_new_tokens : int
        Where a row is cut, its start not counted; at least 1.
    drop_ended : bool
        Call `step` only with the rows that have not ended. XLA, which compiles for one shape, needs False.

    Returns
    -------
    tokens : tensor of int32, shape (rows, 1 + max_new_tokens)
    lengths : tensor of int32, shape (rows,)
        How many tokens each row has, its start and its end included; padding follows.
    """
    check_count("rows", rows), check_count("max_new_tokens", max_new_tokens)
    start = tf.fill([rows], start_token)
    places = tf.range(1 + max_new_tokens)

    def advance(position, newest, going, tokens, cache):
        logits, cache = step(newest, position, cache)
        chosen = tf.argmax(logits, axis=-1, output_type=tf.int32)
        if drop_ended:
            column = tf.tensor_scatter_nd_update(tf.fill([rows], pad_token), going[:, None], chosen)
            staying = tf.reshape(tf.where(~_is_in(chosen, end_tokens)), [-1])
            chosen, going, cache = tf.cond(
                tf.size(staying) == tf.size(going),
                lambda: (chosen, going, cache),
                lambda: tf.nest.map_structure(lambda part: tf.gather(part, staying), (chosen, going, cache)),
            )
        else:
            column = chosen = tf.where(going, chosen, pad_token)
            going &= ~_is_in(chosen, end_tokens)
        return position + 1, chosen, going, tf.where(places == position + 1, column[:, None], tokens), cache

    def unfinished(position, newest, going, tokens, cache):
        return (position < max_new_tokens) & (tf.size(going) > 0 if drop_ended else tf.reduce_any(going))

    going = tf.range(rows) if drop_ended else tf.fill([rows], True)  # the rows that go on: which, or for each whether
    state = (tf.constant(0), start, going, tf.where(places == 0, start[:, None], pad_token), cache)
    tokens = _loop(unfinished, advance, state, any_shape=drop_ended)[3]
    return tokens, _lengths(tokens, end_tokens)


def beam_search(step, cache, rows, beams, start_token, end_tokens, pad_token, max_new_tokens):
    """Keep the `beams` likeliest unfinished hypotheses of each row, and return its best finished one.

    The score of a hypothesis is the sum of the log-probabilities of its tokens divided by how many they are, its end
    included. Of the best `beams` continuations, those that have ended or are as long as allowed are finished. A row is
    done when its likeliest unfinished hypothesis, divided by its length so far, scores no better than the worst of
    `beams` finished ones: what it could reach by growing is not looked at (transformers' `early_stopping=False`).

    Parameters
    ----------
    step, start_token, end_tokens, pad_token, max_new_tokens
        As for `greedy_search`. `step` gets rows * beams tokens, those of one row together.
    cache : nest of tensors
        Its first axis counts the rows; it is repeated for each beam.
    rows, beams : int
        At least 1 each.

    Returns
    -------
    tokens : tensor of int32, shape (rows, 1 + length)
        As long as its longest row, padded with `pad_token`.
    scores : tensor of float32, shape (rows,)
    """
    for name, value in {"rows": rows, "beams": beams, "max_new_tokens": max_new_tokens}.items():
        check_count(name, value)
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
        pool = tf.concat([finished_scores, tf.where(eligible, best / length, NEVER)], axis=1)
        padded = tf.pad(finished_tokens, [[0, 0], [0, 0], [0, 1]], constant_values=pad_token)
        finished_scores, kept = tf.math.top_k(pool, beams)
        finished_tokens = tf.gather(tf.concat([padded, grown], axis=1), kept, batch_dims=1)

        scores, kept = tf.math.top_k(tf.where(ended, NEVER, best), beams)
        tokens = tf.gather(grown, kept, batch_dims=1)
        parents = tf.reshape(first_of_row + tf.gather(origin, kept, batch_dims=1), [-1])
        cache = tf.nest.map_structure(lambda part: tf.gather(part, parents), cache)
        done |= scores[:, 0] / length <= finished_scores[:, -1]
        return position + 1, tokens, scores, finished_tokens, finished_scores, done, cache

    def unfinished(position, tokens, scores, finished_tokens, finished_scores, done, cache):
        return (position < max_new_tokens) & ~tf.reduce_all(done)

    start = tf.fill([rows, beams, 1], start_token)
    only_first = tf.tile(tf.where(tf.range(beams) == 0, 0.0, NEVER)[None], [rows, 1])  # or all beams would be the same
    nothing = tf.fill([rows, beams], NEVER)
    repeated = tf.nest.map_structure(lambda part: tf.repeat(part, beams, axis=0), cache)
    state = (tf.constant(0), start, only_first, start, nothing, tf.fill([rows], False), repeated)
    _, _, _, tokens, scores, _, _ = _loop(unfinished, advance, state)
    tokens = tokens[:, 0]
    longest = tf.reduce_max(_lengths(tokens, end_tokens))
    return tokens[:, :longest], scores[:, 0]


def search_in_parts(search, input_ids, mask, pad_token, parts=1, multiple=1):
    """Search the parts of the rows at the same time, one thread for each, and put the results together again.

    Parameters
    ----------
    search : callable
        Gets the token numbers and the mask of a part, and returns (tokens, values): integers (rows, width) and anything
        whose first axis counts the rows.
    input_ids, mask : arrays of int32, shape (rows, positions)
        As `check_tokens` returns them.
    pad_token : int
        What fills the tokens of the parts up to the longest.
    parts : int
        Into how many parts the rows go, where there are as many; at least 1.
    multiple : int
        The sources are cut, or padded, to a multiple of this, at least 1; fewer shapes are compiled faster.

    Returns
    -------
    (tokens, values)
        As `search` returns them, for all rows, as NumPy arrays.
    """
    check_count("multiple", multiple)
    pieces = np.array_split(np.arange(len(mask)), min(check_count("parts", parts), len(mask)))

    def search_part(rows):
        read = int(np.flatnonzero(mask[rows].any(axis=0))[-1]) + 1
        width = multiple * -(-read // multiple)
        return search(*(_resize(array[rows], width, 0) for array in (input_ids, mask)))

    if len(pieces) == 1:
        found = [search_part(pieces[0])]
    else:
        with ThreadPoolExecutor(len(pieces)) as threads:
            found = list(threads.map(search_part, pieces))
    width = max(tokens.shape[1] for tokens, _ in found)
    tokens = [_resize(np.asarray(tokens), width, pad_token) for tokens, _ in found]
    return np.concatenate(tokens), np.concatenate([np.asarray(values) for _, values in found])


def _loop(unfinished, advance, state, any_shape=True):
    state = tf.nest.map_structure(tf.convert_to_tensor, state)
    shapes = tf.nest.map_structure(lambda part: tf.TensorShape([None] * part.shape.rank), state) if any_shape else None
    return tf.while_loop(unfinished, advance, state, shape_invariants=shapes)


def _is_in(tokens, end_tokens):
    return tf.reduce_any(tokens[..., None] == tf.constant(list(end_tokens), tf.int32), axis=-1)


def _lengths(tokens, end_tokens):
    """Return how many tokens (rows, width) each row has, its start and its first end included."""
    ends = tf.cast(_is_in(tokens[:, 1:], end_tokens), tf.int32)
    return 1 + tf.reduce_sum(tf.cast(tf.cumsum(ends, axis=1, exclusive=True) == 0, tf.int32), axis=1)


def check_tokens(input_ids, attention_mask, vocabulary):
    """Return token numbers and mask as arrays of int32, shape (rows, positions); no mask means ones everywhere.

    Raises
    ------
    TypeError
        When the token numbers are no integers.
    ValueError
        When a shape is wrong, a token is not in the vocabulary, or a mask holds other values or hides a whole row.
    """
    ids = _as_rectangle("input_ids", input_ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"input_ids: found numbers of type {ids.dtype}, expected integers.")
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise ValueError(f"input_ids: found {ids.min()} to {ids.max()}, expected 0 to {vocabulary - 1}.")
    mask = _as_rectangle("attention_mask", np.ones(ids.shape) if attention_mask is None else attention_mask)
    if mask.shape != ids.shape:
        raise ValueError(f"attention_mask: found shape {mask.shape}, expected that of input_ids, {ids.shape}.")
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("attention_mask: found other numbers than 0 (hidden) and 1 (read).")
    if not mask.any(axis=1).all():
        row = int(np.argmin(mask.any(axis=1)))
        raise ValueError(f"attention_mask: row {row} has no position that is read. Leave the row out.")
    return ids.astype("int32"), mask.astype("int32")


def _as_rectangle(name, values):
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: found rows of different lengths. Pad them to one length.") from error
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: found shape {array.shape}, expected (rows, positions). For one row, write [{name}].")
    return array


def _resize(array, width, filling):
    """Cut or pad an array (rows, positions) to a width."""
    return np.pad(array[:, :width], ((0, 0), (0, max(0, width - array.shape[1]))), constant_values=filling)
