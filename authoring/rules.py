"""Name what a stored notebook must not hold."""

import json
import re
from pathlib import Path

from authoring.store import KEPT_CELL_METADATA, UNCOMPARED_OUTPUTS, source_hash
from course_utils.notebooks import NOTEBOOKS, code_cells, list_notebooks, read_notebook, shown

__all__ = ["check", "check_course", "find_machine_paths"]

MAX_MB = 1.5
MAX_CODE_LINES = 25
MAX_SETUP_LINES = 10
MAX_UNCOMPARED_CELLS = 2
LESSON_PARTS = ("Objectives", "Key points", "References")
UNCOMPARED = re.compile(r"nbval[-_](ignore[-_]output|skip|raises[-_]exception)|raises-exception", re.IGNORECASE)
MACHINE_PATH = re.compile(
    r"(?<![\w.~)}*-])/(?:home|root|tmp|work|Users|private|mnt)(?:/|\b(?![-.\w]))|\b[A-Za-z]:\\{1,2}Users"
)


def find_machine_paths(text):
    """Return the absolute paths of one machine (home or temporary folders) that stand in `text`."""
    return [match.group() for match in MACHINE_PATH.finditer(text)]


def check(path):
    """Return the problems of the stored notebook at `path`, each as one line; an empty list when it keeps all rules."""
    path = Path(path)
    notebook = read_notebook(path)
    rules = [_check_counts, _check_code, _check_outputs, _check_paths, _check_metadata, _check_comparison]
    rules.append(_check_title if path.resolve().parent.name == "solutions" else _check_lesson)
    problems = [problem for rule in rules for problem in rule(notebook)]
    megabytes = path.stat().st_size / 1e6
    if megabytes > MAX_MB:
        problems.append(f"the file has {megabytes:.2f} MB, at most {MAX_MB} are allowed: make its pictures smaller")
    return [f"{shown(path)}: {problem}" for problem in problems]


def check_course(folder=NOTEBOOKS):
    """Return the problems of all notebooks in `folder`, a missing solutions notebook included."""
    folder = Path(folder)
    problems = [problem for path in list_notebooks(folder) for problem in check(path)]
    chapters = {path.name for path in folder.glob("*.ipynb")}
    solutions = {path.name for path in (folder / "solutions").glob("*.ipynb")}
    problems += [f"{name}: no solutions notebook of the same name" for name in sorted(chapters - solutions)]
    problems += [f"solutions/{name}: no chapter of the same name" for name in sorted(solutions - chapters)]
    return problems


def _check_counts(notebook):
    """Null counts matter most: nbval compares nothing in a cell that has none."""
    cells = code_cells(notebook)
    problems = [f"cell {index} is an empty code cell: delete it" for index, cell in cells if not cell.source.strip()]
    counts = [cell.execution_count for _, cell in cells if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"execution counts are {counts}, expected 1 to {len(counts)} in order: run `make notebooks`")
    return problems


def _check_code(notebook):
    problems, cells = [], code_cells(notebook)
    for place, (index, cell) in enumerate(cells):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        limit = MAX_SETUP_LINES if place == 0 else MAX_CODE_LINES
        if len(lines) > limit and not {"exercise-check", "hide-input"} <= set(cell.metadata.get("tags", [])):
            problems.append(f"cell {index} has {len(lines)} lines of code, at most {limit} are allowed")
        if re.search(r"^\s*from\s+\S+\s+import\s+\*", cell.source, re.MULTILINE):
            problems.append(f"cell {index} imports *: name what it uses")
    return problems


def _check_outputs(notebook):
    problems = []
    for index, cell in code_cells(notebook):
        streams = {output.name for output in cell.outputs if output.output_type == "stream"}
        if "stderr" in streams:
            problems.append(f"cell {index} has output on stderr")
        if any(output.output_type == "error" for output in cell.outputs):
            problems.append(f"cell {index} has an error as its output: show one with evidence.expect_error")
        drawn = [
            (output, mime) for output in cell.outputs for mime in UNCOMPARED_OUTPUTS if mime in output.get("data", {})
        ]
        if any("alt" not in output.metadata.get(mime, {}) for output, mime in drawn):
            problems.append(f"cell {index} has a picture without alternative text: show it with plotting.show")
        if drawn and "stdout" not in streams:
            problems.append(f"cell {index} draws a picture and prints nothing: print its title, which nbval compares")
        recorded = cell.metadata.get("course", {}).get("source_sha256")
        if cell.source.strip() and recorded != source_hash(cell.source):
            problems.append(f"cell {index} has code that changed after its output was stored: run `make notebooks`")
    return problems


def _check_paths(notebook):
    problems = []
    for index, cell in enumerate(notebook.cells):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts += [json.dumps(value) for mime, value in output.get("data", {}).items() if "image/" not in mime]
        found = sorted({path for text in texts for path in find_machine_paths(text)})
        problems += [f"cell {index} holds a path of one machine, which starts with {path}" for path in found]
    return problems


def _check_metadata(notebook):
    problems = []
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        problems.append(f"it has the metadata {sorted(notebook.metadata)}: run `make notebooks`")
    for index, cell in enumerate(notebook.cells):
        extra = sorted(set(cell.metadata) - set(KEPT_CELL_METADATA))
        if extra:
            problems.append(f"cell {index} has the metadata {extra} (times, say): run `make notebooks`")
        mimes = [mime for output in cell.get("outputs", []) for mime in output.get("data", {})]
        if any(mime.startswith("application/vnd.jupyter.widget") for mime in mimes):
            problems.append(f"cell {index} holds widget state")
    return problems


def _check_comparison(notebook):
    marked = []
    for index, cell in code_cells(notebook):
        comments = [line for line in cell.source.splitlines() if line.lstrip().startswith("#")]
        if any(UNCOMPARED.search(text) for text in [*cell.metadata.get("tags", []), *comments]):
            marked.append(index)
    if len(marked) > MAX_UNCOMPARED_CELLS:
        return [f"cells {marked} are not compared, at most {MAX_UNCOMPARED_CELLS} are allowed: mark values with ≈"]
    return []


def _check_title(notebook):
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["its first cell is not a title (`# …` in Markdown)"]
    return []


def _check_lesson(notebook):
    problems = _check_title(notebook)
    if not problems and not re.search(r"\d+\s+minutes", notebook.cells[0].source):
        problems.append("its title cell does not say how many minutes the chapter takes")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = " | ".join(re.findall(r"^#+ +(.*)$", prose, re.MULTILINE)).lower()
    return problems + [f"no heading {part!r}" for part in LESSON_PARTS if part.lower() not in headings]
