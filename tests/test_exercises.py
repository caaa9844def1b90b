"""Exercises: whatever the learner writes ends in one line of fixed wording, never in an exception."""

import numpy as np
import pytest

from course_utils.exercises import NOT_YET, RIGHT, called_with, check, close, equals


def unfinished(x):
    raise NotImplementedError


def double(x):
    return 2 * x


IS_FOUR = called_with(2, gives=equals(4))


def test_wording_is_fixed():
    assert (RIGHT, NOT_YET) == ("Right: ", "Not yet: ")


def test_right(capsys):
    assert check("doubling", double, IS_FOUR, called_with([1], gives=equals([1, 1])))
    assert capsys.readouterr().out == "Right: doubling\n"


@pytest.mark.parametrize(
    ("candidate", "tests", "reason"),
    [
        (None, [IS_FOUR], "no answer here yet"),
        (..., [IS_FOUR], "no answer here yet"),
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
    assert not check("doubling", candidate, *tests)
    printed = capsys.readouterr().out
    assert printed.startswith(f"Not yet: doubling - {reason}")
    assert printed.count("\n") == 1


def test_long_messages_become_one_short_line(capsys):
    def fail(answer):
        raise ValueError("one\ntwo " * 200)

    check("long", 1, fail)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and len(printed) < 280


def test_stopping_the_kernel_is_not_swallowed():
    def interrupt(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("stop", 1, interrupt)


def test_an_exercise_that_is_written_wrongly_raises():
    with pytest.raises(ValueError, match="label: found ''"):
        check("", 1, equals(1))
    with pytest.raises(TypeError, match="tests: expected at least one"):
        check("no tests", 1)
    with pytest.raises(TypeError, match="tests: expected at least one"):
        check("not callable", 1, 1)


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


def test_called_with_protects_its_arguments():
    test = called_with([3, 1, 2], gives=equals([1, 2, 3]))

    def sort_in_place(values):
        values.sort()
        return values

    assert test(sort_in_place) is True
    assert test(list) == "found [3, 1, 2], which is not what was asked for"


def test_a_check_as_last_line_shows_nothing_more(capsys):
    from IPython.core.formatters import IPythonDisplayFormatter

    outcome = check("four", 4, equals(4))
    capsys.readouterr()
    assert IPythonDisplayFormatter()(outcome) is True  # it has displayed itself
    assert capsys.readouterr().out == ""
