"""Exercises that drive a lesson: a right answer serves, a slow one does not hold it up, a wrong one is refused.

That right answers run a whole chapter is tested in tests/whole."""

import functools
import re
from types import SimpleNamespace

import pytest
from exercises_and_answers import EXERCISES, OTHER_FORMS, WRONG, solution, written

from course_utils import exercises, use
from course_utils.exercises import first_failure
from course_utils.notebooks import NOTEBOOKS, read_notebook

given = functools.cache(use._given)


def judge(stem, name, source):
    """Return what the exercise's check says of an answer, without a notebook; None is right."""
    namespace = dict(given(stem))
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


fast = {name}


def {name}(*given):
    wait()
    return fast(*given)"""


@pytest.mark.parametrize(("stem", "name"), EXERCISES)
def test_a_right_answer_serves_and_a_right_but_slow_one_does_not_hold_up_the_lesson(stem, name, capsys, monkeypatch):
    clock = SimpleNamespace(seconds=0.0)  # only a slow answer's waiting counts, so that the suite need not wait
    monkeypatch.setattr(exercises, "time", SimpleNamespace(perf_counter=lambda: clock.seconds))

    def wait():
        clock.seconds += 2 * use.SECONDS

    cells = read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells
    calls = [call for cell in cells for call in re.findall(rf'\buse\("{name}"[^)]*\)', cell.source)]
    assert calls
    slower = "the course's (yours is right, and over 5 times slower"
    for extra, who in (("", "yours\n"), (SLOW.format(name=name), slower)):
        namespace = {**given(stem), "use": use.use, "wait": wait}
        exec(solution(stem, name) + extra, namespace)
        exec(use._exercises(stem)[name], namespace)
        for call in calls:
            eval(call, namespace)
        said = capsys.readouterr().out
        assert f"Right: {name}" in said and said.count(f"{name}: {who}") == len(calls), said
