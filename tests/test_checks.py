"""Checks: what fits comes back, and what does not is named with the argument that holds it."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from course_utils.checks import (
    check_array,
    check_classes,
    check_count,
    check_numbers,
    check_path,
    check_seed,
    check_texts,
    is_number,
)
from course_utils.corruptions import add_noise, shift_images
from course_utils.networks.small_models import (
    build_digit_network,
    build_language_model,
    train_digit_network,
    train_language_model,
)
from course_utils.speech.samples import add_noise as add_noise_to_speech

NO_WHOLE_NUMBER = [None, "", "abc", "1", [], [1], {}, 1.0, 1.5, float("nan"), float("inf"), True, np.array([1]), 1j]
RAGGED = [[1], [1, 2]]


@pytest.mark.parametrize("value", [*NO_WHOLE_NUMBER, -1, 0])
def test_what_is_no_count_is_named(value):
    with pytest.raises(ValueError, match="n: found .*, expected a whole number of at least 1."):
        check_count("n", value)


def test_counts_have_bounds():
    assert check_count("n", 1) == check_count("n", np.int64(1)) == 1
    assert [check_count("n", value, 2, 4) for value in (2, 4)] == [2, 4]
    for value in (1, 5, 10**400):
        with pytest.raises(ValueError, match="n: found .*, expected a whole number from 2 to 4."):
            check_count("n", value, 2, 4)


SEEDED = {
    "shift_images": lambda seed: shift_images(np.zeros((1, 4, 4)), 1, seed),
    "add_noise": lambda seed: add_noise(np.zeros((1, 4, 4)), 0.1, seed),
    "add_noise to speech": lambda seed: add_noise_to_speech(np.ones(10), 10, seed),
    "build_digit_network": lambda seed: build_digit_network(2, 1, seed),
    "build_language_model": lambda seed: build_language_model(16, 1, 1, seed),
    "train_digit_network": lambda seed: train_digit_network(
        build_digit_network(2, 1), np.zeros((1, 784), np.float32), [0], 1, seed
    ),
    "train_language_model": lambda seed: train_language_model(
        build_language_model(16, 1, 1), np.zeros(40, np.uint8), 1, seed
    ),
}


@pytest.mark.parametrize("name", SEEDED)
def test_every_seed_is_a_whole_number_that_numpy_and_torch_take(name):
    for seed in (*NO_WHOLE_NUMBER, -1, 2**32):
        with pytest.raises(ValueError, match="seed: found .*, expected a whole number from 0 to 4294967295."):
            SEEDED[name](seed)
    for seed in (0, np.int64(3), 2**32 - 1):
        SEEDED[name](seed)


def test_a_seed_becomes_an_int():
    assert type(check_seed(np.uint8(7))) is int


def test_truth_values_and_text_are_no_numbers():
    assert all(map(is_number, (0, -1.5, np.float32(2), np.int8(3), Fraction(1, 2), float("nan"))))
    assert not any(map(is_number, (True, np.True_, "1", b"1", None, [1], 1j, np.array(1.0))))


@pytest.mark.parametrize("values", [None, "", "abc", "5", b"1", [None], ["1"], {}, 1j, np.array([None, 1]), ["a", 1]])
def test_what_holds_no_numbers_is_named(values):
    with pytest.raises(ValueError, match="x: found .*, expected numbers."):
        check_numbers("x", values)


@pytest.mark.parametrize("check", [check_array, check_numbers, lambda name, values: check_classes(name, values, 3)])
def test_rows_of_different_lengths_are_named(check):
    with pytest.raises(ValueError, match="x: found rows of different lengths"):
        check("x", RAGGED)


def test_numbers_become_floats_of_the_same_shape():
    for values in (3, [1, 2], np.ones((2, 3), np.float32), [10**30, 1], [Fraction(1, 2)], []):
        array = check_numbers("x", values)
        assert array.dtype == np.float64 and array.shape == np.shape(values)
    assert check_numbers("x", [10**30, Fraction(1, 4)]).tolist() == [1e30, 0.25]


@pytest.mark.parametrize("values", [None, "ab", [], ["0"], [0.0], [True], [[0]], [None], 0, {}])
def test_what_holds_no_classes_is_named(values):
    with pytest.raises(ValueError, match=r"labels: found .* of shape .*, expected integers of shape \(n,\)."):
        check_classes("labels", values, 3)


def test_classes_have_bounds():
    assert check_classes("labels", np.array([0, 2], np.uint8), 3).tolist() == [0, 2]
    for values in ([-1, 0], [0, 3]):
        with pytest.raises(ValueError, match="labels: found .* to .*, expected 0 to 2."):
            check_classes("labels", values, 3)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("ab", r"names: found the text 'ab', expected a list. Write \['ab'\]."),
        (None, "names: found None, expected a list of strings."),
        (5, "names: found 5, expected a list of strings."),
        ([1, 2], r"names: found \[1, 2\], expected a list of strings."),
        ([], "names: found 0 entries, expected at least one."),
    ],
)
def test_what_is_no_list_of_texts_is_named(texts, message):
    with pytest.raises(ValueError, match=message):
        check_texts("names", texts)


def test_texts_become_a_list():
    assert check_texts("names", ("a", "")) == check_texts("names", {"a": 1, "": 2}) == ["a", ""]


@pytest.mark.parametrize("value", [None, "", 5, [], b"a", True, "a\0b"])
def test_what_is_no_path_is_named(value):
    with pytest.raises(ValueError, match="path: found .*, expected a path, as text or pathlib.Path."):
        check_path("path", value)


def test_paths_become_paths():
    assert check_path("path", "a/b") == check_path("path", Path("a/b")) == Path("a/b")
