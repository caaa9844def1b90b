"""The small models that chapters and sweeps share: shapes, seeds, training and scores."""

import math

import numpy as np
import pytest

from course_utils.library_text import ALPHABET
from course_utils.networks.small_models import (
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
from course_utils.runtime import load_torch

PATTERN = np.tile(np.arange(8, dtype=np.uint8), 200)  # eight characters in turn: fully predictable


torch = load_torch()


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


@pytest.mark.parametrize("width", [64, 400])
def test_he_starts_from_pytorchs_weights_with_twice_the_inputs_inverse_as_variance_and_without_biases(width):
    ours, theirs = (build_digit_network(width, 2, 7, start)[::2] for start in ("he", "pytorch"))
    for layer, default in zip(ours, theirs, strict=True):
        torch.testing.assert_close(layer.weight, default.weight * math.sqrt(6))
        assert (layer.bias == 0).all() and (default.bias != 0).any()
    assert float(ours[0].weight.detach().var()) == pytest.approx(2 / 784, rel=0.03)


def test_what_tells_digits_apart_passes_eight_layers_from_hes_weights_only():
    digits = torch.rand((200, 784), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        spread = {
            start: float(build_digit_network(64, 8, 0, start)[:-1](digits).var(dim=0).mean())
            for start in ("he", "pytorch")
        }
    assert spread["he"] > 10_000 * spread["pytorch"]


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(ValueError, match="initialisation: found 'kaiming', expected one of he, pytorch"):
        build_digit_network(2, 1, initialisation="kaiming")


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


@pytest.fixture
def optimisers(monkeypatch):
    """Collect the optimisers that a training makes."""
    made = []
    for name in ("Adam", "AdamW"):
        kind = getattr(torch.optim, name)
        monkeypatch.setattr(torch.optim, name, lambda *a, kind=kind, **k: made.append(kind(*a, **k)) or made[-1])
    return made


@pytest.mark.parametrize(("count", "sizes"), [(150, [64] * 6), (64, [64] * 6), (100, [64] * 6), (10, [10] * 6)])
def test_each_batch_is_full_and_no_image_comes_twice_in_an_epoch(count, sizes):
    network, seen = build_digit_network(2, 1), []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][:, 0].tolist()))
    images = np.zeros((count, 784), np.float32)
    images[:, 0] = np.arange(count)
    train_digit_network(network, images, np.zeros(count, np.int64), 6)
    assert [len(batch) for batch in seen] == sizes
    updates = max(1, count // 64)
    epochs = [sum(seen[start : start + updates], []) for start in range(0, 6, updates)]
    assert all(len(set(epoch)) == len(epoch) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_the_learning_rate_of_digits_falls_to_zero_along_a_half_cosine(optimisers):
    network, rates = build_digit_network(2, 1), []
    network.register_forward_pre_hook(lambda *_: rates.append(optimisers[0].param_groups[0]["lr"]))
    train_digit_network(network, np.zeros((5, 784), np.float32), [0] * 5, 50, learning_rate=0.02)
    assert rates == pytest.approx(0.01 * (1 + np.cos(np.pi * np.arange(50) / 50)))
    assert optimisers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("width", "highest"), [(16, 0.016), (32, 0.008)])
def test_the_learning_rate_of_text_rises_and_falls_to_a_tenth(optimisers, width, highest):
    seen = train_language_model(
        build_language_model(width, 1, 2),
        PATTERN,
        300,
        watch=lambda model: optimisers[0].param_groups[0]["lr"] / highest,
        every=1,
    )
    rates = np.array([rate for _, rate in seen])
    assert rates[[0, 14]] == pytest.approx([1 / 30, 1 / 2], rel=0.02)
    assert rates.argmax() == 29 and rates.max() == pytest.approx(1, rel=0.03)
    assert rates[149] == pytest.approx(0.55) and rates[-1] == pytest.approx(0.1)
    assert (np.diff(rates)[29:] < 0).all()


def test_the_rate_scales_each_step_of_text(optimisers):
    train_language_model(build_language_model(16, 1, 2), PATTERN, 60, stop_after=30, rate=0.512)
    assert optimisers[0].param_groups[0]["lr"] == pytest.approx(0.032 * (0.55 + 0.45 * math.cos(math.pi / 2)))


def test_each_update_reads_eight_pieces_of_the_whole_text():
    model, seen = build_language_model(16, 1, 1), []
    text = np.arange(CONTEXT + 3, dtype=np.uint8)  # the three places where a piece of 33 characters can start
    model.register_forward_pre_hook(lambda module, _, options: seen.append(options["input_ids"]), with_kwargs=True)
    train_language_model(model, text, 20)
    assert {tuple(batch.shape) for batch in seen} == {(8, CONTEXT)}
    assert {int(first) for batch in seen for first in batch[:, 0]} == {0, 1, 2}
    assert all((batch == batch[:, :1] + torch.arange(CONTEXT)).all() for batch in seen)


def test_few_images_make_one_smaller_batch():
    images, labels = np.eye(10, 784, dtype=np.float32), np.arange(10)
    network = build_digit_network(16, 1)
    train_digit_network(network, images, labels, 200, learning_rate=0.01)
    assert score_digit_network(network, images, labels)[0] == 0


def test_a_model_that_knows_nothing_costs_the_logarithm_of_the_alphabet():
    model = build_language_model(16, 1, 2)
    assert abs(bits_per_character(model, PATTERN) - math.log2(96)) < 1


def test_bits_are_the_mean_over_all_pieces_with_the_rest_left_out():
    model = build_language_model(16, 1, 2)
    tokens = np.random.default_rng(0).integers(0, 96, 20 * (CONTEXT + 1) + 5)  # more pieces than one batch of 16 holds
    with torch.inference_mode():
        logits = model(torch.as_tensor(tokens[:-5]).reshape(20, -1)[:, :-1]).logits.log_softmax(-1)
    right = torch.as_tensor(tokens[:-5]).reshape(20, -1)[:, 1:, None]
    assert bits_per_character(model, tokens) == pytest.approx(-float(logits.gather(-1, right).mean()) / math.log(2))


def test_seeds_fix_the_networks_and_leave_the_global_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for build in (lambda seed: build_digit_network(4, 1, seed), lambda seed: build_language_model(16, 1, 1, seed)):
        states = [torch.cat([p.flatten() for p in build(seed).parameters()]) for seed in (0, 0, 1)]
        assert (states[0] == states[1]).all() and not (states[0] == states[2]).all()
    assert (torch.get_rng_state() == before).all()


def test_first_weights_of_language_models_depend_on_the_width():
    for width in (16, 64, 256):
        deviation = build_language_model(width, 1, 2).transformer.wte.weight.std().item()
        assert deviation == pytest.approx(0.5 / math.sqrt(width), rel=0.1)


def test_scores_are_the_share_of_errors_and_the_mean_cross_entropy():
    network = build_digit_network(1, 0)
    images = np.random.default_rng(0).random((30, 784), dtype=np.float32)
    labels = np.arange(30) % 10
    logits = network(torch.as_tensor(images)).detach().numpy().astype(float)
    likelihoods = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[np.arange(30), labels]
    wrong, loss = score_digit_network(network, images, labels)
    assert wrong == pytest.approx((logits.argmax(axis=1) != labels).mean())
    assert loss == pytest.approx(-likelihoods.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1), "width: found 0"),
        ((-1, 1), "width: found -1"),
        ((None, 1), "width: found None"),
        ((1.5, 1), "width: found 1.5"),
        ((4, -1), "depth: found -1, expected a whole number of at least 0"),
        ((4, "1"), "depth: found '1'"),
    ],
)
def test_digit_networks_have_whole_sizes(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_digit_network(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 1), "width: found 0"),
        ((16, -1, 1), "layers: found -1"),
        ((16, 1, 0), "heads: found 0"),
        ((True, 1, 1), "width: found True"),
        ((16, 1, 3), "divisible by num_heads"),
    ],
)
def test_language_models_have_whole_sizes(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_language_model(*arguments)


IMAGES, LABELS = np.zeros((2, 784), np.float32), [0, 9]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": None}, r"images: found object of shape \(\), expected float32"),
        ({"images": IMAGES.astype(float)}, "images: found float64 of shape .*, expected float32"),
        ({"images": IMAGES.reshape(2, 28, 28)}, r"images: found float32 of shape \(2, 28, 28\)"),
        ({"images": IMAGES[:, :9]}, r"images: found float32 of shape \(2, 9\), expected float32 of shape \(n, 784\)"),
        ({"images": [[1.0], [1.0, 2.0]]}, "images: found rows of different lengths"),
        ({"images": IMAGES[:0], "labels": []}, "labels: found"),
        ({"labels": [0]}, "labels: found 1, expected 2, one per image"),
        ({"labels": [0, 10]}, "labels: found 0 to 10, expected 0 to 9"),
        ({"labels": [-1, 0]}, "labels: found -1 to 0"),
        ({"labels": [0.0, 1.0]}, "labels: found float64"),
        ({"labels": ["0", "1"]}, "labels: found <U1"),
    ],
)
def test_digits_that_do_not_fit_are_named(arguments, message):
    fitting = {"network": build_digit_network(2, 1), "images": IMAGES, "labels": LABELS, **arguments}
    with pytest.raises(ValueError, match=message):
        train_digit_network(**fitting, updates=1)
    with pytest.raises(ValueError, match=message):
        score_digit_network(**fitting)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"updates": -1}, "updates: found -1"),
        ({"updates": 0}, "updates: found 0"),
        ({"updates": "10"}, "updates: found '10'"),
    ],
)
def test_digit_training_refuses_what_it_cannot_use(arguments, message):
    network = build_digit_network(2, 1)
    before = [parameter.clone() for parameter in network.parameters()]
    with pytest.raises(ValueError, match=message):
        train_digit_network(network, IMAGES, LABELS, **{"updates": 2, **arguments})
    assert all((a == b).all() for a, b in zip(before, network.parameters(), strict=True))


