"""Read what learners handed in: which exercises are right, by what their notebooks show. Nothing of theirs is run.

    python -m authoring submissions FOLDER

The folder holds their notebooks, in folders or files that carry the learners' names: `ada/04_best_practice.ipynb`,
`grace 04_best_practice.ipynb`. A learner runs all cells and saves before handing in.
"""

import json
import os
import re
import stat
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from course_utils.exercises import NOT_YET, RIGHT
from course_utils.notebooks import NOTEBOOKS, NotebookError, list_notebooks, read_notebook
from course_utils.start_page import START

__all__ = ["RESULTS", "Submission", "print_table", "read_submission", "read_submissions"]

RESULTS = {"right": "+", "not yet": ".", "not run": "?", "check changed": "!"}  # marks that every code page has
SKIPPED_FOLDERS = (".ipynb_checkpoints", "__MACOSX")
MAX_MB = 50


@dataclass(frozen=True)
class Submission:
    """One file that was handed in: its name, its chapter's file name, exercise to one of `RESULTS`, or its problem."""

    name: str
    chapter: str = ""
    exercises: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def right(self):
        """Return the number of exercises that are right."""
        return sum(result == "right" for result in self.exercises.values())


# Reading


def read_submissions(folder):
    """Return what each notebook in a folder shows, as a list of `Submission` in the order of their names.

    Whatever has `.ipynb` in its name counts, and so do a folder that cannot be opened and a link that leaves the
    folder: each is there, with its problem. The start page, and backup folders of JupyterLab and macOS, are left out.

    Raises
    ------
    NotebookError
        When `folder` is no folder, or there is no notebook in it.
    """
    if not os.path.isdir(folder):  # also false for an empty name, which Path would take for the current folder
        raise NotebookError(f"folder: {str(folder)!r} is not a folder. Name the folder that holds what was handed in.")
    folder, paths, closed = Path(folder), [], []
    for place, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        paths += [Path(place, name) for name in folders + files if not name.startswith("._")]
    paths = [path for path in paths if path.name != START]
    found = [read_submission(path, folder) for path in paths if ".ipynb" in path.name.lower() or _leaves(path, folder)]
    for error in closed:
        found.append(Submission(_name(error.filename, folder), problem=f"cannot be opened ({error.strerror})"))
    if not found:
        raise NotebookError(f"folder: found no notebook in {folder}. Name the folder that holds what was handed in.")
    return sorted(found, key=lambda submission: submission.name)


def read_submission(path, folder=None):
    """Return what one notebook shows of its chapter's exercises, as a `Submission`; a damaged one has a `problem`.

    Its chapter is the one of whose checks it holds at least half, else the one that its file name holds. A check
    counts where its text is unchanged, wherever it stands. An exercise is right where its check says so, and where
    each copy of it that ran says so too; one of the course's earlier versions counts as changed. Outputs can be
    forged: whoever must be sure executes the notebook, on a machine where that is safe.

    Parameters
    ----------
    path : str or Path
        What was handed in. Only an ordinary file of at most 50 MB is opened.
    folder : str or Path, optional
        The folder that links must not leave, and to which the name is relative; the file's own if left out.
    """
    path = Path(path)
    folder = path.parent if folder is None else Path(folder)
    name, course = _name(path, folder), _checks()
    try:
        cells = _code_cells(path, folder)
        chapter = _chapter(path.name, cells, course)
    except NotebookError as error:
        return Submission(name, problem=str(error))
    exercises = {label: _verdict(label, cells.get(source, [])) for label, source in course[chapter].items()}
    return Submission(name, chapter, exercises)


def _name(path, folder):
    return Path(path).relative_to(folder).as_posix()


def _leaves(path, folder):
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


@cache
def _checks():
    """Return the course's own checks: chapter to the label that a check prints to its source."""
    return {
        path.stem: {
            re.search(r'\bcheck\(\s*"([^"]+)"', cell.source)[1]: cell.source.strip()
            for cell in read_notebook(path).cells
            if "exercise-check" in cell.metadata.get("tags", [])
        }
        for path in list_notebooks()
        if path.parent == NOTEBOOKS
    }


def _code_cells(path, folder):
    """Return the code cells of what was handed in, as a list for each source.

    Asks for less than the format does: what is missing or of another type counts as empty.
    """
    content = _content(path, folder)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotebookError("no notebook of format 4: open it in JupyterLab and save it again")
    cells = {}
    for cell in _tables(content["cells"]):
        if cell.get("cell_type") == "code":
            cells.setdefault(_text(cell.get("source")).strip(), []).append(cell)
    return cells


