"""The learner's copies, the start page, and JupyterLab on them."""

import json
import os
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from toy_notebooks import write, write_stored

from course_utils import __main__ as learners
from course_utils import lab, notebooks
from course_utils.notebooks import NotebookError
from course_utils.start_page import show_progress


@pytest.fixture
def course(tmp_path):
    """Return a folder with two notebooks and a picture, and the folder for its copies."""
    source = tmp_path / "notebooks"
    for name in ("01_toy.ipynb", "solutions/01_toy.ipynb"):
        write_stored(source / name)
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
    code += "lab.open_lab(sys.argv[3:], destination=sys.argv[2])"
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
    expected = ["--ServerApp.ip=127.0.0.1", "--allow-root", "--no-browser", f"{work}/00_start.ipynb"]
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


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path, small_files_only):
    path = tmp_path / "01_toy.ipynb"
    path.write_text("old")
    with pytest.raises(NotebookError, match=r"cannot write .*01_toy\.ipynb: File too large"):
        notebooks.write_file(path, b"x" * 2000)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


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
