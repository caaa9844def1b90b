"""Let the learner's own functions drive the lesson once they are right, and the course's until then; give hints."""

import ast
import contextlib
import functools
import inspect
import io
import re
import types
from dataclasses import replace

from course_utils import answers
from course_utils.answers import EXERCISES, Verdict
from course_utils.exercises import first_failure, seconds_of
from course_utils.notebooks import NOTEBOOKS, list_notebooks, load_definitions, read_notebook
from course_utils.runtime import waiting, watch_cells

__all__ = ["credits", "hint", "resume", "use"]

SLOWER, SECONDS = 5, 1.0  # from when on an answer is slow: times the course's, and seconds in the whole lesson


def resume(chapter):
    """Begin a chapter (int): check the learner's kept answers again, so that what was right yesterday counts today.

    Prints which ones still are. From now on a cell that takes long says that it still runs. In a stored or tested
    notebook, nothing is read, kept or printed.
    """
    stem = next((path.stem for path in list_notebooks(NOTEBOOKS) if path.stem.startswith(f"{chapter:02d}_")), None)
    if stem is None:
        raise ValueError(f"chapter: found {chapter!r}, expected the number of a chapter, such as 4.")
    answers.watch()
    watch_cells()
    if answers.open_folder(stem) is None:
        return
    namespace = dict(inspect.currentframe().f_back.f_globals)
    paths = {path.stem: path for path in answers.kept_files("*.py")}
    if paths:
        namespace = {**_given(stem), **namespace}
    still = []
    for name in (name for name in _exercises(stem) if name in paths and EXERCISES[name].verdict is None):
        try:
            reason = _check_again(stem, name, paths[name], namespace)
        except KeyboardInterrupt:
            reason = "you stopped it"
        if reason is None:
            namespace[name] = _named(EXERCISES[name].verdict.answer, name)  # a later answer may call it
            still.append(name)
        else:
            print(f"{name}: the kept answer does not count, {reason}. The course's serves until its check says Right.")
    if still:
        print(f"Your own, kept and still right: {', '.join(still)}.")


@waiting("Checking a kept answer again")
def _check_again(stem, name, path, namespace):
    """Run a kept answer and the check of its exercise; return None where it is right, else why it is not."""
    source, trouble = answers.read_kept(path)
    if trouble:
        return trouble.rstrip(".")
    namespace, tests = {**namespace, "__name__": f"your answer {path.name}"}, ()
    namespace.pop(name, None)

    def runs(source):
        nonlocal tests
        exec(compile(source, path.name, "exec"), namespace)
        tests = _tests(stem, name, namespace)
        return first_failure(namespace.get(name), tests) or True

    with contextlib.redirect_stdout(io.StringIO()):
        reason = first_failure(source, [runs])
    if reason is None:
        answer = namespace[name]
        EXERCISES[name].verdict = Verdict(True, answer, source, tests, seconds_of(answer, tests), kept=True)
    return reason


def _given(stem):
    """Return what the chapter's solutions import and define, by name: a check calls it, and an answer may."""
    path, namespace = NOTEBOOKS / "solutions" / f"{stem}.ipynb", {}
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    bodies = [ast.parse(cell.source).body for cell in cells if "exercise-check" not in cell.metadata.get("tags", [])]
    nodes = [node for body in bodies for node in body if isinstance(node, kinds)]
    exec(compile(ast.Module(nodes, type_ignores=[]), str(path), "exec"), namespace)
    return namespace


@functools.cache
def _exercises(stem):
    """Return {name of an exercise: source of its check cell}, in the chapter's order."""
    found = {}
    for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells:
        if "exercise-check" in cell.metadata.get("tags", []):
            found[re.search(r'\bcheck\(\s*"([^"]+)"', cell.source)[1]] = cell.source
    return found


def _tests(stem, name, namespace):
    """Return the tests that the stored chapter's check cell hands to `check`."""
    found = []
    exec(_exercises(stem)[name], {**namespace, "check": lambda name, *tests: found.extend(tests)})
    return tuple(found)


def use(name, runs=1):
    """Return the learner's function once its check said "Right", the course's own until then; print which.

    `runs` is how often the lesson does as much work with it as its check does. An answer that is right, and in all more
    than a second and five times slower than the course's, does not serve. A ValueError says that no solution defines
    the name.
    """
    course = _course(name)
    verdict, why = _learners(name, inspect.currentframe().f_back.f_globals)
    if verdict is not None and _is_slow(verdict, course, runs):
        verdict, why = None, f"yours is right, and over {SLOWER} times slower, too slow for what follows"
    EXERCISES[name].serves = "the course's" if verdict is None else "yours"
    print(f"{name}: {EXERCISES[name].serves}" + (f" ({why})" if why else ""))
    return course if verdict is None else _named(verdict.answer, name)


