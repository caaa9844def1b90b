"""Right answers of another form than the solution drive each chapter to its end (some minutes: make test-answers)."""

import nbclient
import nbformat
import pytest
from exercises_and_answers import CHAPTERS, OTHER_FORMS, written

from course_utils import use
from course_utils.notebooks import NOTEBOOKS, read_notebook


@pytest.mark.parametrize("stem", CHAPTERS)
def test_right_answers_drive_the_lesson(stem, tmp_path):
    """Run a chapter in which every exercise is solved in another form, to its last credits: its opening, and the
    parts that have some."""
    parts = [[]]
    for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells:
        if cell.source.startswith("# ") and cell.cell_type == "markdown":
            parts.append([])
        parts[-1] += [cell] if cell.cell_type == "code" else []
    opening = len(parts[0]) == 0  # the title is a heading as well
    driving = [part for part in parts[1 + opening :] if any("# Exercise: " in cell.source for cell in part)]
    cells = [cell for part in [*parts[: 1 + opening], *driving] for cell in part]
    last = max(place for place, cell in enumerate(cells) if "credits(" in cell.source)
    notebook = nbformat.v4.new_notebook(cells=cells[: last + 1])
    names = list(use._exercises(stem))
    exercises = [cell for cell in notebook.cells if cell.source.startswith("# Exercise: ")]
    for cell, name in zip(exercises, names, strict=True):
        cell.source = written(stem, name, OTHER_FORMS[name][0])
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources, shutdown_kernel="immediate").execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    said = "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    for name in names:
        assert f"Right: {name}" in said, name
        credits = [line for line in said.splitlines() if line.startswith(f"{name}: ") or f"{name}: yours" in line]
        assert any(": yours" in line or "yours is right" in line for line in credits), name
