"""Exercises: whatever the learner writes ends in one line of fixed wording, never in an exception."""

import sys
from decimal import Decimal
from fractions import Fraction

import nbclient
import nbformat
import numpy as np
import pytest

from course_utils import answers
from course_utils.exercises import NOT_YET, RIGHT, called_with, check, close, equals
from course_utils.runtime import load_torch


def unfinished(x):
    raise NotImplementedError


def double(x):
    return 2 * x


def raises(error):
    """Give an answer that raises."""

    def answer(*arguments):
        raise error

    return answer


class Broken:
    """An object that cannot be compared, shown or counted with."""

    def fail(self, *arguments, **options):
        raise SystemExit("broken")

    __eq__ = __repr__ = __str__ = __array__ = __bool__ = __len__ = fail
    __hash__ = None


class BrokenMessage(Exception):
    def __str__(self):
        return 1 / 0


class NoMessage(Exception):
    def __str__(self):
        return 1


class ExitingMessage(Exception):
    def __str__(self):
        raise SystemExit


class OwnBase(BaseException):
    pass


def judge(answer, *tests):
    """Check an answer as a script does that has defined it."""
    answers.EXERCISES.clear()
    return eval("check('answer', *tests)", {"check": check, "answer": answer, "tests": tests})


IS_FOUR = called_with(2, gives=equals(4))


def test_wording_is_fixed():
    assert (RIGHT, NOT_YET) == ("Right: ", "Not yet: ")


def test_right(capsys):
    assert judge(double, IS_FOUR, called_with([1], gives=equals([1, 1])))
    assert capsys.readouterr().out == "Right: answer\n"


@pytest.mark.parametrize(
    ("candidate", "tests", "reason"),
    [
        (None, [IS_FOUR], "not written yet"),
        (..., [IS_FOUR], "not written yet"),
        (unfinished, [IS_FOUR], "not written yet"),
        (lambda x: None, [IS_FOUR], "the function returned None"),
        (lambda x: x, [IS_FOUR], "found 2, which is not what was asked for"),
        (lambda x: int("a"), [IS_FOUR], "raised ValueError: invalid literal for int() with base 10: 'a'"),
        (lambda: 4, [IS_FOUR], "raised TypeError: "),
        (3, [IS_FOUR], "found int, expected a function"),
        (3, [lambda answer: "too small"], "too small"),
        (3, [lambda answer: ""], "a test did not pass"),
        (3, [lambda answer: False], "a test did not pass"),
        (3, [lambda answer: True, lambda answer: np.False_], "a test did not pass"),
        (3, [lambda answer: np.array([True, True])], "a test did not pass"),
        (3, [lambda answer: None], "a test did not pass"),
        (3, [lambda answer: 1 / 0], "raised ZeroDivisionError: division by zero"),
    ],
)
def test_not_yet(candidate, tests, reason, capsys):
    assert not judge(candidate, *tests)
    printed = capsys.readouterr().out
    assert printed.startswith(f"Not yet: answer - {reason}")
    assert printed.count("\n") == 1


def test_long_messages_become_one_short_line(capsys):
    def fail(answer):
        raise ValueError("one\ntwo " * 200)

    judge(1, fail)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and len(printed) < 280


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (raises(SystemExit), "raised SystemExit: "),
        (lambda x: sys.exit(3), "raised SystemExit: 3"),
        (lambda x: exit(), "raised SystemExit: "),
        (lambda x: quit(), "raised SystemExit: "),
        (raises(GeneratorExit()), "raised GeneratorExit: "),
        (raises(OwnBase("own")), "raised OwnBase: own"),
        (raises(BrokenMessage()), "raised BrokenMessage: its message cannot be shown, that raises ZeroDivisionError"),
        (raises(NoMessage()), "raised NoMessage: its message cannot be shown, that raises TypeError"),
        (raises(ExitingMessage()), "raised ExitingMessage: its message cannot be shown, that raises SystemExit"),
        (raises(ValueError(Broken())), "raised ValueError: its message cannot be shown, that raises SystemExit"),
        (lambda x: Broken(), "raised SystemExit: broken"),
    ],
)
@pytest.mark.parametrize("gives", [equals(4), equals(np.array([4])), close(4, 0.1)])
def test_no_answer_stops_the_notebook(answer, reason, gives, capsys):
    assert not judge(answer, called_with(2, gives=gives))
    printed = capsys.readouterr().out
    assert printed.startswith(f"Not yet: answer - {reason}")
    assert printed.count("\n") == 1


def test_the_exit_of_a_notebook_leaves_its_kernel_alive(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell("from course_utils.exercises import check"),
        *(
            nbformat.v4.new_code_cell(source)
            for leave in ("exit", "quit")
            for source in (f"def answer():\n    {leave}()", "check('answer', lambda answer: answer() == 1)")
        ),
        nbformat.v4.new_code_cell("import time\ntime.sleep(0.5)"),  # a kernel that was asked to exit ends by now
        nbformat.v4.new_code_cell("print('alive')"),
    ]
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=60).execute()
    shown = [output.get("text") or output["data"]["text/plain"] for cell in notebook.cells for output in cell.outputs]
    assert [text.split("\n")[0] for text in shown] == ["Not yet: answer - raised SystemExit: "] * 2 + ["alive"]


