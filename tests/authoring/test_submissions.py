"""What learners hand in is read, never run; each file gets a row, whatever is wrong with it."""

import io
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authoring import submissions
from authoring.__main__ import main
from authoring.submissions import RESULTS, read_submission, read_submissions
from course_utils.lab import copy_for_learners
from course_utils.notebooks import NOTEBOOKS, ROOT, NotebookError, list_notebooks, read_notebook

CHAPTER = "05_applications.ipynb"
FIRST, LAST = "fewest_changes", ("verdict", "retrieve", "ask_with_tool", "defend")  # names of the chapter's exercises
RIGHT_1 = f"Right: {FIRST}\n"
NOT_YET_1 = f"Not yet: {FIRST} - found 3, which is not what was asked for\n"


def hand_in(path, source=f"solutions/{CHAPTER}", change=lambda checks, cells: None):
    """Save the stored notebook `source` as a learner would hand it in, after `change` has changed its cells."""
    notebook = read_notebook(NOTEBOOKS / source)
    change([cell for cell in notebook.cells if "exercise-check" in cell.metadata.get("tags", [])], notebook.cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def box(text):
    return nbformat.v4.new_output("display_data", data={"text/plain": text, "text/html": f"<div>{text}</div>"})


def first_result(tmp_path, change):
    return read_submission(hand_in(tmp_path / CHAPTER, change=change)).exercises[FIRST]


def test_untouched_and_solved_notebooks(tmp_path):
    hand_in(tmp_path / "Ada Łovelace" / CHAPTER, CHAPTER)
    hand_in(tmp_path / f"grace {CHAPTER}")
    untouched, solved = read_submissions(tmp_path)
    assert untouched.name == f"Ada Łovelace/{CHAPTER}" and untouched.chapter == "05_applications"
    assert set(untouched.exercises.values()) == {"not yet"} and untouched.right == 0
    assert set(solved.exercises.values()) == {"right"} and solved.right == len(untouched.exercises) == 8


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_check_of_the_course_is_known_by_the_name_that_it_prints(path):
    expected = "right" if path.parent.name == "solutions" else "not yet"
    found = read_submission(path)
    checks = [cell for cell in read_notebook(path).cells if "exercise-check" in cell.metadata.get("tags", [])]
    assert list(found.exercises.values()) == [expected] * len(checks)


def test_a_changed_check_and_one_that_was_not_run_are_named(tmp_path):
    def change(checks, cells):
        checks[0].source = f'print("Right: {FIRST}")'
        checks[1].outputs = []
        checks[2].execution_count = None
        cells.remove(checks[3])
        checks[4].cell_type = "markdown"
        checks[5].cell_type = "raw"
        for cell in checks[4:6]:
            del cell["outputs"], cell["execution_count"]

    results = list(read_submission(hand_in(tmp_path / CHAPTER, change=change)).exercises.values())
    changed = "check changed"
    assert results == [changed, "not run", "not run", changed, changed, changed, "right", "right"]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([stream("a print of mine\n" + RIGHT_1)], "right"),
        ([stream("no new line, " + RIGHT_1)], "right"),
        ([box(f"Right: {FIRST}")], "right"),
        ([box(f"Right: {FIRST}\nIt could not be kept.")], "right"),
        ([stream("a print of mine\n"), box(f"Not yet: {FIRST} - found 3")], "not yet"),
        ([nbformat.v4.new_output("display_data", data={"text/html": f"<b>Right: {FIRST}</b>"})], "not yet"),
        ([stream(f"UserWarning: {FIRST}\n", "stderr"), stream(RIGHT_1)], "right"),
        ([stream("Right: "), stream("a warning\n", "stderr"), stream(f"{FIRST}\n")], "right"),
        ([stream("Not yet: Exercise 10 - no answer here yet\n" + RIGHT_1)], "right"),
        ([stream(RIGHT_1 + NOT_YET_1)], "not yet"),
        ([stream(RIGHT_1), stream(NOT_YET_1)], "not yet"),
        ([stream(f"Not yet: {FIRST} - found 'Right: {FIRST}\n")], "not yet"),
        ([stream("Right: Exercise 2\n")], "not yet"),
        ([stream("All is right\n")], "not yet"),
        ([stream(RIGHT_1, "stderr")], "not yet"),
        ([nbformat.v4.new_output("error", ename="NameError", evalue="split", traceback=[])], "not yet"),
        ([], "not run"),
    ],
)
def test_the_verdict_is_what_the_check_printed_of_its_own_exercise(tmp_path, outputs, expected):
    def change(checks, cells):
        checks[0].outputs = outputs

    assert first_result(tmp_path, change) == expected


