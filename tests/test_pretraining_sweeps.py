"""The stored sweeps on pretraining: complete, possible, and made by the functions that the lesson shows."""

import ast
from itertools import product

import pytest

from course_utils.notebooks import NOTEBOOKS, ROOT, read_notebook
from course_utils.tables import read_sweep

LABELS = (1, 3, 10, 30, 100, 300)
SHARED = {"pretraining_images": "as_photographs choose_labelled build_body forward_flops permute"}


def assert_possible(rows, key, score):
    """Assert that scores are shares, and that each run's costs grow until its one last row."""
    runs = {}
    for row in rows:
        assert 0 <= row[score] <= 1 and row["seconds"] >= 0 and row["flops"] > 0
        runs.setdefault(tuple(row[name] for name in key), []).append(row)
    for found in runs.values():
        for unit in ("flops", "seconds"):
            costs = [row[unit] for row in found]
            assert costs == sorted(costs)
        assert [row["last"] for row in found] == [0] * (len(found) - 1) + [1]
    return runs


def test_image_sweep_is_complete_and_possible():
    rows = read_sweep("pretraining_images")
    runs = assert_possible(rows, ("task", "method", "labels", "seed", "split", "rate"), "accuracy")
    found = [(task, method, n, seed) for task, method, n, seed, split, _ in runs if split == "test"]
    wide = [("digits", "features"), ("digits", "convolutional")]
    wide += [("permuted", method) for method in ("features", "pixels", "dense")]
    expected = [(*way, n, seed) for way, n, seed in product(wide, LABELS, range(5))]
    few = {"fine-tuned": (1, 10, 100), "from scratch": (10, 100), "random features": (1, 10)}
    expected += [("digits", method, n, seed) for method, sizes in few.items() for n in sizes for seed in range(5)]
    assert sorted(point for point in found if not point[1].startswith("layer ")) == sorted(expected)
    layers = [(method, split, seed) for _, method, _, seed, split, _ in runs if method.startswith("layer ")]
    for split, seeds in (("validation", range(100, 105)), ("cross-validation", range(5)), ("test", range(5))):
        tried = [(method, seed) for method, of, seed in layers if of == split]
        assert len(tried) == 8 * 5 and {seed for _, seed in tried} == set(seeds)


def test_each_network_scores_with_the_rate_that_its_validation_digits_chose():
    for method in ("convolutional", "dense", "fine-tuned", "from scratch"):
        rows = read_sweep("pretraining_images", method=method, last=1)
        for n in {row["labels"] for row in rows if row["split"] == "test"}:
            at, tried = n if method == "convolutional" else 10, {}
            for row in rows:
                if row["split"] == "validation" and row["labels"] == at:
                    tried.setdefault(row["rate"], []).append(row["accuracy"])
            best = max(tried, key=lambda rate: sum(tried[rate]) / len(tried[rate]))
            assert {row["rate"] for row in rows if row["split"] == "test" and row["labels"] == n} == {best}
    assert all(row["accuracy"] > 0.9 for row in rows if (row["method"], row["labels"]) == ("fine-tuned", 10))


def test_text_sweep_is_complete_and_possible():
    runs = assert_possible(read_sweep("pretraining_text"), ("way", "pairs", "seed", "rate", "split"), "exact_match")
    ways = ("pretrained", "from scratch")
    found = [(way, pairs, seed) for way, pairs, seed, _, split in runs if split == "test"]
    assert sorted(found) == sorted(product(ways, (300, 3000), range(3)))
    tuned = [(way, rate, seed) for way, _, seed, rate, split in runs if split == "validation"]
    assert sorted(tuned) == sorted(product(ways, (3e-4, 1e-3), [100]))


@pytest.mark.parametrize("name", SHARED)
def test_the_lesson_shows_the_functions_that_made_it(name):
    def functions(source):
        found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        return {node.name: ast.dump(node) for node in found if node.name in SHARED[name].split()}

    shown = {}
    for path in sorted(NOTEBOOKS.glob("02_*.ipynb")):
        for cell in read_notebook(path).cells:
            shown |= functions(cell.source) if cell.cell_type == "code" else {}
    made = functions((ROOT / "experiments" / f"{name}.py").read_text(encoding="utf-8"))
    assert shown == made and set(shown) == set(SHARED[name].split())
