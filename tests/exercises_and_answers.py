"""The chapters' exercises, their solutions, and what people write in them."""

import functools
import re
from importlib import import_module
from pathlib import Path

from course_utils import use
from course_utils.notebooks import NOTEBOOKS, list_notebooks, read_notebook

CHAPTERS = [
    path.stem
    for path in list_notebooks()
    if path.parent == NOTEBOOKS and any("\nresume(" in cell.source for cell in read_notebook(path).cells)
]
EXERCISES = [(stem, name) for stem in CHAPTERS for name in use._exercises(stem)]

ANSWERS = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("answers_*.py"))]
WRONG = {name: bodies for module in ANSWERS for name, bodies in module.WRONG.items()}
OTHER_FORMS = {name: bodies for module in ANSWERS for name, bodies in module.OTHER_FORMS.items()}


@functools.cache
def solution(stem, name):
    """Return the text of the cell that solves an exercise."""
    for cell in read_notebook(NOTEBOOKS / "solutions" / f"{stem}.ipynb").cells:
        if cell.cell_type == "code" and re.search(rf"^def {name}\(", cell.source, re.MULTILINE):
            return cell.source
    raise AssertionError(f"no solution of {name}")


def written(stem, name, body):
    """Return the stub's cell with another body."""
    lines = solution(stem, name).split("\n")
    head = next(place for place, line in enumerate(lines) if line.startswith(f"def {name}("))
    return "\n".join([*lines[: head + 1], *(f"    {line}" for line in body.split("\n"))])
