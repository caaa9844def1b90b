"""The small models that chapters and sweeps share: shapes, seeds, training and scores."""

import math

import numpy as np
import pytest

from course_utils.small_models import (
    CONTEXT,
    LANGUAGE_MODELS,
    bits_per_character,
    build_digit_network,
    build_language_model,
    count_parameters,
    score_digit_network,
    train_digit_network,
    train_language_model,
)

PATTERN = np.tile(np.arange(8, dtype=np.uint8), 200)  # eight characters in turn: fully predictable


@pytest.mark.parametrize(("width", "depth"), [(7, 0), (5, 1), (6, 3)])
def test_digit_network_has_the_counted_parameters(width, depth):
    sizes = [784, *[width] * depth, 10]
    expected = sum((n + 1) * m for n, m in zip(sizes[:-1], sizes[1:], strict=True))
    assert count_parameters(build_digit_network(width, depth)) == expected


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_language_model_has_the_counted_parameters(name):
    width, layers, _ = LANGUAGE_MODELS[name]
    expected = (96 + CONTEXT + 2) * width + layers * (12 * width**2 + 13 * width)
    assert count_parameters(build_language_model(*LANGUAGE_MODELS[name])) == expected


def test_digit_network_learns_and_the_seed_fixes_the_result():
    random = np.random.default_rng(0)
    images = random.random((200, 784), dtype=np.float32)
    labels = (images[:, 0] > 0.5).astype(np.int64)
    images[:, 0] *= 20

    def trained(seed):
        network = build_digit_network(8, 1, seed)
        train_digit_network(network, images, labels, 120, seed, learning_rate=0.01)
        return score_digit_network(network, images, labels)

    assert trained(0) == trained(0) != trained(1)
    assert trained(0)[0] < 0.05


def test_few_images_make_one_smaller_batch():
    images, labels = np.eye(10, 784, dtype=np.float32), np.arange(10)
    network = build_digit_network(16, 1)
    train_digit_network(network, images, labels, 200, learning_rate=0.01)
    assert score_digit_network(network, images, labels)[0] == 0


def test_a_model_that_knows_nothing_costs_the_logarithm_of_the_alphabet():
    model = build_language_model(16, 1, 2)
    assert abs(bits_per_character(model, PATTERN) - math.log2(96)) < 1


def test_language_model_learns_a_pattern_and_watches():
    model = build_language_model(32, 2, 2)
    seen = train_language_model(model, PATTERN, 60, watch=lambda m: bits_per_character(m, PATTERN), every=20)
    assert [update for update, _ in seen] == [20, 40, 60]
    assert seen[-1][1] < 1 < seen[0][1]


def test_the_beginning_of_a_long_training_is_the_same_training():
    def beginning(updates, stop_after):
        model = build_language_model(16, 1, 2)
        train_language_model(model, PATTERN, updates, stop_after=stop_after)
        return bits_per_character(model, PATTERN)

    model = build_language_model(16, 1, 2)
    [(_, bits), *_] = train_language_model(model, PATTERN, 40, watch=lambda m: bits_per_character(m, PATTERN), every=10)
    assert beginning(40, 10) == bits != beginning(10, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": PATTERN[:CONTEXT]}, "tokens: found the shape \\(32,\\), expected one row of more than 32"),
        ({"tokens": PATTERN[None]}, "tokens: found the shape"),
        ({"updates": 0}, "updates: found 0"),
        ({"stop_after": 0}, "stop_after: found 0"),
        ({"every": 0}, "every: found 0"),
        ({"learning_rate": 0}, "learning_rate: found 0"),
        ({"learning_rate": float("nan")}, "learning_rate: found nan"),
    ],
)
def test_language_training_refuses_what_it_cannot_use(arguments, message):
    model = build_language_model(16, 1, 1)
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=message):
        train_language_model(model, **{"tokens": PATTERN, "updates": 2, **arguments})
    assert all((a == b).all() for a, b in zip(before, model.parameters(), strict=True))


def test_a_text_that_is_too_short_is_not_scored():
    with pytest.raises(ValueError, match="tokens: found the shape"):
        bits_per_character(build_language_model(16, 1, 1), PATTERN[:CONTEXT])
