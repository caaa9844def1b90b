"""Storing, rules, copies, lab and commands, on notebooks of a few cells that need no heavy package."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from authoring import __main__ as command
from authoring import rules, store
from course_utils import __main__ as learners
from course_utils import lab, notebooks
from course_utils.notebooks import NotebookError
from course_utils.start_page import show_progress

LESSON = "# Toy\n\n5 minutes\n\n## Objectives\n\n## Claims settled\n\n## Key points\n\n## References"
CELLS = (
    "import os\nimport random",
    "x = random.random()\nprint('a sum:', 1 + 1)\nprint(f'accuracy  ≈{x:.3f}   | all')\nprint('≈', x, 'seconds')",
    "from IPython.display import HTML\nHTML(f'<td>≈{random.random():.3f}</td><td>3</td>')",
    "from PIL import Image\nprint('noise')\nalt = dict.fromkeys(('image/png', 'image/jpeg'), {'alt': 'dots'})\n"
    "display(Image.frombytes('L', (4, 4), os.urandom(16)), metadata=alt)",
    "os.write(2, b'a log line of a C library\\n')\nos.environ['COURSE_PROGRESS'], os.path.basename(os.getcwd())",
)


def write(path, *sources, title=LESSON):
    """Write a notebook of one title cell and one code cell for each source, not executed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell(title), *(new_code_cell(source) for source in sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return the path of a notebook that was stored once; tests read it and change copies only."""
    lab.install_kernel_config()
    path = write(tmp_path_factory.mktemp("stored") / "Überblick 概要" / "01_toy.ipynb", *CELLS)
    store.store(path)
    return path


@pytest.fixture
def change(stored, tmp_path):
    """Return a function that copies the stored notebook, changes the copy, and returns its path."""

    def apply(edit, name="01_changed.ipynb"):
        notebook = nbformat.read(stored, as_version=4)
        edit(notebook)
        nbformat.write(notebook, tmp_path / name)
        return tmp_path / name

    return apply


# Storing


def test_store_keeps_the_rules_and_numbers_cells(stored):
    assert rules.check(stored) == []
    notebook = nbformat.read(stored, as_version=4)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3, 4, 5]
    assert notebook.metadata == {"kernelspec": store.KERNEL_SPEC, "language_info": {"name": "python"}}
    assert set(notebook.cells[1].metadata) == {"course"}


def test_store_runs_in_the_notebooks_folder_silent_and_without_c_level_stderr(stored):
    (output,) = nbformat.read(stored, as_version=4).cells[5].outputs
    assert output.data["text/plain"] == repr(("off", "Überblick 概要"))


def test_store_twice_changes_nothing(stored):
    before = stored.read_bytes()
    assert store.store(stored) is True
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_store_joins_what_a_cell_writes_in_pieces_and_keeps_its_place(tmp_path):
    pieces = "import time\nfor piece in 'a b c'.split():\n    print(piece, end=' ', flush=True)\n    time.sleep(0.3)"
    path = write(tmp_path / "01_pieces.ipynb", f"{pieces}\ndisplay(1)\nprint('d')")
    store.store(path)
    outputs = nbformat.read(path, as_version=4).cells[1].outputs
    assert [output.get("text", output.output_type) for output in outputs] == ["a b c ", "display_data", "d\n"]


def test_store_gives_pictures_a_palette(stored):
    outputs = [output for cell in nbformat.read(stored, as_version=4).cells for output in cell.get("outputs", [])]
    [png] = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        assert picture.mode == "P" and picture.size == (4, 4)


def test_one_changed_cell_replaces_all_outputs_and_fresh_does_in_any_case(tmp_path):
    path = write(tmp_path / "times.ipynb", "import time\nprint('≈', time.perf_counter_ns())", "print('one')")
    assert store.store(path) is False
    first = [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]]
    assert store.store(path) is True  # only the number behind the ≈ differs
    assert [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]] == first
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = "print('two')"
    nbformat.write(notebook, path)
    assert store.store(path) is False
    second = [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]]
    assert second[0] != first[0] and second[1][0].text == "two\n"
    assert store.store(path, fresh=True) is False
    assert nbformat.read(path, as_version=4).cells[1].outputs != second[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [("1 / 0", "ZeroDivisionError"), ("import sys\nprint('oh', file=sys.stderr)", "wrote to stderr: 'oh'")],
)
def test_store_names_the_cell_that_fails_and_leaves_the_file(tmp_path, source, message):
    path = write(tmp_path / "bad.ipynb", "x = 1", source)
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=rf"bad\.ipynb, cell 2: [\s\S]*{message}"):
        store.store(path)
    assert path.read_bytes() == before


def test_store_shows_what_a_dying_kernel_wrote(tmp_path):
    path = write(tmp_path / "dies.ipynb", "import os\nos.write(2, b'out of luck\\n')\nos._exit(1)")
    with pytest.raises(NotebookError, match=r"cell 1: Kernel died[\s\S]*Most often memory ran out[\s\S]*out of luck"):
        store.store(path)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("raise MemoryError", True),
        ("raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')", True),
        ("raise RuntimeError('no such thing')  # MemoryError", False),
    ],
)
def test_store_calls_a_lack_of_memory_so(tmp_path, source, short):
    with pytest.raises(NotebookError) as raised:
        store.store(write(tmp_path / "big.ipynb", source))
    assert ("Most often memory ran out: close other programs" in str(raised.value)) == short


def test_store_stops_a_cell_that_takes_too_long(tmp_path):
    path = write(tmp_path / "slow.ipynb", "import time\ntime.sleep(60)")
    with pytest.raises(NotebookError, match=r"slow\.ipynb, cell 1: "):
        store._execute(path, notebooks.read_notebook(path), seconds=1)


# nbval sees what it should


@pytest.fixture(scope="module")
def nbval_report(stored, tmp_path_factory):
    """Run strict nbval once over four copies of the stored notebook; return the outcome of each, by name."""
    folder = tmp_path_factory.mktemp("Überblick 概要")
    folder = folder.rename(folder.with_name(stored.parent.name))
    for name in ("as_stored", "approximate", "corrupted", "no_count"):
        notebook = nbformat.read(stored, as_version=4)
        numbers = notebook.cells[2].outputs[0]
        if name == "approximate":
            numbers.text = "a sum: 2\naccuracy ≈1 | all\n≈ 7 seconds\n"
        elif name == "corrupted":
            numbers.text = numbers.text.replace("a sum: 2", "a sum: 3")
        elif name == "no_count":
            numbers.text = "anything"
            notebook.cells[2].execution_count = None
        nbformat.write(notebook, folder / f"{name}.ipynb")
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(store.SANITISE_FILE)]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--color=no",
        "-rA",
        "--rootdir=.",
        *options,
        ".",
    ]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert "20 items" in result.stdout, result.stdout + result.stderr
    return {path.stem: [line for line in failed if path.stem in line] for path in folder.glob("*.ipynb")}


def test_nbval_accepts_what_store_stored(nbval_report):
    assert nbval_report["as_stored"] == []


def test_nbval_does_not_compare_approximate_values(nbval_report):
    assert nbval_report["approximate"] == []


def test_nbval_notices_a_corrupted_output(nbval_report):
    (line,) = nbval_report["corrupted"]
    assert "Cell 1" in line


def test_nbval_notices_outputs_without_a_count(nbval_report):
    assert len(nbval_report["no_count"]) == 1


# Sanitising


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("≈ took 3 s, 4 epochs\nsame", "≈ took 41 s\nsame"),
        ("accuracy  ≈0.9   | next", "accuracy ≈0.913 | next"),
        ("<td>≈0.9</td>", "<td>≈0.91</td>"),
        ("<object at 0x7f0011223344>", "<object at 0x10a2b3c4d>"),
    ],
)
def test_sanitise_masks_what_differs_between_machines(one, other):
    assert store.sanitise(one) == store.sanitise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("≈0.9 of 10", "≈0.9 of 11"), ("<td>≈1</td><td>2</td>", "<td>≈1</td><td>3</td>"), ("a ≈1|b", "a ≈1|c")],
)
def test_sanitise_keeps_everything_else(one, other):
    assert store.sanitise(one) != store.sanitise(other)


@given(st.text())
def test_sanitise_is_stable_and_leaves_text_without_a_mark(text):
    once = store.sanitise(text)
    assert store.sanitise(once) == once
    if "≈" not in text and "0x" not in text:
        assert once == text


# Rules


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


# Reading


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"nbformat": 3}', b"\xff\xfe", b'{"nbformat": 4}', b'{"nbformat": 4, "cells": [1]}'],
)
def test_read_notebook_refuses_other_files(tmp_path, content):
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotebookError, match=r"path: .*x\.ipynb"):
        notebooks.read_notebook(path)


def test_read_notebook_gives_the_same_ids_each_time(tmp_path):
    path = write(tmp_path / "x.ipynb", "1", "1")
    content = json.loads(path.read_text())
    del content["cells"][0]["id"]
    content["cells"][2]["id"] = content["cells"][1]["id"]
    path.write_text(json.dumps(content))
    ids = [cell.id for cell in notebooks.read_notebook(path).cells]
    assert len(set(ids)) == 3
    assert ids == [cell.id for cell in notebooks.read_notebook(path).cells]


def test_list_notebooks_wants_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder: "):
        notebooks.list_notebooks(tmp_path / "missing")


# Copies for learners


@pytest.fixture
def course(stored, tmp_path):
    """Return a folder with two notebooks and a picture, and the folder for its copies."""
    source = tmp_path / "notebooks"
    (source / "solutions").mkdir(parents=True)
    for name in ("01_toy.ipynb", "solutions/01_toy.ipynb"):
        (source / name).write_bytes(stored.read_bytes())
    (source / "picture.png").write_bytes(b"png")
    return source, tmp_path / "work"


def test_copies_have_no_outputs_and_keep_their_places(course):
    source, work = course
    assert lab.copy_for_learners(work, source) == [
        "01_toy.ipynb: copied",
        "picture.png: copied",
        "solutions/01_toy.ipynb: copied",
        "00_start.ipynb: written",
    ]
    copy = nbformat.read(work / "solutions" / "01_toy.ipynb", as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in copy.cells if cell.cell_type == "code")
    assert all("course" not in cell.metadata for cell in copy.cells)
    assert lab.copy_for_learners(work, source)[0] == "01_toy.ipynb: up to date"


def test_the_start_page_leads_to_the_chapters_and_counts_what_is_right(course, monkeypatch, capsys):
    source, work = course
    write(source / "01_toy.ipynb", "# Exercise: first", "# Exercise: second")
    lab.copy_for_learners(work, source)
    page = nbformat.read(work / "00_start.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in page.cells)
    assert "(01_toy.ipynb)" in text and "(solutions/01_toy.ipynb)" in text and "show_progress()" in text
    kept = work / "answers" / "01_toy"
    kept.mkdir(parents=True)
    (kept / "second.py").write_text("")
    (kept / "predictions.json").write_text('{"a": {"guess": {"low": 1, "high": 2}, "result": 1}, "b": {}}')
    show_progress(work)
    assert "| 1 of 2 | 1 |" in capsys.readouterr().out
    (kept / "predictions.json").write_text("{")
    show_progress(work)
    assert "predictions.json is damaged" in capsys.readouterr().out
    with pytest.raises(ValueError, match="folder: .* holds no copies of the course. Open this page with make lab"):
        show_progress(source)


def test_an_unchanged_copy_is_updated_and_a_changed_one_is_kept(course):
    source, work = course
    lab.copy_for_learners(work, source)
    changed = write(work / "01_toy.ipynb", "my = 'work'").read_bytes()
    assert lab.copy_for_learners(work, source)[0] == "01_toy.ipynb: kept as you changed it"
    for name in ("01_toy.ipynb", "solutions/01_toy.ipynb"):
        write(source / name, "new = 1")
    lines = lab.copy_for_learners(work, source)
    assert lines == lab.copy_for_learners(work, source)[:1] + lines[1:]
    assert "kept as you changed it; the course's new version is in 01_toy.new-" in lines[0]
    assert lines[2] == "solutions/01_toy.ipynb: updated"
    assert (work / "01_toy.ipynb").read_bytes() == changed
    (beside,) = work.glob("01_toy.new-*.ipynb")
    assert "new = 1" in beside.read_text()


def test_a_copy_without_a_record_counts_as_changed(course):
    source, work = course
    mine = write(work / "01_toy.ipynb", "mine").read_bytes()
    assert "kept as you changed it" in lab.copy_for_learners(work, source)[0]
    assert (work / "01_toy.ipynb").read_bytes() == mine


def test_copy_refuses_bad_destinations(course):
    source, work = course
    work.write_text("a file")
    with pytest.raises(NotebookError, match="is a file, expected a folder"):
        lab.copy_for_learners(work, source)
    for destination in (source, source / "solutions", source.parent):
        with pytest.raises(NotebookError, match="holds the stored notebooks"):
            lab.copy_for_learners(destination, source)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps other permissions than owner, group and others")
def test_copies_are_for_their_owner_alone_and_a_folder_that_was_there_keeps_its_permissions(course):
    source, work = course
    lab.copy_for_learners(work / "deep" / "mine", source)
    assert (work / "deep" / "mine").stat().st_mode & 0o777 == 0o700
    shared = work / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    lab.copy_for_learners(shared, source)
    assert shared.stat().st_mode & 0o777 == 0o755


def test_the_copy_command_takes_a_destination_from_the_current_folder(course, tmp_path, monkeypatch, capsys):
    source, _ = course
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lab.copy_for_learners, "__defaults__", ("work", source))
    assert learners.main(["copy", "anna/work"]) == 0
    assert "01_toy.ipynb: copied" in capsys.readouterr().out
    assert (tmp_path / "anna" / "work" / "solutions" / "01_toy.ipynb").is_file()


def test_an_empty_destination_is_not_the_current_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert learners.main(["copy", ""]) == 1
    assert capsys.readouterr().err.startswith("error: destination: ") and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", ["{", "[]"])
def test_copy_names_a_damaged_record(course, record):
    source, work = course
    work.mkdir()
    (work / ".copied.json").write_text(record)
    with pytest.raises(NotebookError, match=r"record .*\.copied\.json is damaged"):
        lab.copy_for_learners(work, source)


def test_open_lab_names_the_notebooks_there_are():
    with pytest.raises(NotebookError, match="notebook: found 'nope.ipynb', expected one of"):
        lab.open_lab("nope.ipynb")


@pytest.fixture
def start_lab(course, tmp_path):
    """Return a function that starts `open_lab` with a stand-in for JupyterLab, which says what it is and waits."""
    source, work = course
    (tmp_path / "jupyterlab").mkdir()
    says = "import json, os, sys, time\nprint(json.dumps([os.getpid(), os.getcwd(), sys.argv[1:]]), flush=True)\n"
    (tmp_path / "jupyterlab" / "__main__.py").write_text(says + "time.sleep(600)")
    (tmp_path / "jupyterlab" / "__init__.py").touch()
    code = (
        "import pathlib, signal, sys\nif hasattr(signal, 'SIGHUP'):\n    signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    )
    code += "from course_utils import lab\nlab.NOTEBOOKS = pathlib.Path(sys.argv[1])\n"
    code += "lab.copy_for_learners.__defaults__ = ('work', lab.NOTEBOOKS)\n"
    code += "lab.open_lab('01_toy.ipynb', sys.argv[3:], destination=sys.argv[2])"
    started = []

    def start(*arguments):
        command = [sys.executable, "-c", code, source, work, "--allow-root", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(notebooks.ROOT)])}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8"))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_open_lab_says_where_the_copies_are_and_listens_on_this_machine_only(start_lab, course):
    work = course[1]
    process = start_lab("--no-browser")
    assert [process.stdout.readline() for _ in range(2)] == [f"Your copies are in {work}:\n", "01_toy.ipynb: copied\n"]
    line = next(line for line in process.stdout if line.startswith("["))
    _, folder, arguments = json.loads(line)
    expected = ["--ServerApp.ip=127.0.0.1", "--allow-root", "--no-browser", f"{work}/01_toy.ipynb"]
    assert arguments == expected and folder == str(notebooks.ROOT)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot put one process in the place of another")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_what_ends_the_lab_ends_jupyterlab(start_lab, name):
    process = start_lab()
    line = next(line for line in process.stdout if line.startswith("["))
    process.send_signal(getattr(signal, name))
    process.wait(30)
    assert not psutil.pid_exists(json.loads(line)[0])


@pytest.mark.parametrize("port", ["abc", "65536", "-1", ""])
def test_open_lab_refuses_what_is_no_port(port):
    with pytest.raises(NotebookError, match=f"port: found '{port}', expected a number up to 65535, such as 8889"):
        lab.open_lab(arguments=["--allow-root", f"--port={port}"])


def test_open_lab_without_jupyterlab_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    with pytest.raises(NotebookError, match="JupyterLab is not installed. Install it: python -m pip install -r"):
        lab.open_lab()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such user")
def test_open_lab_tells_root_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(NotebookError, match="you are root, .* make lab ARGS=--allow-root"):
        lab.open_lab(destination=tmp_path / "work")
    assert list(tmp_path.iterdir()) == []


def test_open_lab_names_a_runtime_folder_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    with pytest.raises(NotebookError, match=r"cannot write .*runtime: .*\. Free some disk space, or make its folder"):
        lab.open_lab(arguments=["--allow-root"], destination=tmp_path / "work")


# Files that cannot be written


@pytest.fixture
def small_files_only():
    """Let no file grow beyond 1,000 bytes: that fails as a full disk does, while a file is written."""
    resource = pytest.importorskip("resource", reason="Windows sets no limit on the size of a file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_sentence_that_names_the_copy(course, small_files_only):
    source, work = course
    with pytest.raises(NotebookError, match=r"cannot write .*01_toy\.ipynb: File too large\. Free some disk space"):
        lab.copy_for_learners(work, source)
    assert list(work.iterdir()) == []


def test_a_full_disk_leaves_the_stored_notebook(stored, small_files_only):
    before = stored.read_bytes()
    with pytest.raises(NotebookError, match=r"cannot write .*01_toy\.ipynb: File too large"):
        notebooks.write_file(stored, b"x" * 2000)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_a_folder_that_cannot_be_written_is_named(course, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotebookError, match=r"cannot write .*file.work: .*\. Free .* or make its folder writable"):
        lab.copy_for_learners(tmp_path / "file" / "work", course[0])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(course, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(NotebookError, match=r"cannot write .*closed.work: Permission denied\."):
        lab.copy_for_learners(tmp_path / "closed" / "work", course[0])


def test_prepare_says_why_matplotlib_cannot_be_loaded(monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "junk")
    assert learners.main(["prepare"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: matplotlib cannot be loaded: ValueError: ") and "junk" in line


# Kernel configuration, measuring, command line


def test_install_kernel_config_writes_once_and_leaves_a_foreign_file(tmp_path):
    path = lab.install_kernel_config(tmp_path)
    assert path == tmp_path / "etc" / "ipython" / "ipython_kernel_config.py"
    assert "capture_fd_output = False" in path.read_text()
    written = path.stat().st_mtime_ns
    assert lab.install_kernel_config(tmp_path).stat().st_mtime_ns == written
    path.write_text("c.IPKernelApp.quiet = True\n")
    with pytest.raises(FileExistsError, match="was not written by the course"):
        lab.install_kernel_config(tmp_path)
    assert path.read_text() == "c.IPKernelApp.quiet = True\n"


def test_measure_counts_the_memory_of_children(tmp_path):
    child = "import time; held = b'x' * 300_000_000; time.sleep(1)"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    path = write(tmp_path / "solutions" / "big.ipynb", source)
    before = path.read_bytes()
    result = store.measure(path)
    assert 0.3 < result.peak_gb < 1.5
    assert result.limit_seconds == 20
    assert result.within_limits
    assert path.read_bytes() == before


def test_command_line_reports_errors_with_status_1(tmp_path, capsys, stored):
    assert command.main(["check", str(tmp_path / "missing.ipynb")]) == 1
    assert "error: path: cannot read" in capsys.readouterr().err
    assert command.main(["check", str(stored)]) == 0
    assert "All notebooks keep the rules." in capsys.readouterr().out
    assert command.main(["check", str(write(tmp_path / "x.ipynb", "1"))]) == 1
    assert "execution counts are [None]" in capsys.readouterr().out


def test_command_line_works_from_another_folder(tmp_path, stored):
    environment = {**os.environ, "PYTHONPATH": str(notebooks.ROOT)}
    command = [sys.executable, "-m", "authoring", "check", Path(os.path.relpath(stored, tmp_path))]
    assert subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL).returncode == 0
