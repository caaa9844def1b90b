"""The stored compute sweep is complete, and its script divides a budget as the lesson says."""

from importlib import import_module

import pytest

from course_utils.networks.small_models import CONTEXT, LANGUAGE_BATCH, build_language_model, count_parameters
from course_utils.tables import read_sweep


@pytest.fixture(scope="module")
def script():
    return import_module("compute_sweep")


def test_every_size_in_range_was_trained_with_every_seed(script):
    rows = {(row["budget"], row["width"], row["seed"]): row for row in read_sweep("compute_sweep")}
    for width, layers, heads in script.SHAPES:
        parameters = count_parameters(build_language_model(width, layers, heads))
        for budget in script.BUDGETS:
            updates = script.updates_for(budget, parameters)
            for seed in (0, 1, 2):
                row = rows.pop((budget, width, seed), None)
                assert (row is not None) == (script.FEWEST <= updates <= script.MOST), (budget, width, seed)
                if row:
                    assert row["parameters"] == parameters and row["updates"] == updates
                    assert abs(6 * parameters * row["characters"] / budget - 1) < 0.01
                    assert 1 < row["test_bits"] < 6.6
    assert not rows


def test_a_budget_divides_into_updates(script):
    assert script.updates_for(6 * 1000 * LANGUAGE_BATCH * CONTEXT * 50, 1000) == 50


def test_too_few_or_too_many_updates_train_nothing(script):
    assert script.train_and_score(1e6, (16, 2, 2), 0, None) is None
