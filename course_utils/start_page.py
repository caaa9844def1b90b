"""Make the page on which JupyterLab opens, and say on it how far the learner has come."""

import json
import re
from pathlib import Path

from course_utils.answers import show
from course_utils.notebooks import NOTEBOOKS, code_cells, notebook_bytes, read_notebook

__all__ = ["START", "show_progress", "start_page"]

START = "00_start.ipynb"
WELCOME = Path(__file__).parent / "files" / "start.md"
PROGRESS = "from course_utils.start_page import show_progress\n\nshow_progress()"


def start_page(folder=NOTEBOOKS):
    """Return the start page of the chapters in `folder`, as the bytes of a notebook without outputs."""
    from nbformat import v4

    lines = ["## The chapters", "", "| chapter | parts | solutions |", "|---|---|---|"]
    for path in sorted(Path(folder).glob("[0-9]*.ipynb")):
        titles = _titles(path)
        parts = "; ".join(title.removeprefix("Part ") for title in titles[1:] if title.startswith("Part "))
        lines.append(f"| [{titles[0]}]({path.name}) | {parts} | [solutions](solutions/{path.name}) |")
    after = "## How far have you come?\n\nRun the next cell. It reads what you wrote; nothing leaves this folder."
    texts = WELCOME.read_text(encoding="utf-8").rstrip(), "\n".join(lines), after
    cells = [*map(v4.new_markdown_cell, texts), v4.new_code_cell(PROGRESS)]
    for number, cell in enumerate(cells):
        cell.id = f"start-{number}"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return notebook_bytes(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}))


def _titles(path):
    """Return the headings of the first level of a notebook."""
    sources = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown"]
    return [title for source in sources for title in re.findall(r"^# (.+)", source.split("```")[0], re.MULTILINE)]


def show_progress(folder="."):
    """Show for each chapter how many exercises are right and how many guesses met their result.

    `folder` is the learner's, which `make lab` made: its `answers` are read. A ValueError says that it is no such
    folder.
    """
    folder = Path(folder)
    if not (folder / ".copied.json").is_file():
        raise ValueError(f"folder: {folder.absolute()} holds no copies of the course. Open this page with make lab.")
    lines = ["| chapter | exercises right | guesses that met their result |", "|---|---|---|"]
    for path in sorted(folder.glob("0[1-9]_*.ipynb")):
        if ".new-" in path.name:
            continue
        code = "\n".join(cell.source for _, cell in code_cells(read_notebook(path)))
        asked = set(re.findall(r"^# Exercise: *(\w+)", code, re.MULTILINE))
        kept = folder / "answers" / path.stem
        right = len(asked & {answer.stem for answer in kept.glob("*.py")})
        lines.append(f"| [{path.stem}]({path.name}) | {right} of {len(asked)} | {_met(kept / 'predictions.json')} |")
    show(text := "\n".join(lines), markdown=text)


def _met(path):
    try:
        guesses = json.loads(path.read_text(encoding="utf-8")).values()
        return sum("guess" in guess and "result" in guess for guess in guesses)
    except FileNotFoundError:
        return 0
    except (ValueError, AttributeError, TypeError):
        return f"{path.name} is damaged"
