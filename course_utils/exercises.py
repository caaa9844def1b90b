"""Check a learner's answer to an exercise, and never stop the notebook because it is not there yet."""

import contextlib
import copy
import reprlib
from unittest import mock

import numpy as np

__all__ = ["NOT_YET", "RIGHT", "Outcome", "called_with", "check", "close", "equals"]

RIGHT = "Right: "
NOT_YET = "Not yet: "


class Outcome:
    """Whether an answer passed, true or false. As a cell's last line it shows nothing: the check has printed it."""

    def __init__(self, passed):
        self.passed = passed

    def __bool__(self):
        return self.passed

    def __repr__(self):
        return f"Outcome({self.passed})"

    def _ipython_display_(self):
        """Show nothing."""


def check(label, candidate, *tests):
    """Run tests on a learner's answer, print the outcome in one line, and say whether all of them passed.

    Whatever goes wrong inside the answer is printed as the reason, not raised: a notebook with unfinished exercises
    runs to its end. This includes an answer that asks Python to exit; only KeyboardInterrupt stops the cell.

    Parameters
    ----------
    label : str
        Name of the exercise.
    candidate : object
        The learner's function or value. None, `...` and a function that raises NotImplementedError are unfinished.
    *tests : callable
        Each gets the candidate and returns True, or False, or the reason for a failure as a string.

    Returns
    -------
    Outcome
        True after printing "Right: label", false after printing "Not yet: label - reason".

    Raises
    ------
    TypeError, ValueError
        When the exercise itself is written wrongly: no label, or no callable tests.
    """
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"label: found {label!r}, expected the exercise's name as a string.")
    if not tests or not all(callable(test) for test in tests):
        raise TypeError("tests: expected at least one test, each of them a callable that takes the candidate.")
    reason = _first_failure(candidate, tests)
    print(f"{RIGHT}{label}" if reason is None else f"{NOT_YET}{label} - {reason}")
    return Outcome(reason is None)


def close(expected, tolerance):
    """Make a test that passes when an answer is within `tolerance` of the numbers in `expected`, shape included.

    True, False and numbers written as text are no numbers.
    """
    expected = np.asarray(expected, dtype=float)
    if not np.isfinite(expected).all() or not 0 <= tolerance < np.inf:
        raise ValueError(f"expected, tolerance: found {expected!r} and {tolerance!r}, expected finite numbers.")

    def test(answer):
        entries = np.asarray(answer, dtype=object).flat
        wrong = [type(entry).__name__ for entry in entries if isinstance(entry, bool | np.bool_ | str | bytes)]
        if wrong:
            return f"found {wrong[0]}, expected a number"
        found = np.asarray(answer, dtype=float)
        if found.shape != expected.shape:
            return f"found shape {found.shape}, expected shape {expected.shape}"
        if not np.isfinite(found).all():
            return "found a value that is not finite"
        difference = found - expected
        if (np.abs(difference) <= tolerance).all():
            return True
        if found.ndim == 0:
            return f"{found:.6g} is too {'large' if difference > 0 else 'small'}"
        return f"{np.count_nonzero(np.abs(difference) > tolerance)} of {found.size} values are off"

    return test


def equals(expected):
    """Make a test that passes when an answer equals `expected` (arrays: the same shape and values).

    True and False do not equal 1 and 0, although they do in Python.
    """

    def test(answer):
        if isinstance(expected, np.ndarray) or isinstance(answer, np.ndarray):
            if np.shape(answer) != np.shape(expected):
                return f"found shape {np.shape(answer)}, expected shape {np.shape(expected)}"
            same = np.array_equal(answer, expected)
        else:
            same = bool(answer == expected)
        if not same:
            return f"found {reprlib.repr(answer)}, which is not what was asked for"
        if _truth_values(answer) != _truth_values(expected):
            return f"found {reprlib.repr(answer)}; True and False do not count as the numbers 1 and 0"
        return True

    return test


def called_with(*arguments, gives):
    """Make a test that calls the learner's function with fresh copies of `arguments` and tests what it returns."""

    def test(function):
        if not callable(function):
            return f"found {type(function).__name__}, expected a function"
        answer = function(*copy.deepcopy(arguments))
        return "the function returned None" if answer is None else gives(answer)

    return test


def _truth_values(value):
    """Return what tells where True and False stand in a value: lists, dicts and sets like its own, with bools."""
    if hasattr(value, "tolist"):  # an array, a number of NumPy's, or a tensor
        value = value.tolist()
    if isinstance(value, dict):
        return {_marked(key): _truth_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_truth_values(item) for item in value]
    if isinstance(value, set | frozenset):
        return set(map(_marked, value))
    return isinstance(value, bool)


def _marked(item):
    return item, isinstance(item, bool | np.bool_)


def _first_failure(candidate, tests):
    """Return None when all tests pass, else the reason of the first that fails, in one line."""
    if candidate is None or candidate is ...:
        return "no answer here yet"
    for test in tests:
        try:
            with _exit_raises():
                outcome = test(candidate)
        except NotImplementedError:
            return "not written yet"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the contract of an exercise: the learner's error is shown, not raised
            return f"raised {type(error).__name__}: {_one_line(_message(error))}"
        if isinstance(outcome, str):
            return _one_line(outcome) or "a test did not pass"
        if not isinstance(outcome, bool | np.bool_) or not outcome:
            return "a test did not pass"
    return None


def _exit_raises():
    """Let IPython's own `exit()` raise SystemExit, as Python's does: it would end the kernel and raise nothing."""
    from IPython import get_ipython

    shell = get_ipython()
    return contextlib.nullcontext() if shell is None else mock.patch.object(shell, "ask_exit", side_effect=SystemExit)


def _message(error):
    """Return an error's message, also where the learner's own class cannot give one."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as broken:
        return f"its message cannot be shown, that raises {type(broken).__name__}"


def _one_line(text):
    """Return a text in one line of at most 200 characters, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"{line[:200]}…" if len(line) > 200 else line
