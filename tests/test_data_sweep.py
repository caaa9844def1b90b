"""The stored sweep over training-set sizes: complete, possible, and made by the code that the lesson shows."""

import ast
import csv
import importlib.util
from pathlib import Path

import pytest

from course_utils.notebooks import NOTEBOOKS, ROOT, read_notebook

SCRIPT = ROOT / "experiments" / "data_sweep.py"
LESSON = NOTEBOOKS / "01_background.ipynb"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("data_sweep", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored():
    text = Path(ROOT / "experiments" / "results" / "data_sweep.csv").read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    return comments, rows


def test_its_head_says_how_it_was_made(stored):
    comments, _ = stored
    for word in ("command: python experiments/data_sweep.py", "seeds: 0 to ", "hardware: ", "data: "):
        assert any(word in line for line in comments), word


def test_each_point_is_there_once_and_possible(script, stored):
    _, rows = stored
    points = {(row["task"], row["recipe"], int(row["training_digits"]), int(row["seed"])) for row in rows}
    seeds = {seed for *_, seed in points}
    assert len(points) == len(rows) == 2 * 2 * len(script.SIZES) * len(seeds)
    assert len(script.SIZES) >= 7 and seeds == set(range(len(seeds))) and len(seeds) >= 8
    assert all(0 <= float(row["test_error"]) <= 0.9 for row in rows)


def test_both_recipes_are_the_same_for_the_largest_size(script, stored):
    assert script.epochs_for("equal epochs", 60) == script.epochs_for("equal updates", 4000) == 24
    largest = {}
    for row in stored[1]:
        if row["training_digits"] == "4000":
            largest.setdefault((row["task"], row["seed"]), set()).add(row["test_error"])
    assert {len(errors) for errors in largest.values()} == {1}


def test_what_is_done_is_read_and_a_missing_file_holds_nothing(script, stored, tmp_path):
    assert script.read_done(tmp_path / "none.csv") == set()
    assert len(script.read_done(ROOT / "experiments" / "results" / "data_sweep.csv")) == len(stored[1])


@pytest.mark.skipif(not LESSON.exists(), reason="chapter 1 is not there yet")
def test_the_lesson_shows_the_function_that_made_it():
    def found(source):
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        return [ast.dump(node) for node in functions if node.name == "error_after_training"]

    shown = [dump for cell in read_notebook(LESSON).cells if cell.cell_type == "code" for dump in found(cell.source)]
    assert shown == found(SCRIPT.read_text(encoding="utf-8"))
