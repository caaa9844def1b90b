"""Tests of the searches against plain loops, exhaustive search and bad input."""

import itertools

import numpy as np
import pytest

from course_utils.checks import check_count
from course_utils.decoding import beam_search, check_tokens, greedy_search, search_in_parts
from course_utils.runtime import load_keras

START, END, PAD = 0, 1, 2


class ToyModel:
    """A recurrent network with random weights: what it says depends on all tokens of a row, through the cache."""

    def __init__(self, seed, vocabulary=5, rows=3, size=4):
        rng = np.random.default_rng(seed)
        self.mix = rng.normal(size=(size, size)).astype("float32")
        self.embedding = rng.normal(size=(vocabulary, size)).astype("float32")
        self.head = 2 * rng.normal(size=(size, vocabulary)).astype("float32")
        self.cache = {"state": rng.normal(size=(rows, size)).astype("float32")}
        self.seen = []  # (position, rows) of each call

    def step(self, tokens, position, cache):
        import tensorflow as tf

        self.seen.append((int(position), len(tokens)))
        state = tf.tanh(cache["state"] @ self.mix + tf.gather(self.embedding, tokens))
        return state @ self.head, {"state": state}

    def log_probabilities(self, row, tokens):
        """Return the log-probabilities (vocabulary,) of the token after `tokens`, computed from the start."""
        state = self.cache["state"][row]
        for token in tokens:
            state = np.tanh(state @ self.mix + self.embedding[token])
        logits = state @ self.head
        return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


@pytest.fixture(scope="module", autouse=True)
def keras():
    return load_keras()


def pad(rows):
    longest = max(map(len, rows))
    return [list(row) + [PAD] * (longest - len(row)) for row in rows]


def greedy_by_hand(model, row, ends, most):
    tokens = [START]
    while len(tokens) <= most and (len(tokens) == 1 or tokens[-1] not in ends):
        tokens.append(int(np.argmax(model.log_probabilities(row, tokens))))
    return tokens


