"""Sweeps come back as they were stored, say how they were made, and can be continued."""

from itertools import product

import pytest

from course_utils.networks.small_models import INITIALISATIONS, LANGUAGE_MODELS
from course_utils.tables import RESULTS, append_rows, read_comments, read_sweep, start_sweep

HEAD, COLUMNS = ["# command: python x.py", "# seeds: 0, 1"], ["task", "size", "error", "note"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "Überblick.csv"
    assert start_sweep(path, HEAD, COLUMNS) == []
    append_rows(path, [["plain", 60, 0.25, "16 × 2"], ["plain", 120, "1e-3", ""], ["harder, much", 60, "0.5", "#1"]])
    return path


def test_rows_come_back_with_numbers_as_numbers(file):
    first, second, third = read_sweep(file)
    assert first == {"task": "plain", "size": 60, "error": 0.25, "note": "16 × 2"} and isinstance(first["size"], int)
    assert second["error"] == 0.001 and second["note"] == "" and third["task"] == "harder, much"
    assert read_sweep(file, task="plain", size=120) == [second] and read_sweep(file, size=7) == []
    assert read_comments(file) == HEAD


def test_a_sweep_that_is_there_goes_on(file):
    assert start_sweep(file, ["# another head"], ["other"]) == read_sweep(file)
    append_rows(file, [["plain", 240, 0.1, ""]])
    assert len(read_sweep(file)) == 4 and read_comments(file) == HEAD


def test_unknown_sweeps_and_columns_are_refused(file):
    with pytest.raises(FileNotFoundError, match=r"name: found no data_sweeep.csv .* there are: .*data_sweep, "):
        read_sweep("data_sweeep")
    with pytest.raises(ValueError, match=r"wanted: found the columns \['sed'\], expected some of \['task', 'size'"):
        read_sweep(file, sed=0)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*sweep*.csv")) + sorted(RESULTS.glob("pretraining*.csv")))
def test_each_stored_sweep_says_how_it_was_made(path):
    comments = "\n".join(read_comments(path))
    assert f"# command: python experiments/{path.stem}.py" in comments and "# hardware: " in comments
    assert "seeds" in comments and read_sweep(path.stem)


def test_the_sweeps_over_sizes_are_complete_and_possible():
    digits, text = read_sweep("size_sweep_digits"), read_sweep("size_sweep_text")
    shapes = [(2**power, 1) for power in range(11)] + [(64, depth) for depth in (0, 2, 3, 4, 6, 8)]
    expected = [
        (start, *shape, count, seed)
        for start, shape, count, seed in product(INITIALISATIONS, shapes, (100, 4000), range(5))
    ]
    columns = ("initialisation", "width", "depth", "training_digits", "seed")
    assert sorted(tuple(row[column] for column in columns) for row in digits) == sorted(expected)
    assert all(0 <= row[error] <= 0.95 for row in digits for error in ("train_error", "test_error"))
    amounts = sorted({row["distinct_characters"] for row in text})
    assert len(amounts) == 2 and amounts[0] == 4000
    settings = [*product(amounts, ["chosen"]), (4000, "larger")]
    expected = [
        (name, *setting, seed, update)
        for name, setting, seed, update in product(LANGUAGE_MODELS, settings, range(3), range(100, 700, 100))
    ]
    columns = ("model", "distinct_characters", "steps", "seed", "update")
    found = [tuple(row[column] for column in columns) for row in text]
    assert sorted(found) == sorted(expected)
    assert all(0 < row[bits] < 8 for row in text for bits in ("validation_bits", "test_bits"))


def test_each_learning_rate_of_text_is_the_best_on_validation_text_between_two_that_are_worse():
    tried = {}
    for row in read_sweep("text_learning_rates"):
        tried.setdefault((row["model"], row["distinct_characters"]), {})[row["rate"]] = row["validation_bits"]
    scored = {
        (row["model"], row["distinct_characters"], row["rate"]) for row in read_sweep("size_sweep_text", steps="chosen")
    }
    assert len(tried) == len(scored) == 2 * len(LANGUAGE_MODELS)
    for (name, characters), rates in tried.items():
        best = min(rates, key=rates.get)
        assert (name, characters, best) in scored and {best / 2, 2 * best} <= rates.keys()
    seeds = {row["seed"] for row in read_sweep("text_learning_rates")}
    assert seeds.isdisjoint(row["seed"] for row in read_sweep("size_sweep_text"))
