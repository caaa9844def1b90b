"""The stored sweep over training-set sizes: complete, possible, and made by the code that the lesson shows."""

import ast
from importlib import import_module

import numpy as np
import pytest

from course_utils.notebooks import NOTEBOOKS, ROOT, read_notebook
from course_utils.tables import read_sweep

SCRIPT = ROOT / "experiments" / "data_sweep.py"
LESSON = NOTEBOOKS / "01_background.ipynb"


@pytest.fixture(scope="module")
def script():
    return import_module("data_sweep")


@pytest.fixture(scope="module")
def stored():
    return read_sweep("data_sweep")


def test_each_point_is_there_once_and_possible(script, stored):
    points = {(row["task"], row["recipe"], row["training_digits"], row["seed"]) for row in stored}
    seeds = {seed for *_, seed in points}
    assert len(points) == len(stored) == ((2 * 2 + 1) * len(script.SIZES) + 2 * len(script.FEW)) * len(seeds)
    filled = {size for _, recipe, size, _ in points if recipe == "rest plain"}
    assert filled == {0, *script.SIZES[:-1]}, "with 4,000 harder digits nothing is left to fill up"
    assert len(script.SIZES) >= 7 and seeds == set(range(len(seeds))) and len(seeds) >= 8
    assert all(0 <= row["test_error"] <= 0.9 for row in stored)


def test_the_rest_is_plain_and_the_test_digits_are_harder(script):
    plain, harder = np.zeros((5000, 1)), np.ones((5000, 1))
    images = script.with_plain_rest({"plain": plain, "harder": harder}, 250, seed=3)
    order = np.random.RandomState(3).permutation(5000)
    assert images[order[:1250]].all() and not images[order[1250:]].any() and not plain.any()


def test_both_recipes_are_the_same_for_the_largest_size(script, stored):
    assert script.epochs_for("equal epochs", 60) == script.epochs_for("equal updates", 4000) == 24
    largest = {}
    for row in stored:
        if row["training_digits"] == 4000:
            largest.setdefault((row["task"], row["seed"]), set()).add(row["test_error"])
    assert {len(errors) for errors in largest.values()} == {1}


def test_the_lesson_shows_the_functions_that_made_it():
    def found(source):
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        names = ("error_after_training", "with_plain_rest")
        return [ast.dump(node) for node in functions if node.name in names]

    shown = [dump for cell in read_notebook(LESSON).cells if cell.cell_type == "code" for dump in found(cell.source)]
    assert shown == found(SCRIPT.read_text(encoding="utf-8"))