def beam_by_hand(model, row, beams, ends, most):
    """Search with lists of (sum of log-probabilities, tokens); return the best finished hypothesis and its score."""
    running, finished = [(0.0, [START])], []
    for length in range(1, most + 1):
        grown = [
            (total + value, tokens + [token])
            for total, tokens in running
            for token, value in enumerate(model.log_probabilities(row, tokens))
        ]
        grown.sort(key=lambda pair: -pair[0])
        over = [tokens[-1] in ends or length == most for _, tokens in grown]
        top = zip(grown[:beams], over, strict=False)
        finished += [(total / length, tokens) for (total, tokens), ended in top if ended]
        finished = sorted(finished, key=lambda pair: -pair[0])[:beams]
        kept = grown[: beams * max(2, 1 + len(ends))]
        running = [pair for pair, ended in zip(kept, over, strict=False) if not ended][:beams]
        if not running or (len(finished) == beams and running[0][0] / length <= finished[-1][0]):
            break
    return finished[0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ends", [(END,), (END, 3), ()])
@pytest.mark.parametrize("drop_ended", [True, False])
def test_greedy_search_equals_a_plain_loop(seed, ends, drop_ended):
    model = ToyModel(seed)
    tokens, lengths = greedy_search(model.step, model.cache, 3, START, ends, PAD, 6, drop_ended)
    expected = [greedy_by_hand(model, row, ends, 6) for row in range(3)]
    assert tokens.dtype == np.int32 and tokens.shape == (3, 7)
    assert lengths.numpy().tolist() == [len(row) for row in expected]
    assert tokens.numpy().tolist() == [row + [PAD] * (7 - len(row)) for row in expected]


def test_greedy_search_stops_early_and_computes_only_rows_that_go_on():
    model = ToyModel(seed=1, rows=40)
    _, lengths = greedy_search(model.step, model.cache, 40, START, (END,), PAD, 200)
    new = lengths.numpy() - 1
    assert 1 in new and len(set(new)) > 2, "the example should hold short and long rows"
    assert model.seen == [(position, int((new > position).sum())) for position in range(new.max())]
    kept = ToyModel(seed=1, rows=40)
    greedy_search(kept.step, kept.cache, 40, START, (END,), PAD, 200, drop_ended=False)
    assert kept.seen == [(position, 40) for position in range(new.max())]


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_one_new_token(search):
    model = ToyModel(seed=3)
    likeliest = [[START, int(np.argmax(model.log_probabilities(row, [START])))] for row in range(3)]
    if search == "greedy":
        tokens, _ = greedy_search(model.step, model.cache, 3, START, (END,), PAD, 1)
    else:
        tokens, scores = beam_search(model.step, model.cache, 3, 4, START, (END,), PAD, 1)
        best = [model.log_probabilities(row, [START]).max() for row in range(3)]
        np.testing.assert_allclose(scores, best, atol=1e-5)
    assert tokens.numpy().tolist() == likeliest


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_all(seed):
    vocabulary, most = 4, 4
    model = ToyModel(seed, vocabulary, rows=2)
    tokens, scores = beam_search(model.step, model.cache, 2, vocabulary**most, START, (END,), PAD, most)
    for row in range(2):
        best = (-np.inf, None)
        for length in range(1, most + 1):
            for words in itertools.product(range(vocabulary), repeat=length):
                if END in words[:-1] or (length < most and words[-1] != END):
                    continue
                written = [START, *words]
                logs = [model.log_probabilities(row, written[:i])[written[i]] for i in range(1, length + 1)]
                best = max(best, (sum(logs) / length, written))
        assert scores[row].numpy() == pytest.approx(best[0], abs=1e-5)
        assert tokens[row].numpy().tolist() == best[1] + [PAD] * (tokens.shape[1] - len(best[1]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("beams", [1, 2, 3, 5])
@pytest.mark.parametrize("ends", [(END,), (END, 3), ()])
def test_beam_search_equals_plain_lists(seed, beams, ends):
    model = ToyModel(seed, vocabulary=7)
    tokens, scores = beam_search(model.step, model.cache, 3, beams, START, ends, PAD, 6)
    expected = [beam_by_hand(model, row, beams, ends, 6) for row in range(3)]
    np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-5)
    assert tokens.numpy().tolist() == pad([tokens for _, tokens in expected])


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_beam_search_asks_for_as_many_hypotheses_as_beams_at_each_position(beams):
    model = ToyModel(seed=0)
    beam_search(model.step, model.cache, 3, beams, START, (), PAD, 4)
    assert model.seen == [(position, 3 * beams) for position in range(4)]


def test_a_wider_beam_can_find_what_greedy_search_misses():
    gains = []
    for seed in range(12):
        model = ToyModel(seed, vocabulary=7)
        greedy = greedy_search(model.step, model.cache, 3, START, (), PAD, 5)[0].numpy()
        _, scores = beam_search(model.step, model.cache, 3, 5, START, (), PAD, 5)
        for row, tokens in enumerate(greedy.tolist()):
            logs = [model.log_probabilities(row, tokens[:i])[tokens[i]] for i in range(1, 6)]
            gains.append(float(scores[row]) - sum(logs) / 5)
    assert max(gains) > 0.05 and np.mean(np.array(gains) > 1e-5) > 0.25


def test_both_searches_compile_into_a_graph():
    import tensorflow as tf

    class Quiet(ToyModel):
        def step(self, tokens, position, cache):
            state = tf.tanh(cache["state"] @ self.mix + tf.gather(self.embedding, tokens))
            return state @ self.head, {"state": state}

    model, eager = Quiet(seed=5), ToyModel(seed=5)
    compiled = tf.function(
        lambda rows, most: (
            greedy_search(model.step, model.cache, rows, START, (END,), PAD, most),
            beam_search(model.step, model.cache, rows, 3, START, (END,), PAD, most),
        ),
        [tf.TensorSpec((), tf.int32)] * 2,
        autograph=False,
    )
    (tokens, lengths), (best, scores) = compiled(3, 6)
    expected, expected_lengths = greedy_search(eager.step, eager.cache, 3, START, (END,), PAD, 6)
    assert (tokens == expected).numpy().all() and (lengths == expected_lengths).numpy().all()
    expected, expected_scores = beam_search(eager.step, eager.cache, 3, 3, START, (END,), PAD, 6)
    assert (best == expected).numpy().all()
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6)


def test_xla_compiles_a_search_that_keeps_all_rows():
    import tensorflow as tf

    model = ToyModel(seed=5)

    def step(tokens, position, state):
        state = tf.tanh(state @ model.mix + tf.gather(model.embedding, tokens))
        return state @ model.head, state

    def search(state):
        return greedy_search(step, state, 3, START, (END,), PAD, 6, drop_ended=False)

    tokens, lengths = tf.function(search, jit_compile=True, autograph=False)(tf.constant(model.cache["state"]))
    expected, expected_lengths = search(tf.constant(model.cache["state"]))
    assert (tokens == expected).numpy().all() and (lengths == expected_lengths).numpy().all()


@pytest.mark.parametrize("parts", [1, 2, 3, 9])
@pytest.mark.parametrize("multiple", [1, 4])
def test_parts_are_searched_apart_and_put_together_in_order(parts, multiple):
    rng, seen = np.random.default_rng(0), []
    lengths = np.array([3, 5, 2, 9, 1])
    mask = (np.arange(12) < lengths[:, None]).astype("int32")
    ids = rng.integers(3, 9, mask.shape).astype("int32")

    def search(ids, mask):
        seen.append(ids.shape)
        width = int(mask.sum(axis=1).max())
        return ids[:, :width] * mask[:, :width] + PAD * (1 - mask[:, :width]), mask.sum(axis=1)

    tokens, values = search_in_parts(search, ids, mask, PAD, parts, multiple)
    assert tokens.tolist() == np.where(mask == 1, ids, PAD)[:, :9].tolist() and values.tolist() == lengths.tolist()
    assert len(seen) == min(parts, 5) and sum(rows for rows, _ in seen) == 5
    assert all(width % multiple == 0 and width <= 9 + multiple - 1 for _, width in seen)


def test_an_error_in_one_part_reaches_the_caller():
    def search(ids, mask):
        if ids[0, 0] == 1:
            raise RuntimeError("second part")
        return ids, mask[:, 0]

    with pytest.raises(RuntimeError, match="second part"):
        search_in_parts(search, np.array([[0], [1]]), np.ones((2, 1), int), PAD, parts=2)
    with pytest.raises(ValueError, match="parts: found 0"):
        search_in_parts(search, np.array([[0]]), np.ones((1, 1), int), PAD, parts=0)
    with pytest.raises(ValueError, match="multiple: found 0"):
        search_in_parts(search, np.array([[0]]), np.ones((1, 1), int), PAD, multiple=0)


@pytest.mark.parametrize("name", ["rows", "beams", "max_new_tokens"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None])
def test_the_searches_refuse_a_count(name, value):
    model = ToyModel(seed=0)
    counts = {"rows": 3, "beams": 2, "max_new_tokens": 4} | {name: value}
    with pytest.raises(ValueError, match=f"{name}: found {value!r}, expected a whole number of at least 1"):
        beam_search(
            model.step, model.cache, counts["rows"], counts["beams"], START, (END,), PAD, counts["max_new_tokens"]
        )
    if name != "beams":
        with pytest.raises(ValueError, match=f"{name}: found"):
            greedy_search(model.step, model.cache, counts["rows"], START, (END,), PAD, counts["max_new_tokens"])


def test_check_count_takes_numpy_integers():
    assert check_count("n", np.int64(3)) == 3


def test_check_tokens_returns_rectangles_of_int32():
    ids, mask = check_tokens([[3, 4, 0], [5, 0, 0]], None, vocabulary=6)
    assert ids.dtype == mask.dtype == np.int32
    assert ids.tolist() == [[3, 4, 0], [5, 0, 0]] and mask.tolist() == [[1, 1, 1], [1, 1, 1]]
    for given in (
        [[1, 1, 1], [0, 1, 0]],
        np.array([[True, True, True], [False, True, False]]),
        [[1.0] * 3, [0.0, 1, 0]],
    ):
        assert check_tokens(ids, given, 6)[1].tolist() == [[1, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("ids", "mask", "kind", "message"),
    [
        ([3, 4], None, ValueError, r"input_ids: found shape \(2,\), expected \(rows, positions\). For one row, write"),
        (3, None, ValueError, r"input_ids: found shape \(\)"),
        ([[[3]]], None, ValueError, r"input_ids: found shape \(1, 1, 1\)"),
        ([], None, ValueError, r"input_ids: found shape \(0,\)"),
        ([[]], None, ValueError, r"input_ids: found shape \(1, 0\)"),
        ([[3, 4], [5]], None, ValueError, "input_ids: found rows of different lengths. Pad them"),
        ([[3.0, 4.0]], None, TypeError, "input_ids: found numbers of type float64, expected integers"),
        ([[True, False]], None, TypeError, "input_ids: found numbers of type bool"),
        ([["a"]], None, TypeError, "input_ids: found numbers of type <U1"),
        ([[3, 6]], None, ValueError, "input_ids: found 3 to 6, expected 0 to 5"),
        ([[-1, 4]], None, ValueError, "input_ids: found -1 to 4, expected 0 to 5"),
        ([[3, 4]], [[1]], ValueError, r"attention_mask: found shape \(1, 1\), expected that of input_ids, \(1, 2\)"),
        ([[3, 4]], [1, 1], ValueError, r"attention_mask: found shape \(2,\)"),
        ([[3, 4]], [[1, 2]], ValueError, "attention_mask: found other numbers than 0"),
        ([[3, 4]], [[1, float("nan")]], ValueError, "attention_mask: found other numbers than 0"),
        ([[3, 4], [4, 3]], [[1, 1], [0, 0]], ValueError, "attention_mask: row 1 has no position that is read"),
    ],
)
def test_check_tokens_refuses(ids, mask, kind, message):
    with pytest.raises(kind, match=message):
        check_tokens(ids, mask, vocabulary=6)
