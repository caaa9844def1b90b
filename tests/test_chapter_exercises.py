"""Exercises that drive a lesson: every right answer runs it, a slow one does not hold it up, a wrong one is refused."""

import re
from importlib import import_module
from pathlib import Path

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


ANSWERS = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("answers_*.py"))]
WRONG = {name: bodies for module in ANSWERS for name, bodies in module.WRONG.items()}
OTHER_FORMS = {name: bodies for module in ANSWERS for name, bodies in module.OTHER_FORMS.items()}


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
    namespace = use._given(stem)
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
    time.sleep({seconds})
    return fast(*given)"""


# seconds a call: less where a check makes many calls, more where the check itself computes long
SLEEPS = {"backward": 0.002, "defend": 0.002, "run_steps": 0.5, "fit_line": 0.3, "text_loss": 0.3}


@pytest.mark.parametrize(("stem", "name"), EXERCISES)
def test_a_right_answer_serves_and_a_right_but_slow_one_does_not_hold_up_the_lesson(stem, name, capsys, monkeypatch):
    monkeypatch.setattr(use, "SECONDS", 0.1)  # a tenth of the lesson's patience, so that the suite need not wait
    cells = read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells
    calls = [call for cell in cells for call in re.findall(rf'\buse\("{name}"[^)]*\)', cell.source)]
    assert calls
    for extra, who in (
        ("", "yours\n"),
        (
            SLOW.format(name=name, seconds=SLEEPS.get(name, 0.05)),
            "the course's (yours is right, and over 5 times slower",
        ),
    ):
        namespace = {**use._given(stem), "use": use.use}
        exec(solution(stem, name) + extra, namespace)
        exec(use._exercises(stem)[name], namespace)
        for call in calls:
            eval(call, namespace)
        said = capsys.readouterr().out
        assert f"Right: {name}" in said and said.count(f"{name}: {who}") == len(calls), said


@pytest.mark.parametrize("stem", CHAPTERS)
def test_right_answers_drive_the_lesson(stem, tmp_path):
    """Run a chapter in which every exercise is solved, to its last credits: its opening, and the parts that have some.

    What a slow answer leads to is the course's own function: the stored chapter runs with that.
    """
    parts = [[]]
    for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells:
        if cell.source.startswith("# ") and cell.cell_type == "markdown":
            parts.append([])
        parts[-1] += [cell] if cell.cell_type == "code" else []
    opening = len(parts[0]) == 0  # the title is a heading as well
    driving = [part for part in parts[1 + opening :] if any("# Exercise: " in cell.source for cell in part)]
    cells = [cell for part in [*parts[: 1 + opening], *driving] for cell in part]
    last = max(place for place, cell in enumerate(cells) if "credits(" in cell.source)
    notebook = nbformat.v4.new_notebook(cells=cells[: last + 1])
    names = list(use._exercises(stem))
    exercises = [cell for cell in notebook.cells if cell.source.startswith("# Exercise: ")]
    for cell, name in zip(exercises, names, strict=True):
        cell.source = solution(stem, name)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources, shutdown_kernel="immediate").execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    said = "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    for name in names:
        assert f"Right: {name}" in said and f"\n{name}: yours\n" in said, name
        assert sum(f"{name}: yours" in line for line in said.splitlines()) > 1, name  # by use, and in the credits
    assert ": the course's" not in said
