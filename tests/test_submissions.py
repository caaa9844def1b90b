"""What learners hand in is read, never run."""

import nbformat
import pytest

from course_utils.notebooks import NOTEBOOKS, NotebookError, copy_for_learners, read_notebook
from course_utils.submissions import main, read_submission, read_submissions

CHAPTER = "04_best_practice.ipynb"


def hand_in(path, source, change=lambda cells: None):
    """Save the stored notebook `source` as a learner would hand it in, after `change` has changed its check cells."""
    notebook = read_notebook(NOTEBOOKS / source)
    change([cell for cell in notebook.cells if "exercise-check" in cell.metadata.get("tags", [])])
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def test_untouched_and_solved_notebooks(tmp_path):
    hand_in(tmp_path / "Ada Łovelace" / CHAPTER, CHAPTER)
    hand_in(tmp_path / f"grace {CHAPTER}", f"solutions/{CHAPTER}")
    untouched, solved = read_submissions(tmp_path)
    assert untouched.name == f"Ada Łovelace/{CHAPTER}" and untouched.chapter == "04_best_practice"
    assert set(untouched.exercises.values()) == {"not yet"} and untouched.right == 0
    assert set(solved.exercises.values()) == {"right"} and solved.right == len(untouched.exercises) == 7


def test_a_changed_check_and_one_that_was_not_run_are_named(tmp_path):
    def change(checks):
        checks[0].source = 'print("Right: Exercise 1")'
        checks[1].outputs = []
        checks[2].execution_count = None

    path = hand_in(tmp_path / CHAPTER, f"solutions/{CHAPTER}", change)
    results = list(read_submission(path).exercises.values())
    assert results == ["check changed", "not run", "not run", "right", "right", "right", "right"]


def test_a_learners_copy_is_known_as_it_was_handed_out(tmp_path):
    copy_for_learners(tmp_path / "work")
    found = read_submissions(tmp_path / "work")
    assert {result for submission in found for result in submission.exercises.values()} == {"not run"}
    assert len({submission.chapter for submission in found}) == 8


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "ran"

    def change(checks):
        checks[0].source = f"open({str(marker)!r}, 'w')"

    read_submission(hand_in(tmp_path / CHAPTER, CHAPTER, change))
    assert not marker.exists()


def test_table_and_errors_of_the_command(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "found no notebook in" in capsys.readouterr().err
    hand_in(tmp_path / "ada" / CHAPTER, f"solutions/{CHAPTER}")
    assert main([str(tmp_path)]) == 0
    assert f"ada/{CHAPTER}  ✔ ✔ ✔ ✔ ✔ ✔ ✔  7 of 7 right" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "message"), [("mine.ipynb", "holds no chapter's name"), (CHAPTER, "cannot read")])
def test_what_cannot_be_read_is_named(tmp_path, name, message):
    (tmp_path / name).write_text("no notebook")
    with pytest.raises(NotebookError, match=message):
        read_submission(tmp_path / name)
