"""Chapter 8: no assert looks at the last item of a loop only, and its stated figures are the stored ones."""

import ast

from course_utils.notebooks import NOTEBOOKS, read_notebook
from course_utils.questions import load_chat_questions
from course_utils.tables import read_sweep

CELLS = read_notebook(NOTEBOOKS / "08_faq.ipynb").cells


def names(node, context):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, context)}


def left_by_a_loop(source, looped):
    """Return the asserts of a cell that read what a loop left last; `looped` are such names, kept from cell to cell."""
    found = []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.For):
            looped |= names(statement, ast.Store)
        elif isinstance(statement, ast.Assign | ast.Import | ast.ImportFrom):
            looped -= names(statement, ast.Store)
        elif isinstance(statement, ast.Assert):
            bound = {name for part in ast.walk(statement) for name in names(part, ast.Store)}
            found += [ast.unparse(statement)] * bool((names(statement, ast.Load) - bound) & looped)
    return found


def test_what_counts_as_the_last_of_a_loop():
    assert left_by_a_loop("for n in (1, 2):\n    x = n\nassert x > 0", set()) == ["assert x > 0"]
    assert left_by_a_loop("for n in (1, 2):\n    assert n\nx = 1\nassert x and all(n for n in [1])", set()) == []


def test_no_assert_looks_at_the_last_of_a_loop_only():
    looped = set()
    cells = [cell.source for cell in CELLS if cell.cell_type == "code"]
    assert [found for source in cells for found in left_by_a_loop(source, looped)] == []


def test_the_text_says_how_often_the_model_wrote_nothing():
    known = {question.id for question in load_chat_questions() if question.kind == "known"}
    asked = [row for row in read_sweep("chat_answers", model="SmolLM2", form="bare") if row["id"] in known]
    silent = sum(row["answer"] == "" for row in asked)
    text = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
    assert f"wrote nothing for {silent} of the {len(asked)} known questions" in text