@pytest.mark.parametrize(
    ("printed", "of_the_copy", "expected"),
    [
        (NOT_YET_1, RIGHT_1, "not yet"),
        (RIGHT_1, NOT_YET_1, "not yet"),
        (RIGHT_1, None, "right"),
        (None, RIGHT_1, "right"),
        (NOT_YET_1, None, "not yet"),
        (None, None, "not run"),
        (RIGHT_1, RIGHT_1, "right"),
    ],
)
@pytest.mark.parametrize("tagged", [True, False])
def test_all_copies_of_a_check_that_ran_must_be_right(tmp_path, printed, of_the_copy, expected, tagged):
    def change(checks, cells):
        copy = nbformat.v4.new_code_cell(f"{checks[0].source}\n", metadata=checks[0].metadata if tagged else {})
        cells.append(copy)
        for cell, text in ((checks[0], printed), (copy, of_the_copy)):
            cell.outputs, cell.execution_count = ([stream(text)], 5) if text else ([], None)

    assert first_result(tmp_path, change) == expected


def test_cells_without_outputs_or_metadata_are_read(tmp_path):
    def change(checks, cells):
        checks[2].outputs = [stream("Right: lost_numbers\n")]
        del checks[0]["outputs"], checks[1]["execution_count"], checks[2]["outputs"][0]["name"]
        for cell in cells:
            del cell["metadata"]

    results = list(read_submission(hand_in(tmp_path / CHAPTER, change=change)).exercises.values())
    assert results == ["not run", "not run", *["right"] * 6]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_read(tmp_path, encoding):
    path = hand_in(tmp_path / CHAPTER)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert read_submission(path).right == 8


@pytest.mark.parametrize("name", ["Untitled.ipynb", "04_best_practice.ipynb", "Best practice.IPYNB", f"{CHAPTER}.txt"])
def test_a_chapter_is_known_by_its_checks(tmp_path, name):
    def change(checks, cells):
        for cell in checks[:3]:
            cells.remove(cell)

    hand_in(tmp_path / name, change=change)
    (found,) = read_submissions(tmp_path)
    assert (found.chapter, found.right, found.problem) == ("05_applications", 5, "")


def test_with_few_checks_left_the_name_decides(tmp_path):
    def change(checks, cells):
        for cell in checks[:5]:
            cells.remove(cell)

    assert read_submission(hand_in(tmp_path / f"ada {CHAPTER}", change=change)).right == 3
    assert "of no known chapter" in read_submission(hand_in(tmp_path / "Untitled.ipynb", change=change)).problem


def test_a_learners_copy_is_known_as_it_was_handed_out(tmp_path):
    copy_for_learners(tmp_path / "work")
    found = read_submissions(tmp_path / "work")
    assert {result for submission in found for result in submission.exercises.values()} == {"not run"}
    assert len({submission.chapter for submission in found}) == 8


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "ran"

    def change(checks, cells):
        checks[0].source = f"open({str(marker)!r}, 'w')"

    read_submission(hand_in(tmp_path / CHAPTER, CHAPTER, change))
    assert not marker.exists()


DAMAGED = {
    "empty.ipynb": (b" \n", "empty"),
    "binary.ipynb": (bytes(range(256)), "binary, damaged or cut off"),
    "cut off.ipynb": (b'{"cells": [{"cell_type": "code", ', "binary, damaged or cut off"),
    "zip.ipynb": (b"PK\x03\x04\x14\x00\x08\x00", "binary, damaged or cut off"),
    "deep.ipynb": (b"[" * 500_000, "nested too deep"),
    "list.ipynb": (b"[1, 2]", "no notebook of format 4"),
    "old.ipynb": (b'{"nbformat": 3, "worksheets": []}', "no notebook of format 4"),
    "number of cells.ipynb": (b'{"nbformat": 4, "cells": 7}', "no notebook of format 4"),
    "nothing in it.ipynb": (b'{"nbformat": 4, "cells": []}', "of no known chapter"),
}