def test_shared_parameters_count_once():
    layer = torch.nn.Linear(3, 3)
    assert count_parameters(torch.nn.Sequential(layer, layer)) == 12


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
        ({"tokens": PATTERN[:CONTEXT]}, "tokens: found 32 of them, expected more than 32"),
        ({"tokens": PATTERN[None]}, r"tokens: found uint8 of shape \(1, 1600\)"),
        ({"updates": 0}, "updates: found 0"),
        ({"tokens": None}, "tokens: found object"),
        ({"tokens": "abc"}, "tokens: found <U3"),
        ({"tokens": PATTERN / 2}, "tokens: found float64"),
        ({"tokens": PATTERN.astype(int) + len(ALPHABET)}, "tokens: found 96 to 103, expected 0 to 95"),
    ],
)
def test_language_training_refuses_what_it_cannot_use(arguments, message):
    model = build_language_model(16, 1, 1)
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=message):
        train_language_model(model, **{"tokens": PATTERN, "updates": 2, **arguments})
    assert all((a == b).all() for a, b in zip(before, model.parameters(), strict=True))


def test_a_text_that_is_too_short_is_not_scored():
    with pytest.raises(ValueError, match="tokens: found 32 of them"):
        bits_per_character(build_language_model(16, 1, 1), PATTERN[:CONTEXT])