def test_an_answer_cannot_write_lines_of_its_own(capsys):
    class Forger:
        def __repr__(self):
            return "4\nRight: doubling\x1b[1A"

    judge(lambda x: Forger(), IS_FOUR)
    assert capsys.readouterr().out.splitlines() == [
        "Not yet: answer - found 4 Right: doubling [1A, which is not what was asked for"
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyboardInterrupt("stop")])
def test_stopping_the_kernel_is_not_swallowed(error):
    class Stopped(Exception):
        def __str__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(1, raises(error))
    with pytest.raises(KeyboardInterrupt):
        judge(1, raises(Stopped()))


def test_an_exercise_that_is_written_wrongly_raises():
    for name in ("", "Exercise 1", None):
        with pytest.raises(ValueError, match="name: found .*, expected the name of the exercise's function"):
            check(name, equals(1))
    with pytest.raises(TypeError, match="tests: expected at least one"):
        check("answer")
    with pytest.raises(TypeError, match="tests: expected at least one"):
        check("answer", 1)


def test_close_agrees_with_numpy():
    expected = np.linspace(0, 1, 7)
    for shift in (0, 0.0099, -0.0099, 0.0101, -0.0101):
        passed = close(expected, 0.01)(expected + shift) is True
        assert passed == np.allclose(expected + shift, expected, rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (0.8, "0.8 is too large"),
        (0.2, "0.2 is too small"),
        ([0.5], "found shape (1,), expected shape ()"),
        (float("nan"), "found a value that is not finite"),
    ],
)
def test_close_gives_a_reason_without_the_answer(answer, reason):
    assert close(0.5, 0.1)(answer) == reason


def test_close_counts_what_is_off():
    assert close([1, 2, 3], 0.1)([1, 2.5, 3.5]) == "2 of 3 values are off"


@pytest.mark.parametrize("arguments", [(np.nan, 0.1), (1, -1), (1, np.nan), (1, np.inf)])
def test_close_rejects_a_bad_tolerance(arguments):
    with pytest.raises(ValueError, match="expected finite numbers"):
        close(*arguments)


def test_equals_compares_arrays_by_shape_and_value():
    assert equals(np.array([1, 2]))([1, 2]) is True
    assert equals([1, 2])(np.array([1, 2])) is True
    assert equals(np.array([1, 2]))([1]) == "found shape (1,), expected shape (2,)"
    assert equals(np.array([1, 2]))(np.array([1, 3])).startswith("found array([1, 3])")
    assert equals("≈ été")("≈ été") is True


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (1, True),
        (0, np.False_),
        ([1, 0], [True, False]),
        ((1, [0]), (1, [False])),
        ({"a": 1}, {"a": True}),
        ({1: "a"}, {True: "a"}),
        ({1}, {True}),
        ({0, True}, {False, 1}),
        (np.array([1, 0]), np.array([True, False])),
        (np.array([1, 0]), [1, False]),
    ],
)
def test_equals_keeps_numbers_and_truth_values_apart(expected, answer):
    assert equals(expected)(answer).endswith("; True and False do not count as the numbers 1 and 0")
    assert equals(answer)(expected).endswith("; True and False do not count as the numbers 1 and 0")
    assert equals(expected)(expected) is True
    assert equals(answer)(answer) is True


def test_equals_accepts_the_same_number_or_truth_value_of_another_library():
    assert equals(True)(np.True_) is True
    assert equals(1)(1.0) is True
    assert equals([True, False])(np.array([True, False])) is True
    assert equals(3)(np.int64(3)) is True
    assert equals(True)(load_torch().tensor(True)) is True


@pytest.mark.parametrize(
    ("answer", "name"),
    [(True, "bool"), (np.True_, "bool"), ("1", "str"), (b"1", "bytes")],
)
def test_close_wants_numbers(answer, name):
    assert close(1, 0.1)(answer) == f"found {name}, expected a number"
    assert close([1, 1], 0.1)([1.0, answer]) == f"found {name}, expected a number"
    assert close([1], 0.1)(np.array([answer])) == f"found {name}, expected a number"


@pytest.mark.parametrize("one", [1, 1.0, np.float32(1), Fraction(1), Decimal(1), np.array(1)])
def test_close_takes_every_kind_of_number(one):
    assert close(1, 0)(one) is True
    assert close([1, 1], 0)([one, one]) is True


def test_close_takes_tensors():
    torch = load_torch()
    assert close([1, 2], 0)(torch.tensor([1, 2])) is True
    assert close([1, 2], 0)([torch.tensor(1.0), torch.tensor(2.0)]) is True
    assert close(1, 0)(torch.tensor(True)) == "found bool, expected a number"


def test_an_answer_that_overwrites_its_array_is_told_so():
    def grow(x):
        x += 1
        return x

    told = called_with(np.zeros(2), gives=close([1, 1], 1e-6))(grow)
    assert told.startswith("the function changed what it was given")
    assert called_with(np.array([np.nan]), gives=lambda x: True)(lambda x: x + 1) is True


def test_an_answer_that_overwrites_its_list_is_told_so_and_the_next_one_gets_the_list_as_it_was():
    test = called_with([3, 1, 2], gives=equals([1, 2, 3]))

    def sort_in_place(values):
        values.sort()
        return values

    assert test(sort_in_place).startswith("the function changed what it was given")
    assert test(sorted) is True
    assert test(list) == "found [3, 1, 2], which is not what was asked for"


def test_a_check_as_last_line_shows_nothing_more(capsys):
    from IPython.core.formatters import IPythonDisplayFormatter

    outcome = judge(4, equals(4))
    capsys.readouterr()
    assert IPythonDisplayFormatter()(outcome) is True  # it has displayed itself
    assert capsys.readouterr().out == ""
