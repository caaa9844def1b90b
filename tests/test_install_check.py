"""`python -m course_utils`: what the check of the installation prints, and its exit status."""

import dataclasses
import importlib.metadata
import os
import signal
import subprocess
import sys
import tomllib
from collections import namedtuple
from types import SimpleNamespace

import pytest

from course_utils import __main__ as command
from course_utils import weights
from course_utils.__main__ import main
from course_utils.notebooks import ROOT, NotebookError
from course_utils.weights import WEIGHTS

Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def installed(monkeypatch):
    """Let every requirement be installed as pinned, and every weight file be good; return the versions to change."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    versions = dict(line.split("#")[0].strip().split("==") for line in text.splitlines() if "==" in line)

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    good = [weights.WeightStatus(entry, None, "") for entry in WEIGHTS.values()]
    monkeypatch.setattr(command, "status", lambda: good)
    monkeypatch.setitem(sys.modules, "psutil", fake_psutil(16e9, 8e9))
    return versions


def fake_psutil(total, available):
    return SimpleNamespace(virtual_memory=lambda: SimpleNamespace(total=total, available=available))


def test_everything_is_good(installed, capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Ready.") and "✘" not in "".join(lines)
    rows = [line for line in lines if line.startswith("  ✔")]
    for name in ("Python", "profile", "processor cores", "memory", "free disk", "matplotlib", *installed, *WEIGHTS):
        assert any(row[4:].startswith(f"{name} ") for row in rows), name
    assert "8.0 GB available of 16.0 GB" in "".join(rows)
    assert {len(row[:36]) for row in rows} == {36} and {row[36] for row in rows} == {" "}
    for entry in WEIGHTS.values():
        assert any(entry.source in row and "SHA-256 holds" in row for row in rows)


def test_this_installation_from_another_folder(tmp_path):
    """Run the command as a person does; this needs an installation as pinned, as every test does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}  # a console without ✔
    process = [sys.executable, "-m", "course_utils"]
    result = subprocess.run(process, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("Ready.") and result.stderr == ""


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
    (old, oldest), (new, newest) = command.OLDEST, command.NEWEST
    assert project["requires-python"] == f">={old}.{oldest},<{new}.{newest + 1}"


def test_missing_requirements(installed, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert main([]) == 1
    assert "complete copy of the course" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(("profile", "status", "text"), [("full", 0, "1.5 GB"), ("huge", 1, "found 'huge'")])
def test_profiles(installed, capsys, monkeypatch, profile, status, text):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    assert main([]) == status
    assert text in capsys.readouterr().out


def test_little_memory_and_disk_are_warnings(installed, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", fake_psutil(4e9, 1.5e9))
    monkeypatch.setattr(command.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e9))
    assert main([]) == 0
    output = capsys.readouterr().out
    assert "! memory" in output and "1.5 GB available of 4.0 GB: " in output and "! free disk" in output


@pytest.mark.parametrize("package", ["psutil", "matplotlib.pyplot"])
def test_a_package_that_cannot_be_imported(installed, capsys, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert main([]) == 1
    output = capsys.readouterr().out
    assert f"✘ {'memory' if package == 'psutil' else 'matplotlib'}" in output and package in output


def test_damaged_and_missing_weights(installed, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    name = "efficientnet_lite0"
    monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], sha256="0" * 64))
    monkeypatch.setattr(command, "status", weights.status)
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    bad = [line for line in lines if "✘" in line]
    assert len(bad) == len(WEIGHTS) and "wrong checksum" in bad[0] and "there is no file" in bad[1]
    assert all(any(entry.install in line for line in lines[-len(WEIGHTS) :]) for entry in WEIGHTS.values())


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
        raise NotebookError("notebook: found 'x', expected one of y.")

    monkeypatch.setattr(command, "open_lab", open_lab)
    assert main(["lab"]) == 1
    assert capsys.readouterr().err == "error: notebook: found 'x', expected one of y.\n"
