"""Check what stands in a learner's exercise cell, name what is wrong, and never stop the notebook because of it."""

import contextlib
import copy
import difflib
import html
import inspect
import io
import reprlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np

from course_utils import answers
from course_utils.answers import Verdict, one_line

__all__ = ["NOT_YET", "RIGHT", "Outcome", "called_with", "check", "close", "equals", "first_failure", "seconds_of"]

RIGHT = "Right: "
NOT_YET = "Not yet: "
UNWRITTEN = "not written yet"
MARKS = {RIGHT: ("✔", "#009E73"), NOT_YET: ("✎", "#E69F00")}  # Okabe and Ito's colours; black reads well on both

answers.watch()  # so that a check knows what stands in an exercise's cell, however it got there


@dataclass(frozen=True)
class Outcome:
    """Whether an answer passed, true or false. As a cell's last line it shows nothing: the check has shown its box."""

    passed: bool

    def __bool__(self):
        return self.passed

    def _ipython_display_(self):
        """Show nothing."""


def check(name, *tests):
    """Test what stands in an exercise's cell now, show the outcome in a box, and say whether it is right.

    `name` is that of the learner's function: one that was renamed, or a cell that does not compile, is named as the
    reason, and leaves no earlier "Right" standing. Each test is called with the answer and returns True, or False, or
    the reason for a failure as a string. None, `...` and a function that raises NotImplementedError are unfinished.
    Only an exercise that is itself written wrongly (no name, no callable tests) raises TypeError or ValueError.

    Whatever goes wrong inside the answer is shown as the reason, not raised: a notebook with unfinished exercises runs
    to its end. This includes an answer that asks Python to exit; only KeyboardInterrupt stops the cell. A right answer
    is kept in the learner's folder. Only a changed answer counts as a new try.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"name: found {name!r}, expected the name of the exercise's function as a string. If this notebook is of "
            "the course's first edition, `python -m course_utils copy` puts the new one beside it."
        )
    if not tests or not all(callable(test) for test in tests):
        raise TypeError("tests: expected at least one test, each of them a callable that takes the answer.")
    exercise, source = answers.EXERCISES[name], None
    if exercise.run is not None:
        source, candidate = exercise.run.source, exercise.run.value
        reason = UNWRITTEN if answers.is_unwritten(source, name) else exercise.run.problem or None
    else:
        candidate, reason = _find(name, inspect.currentframe().f_back.f_globals)
    seconds = 0.0
    if reason is None:
        start = time.perf_counter()
        reason = first_failure(candidate, tests)
        seconds = time.perf_counter() - start
        if reason == UNWRITTEN and callable(candidate) and source is not None:
            reason = "it still raises NotImplementedError: take that line of the stub out"
    if reason == UNWRITTEN or (candidate is None if source is None else reason and answers.is_given(source, name)):
        notes = _leave(exercise)
    else:
        verdict = Verdict(reason is None, candidate, source, tests, seconds)
        notes = [*_record(exercise, name, verdict), *_count(exercise, name, reason, source)]
    _show_box(RIGHT if reason is None else NOT_YET, name, reason, notes)
    return Outcome(reason is None)


def _find(name, namespace):
    """Return (the answer, why there is none) for a name whose cell was not seen."""
    if answers.shell() is None and name in namespace:
        return namespace[name], None
    own = [key for key, value in namespace.items() if inspect.isfunction(value) and value.__globals__ is namespace]
    alike = ", ".join(difflib.get_close_matches(name, own))
    if answers.shell() is not None and not alike:
        return None, "its cell has not run yet: run it, then this one"
    return None, f"no function named {name}: found {alike or 'none like it'}"


def _leave(exercise):
    """Keep what a learner wrote before, where the cell holds nothing of theirs, and return what they should know."""
    if exercise.verdict is not None and exercise.verdict.kept:
        return ["Your right answer from before is kept, and serves the lesson."]
    exercise.verdict = None
    return []


def _record(exercise, name, verdict):
    """Remember the verdict, keep a right answer in the learner's folder, and return what the learner should know."""
    exercise.verdict = verdict
    if not verdict.right or verdict.source is None:
        answers.forget(f"{name}.py")
        return []
    trouble = answers.keep(f"{name}.py", verdict.source)
    exercise.verdict = replace(verdict, kept=not trouble and bool(answers.kept_files(f"{name}.py")))
    return [trouble] if trouble else []


