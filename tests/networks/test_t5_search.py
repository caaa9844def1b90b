"""The searches of T5, against plain loops and exhaustive search."""

import itertools

import numpy as np
import pytest

from course_utils.networks.t5 import beam_search, greedy_search

START, END, PAD = 0, 1, 2


class ToyModel:
    """A recurrent network with random weights: what it says depends on all tokens of a row, through the cache."""

    def __init__(self, seed, vocabulary=5, rows=3, size=4):
        rng = np.random.default_rng(seed)
        self.mix = rng.normal(size=(size, size)).astype("float32")
        self.embedding = rng.normal(size=(vocabulary, size)).astype("float32")
        self.head = 2 * rng.normal(size=(size, vocabulary)).astype("float32")
        self.states = rng.normal(size=(rows, size)).astype("float32")
        self.seen = []  # (position, rows) of each call

    def step(self, tokens, position, cache):
        import tensorflow as tf

        self.seen.append((int(position), len(tokens)))
        state = tf.tanh(cache["state"] @ self.mix + tf.gather(self.embedding, tokens))
        return state @ self.head, {"state": state}

    def cache(self, beams=1):
        import tensorflow as tf

        return {"state": tf.repeat(self.states, beams, axis=0)}

    def log_probabilities(self, row, tokens):
        """Return the log-probabilities (vocabulary,) of the token after `tokens`, computed from the start."""
        state = self.states[row]
        for token in tokens:
            state = np.tanh(state @ self.mix + self.embedding[token])
        logits = state @ self.head
        return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


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
def test_greedy_search_equals_a_plain_loop(seed, ends):
    model = ToyModel(seed)
    tokens = greedy_search(model.step, model.cache(), 3, START, ends, PAD, 6)
    assert tokens.dtype == np.int32
    assert tokens.numpy().tolist() == pad([greedy_by_hand(model, row, ends, 6) for row in range(3)])


def test_greedy_search_stops_early_and_computes_only_rows_that_go_on():
    model = ToyModel(seed=0, rows=40)
    tokens = greedy_search(model.step, model.cache(), 40, START, (END,), PAD, 200).numpy()
    lengths = np.array([row.index(END) for row in tokens.tolist()])
    assert 1 in lengths and len(set(lengths)) > 2, "the example should hold short and long rows"
    assert model.seen == [(position, int((lengths > position).sum())) for position in range(lengths.max())]


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_one_new_token(search):
    model = ToyModel(seed=3)
    likeliest = [[START, int(np.argmax(model.log_probabilities(row, [START])))] for row in range(3)]
    if search == "greedy":
        tokens = greedy_search(model.step, model.cache(), 3, START, (END,), PAD, 1)
    else:
        tokens, scores = beam_search(model.step, model.cache(4), 3, 4, START, (END,), PAD, 1)
        best = [model.log_probabilities(row, [START]).max() for row in range(3)]
        np.testing.assert_allclose(scores, best, atol=1e-5)
    assert tokens.numpy().tolist() == likeliest


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_all(seed):
    vocabulary, most = 4, 4
    model = ToyModel(seed, vocabulary, rows=2)
    beams = vocabulary**most
    tokens, scores = beam_search(model.step, model.cache(beams), 2, beams, START, (END,), PAD, most)
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
    tokens, scores = beam_search(model.step, model.cache(beams), 3, beams, START, ends, PAD, 6)
    expected = [beam_by_hand(model, row, beams, ends, 6) for row in range(3)]
    np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-5)
    assert tokens.numpy().tolist() == pad([tokens for _, tokens in expected])


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_beam_search_asks_for_as_many_hypotheses_as_beams_at_each_position(beams):
    model = ToyModel(seed=0)
    beam_search(model.step, model.cache(beams), 3, beams, START, (), PAD, 4)
    assert model.seen == [(position, 3 * beams) for position in range(4)]


def test_a_wider_beam_can_find_what_greedy_search_misses():
    gains = []
    for seed in range(12):
        model = ToyModel(seed, vocabulary=7)
        greedy = greedy_search(model.step, model.cache(), 3, START, (), PAD, 5).numpy()
        _, scores = beam_search(model.step, model.cache(5), 3, 5, START, (), PAD, 5)
        for row, tokens in enumerate(greedy.tolist()):
            logs = [model.log_probabilities(row, tokens[:i])[tokens[i]] for i in range(1, 6)]
            gains.append(float(scores[row]) - sum(logs) / 5)
    assert max(gains) > 0.05 and np.mean(np.array(gains) > 1e-5) > 0.25
