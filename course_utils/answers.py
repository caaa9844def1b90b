"""Know what a learner wrote: in each exercise's cell now, and in the files that the learner's folder keeps."""

import ast
import contextlib
import functools
import re
import symtable
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.notebooks import NOTEBOOKS, NotebookError, read_notebook, write_file
from course_utils.runtime import is_silent

__all__ = [
    "EXERCISES",
    "Exercise",
    "Run",
    "Verdict",
    "current_chapter",
    "forget",
    "is_given",
    "is_unwritten",
    "keep",
    "kept_files",
    "one_line",
    "open_folder",
    "read_kept",
    "same_code",
    "shell",
    "show",
    "watch",
]

_MARK = re.compile(r"^# Exercise: *(\w+)", re.MULTILINE)
_DEFINED = re.compile(r"^(?:async +def|def|class) +(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What the last run of an exercise's cell left: its text, the object of the exercise's name, or the problem."""

    source: str
    value: object = None
    problem: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a check found: whether the answer is right, the answer, its cell's text, the tests, their seconds."""

    right: bool
    answer: object
    source: str | None
    tests: tuple
    seconds: float
    kept: bool = False


@dataclass
class Exercise:
    """What this kernel knows of an exercise: last run, verdict, different answers, hints given, whose function serves.

    The verdict is that on the last written answer that its check saw.
    """

    run: Run | None = None
    verdict: Verdict | None = None
    tries: list = field(default_factory=list)
    hints: int = 0
    serves: str = ""


EXERCISES = defaultdict(Exercise)  # by name
_CELLS = {}  # id of a cell to the exercises that stood in it
_PLACE = {"chapter": None, "folder": None}


# What stands in a cell


def shell():
    """Return IPython's shell, or None outside a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def show(text, **rich):
    """Show a text: notebooks show its form as `html` or `markdown`, everything else the text itself."""
    if shell() is None:
        print(text)
    else:
        shell().display_pub.publish({"text/plain": text} | {f"text/{kind}": form for kind, form in rich.items()})


def watch():
    """Note from now on what each exercise's cell does when it runs. Without IPython there are no cells."""
    if shell() is not None:
        shell().events.register("post_run_cell", _note)


def _note(result):
    """Note what a cell did for the exercises that it holds.

    It holds the one that its comment "# Exercise: name" says, or else those that it defines, and those that stood in
    the same cell before: so a cell that does not compile, or whose function was renamed, is still known.
    """
    source, cell = result.info.raw_cell, getattr(result.info, "cell_id", None)
    names = {*(_MARK.findall(source) or _DEFINED.findall(source)), *_CELLS.get(cell, ())}
    if cell is not None:
        _CELLS[cell] = names
    for name in names:
        problem = _problem(result, name)
        EXERCISES[name].run = Run(source, None if problem else shell().user_ns.get(name), problem)


def _problem(result, name):
    """Return why a cell left no answer of that name; an empty text where it left one."""
    if (error := result.error_before_exec) is not None:
        line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else one_line(error)
        return f"the cell does not compile: {line}"
    if (error := result.error_in_exec) is not None:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals is not shell().user_ns:
            trace = trace.tb_next
        line = f"line {trace.tb_lineno}: " if trace else ""
        return f"the cell stopped with an error: {line}{type(error).__name__}: {one_line(error)}"
    code = shell().transform_cell(result.info.raw_cell)
    names = symtable.symtable(code, "cell", "exec")
    if name in names.get_identifiers() and (names.lookup(name).is_assigned() or names.lookup(name).is_imported()):
        return ""
    return f"no function named {name}: found {', '.join(_DEFINED.findall(code)) or 'none in its cell'}"


def is_unwritten(source, name):
    """Say whether a cell still holds the stub alone: a docstring, then `...`, `pass` or NotImplementedError."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return any(_is_stub(node) for node in body if getattr(node, "name", None) == name)


def _is_stub(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return all(map(_is_stub, node.body))
    if isinstance(node, ast.Raise):
        return "NotImplementedError" in ast.unparse(node)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def is_given(source, name):
    """Say whether a cell still holds what its chapter gives: a stub, or a broken program that is to be repaired."""
    return is_unwritten(source, name) or same_code(source, _given_cells(NOTEBOOKS, current_chapter()).get(name))


@functools.cache
def _given_cells(folder, chapter):
    """Return {name of an exercise: its cell's text} of a stored chapter, or of none."""
    cells = read_notebook(folder / f"{chapter}.ipynb").cells if chapter else []
    given = [cell.source for cell in cells if "exercise" in cell.metadata.get("tags", [])]
    return {mark[1]: source for source in given if (mark := _MARK.search(source))}


def same_code(first, second):
    """Say whether two texts are the same code: comments, spaces and line breaks do not count."""
    return first == second or _tree(first) == _tree(second) is not None


def _tree(source):
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, TypeError, ValueError):  # not compiled, None, or with a null character
        return None


def one_line(text):
    """Return a text, or the message of an error, in one line of at most 200 characters."""
    try:
        text = str(text)
    except KeyboardInterrupt:
        raise
    except BaseException as broken:  # an error of the learner's own class
        text = f"its message cannot be shown, that raises {type(broken).__name__}"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"{line[:200]}…" if len(line) > 200 else line


# What the learner's folder keeps


def open_folder(chapter):
    """Say of which chapter (stem of its notebook) the kernel's answers are, and return the folder that keeps them.

    The folder is `answers/CHAPTER` beside the learner's copies; None, and nothing is read or kept, where the notebook
    is no such copy, or is stored or tested (`COURSE_PROGRESS=off`).
    """
    copied = Path(".copied.json").is_file()  # written by course_utils.notebooks.copy_for_learners
    folder = Path("answers", chapter).absolute() if copied and not is_silent() else None
    _PLACE.update(chapter=chapter, folder=folder)
    return folder


def current_chapter():
    """Return the chapter that `open_folder` was given, or None."""
    return _PLACE["chapter"]


def kept_files(pattern, every_chapter=False):
    """Return the paths of the kept files of this chapter, or of all, that have a pattern such as "*.py"."""
    folder = _PLACE["folder"]
    if folder is None:
        return []
    return sorted(folder.parent.glob(f"*/{pattern}") if every_chapter else folder.glob(pattern))


def read_kept(path):
    """Return (text of a kept file, one sentence on why it cannot be read); one of the two is empty."""
    try:
        return path.read_text(encoding="utf-8"), ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        return "", f"{path.parent.name}/{path.name} cannot be read ({reason})."


def keep(name, text):
    """Write a file of the chapter in one step; return an empty text, or why it was not kept and what to do."""
    try:
        if _PLACE["folder"] is not None:
            write_file(_PLACE["folder"] / name, text.encode())
    except NotebookError as error:
        return f"It counts until the kernel stops, and is not kept: {error}"
    return ""


def forget(name):
    """Delete a file of the chapter, where there is one."""
    with contextlib.suppress(OSError):  # a folder that cannot be written: what it keeps is checked before it counts
        for path in kept_files(name):
            path.unlink()
