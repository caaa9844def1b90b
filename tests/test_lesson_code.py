"""Tests of course_utils.notebooks: the code that tests and benchmarks take out of a notebook is the lesson's own."""

import nbformat
import pytest

from course_utils.notebooks import NotebookError, load_definitions


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook whose cells run slow or failing code beside the definitions, and return its path."""
    cells = [
        "import math\nimport os.path as paths, json\nfrom statistics import fmean as mean",
        "raise SystemExit('a lesson that is being loaded must not run')",
        "def area(radius):\n    return math.pi * square(radius)",
        "def square(number):\n    return number * number\nlimit = 3",
        "class Base:\n    scale = 2",
        "class Scaled(Base):\n    def __call__(self, numbers):\n        return self.scale * mean(numbers)",
        "def limited(number):\n    return min(number, limit)",
    ]
    path = tmp_path / "a lésson.ipynb"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nb.cells.insert(0, nbformat.v4.new_markdown_cell("def not_code(): text"))
    nbformat.write(nb, path)
    return path


def test_definitions_come_with_what_they_use(notebook):
    lesson = load_definitions(notebook, ["area", "Scaled"])
    assert lesson.area(2) == pytest.approx(12.566370614)
    assert lesson.Scaled()([1, 2, 3]) == 4
    assert sorted(vars(lesson)) == ["Scaled", "area"]


def test_a_definition_that_uses_a_variable_of_the_lesson_is_found_out(notebook):
    with pytest.raises(NameError, match="limit"):
        load_definitions(notebook, ["limited"]).limited(5)


def test_unknown_names_are_refused(notebook):
    with pytest.raises(ValueError, match=r"names: \['volume'\] not found .*'area'"):
        load_definitions(notebook, ["area", "volume"])


def test_a_name_with_two_meanings_is_refused(notebook):
    nb = nbformat.read(notebook, 4)
    nb.cells.append(nbformat.v4.new_code_cell("def square(number):\n    return number**2"))
    nbformat.write(nb, notebook)
    with pytest.raises(ValueError, match="'square' is defined in two ways"):
        load_definitions(notebook, ["area"])


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(NotebookError, match="none.ipynb"):
        load_definitions(tmp_path / "none.ipynb", ["area"])
    with pytest.raises(NotebookError, match="99_none"):
        load_definitions("99_none", ["area"])
    with pytest.raises(ValueError, match="names"):
        load_definitions("04_best_practice", ["no_such_function"])
