"""Read what learners handed in: which exercises are right, by what their notebooks show. Nothing of theirs is run.

    python -m course_utils.submissions FOLDER

The folder holds their notebooks, in folders or files that carry the learners' names: `ada/04_best_practice.ipynb`,
`grace 04_best_practice.ipynb`. A learner runs all cells and saves before handing in.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from course_utils.exercises import NOT_YET, RIGHT
from course_utils.notebooks import NOTEBOOKS, NotebookError, list_notebooks, read_notebook

__all__ = ["RESULTS", "Submission", "main", "read_submission", "read_submissions"]

RESULTS = {"right": "✔", "not yet": "·", "not run": "?", "check changed": "!"}


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in: its name as shown, its chapter's file name, exercise to one of `RESULTS`."""

    name: str
    chapter: str
    exercises: dict[str, str]

    @property
    def right(self):
        """Return the number of exercises that are right."""
        return sum(result == "right" for result in self.exercises.values())


def read_submissions(folder):
    """Return what the notebooks in a folder show, as a list of `Submission` in the order of their names.

    Raises
    ------
    NotebookError
        When there is no notebook, or one belongs to no chapter or cannot be read.
    """
    folder = Path(folder)
    paths = [path for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
    if not paths:
        raise NotebookError(f"folder: found no notebook in {folder}. Name the folder that holds what was handed in.")
    return [read_submission(path, path.relative_to(folder).as_posix()) for path in paths]


def read_submission(path, name=None):
    """Return what one notebook shows of its chapter's exercises, as a `Submission`.

    An exercise is right where its check, unchanged, printed so. Outputs can be forged: whoever must be sure executes
    the notebook, on a machine where that is safe.

    Parameters
    ----------
    path : str or Path
        A notebook whose file name holds the one of its chapter.
    name : str, optional
        How to call it; its path if left out.

    Raises
    ------
    NotebookError
        When its name holds no chapter's name, or it cannot be read.
    """
    path = Path(path)
    chapters = {chapter.stem: chapter for chapter in list_notebooks() if chapter.parent == NOTEBOOKS}
    stem = next((stem for stem in chapters if stem in path.name), None)
    if stem is None:
        raise NotebookError(f"path: {path.name} holds no chapter's name, expected one of {', '.join(chapters)}.")
    theirs, exercises = {cell.source.strip(): cell for cell in _checks(path)}, {}
    for number, cell in enumerate(_checks(chapters[stem]), start=1):
        found = theirs.get(cell.source.strip())
        exercises[str(number)] = "check changed" if found is None else _result(found)
    return Submission(name or str(path), stem, exercises)


def _checks(path):
    return [cell for cell in read_notebook(path).cells if "exercise-check" in cell.metadata.get("tags", [])]


def _result(cell):
    printed = "".join(output.get("text", "") for output in cell.outputs)
    if cell.execution_count is None or not printed:
        return "not run"
    return "right" if printed.startswith(RIGHT) and NOT_YET not in printed else "not yet"


def main(arguments=None):
    """Print a table of the notebooks in a folder; return 0 when all could be read."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.submissions", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    try:
        submissions = read_submissions(parser.parse_args(arguments).folder)
    except (NotebookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    width = max(len(submission.name) for submission in submissions)
    for submission in submissions:
        marks = " ".join(RESULTS[result] for result in submission.exercises.values())
        print(f"{submission.name:{width}}  {marks}  {submission.right} of {len(submission.exercises)} right")
    print("\n" + " · ".join(f"{mark} {result}" for result, mark in RESULTS.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
