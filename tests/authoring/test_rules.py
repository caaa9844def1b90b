"""The rules that a stored notebook keeps: each one that is broken is named."""

import nbformat
import pytest
from toy_notebooks import LESSON, write

from authoring import rules, store


@pytest.fixture
def change(stored, tmp_path):
    """Return a function that copies the stored notebook, changes the copy, and returns its path."""

    def apply(edit, name="01_changed.ipynb"):
        notebook = nbformat.read(stored, as_version=4)
        edit(notebook)
        nbformat.write(notebook, tmp_path / name)
        return tmp_path / name

    return apply


def code(notebook, place=2):
    return notebook.cells[place]


def with_source(source):
    def edit(notebook):
        code(notebook).source = source
        code(notebook).metadata["course"]["source_sha256"] = store.source_hash(source)

    return edit


HOME = "/" + "home"
BROKEN = {
    "execution counts are": lambda notebook: code(notebook).update(execution_count=None),
    "in order": lambda notebook: code(notebook).update(execution_count=9),
    "output on stderr": lambda notebook: code(notebook).outputs[0].update(name="stderr"),
    "an error as its output": lambda notebook: code(notebook).outputs.append(
        nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    ),
    "code that changed": lambda notebook: code(notebook).update(source="1"),
    "26 lines of code": with_source("x = 1\n" * 26),
    "11 lines of code, at most 10": lambda notebook: code(notebook, 1).update(source="x = 1\n" * 11),
    "imports *": with_source("from os import *"),
    "path of one machine": with_source(f"open('{HOME}/ada/x.csv')"),
    "which starts with": lambda notebook: code(notebook).outputs[0].update(text=f"{HOME}/ada"),
    "empty code cell": with_source(" "),
    "picture without alternative text": lambda notebook: code(notebook, 4).outputs[1].metadata.clear(),
    "prints nothing": lambda notebook: code(notebook, 4).outputs.pop(0),
    "(times, say)": lambda notebook: code(notebook).metadata.update(execution={"iopub.status.busy": "now"}),
    "widget state": lambda notebook: (
        code(notebook, 3).outputs[0].data.update({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
    ),
    "it has the metadata": lambda notebook: notebook.metadata.update(widgets={}),
    "are not compared": lambda notebook: [
        code(notebook, place).metadata.update(tags=["nbval-ignore-output"]) for place in (2, 3, 4)
    ],
    "how many minutes": lambda notebook: code(notebook, 0).update(source=LESSON.replace("5 minutes", "")),
    "is not a title": lambda notebook: code(notebook, 0).update(source="Toy"),
    "no heading 'Key points'": lambda notebook: code(notebook, 0).update(source=LESSON.replace("## Key points", "")),
    "MB, at most 1.5": lambda notebook: code(notebook, 0).update(source=LESSON + "x" * 1_500_000),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_check_names_each_problem(change, problem):
    found = rules.check(change(BROKEN[problem]))
    assert any(problem in line for line in found), found


def test_check_course_wants_solutions_of_the_same_name(change):
    folder = change(lambda notebook: None).parent
    (folder / "solutions").mkdir()
    write(folder / "solutions" / "02_other.ipynb")
    problems = rules.check_course(folder)
    assert any(line.startswith("01_changed.ipynb: no solutions") for line in problems)
    assert any(line.startswith("solutions/02_other.ipynb: no chapter") for line in problems)


@pytest.mark.parametrize("text", [f"{HOME}/ada/x", f"'{HOME}'", "see /" + "tmp/x", "C:" + "\\Users\\ada"])
def test_find_machine_paths_finds(text):
    assert rules.find_machine_paths(text)


@pytest.mark.parametrize(
    "text", ["work/04.ipynb", "../work/x", "https://example.org/home/x", "and/or", "~/tmp/x", "a / tmp"]
)
def test_find_machine_paths_leaves_the_rest(text):
    assert rules.find_machine_paths(text) == []
