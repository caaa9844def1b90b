"""Exercises that drive a lesson: every right answer runs it, a slow one does not hold it up, a wrong one is refused."""

import re

import nbclient
import nbformat
import pytest

from course_utils import use
from course_utils.exercises import first_failure
from course_utils.notebooks import NOTEBOOKS, list_notebooks, read_notebook

CHAPTERS = [
    path.stem
    for path in list_notebooks()
    if path.parent == NOTEBOOKS and any("\nresume(" in cell.source for cell in read_notebook(path).cells)
]
EXERCISES = [(stem, name) for stem in CHAPTERS for name in use._exercises(stem)]


def interval(d="1.0 * right_a - right_b", h="1.96 * d.std() / len(d) ** 0.5", ends="d.mean() - h, d.mean() + h"):
    """Return the body of a `paired_difference`, right by default."""
    return f"d = {d}\nh = {h}\nreturn d.mean(), {ends}"


def loop(progress="losses[e] < losses[best]", stop="e - best == patience", gives="e + 1, best + 1"):
    """Return the body of an `early_stop`, right by default."""
    return f"best = 0\nfor e in range(len(losses)):\n if {progress}:\n  best = e\n if {stop}:\n  break\nreturn {gives}"


def softened(powers="probabilities ** (1 / temperature)", total="powers.sum(axis=1, keepdims=True)"):
    """Return the body of a `soften`, right by default."""
    return f"powers = {powers}\nreturn powers / {total}"


# What people write: bodies of the function, with the parameters of the stub.
WRONG = {
    "paired_difference": [
        interval(d="1.0 * right_b - right_a"),
        interval(d="abs(1.0 * right_a - right_b)"),
        interval(d="right_a - right_b"),
        interval(d="100.0 * right_a - 100.0 * right_b"),
        interval(h="d.std() / len(d) ** 0.5"),
        interval(h="1.96 * d.std()"),
        interval(h="1.96 * d.std() / len(d)"),
        interval(h="1.96 * d.var() / len(d) ** 0.5"),
        interval(h="1.96 * ((right_a.var() + right_b.var()) / len(d)) ** 0.5"),
        interval(ends="d.mean() + h, d.mean() - h"),
        "return right_a.mean() - right_b.mean()",
        "return 0.1, 0.05842, 0.14158",
    ],
    "early_stop": [
        loop(progress="losses[e] <= losses[best]"),
        loop(progress="losses[e] < losses[e - 1]"),
        loop(stop="e - best > patience"),
        loop(stop="e - best == patience - 1"),
        loop(stop="False"),
        loop(gives="e, best"),
        loop(gives="best + 1, e + 1"),
        loop(gives="e + 1, losses[best]"),
        loop(gives="e + 1, losses.index(min(losses)) + 1"),
        "return 4, 2",
    ],
    "soften": [
        softened(powers="probabilities**temperature"),
        softened(powers="np.exp(probabilities / temperature)"),
        softened(powers="probabilities / temperature"),
        softened(total="1"),
        softened(total="powers.sum()"),
        softened(total="powers.sum(axis=0)"),
        softened(total="powers.max(axis=1, keepdims=True)"),
        "return probabilities",
    ],
}
OTHER_FORMS = {
    "paired_difference": [
        interval(d="right_a.astype(int) - right_b", h="1.96 * d.std(ddof=1) / np.sqrt(d.size)"),
        "d = [int(a) - int(b) for a, b in zip(right_a, right_b)]\nn = len(d)\nm = sum(d) / n\n"
        "h = 1.96 * (sum((x - m) ** 2 for x in d) / n / n) ** 0.5\nreturn [m, m - h, m + h]",
        "n = len(right_a)\nup, down = (right_a & ~right_b).sum(), (~right_a & right_b).sum()\nm = (up - down) / n\n"
        "h = 1.96 * ((up + down) / n - m**2) ** 0.5 / n**0.5\nreturn np.array([m, m - h, m + h])",
    ],
    "early_stop": [
        "best = bad = 0\nfor e, loss in enumerate(losses):\n if e == 0 or loss < losses[best]:\n  best, bad = e, 0\n"
        " else:\n  bad += 1\n if bad >= patience:\n  return [e + 1, best + 1]\nreturn [len(losses), best + 1]",
        "lowest, best, e = float('inf'), 0, 0\nwhile e < len(losses) and (e == 0 or e - best < patience):\n e += 1\n"
        " if losses[e - 1] < lowest:\n  lowest, best = losses[e - 1], e\nreturn np.array([e, best])",
    ],
    "soften": [
        softened(powers="np.exp(np.log(probabilities) / temperature)", total="powers.sum(1)[:, None]"),
        "rows = [[p ** (1 / temperature) for p in row] for row in probabilities]\n"
        "return [[p / sum(row) for p in row] for row in rows]",
        "return np.stack([row ** (1 / temperature) / (row ** (1 / temperature)).sum() for row in probabilities])",
    ],
}


