"""Check a learner's answer to an exercise, and never stop the notebook because it is not there yet."""

import copy
import reprlib

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
    runs to its end.

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
    """Make a test that passes when an answer is within `tolerance` of the numbers in `expected`, shape included."""
    expected = np.asarray(expected, dtype=float)
    if not np.isfinite(expected).all() or not 0 <= tolerance < np.inf:
        raise ValueError(f"expected, tolerance: found {expected!r} and {tolerance!r}, expected finite numbers.")

    def test(answer):
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
    """Make a test that passes when an answer equals `expected` (arrays: the same shape and values)."""

    def test(answer):
        if isinstance(expected, np.ndarray) or isinstance(answer, np.ndarray):
            if np.shape(answer) != np.shape(expected):
                return f"found shape {np.shape(answer)}, expected shape {np.shape(expected)}"
            same = np.array_equal(answer, expected)
        else:
            same = bool(answer == expected)
        return same or f"found {reprlib.repr(answer)}, which is not what was asked for"

    return test


def called_with(*arguments, gives):
    """Make a test that calls the learner's function with fresh copies of `arguments` and tests what it returns."""

    def test(function):
        if not callable(function):
            return f"found {type(function).__name__}, expected a function"
        answer = function(*copy.deepcopy(arguments))
        return "the function returned None" if answer is None else gives(answer)

    return test


def _first_failure(candidate, tests):
    """Return None when all tests pass, else the reason of the first that fails."""
    if candidate is None or candidate is ...:
        return "no answer here yet"
    for test in tests:
        try:
            outcome = test(candidate)
        except NotImplementedError:
            return "not written yet"
        except Exception as error:  # the contract of an exercise: the learner's error is shown, not raised
            message = " ".join(str(error).split())
            return f"raised {type(error).__name__}: {message[:200]}{'…' if len(message) > 200 else ''}"
        if isinstance(outcome, str):
            return outcome or "a test did not pass"
        if not isinstance(outcome, bool | np.bool_) or not outcome:
            return "a test did not pass"
    return None