def _count(exercise, name, reason, source):
    """Count the different answers that were not right, and return the line that says how many."""
    if source is None or reason is None:
        return []
    if not any(answers.same_code(source, old) for old in exercise.tries):
        exercise.tries.append(source)
    return [f'Try {len(exercise.tries)}. For help, run hint("{name}") in a new cell.']


def _show_box(mark, name, reason, notes):
    """Show a verdict: as a coloured box in notebooks, and as the same text elsewhere."""
    symbol, colour = MARKS[mark]
    word = f"background: {colour}; color: #000; padding: 0 0.4em; border-radius: 3px"
    told = f" – {html.escape(reason)}" if reason else ""
    lines = [
        f'<div style="border-left: 6px solid {colour}; padding: 0.3em 0.8em; margin: 0.4em 0">',
        f'<b style="{word}">{symbol} {mark.strip(": ")}</b> <b>{html.escape(name)}</b>{told}',
        *(f"<div>{html.escape(note)}</div>" for note in notes),
        "</div>",
    ]
    text = f"{mark}{name} - {reason}" if reason else f"{mark}{name}"
    answers.show("\n".join([text, *notes]), html="\n".join(lines))


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


def called_with(*arguments, gives, mistakes=()):
    """Make a test that calls the learner's function with fresh copies of `arguments` and tests what it returns.

    `mistakes` names wrong answers that people give: pairs of a test, which passes for one, and what to tell them.
    """

    def test(function):
        if not callable(function):
            return f"found {type(function).__name__}, expected a function"
        given = copy.deepcopy(arguments)
        answer = function(*given)
        if not all(map(_is_unchanged, given, arguments)):
            return "the function changed what it was given, which others still need: write x = x + 1, not x += 1"
        if answer is None:
            return "the function returned None: does its last line `return` something?"
        if isinstance(answer, Iterator):
            return f"the function returned a {type(answer).__name__}: return the values themselves, such as a list"
        outcome = gives(answer)
        if outcome is True or outcome is np.True_:
            return True
        return next((told for mistake, told in mistakes if _passes(mistake, answer)), outcome)

    return test


def _is_unchanged(given, before):
    if isinstance(given, list):
        return len(given) == len(before) and all(map(_is_unchanged, given, before))
    if isinstance(given, dict):
        return given.keys() == before.keys() and all(_is_unchanged(given[key], before[key]) for key in given)
    if isinstance(given, str | bool | int):
        return isinstance(before, type(given)) and given == before
    if not isinstance(given, np.ndarray):
        return True
    return np.array_equal(given, before, equal_nan=given.dtype.kind == "f")


def _passes(test, answer):
    try:
        return test(answer) is True
    except Exception:  # of another type or shape than this mistake has
        return False


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


def first_failure(candidate, tests):
    """Return None when all tests pass, else the reason of the first that fails, in one line."""
    if candidate is None or candidate is ...:
        return UNWRITTEN
    for test in tests:
        try:
            with _exit_raises():
                outcome = test(candidate)
        except NotImplementedError:
            return UNWRITTEN
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the contract of an exercise: the learner's error is shown, not raised
            told = one_line(error)
            if "boolean subtract" in told:  # NumPy itself recommends what gives other numbers
                return "NumPy does not subtract truth values: first make them 1 and 0, with .astype(int)"
            return f"raised {type(error).__name__}: {told}"
        if isinstance(outcome, str):
            return one_line(outcome) or "a test did not pass"
        if not isinstance(outcome, bool | np.bool_) or not outcome:
            return "a test did not pass"
    return None


def seconds_of(candidate, tests):
    """Return the seconds that the tests take with an answer, without showing what it prints."""
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        first_failure(candidate, tests)
    return time.perf_counter() - start


def _exit_raises():
    """Let IPython's own `exit()` raise SystemExit, as Python's does: it would end the kernel and raise nothing."""
    running = answers.shell()
    return (
        contextlib.nullcontext() if running is None else mock.patch.object(running, "ask_exit", side_effect=SystemExit)
    )