def test_damaged_files_say_what_is_wrong_and_cost_nobody_the_table(tmp_path, capsys):
    for name, (content, _) in DAMAGED.items():
        (tmp_path / name).write_bytes(content)
    hand_in(tmp_path / "ada" / CHAPTER)
    assert main(["submissions", str(tmp_path)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert f"+ + + + + + + +  8 of 8  ada/{CHAPTER}" in shown
    assert f"{len(DAMAGED)} of {len(DAMAGED) + 1} could not be read:" in shown
    for name, (_, problem) in DAMAGED.items():
        assert [problem in line for line in shown if line.startswith(f"{name}: ")] == [True]


def test_more_than_50_mb_are_not_read(tmp_path):
    path = tmp_path / CHAPTER
    with path.open("wb") as file:
        file.truncate(120_000_000)
    assert read_submission(path).problem.startswith("120 MB, at most 50 are read")


def test_an_output_of_10_mb_is_read(tmp_path):
    def change(checks, cells):
        checks[0].outputs.insert(0, stream("0123456789\n" * 1_000_000))

    assert first_result(tmp_path, change) == "right"


def test_what_is_no_ordinary_file_is_not_opened(tmp_path):
    folder, outside = tmp_path / "handed in", tmp_path / "solutions"
    hand_in(outside / CHAPTER)
    hand_in(folder / "ada" / CHAPTER)
    (folder / "folder.ipynb").mkdir()
    hand_in(folder / "bob.ipynb" / CHAPTER)
    links = {"dangling.ipynb": "gone", "loop.ipynb": "loop.ipynb", "out.ipynb": outside / CHAPTER, "carol": outside}
    links["inside.ipynb"] = folder / "ada" / CHAPTER
    for name, target in links.items():
        (folder / name).symlink_to(target)
    problems = {found.name: found.problem for found in read_submissions(folder)}
    assert {name: problem for name, problem in problems.items() if not problem} == {
        f"ada/{CHAPTER}": "",
        f"bob.ipynb/{CHAPTER}": "",
        "inside.ipynb": "",
    }
    assert problems["folder.ipynb"] == problems["bob.ipynb"] == "a folder"
    assert "cannot be followed" in problems["dangling.ipynb"] and "cannot be followed" in problems["loop.ipynb"]
    assert "leaves the folder" in problems["out.ipynb"] and "leaves the folder" in problems["carol"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / CHAPTER)
    assert "a pipe or a device" in read_submission(tmp_path / CHAPTER).problem


def test_backups_of_jupyterlab_and_macos_are_skipped(tmp_path):
    hand_in(tmp_path / "ada" / CHAPTER)
    hand_in(tmp_path / "ada" / ".ipynb_checkpoints" / CHAPTER)
    for name in (f"__MACOSX/ada/._{CHAPTER}", f"ada/._{CHAPTER}", f"__MACOSX/{CHAPTER}"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07")
    assert [found.name for found in read_submissions(tmp_path)] == [f"ada/{CHAPTER}"]


def test_without_permission_the_row_says_so(tmp_path, monkeypatch):
    """Refuse as the system does: root, as whom tests may run, may read everything."""

    def refuse(path, *rest):
        raise PermissionError(13, "Permission denied", str(path))

    hand_in(tmp_path / "ada" / CHAPTER)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", refuse)
        (found,) = read_submissions(tmp_path)
    assert found.problem == "cannot be read (Permission denied)"
    scandir = os.scandir
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", lambda path: refuse(path) if str(path).endswith("ada") else scandir(path))
        (found,) = read_submissions(tmp_path)
    assert (found.name, found.problem) == ("ada", "cannot be opened (Permission denied)")


def test_table_of_a_class(tmp_path, capsys):
    def one_missing(checks, cells):
        checks[1].outputs = [stream("Not yet: find_tags - not written yet\n")]

    def mixed(checks, cells):
        checks[2].outputs = []
        checks[3].source += "# mine"

    hand_in(tmp_path / "ada" / CHAPTER)
    hand_in(tmp_path / "bob" / CHAPTER, change=one_missing)
    hand_in(tmp_path / "carol" / CHAPTER, change=mixed)
    hand_in(tmp_path / "ada" / "01_background.ipynb", "solutions/01_background.ipynb")
    assert main(["submissions", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "+ right   . not yet   ? not run   ! check changed",
        "",
        "01_background",
        "1 2 3 4  right   notebook",
        "+ + + +  4 of 4  ada/01_background.ipynb",
        "",
        "1 doubling_months: 1 of 1 right",
        "2 rule_breakers: 1 of 1 right",
        "3 local_exponents: 1 of 1 right",
        "4 digits_needed: 1 of 1 right",
        "",
        "05_applications",
        "1 2 3 4 5 6 7 8  right   notebook",
        f"+ + + + + + + +  8 of 8  ada/{CHAPTER}",
        f"+ . + + + + + +  7 of 8  bob/{CHAPTER}",
        f"+ + ? ! + + + +  6 of 8  carol/{CHAPTER}",
        "",
        "1 fewest_changes: 3 of 3 right",
        "2 find_tags: 2 of 3 right",
        "3 lost_numbers: 2 of 3 right",
        "4 chat_text: 2 of 3 right",
        *(f"{number} {name}: 3 of 3 right" for number, name in enumerate(LAST, 5)),
    ]


def test_the_marks_differ_and_are_in_every_code_page():
    marks = list(RESULTS.values())
    assert len(set(marks)) == len(marks) and all(len(mark) == 1 and mark.isascii() for mark in marks)


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii", "utf-8"])
def test_a_redirect_under_any_code_page_is_written(tmp_path, monkeypatch, encoding):
    hand_in(tmp_path / "Ada Łovelace 王" / CHAPTER)
    redirect = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", redirect)
    assert main(["submissions", str(tmp_path)]) == 0
    redirect.flush()
    shown = redirect.buffer.getvalue().decode(encoding)
    assert "+ + + + + + + +  8 of 8  Ada " in shown and (encoding != "utf-8" or "Łovelace 王" in shown)


def test_the_command_exits_with_1_after_the_table(tmp_path):
    hand_in(tmp_path / "Ada Łovelace 王" / CHAPTER)
    (tmp_path / "Zoë.ipynb").touch()
    command = [sys.executable, "-m", "authoring", "submissions", tmp_path]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="ascii")
    assert (run.returncode, run.stderr) == (1, "")
    assert "8 of 8  Ada \\u0141ovelace \\u738b/" in run.stdout and "Zo\\xeb.ipynb: empty" in run.stdout


def test_a_damaged_notebook_of_the_course_is_not_blamed_on_the_learner(tmp_path, monkeypatch):
    hand_in(tmp_path / "ada" / CHAPTER)
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / CHAPTER).write_text("{")
    monkeypatch.setattr("authoring.submissions.list_notebooks", lambda: [tmp_path / "course" / CHAPTER])
    monkeypatch.setattr("authoring.submissions.NOTEBOOKS", tmp_path / "course")
    submissions._checks.cache_clear()
    with pytest.raises(NotebookError, match="cannot read"):
        read_submissions(tmp_path / "ada")


@pytest.mark.parametrize("folder", ["", "gone", "a file"])
def test_a_folder_without_notebooks_is_one_sentence(tmp_path, capsys, folder):
    (tmp_path / "a file").write_text("")
    message = "is not a folder" if folder else "found no notebook in"
    with pytest.raises(NotebookError, match=message):
        read_submissions(tmp_path / folder)
    assert main(["submissions", str(tmp_path / folder)]) == 1
    shown = capsys.readouterr()
    assert message in shown.err and shown.out == ""


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path / f"ada/{CHAPTER}", CHAPTER)
    monkeypatch.chdir(tmp_path)
    assert main(["submissions", ""]) == 1
    assert capsys.readouterr().err.startswith("error: folder: '' is not a folder.")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_no_file_name_forges_a_line(tmp_path, capsys):
    hand_in(tmp_path / f"\x1b[2J\r\x9b1mada\n+ + + + + + + +  8 of 8  bob\u2028\u202e\u2066\\n/{CHAPTER}", CHAPTER)
    (tmp_path / "eve\n\x07.ipynb").write_bytes(b"")
    shutil.copy(tmp_path / "eve\n\x07.ipynb", os.fsencode(tmp_path) + b"/\xff.ipynb")
    main(["submissions", str(tmp_path)])
    shown = capsys.readouterr().out
    escaped = r"\x1b[2J\r\x9b1mada\n+ + + + + + + +  8 of 8  bob\u2028\u202e\u2066\\n/"
    assert f". . . . . . . .  0 of 8  {escaped}{CHAPTER}" in shown.split("\n")
    assert "eve\\n\\x07.ipynb: empty" in shown.split("\n") and "\\udcff.ipynb: empty" in shown.split("\n")
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


def loosely(**keys):
    """Make a table in which each key may be missing, or hold anything."""
    return json_values | st.fixed_dictionaries({}, optional={key: value | json_values for key, value in keys.items()})


outputs = st.lists(
    loosely(output_type=st.just("stream"), name=st.just("stdout"), text=st.just("Right: find_tags\n")), max_size=2
)
check_source = next(cell.source for cell in read_notebook(NOTEBOOKS / CHAPTER).cells if '"find_tags",' in cell.source)
cells = st.lists(
    loosely(cell_type=st.just("code"), source=st.just(check_source), outputs=outputs, execution_count=st.just(1))
)
handed_in = st.binary() | loosely(nbformat=st.just(4), cells=cells).map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    """Make a folder in which one good notebook lies beside what the test writes."""
    folder = tmp_path_factory.mktemp("class")
    hand_in(folder / "ada" / CHAPTER)
    return folder


@given(content=handed_in, name=st.sampled_from([CHAPTER, "Untitled.ipynb"]))
def test_no_content_of_a_file_stops_the_table(class_folder, content, name):
    path = class_folder / name
    path.write_bytes(content)
    try:
        ada, other = sorted(read_submissions(class_folder), key=lambda found: not found.name.startswith("ada"))
    finally:
        path.unlink()
    assert ada.right == 8 and (other.problem or set(other.exercises.values()) <= set(RESULTS))
