"""Rules that the stored notebooks keep; their outputs themselves are compared by nbval."""

import ast

import pytest

from course_utils.evidence import load_claims
from course_utils.exercises import NOT_YET, RIGHT
from course_utils.notebooks import NOTEBOOKS, check, check_course, list_notebooks, read_notebook


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_notebook_keeps_the_rules(path):
    assert check(path) == []


def test_every_chapter_has_its_solutions():
    assert [problem for problem in check_course() if "of the same name" in problem] == []


def test_there_is_a_notebook():
    assert list_notebooks()


def exercise_cells(path, tag):
    """Return [(source, printed text), ...] of the cells with a tag, in order."""
    cells = [cell for cell in read_notebook(path).cells if tag in cell.metadata.get("tags", [])]
    return [(cell.source, "".join(o.get("text", "") for o in cell.get("outputs", []))) for cell in cells]


SETTLED_ELSEWHERE = {"1.2": "7", "1.5": "5"}  # by what a later chapter runs
CHAPTERS = [path for path in list_notebooks() if path.parent == NOTEBOOKS]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_stubs_are_not_yet_right_and_solutions_are(path):
    stubs = exercise_cells(path, "exercise-check")
    solutions = exercise_cells(NOTEBOOKS / "solutions" / path.name, "exercise-check")
    assert len(stubs) >= 5
    assert [source for source, _ in stubs] == [source for source, _ in solutions], "the checks differ"
    assert all(text.startswith(NOT_YET) for _, text in stubs)
    assert all(text.startswith(RIGHT) and NOT_YET not in text for _, text in solutions)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_settles_each_of_its_claims_once(path):
    settled = []
    for cell in read_notebook(path).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim":
                    settled.append(node.args[0].value)
                    assert node.args[1].value == load_claims()[settled[-1]]
                    assert "Claim " + settled[-1] in str(cell.outputs), "its box is missing"
    chapter = str(int(path.name[:2]))
    assert sorted(settled) == sorted(
        id for id in load_claims() if SETTLED_ELSEWHERE.get(id, id.split(".")[0]) == chapter
    )
