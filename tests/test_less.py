"""Fewer bits and smaller networks: the stored measurements are complete, and say what chapter 7 says of them."""

from importlib import import_module

import gguf
import numpy as np
import pytest

from course_utils.data import load_digits
from course_utils.fitting import mean_interval
from course_utils.tables import read_sweep

ITEMS = {"mini-GPT": 58, "mini-T5": 200, "MiniLM": 60, "SmolLM2": 12}


@pytest.fixture(scope="module")
def bits():
    return import_module("fewer_bits")


@pytest.fixture(scope="module")
def distil():
    return import_module("distil_digits")


@pytest.fixture(scope="module")
def losses():
    """Return setting to the values of mini-GPT's pieces."""
    found = {}
    for row in read_sweep("fewer_bits", model="mini-GPT"):
        found.setdefault((row["bits"], str(row["group"])), []).append(row["value"])
    return {setting: np.array(values) for setting, values in found.items()}


def test_every_planned_setting_is_stored_once(bits):
    settings = {"mini-GPT": bits.EVERY, "mini-T5": bits.SOME, "MiniLM": bits.SOME, "SmolLM2": bits.ROUNDED_BEFORE}
    stored = [(row["model"], row["bits"], str(row["group"]), row["item"]) for row in read_sweep("fewer_bits")]
    planned = [(name, *one, item) for name, every in settings.items() for one in every for item in range(ITEMS[name])]
    assert sorted(stored) == sorted(planned)


def test_eight_bits_in_groups_of_32_are_those_of_a_library(bits):
    matrix = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    kind = gguf.GGMLQuantizationType.Q8_0
    theirs = gguf.quants.dequantize(gguf.quants.quantize(matrix, kind), kind)
    np.testing.assert_allclose(bits.rounded(matrix, 8, "32"), theirs, rtol=1e-6)
    assert (bits.rounded(np.zeros((2, 32), np.float32), 4, "row") == 0).all()


def test_small_groups_cost_less_than_one_scale_a_matrix(losses):
    for bits, small, large in ((4, "row", "matrix"), (3, "row", "matrix"), (3, "32", "row")):
        assert mean_interval(losses[bits, large] - losses[bits, small])[1][0] > 0, (bits, small, large)


def test_fewer_bytes_write_faster_even_where_no_whole_numbers_are_multiplied():
    rows = read_sweep("bits_speed")
    seconds = {
        kind: np.array([row["decode"] for row in rows if row["kind"] == kind]) for kind in ("F32", "F16", "Q8_0")
    }
    assert (
        len(rows) == 20 and (seconds["F32"] / seconds["F16"] > 1.5).all() and (seconds["F16"] > seconds["Q8_0"]).all()
    )
    prefill = {kind: np.mean([row["prefill"] for row in rows if row["kind"] == kind]) for kind in ("F32", "Q4_1")}
    assert prefill["Q4_1"] > prefill["F32"]  # a prompt is bound by computing


def test_every_planned_student_is_stored_once(distil):
    rows = [tuple(row.values())[:6] for row in read_sweep("distil_digits")]
    assert len(rows) == len(set(rows)) == len(distil.SEEDS) * ((1 + 2 * 9) + (1 + 2 * 5))
    assert {row[0] for row in rows} == set(distil.SEEDS)


def test_a_teachers_targets_are_answers_or_softened_probabilities(distil):
    teacher, x = distil.build_digit_network(*distil.TEACHER), load_digits().test_images[:20].reshape(-1, 784)
    hard, cold, warm = (distil.make_targets(teacher, x, *way).numpy() for way in (("hard",), ("soft", 1), ("soft", 10)))
    assert (np.sort(hard, axis=1)[:, -2:] == [0, 1]).all() and (hard.argmax(axis=1) == cold.argmax(axis=1)).all()
    np.testing.assert_allclose(warm.sum(axis=1), 1, rtol=1e-5)
    assert (warm.max(axis=1) < cold.max(axis=1)).all()


def test_a_seed_gives_the_stored_student_up_to_rounding(distil):
    x, y, *_ = distil.split(0, load_digits())
    student = distil.build_digit_network(*distil.STUDENT, seed=0)
    distil.learn(student, x[:100], distil.torch.eye(10)[distil.torch.as_tensor(y[:100]).long()], 600, 0)
    digits = load_digits()
    error, _ = distil.score_digit_network(student, digits.test_images.reshape(-1, 784), digits.test_labels)
    (row,) = read_sweep("distil_digits", seed=0, labels=100, targets="labels", updates=600)
    assert error == pytest.approx(row["test_error"], abs=0.03)


def test_the_gain_of_few_labels_is_more_pictures_and_soft_targets_are_not_better_for_them(distil):
    rows, errors = read_sweep("distil_digits", labels=100), {}
    for row in rows:
        errors.setdefault((row["targets"], row["pictures"], row["temperature"], row["updates"]), []).append(
            100 * row["test_error"]
        )
    errors = {setting: np.array(values) for setting, values in errors.items()}
    labels, hard = errors["labels", 100, 1, 600], errors["hard", 3600, 1, 600]
    assert mean_interval(hard - labels)[1][1] < 0
    for temperature in distil.TEMPERATURES:
        for updates in distil.UPDATES:
            soft, answers = errors["soft", 3600, temperature, updates], errors["hard", 3600, 1, updates]
            assert mean_interval(soft - answers)[1][1] > 0  # none is better for certain
