"""The stored sweep of seeds is complete and says what chapter 4 says of it, and its script runs end to end."""

from importlib import import_module

import numpy as np
import pytest

from course_utils.data import load_digits
from course_utils.fitting import mean_interval
from course_utils.tables import read_sweep


@pytest.fixture(scope="module")
def script():
    return import_module("digit_stopping")


@pytest.fixture(scope="module")
def stored():
    """Return column to values (seeds, epochs)."""
    rows = read_sweep("digit_stopping")
    return {column: np.array([row[column] for row in rows]).reshape(30, 15) for column in rows[0]}


def test_every_planned_epoch_is_stored_once(script, stored):
    assert (stored["seed"] == np.array(script.SEEDS)[:, None]).all()
    assert (stored["epoch"] == np.arange(1, script.EPOCHS + 1)).all()
    assert ((stored["pairs_p"] != "") == (stored["epoch"] == script.PAIRS_EPOCH)).all()


def test_training_on_after_the_lowest_validation_loss_brings_accuracy_and_costs_calibration(stored):
    seeds, best = np.arange(30), stored["validation_loss"].argmin(axis=1)
    for column in ("test_accuracy", "calibration_error"):
        _, (low, _) = mean_interval(stored[column][:, 14] - stored[column][seeds, best])
        assert low > 0, column
    at_best = stored["calibration_error"][seeds, best] - stored["calibration_by_chance"][seeds, best]
    assert mean_interval(at_best)[1][0] > 0


def test_shuffled_answers_stay_errors_and_keep_both_totals(script):
    random = np.random.default_rng(0)
    shown, kinds = random.integers(10, size=60), random.integers(1, 10, size=60)
    even = np.mean([script.pairs_p(shown, (shown + kinds) % 10, random, shuffles=200) for _ in range(3)])
    assert even > 0.05
    one_pair = np.where(random.random(60) < 0.5, (shown + 1) % 10, (shown + kinds) % 10)
    assert script.pairs_p(shown, one_pair, random, shuffles=200) < 0.05
    all_of_one = np.repeat(4, 60), np.repeat(9, 60)  # the totals explain it all
    assert script.pairs_p(*all_of_one, random, shuffles=20) == 1


def test_calibration_by_chance_is_small_and_not_zero(script):
    probabilities = np.full((1000, 10), 0.02)
    probabilities[:, 3] = 0.82
    assert 0 < script.calibration_by_chance(probabilities, np.random.default_rng(0)) < 0.03


def test_a_short_run_gives_the_stored_rows_up_to_rounding(script, stored):
    digits = load_digits()
    rows = script.rows_of(0, *script.train(0, digits, epochs=1), digits.test_labels)
    assert len(rows) == 1 and len(rows[0]) == len(script.COLUMNS) and rows[0][:2] == [0, 1]
    assert float(rows[0][3]) == pytest.approx(stored["validation_loss"][0, 0], abs=0.02)
    assert float(rows[0][4]) == pytest.approx(stored["test_accuracy"][0, 0], abs=0.01)