def _learners(name, namespace):
    """Return (the verdict on the learner's answer if that may serve, what to say about it)."""
    verdict, run = EXERCISES[name].verdict, EXERCISES[name].run
    if verdict is None or not verdict.right:
        return None, "until its check says Right"
    if run is None:
        changed = answers.shell() is None and namespace.get(name, verdict.answer) is not verdict.answer
        return (None, "yours changed: run its check again") if changed else (verdict, "as kept" if verdict.kept else "")
    if verdict.kept and answers.is_given(run.source, name):
        return verdict, "as kept"
    if run.problem or not answers.same_code(run.source, verdict.source):
        return None, "yours changed: run its check again"
    return replace(verdict, answer=run.value), ""


def _is_slow(verdict, course, runs):
    """Say whether an answer takes too long, by the input of its own check; a slow first measurement is repeated."""
    if not callable(verdict.answer) or verdict.seconds * runs <= SECONDS:
        return False
    theirs = min(seconds_of(course, verdict.tests) for _ in range(2))
    if verdict.seconds <= SLOWER * theirs:
        return False
    again = min(verdict.seconds, seconds_of(verdict.answer, verdict.tests))
    return again * runs > SECONDS and again > SLOWER * theirs


def _named(answer, name):
    """Return the learner's function: every error that it raises names it, and float32 stays float32.

    In NumPy `x / np.sqrt(64)` is float64, and all that follows would take ten times as long.
    """
    if not isinstance(answer, types.FunctionType):
        return answer

    @functools.wraps(answer)
    def yours(*arguments, **options):
        try:
            result = answer(*arguments, **options)
        except Exception as error:
            told = f"This happened in your own {name}: mend it in its exercise, run its check, run this cell again."
            if told not in getattr(error, "__notes__", ()):
                error.add_note(told)
            raise
        kinds = [getattr(value, "dtype", None) for value in (result, *arguments[:1])]
        return result.astype("float32") if kinds == ["float64", "float32"] else result

    return yours


def credits(*names):
    """Return whose function each exercise's is that `use` gave, such as "attend: yours · rotate: the course's".

    Of the exercises that are named, or else of all.
    """
    given = {name: exercise.serves for name, exercise in EXERCISES.items() if exercise.serves}
    used = [f"{name}: {given[name]}" for name in names or given if name in given]
    return " · ".join(used) or "no exercise's function was used"


# What the course wrote: solutions and hints


def _chapters():
    stem = answers.current_chapter()
    return [stem] if stem else [path.stem for path in list_notebooks(NOTEBOOKS) if path.parent == NOTEBOOKS]


def _solution(name):
    """Return (stem of the chapter, the heading and text above its solution), or raise ValueError."""
    for stem in _chapters():
        text = ""
        for cell in read_notebook(NOTEBOOKS / "solutions" / f"{stem}.ipynb").cells:
            if cell.cell_type == "markdown":
                text = cell.source
            elif any(getattr(node, "name", None) == name for node in ast.parse(cell.source).body):
                return stem, text
    raise ValueError(f"name: found {name!r}, which no solution of {' or '.join(_chapters())} defines.")


@functools.cache
def _course(name):
    stem, _ = _solution(name)
    return getattr(load_definitions(NOTEBOOKS / "solutions" / f"{stem}.ipynb", [name]), name)


def hint(name):
    """Show the next hint for an exercise; the last one is the link to its solution.

    The hints stand above the solution, in the chapter's solutions notebook, as paragraphs that begin with "**Hint:**".
    """
    stem, text = _solution(name)
    heading = re.search(r"^#+ +(.*)", text, re.MULTILINE)
    link = f"solutions/{stem}.ipynb" + (f"#{heading[1].replace(' ', '-')}" if heading else "")
    hints = [*re.findall(r"^\*\*Hint:\*\* *(.+)", text, re.MULTILINE), f"The [solution]({link}), with its reasons."]
    given = EXERCISES[name].hints = min(EXERCISES[name].hints + 1, len(hints))
    head, text = f"{name}, hint {given} of {len(hints)}:", hints[given - 1]
    answers.show(f"{head} {text}", markdown=f"**{head}** {text}")