def _content(path, folder):
    """Return what stands in a file; whatever is no ordinary file is not opened, since a pipe would never end."""
    try:
        if _leaves(path, folder):
            raise NotebookError("a link that leaves the folder: put the notebook itself there")
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotebookError("a folder")
        if not stat.S_ISREG(status.st_mode):
            raise NotebookError("no ordinary file, but a pipe or a device")
        if status.st_size > MAX_MB * 1e6:
            size = f"{status.st_size / 1e6:.0f} MB, at most {MAX_MB} are read"
            raise NotebookError(f"{size}: ask for it with large outputs cleared")
        content = path.read_bytes()
        if not content.strip():
            raise NotebookError("empty")
        return json.loads(content)  # finds out by itself whether it is UTF-8 or UTF-16, with or without a mark
    except OSError as error:
        found = "a link that cannot be followed" if path.is_symlink() else "cannot be read"
        raise NotebookError(f"{found} ({error.strerror})") from error
    except ValueError as error:
        raise NotebookError(f"no notebook: binary, damaged or cut off ({error})") from error
    except RecursionError as error:
        raise NotebookError("no notebook: nested too deep") from error


def _tables(value):
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value):
    return "".join(part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str))


def _chapter(name, sources, course):
    held = {chapter: len(sources.keys() & checks.values()) / len(checks) for chapter, checks in course.items()}
    best = max(held, key=held.get)
    if held[best] >= 0.5:
        return best
    for chapter in held:
        if chapter in name.lower():
            return chapter
    raise NotebookError("of no known chapter: neither by its name (04_best_practice, say) nor by its checks")


def _verdict(label, copies):
    results = {_result(label, cell) for cell in copies}
    return next((result for result in ("not yet", "right", "not run") if result in results), "check changed")


def _result(label, cell):
    outputs = _tables(cell.get("outputs"))
    if cell.get("execution_count") is None or not outputs:
        return "not run"
    printed = "".join(_shown(output) for output in outputs if output.get("name") != "stderr")
    said_right = any(line.endswith(f"{RIGHT}{label}") for line in printed.splitlines())
    return "right" if said_right and f"{NOT_YET}{label} - " not in printed else "not yet"


def _shown(output):
    """Return what an output prints: a stream's text, or the plain text of a check's box."""
    boxes = [table["text/plain"] for table in _tables([output.get("data")]) if "text/plain" in table]
    return _text(output.get("text")) + "".join(f"{_text(box)}\n" for box in boxes)


# Showing


def print_table(folder):
    """Print a table of the notebooks in a folder; return 0 when all could be read."""
    submissions = read_submissions(folder)
    unread = [submission for submission in submissions if submission.problem]
    lines = ["   ".join(f"{mark} {result}" for result, mark in RESULTS.items())]
    for chapter in sorted({submission.chapter for submission in submissions} - {""}):
        lines += ["", *_table([submission for submission in submissions if submission.chapter == chapter])]
    if unread:
        lines += ["", f"{len(unread)} of {len(submissions)} could not be read:"]
        lines += [f"{_visible(submission.name)}: {submission.problem}" for submission in unread]
    encoding = sys.stdout.encoding or "utf-8"
    print("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding))
    return int(bool(unread))


def _table(submissions):
    """Return the lines of one chapter; names come last, so that none moves the marks."""
    labels = list(submissions[0].exercises)
    heads = [_head(number, label) for number, label in enumerate(labels, start=1)]
    width = len(f"{len(labels)} of {len(labels)}")
    lines = [submissions[0].chapter, f"{' '.join(heads)}  {'right':{width}}  notebook"]
    for submission in submissions:
        results = zip(heads, submission.exercises.values(), strict=True)
        marks = " ".join(f"{RESULTS[result]:>{len(head)}}" for head, result in results)
        right = f"{submission.right} of {len(labels)}"
        lines.append(f"{marks}  {right:{width}}  {_visible(submission.name)}")
    lines.append("")
    for head, label in zip(heads, labels, strict=True):
        right = sum(submission.exercises[label] == "right" for submission in submissions)
        name = f"{head} {label}" if head.isdigit() and label.isidentifier() else label
        lines.append(f"{name}: {right} of {len(submissions)} right")
    return lines


def _head(number, label):
    """Return what stands above a column: an exercise's number, also where its check has the function's name."""
    return str(number) if label.isidentifier() else label.removeprefix("Exercise ")


def _visible(text):
    """Return `text` with what would move the cursor, or turn the direction of reading, as an escape like Python's."""
    return "".join(
        letter if letter.isprintable() and letter != "\\" else letter.encode("unicode_escape").decode()
        for letter in text
    )
