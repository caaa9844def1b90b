"""The authors' command line."""

import os
import subprocess
import sys
from pathlib import Path

from toy_notebooks import write

from authoring import __main__ as command
from course_utils.notebooks import ROOT


def test_command_line_reports_errors_with_status_1(tmp_path, capsys, stored):
    assert command.main(["check", str(tmp_path / "missing.ipynb")]) == 1
    assert "error: path: cannot read" in capsys.readouterr().err
    assert command.main(["check", str(stored)]) == 0
    assert "All notebooks keep the rules." in capsys.readouterr().out
    assert command.main(["check", str(write(tmp_path / "x.ipynb", "1"))]) == 1
    assert "execution counts are [None]" in capsys.readouterr().out


def test_command_line_works_from_another_folder(tmp_path, stored):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "authoring", "check", Path(os.path.relpath(stored, tmp_path))]
    assert subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL).returncode == 0