def solution(stem, name):
    """Return the text of the cell that solves an exercise."""
    for cell in read_notebook(NOTEBOOKS / "solutions" / f"{stem}.ipynb").cells:
        if cell.cell_type == "code" and re.search(rf"^def {name}\(", cell.source, re.MULTILINE):
            return cell.source
    raise AssertionError(f"no solution of {name}")


def written(stem, name, body):
    """Return the stub's cell with another body."""
    lines = solution(stem, name).split("\n")
    head = next(place for place, line in enumerate(lines) if line.startswith(f"def {name}("))
    return "\n".join([*lines[: head + 1], *(f"    {line}" for line in body.split("\n"))])


def judge(stem, name, source):
    """Return what the exercise's check says of an answer, without a notebook; None is right."""
    namespace = {}
    for cell in read_notebook(NOTEBOOKS / "solutions" / f"{stem}.ipynb").cells[:3]:
        if cell.cell_type == "code":
            exec(cell.source, namespace)
    exec(source, namespace)
    return first_failure(namespace[name], use._tests(stem, name, namespace))


@pytest.mark.parametrize(("stem", "name"), EXERCISES)
def test_the_check_refuses_wrong_answers_with_a_reason_and_takes_right_ones_of_another_form(stem, name):
    right = [solution(stem, name), *(written(stem, name, body) for body in OTHER_FORMS[name])]
    assert [judge(stem, name, source) for source in right] == [None] * len(right)
    reasons = [judge(stem, name, written(stem, name, body)) for body in WRONG[name]]
    assert len(reasons) >= 5 and None not in reasons
    named = [reason for reason in reasons if not reason.endswith(("are off", "too large", "too small"))]
    assert len(named) >= len(reasons) / 4, reasons


@pytest.mark.parametrize(("stem", "name"), EXERCISES)
def test_an_exercise_has_its_hints_and_its_stub(stem, name):
    _, text = use._solution(name)
    assert len(re.findall(r"^\*\*Hint:\*\* .+", text, re.MULTILINE)) >= 2
    (stub,) = [
        cell.source
        for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells
        if "exercise" in cell.metadata.get("tags", []) and f"def {name}(" in cell.source
    ]
    assert stub.startswith(f"# Exercise: {name}\n")


SLOW = """


import time

fast = {name}


def {name}(*given):
    time.sleep(0.3)
    return fast(*given)"""


@pytest.mark.parametrize("stem", CHAPTERS)
def test_right_answers_drive_the_lesson_and_right_but_slow_ones_do_not_hold_it_up(stem, tmp_path):
    """One kernel runs the part with right answers; then slow ones are written, and all from the first on runs again.

    What stands before the first exercise is the same in both, and takes half the time.
    """
    cells = [cell for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells if cell.cell_type == "code"]
    last = max(place for place, cell in enumerate(cells) if "credits()" in cell.source)
    notebook = nbformat.v4.new_notebook(cells=cells[: last + 1])
    exercises = [place for place, cell in enumerate(notebook.cells) if "exercise" in cell.metadata.get("tags", [])]
    names = list(use._exercises(stem))
    assert len(exercises) == len(names)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=600, resources=resources, shutdown_kernel="immediate")

    def run(first, extra=""):
        for place, name in zip(exercises, names, strict=True):
            notebook.cells[place].source = solution(stem, name) + extra.format(name=name)
        for place in range(first, len(notebook.cells)):
            client.execute_cell(notebook.cells[place], place)
        outputs = [output for cell in notebook.cells[first:] for output in cell.outputs]
        return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)

    with client.setup_kernel():
        right, slow = run(0), run(exercises[0], SLOW)
    for name in names:
        assert f"Right: {name}" in right and f"\n{name}: yours\n" in right, name
        assert f"Right: {name}" in slow and f"\n{name}: the course's (yours is right, and over 5 times slower" in slow
    assert right.splitlines()[-1].endswith(" · ".join(f"{name}: yours" for name in names))
    assert slow.splitlines()[-1].endswith(" · ".join(f"{name}: the course's" for name in names))
    assert "the course's" not in right
