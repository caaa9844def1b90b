"""Rules that the stored notebooks keep; their outputs themselves are compared by nbval."""

import pytest

from course_utils.notebooks import NOTEBOOKS, check, check_course, list_notebooks


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_notebook_keeps_the_rules(path):
    assert check(path) == []


def test_every_chapter_has_its_solutions():
    assert [problem for problem in check_course() if "of the same name" in problem] == []


def test_there_is_a_notebook():
    assert list_notebooks()
