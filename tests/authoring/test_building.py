"""Where the site and the slides are built, what is missing, and how their commands end."""

import os
import subprocess
import sys

import pytest

from authoring import building
from authoring.__main__ import main
from course_utils.notebooks import ROOT, NotebookError


def test_missing_package_is_one_clear_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(building, "BUILD", tmp_path)
    monkeypatch.setattr(building, "find_spec", lambda name: None)
    for command in ("slides", "site"):
        assert main([command]) == 1
        assert "is not installed. Install what the site and the slides need" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", None])
def test_only_a_plain_name_is_emptied_under_build(tmp_path, monkeypatch, name):
    monkeypatch.setattr(building, "BUILD", tmp_path)
    with pytest.raises(ValueError, match="name: found .* expected the name of a folder"):
        building.rebuild(name, lambda folder: None)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_built_folder_is_new_each_time_and_nothing_beside_it_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "BUILD", tmp_path / "build")
    assert building.rebuild("a", lambda folder: (folder / "first").touch()) == tmp_path / "build" / "a"
    (tmp_path / "build" / "kept").write_text("mine")
    assert names(building.rebuild("a", lambda folder: (folder / "second").touch())) == ["second"]
    assert names(tmp_path / "build") == ["a", "kept"]


def test_a_failed_build_leaves_the_last_good_one(tmp_path, monkeypatch):
    def fail(folder):
        (folder / "half").touch()
        raise NotebookError("out of luck")

    monkeypatch.setattr(building, "BUILD", tmp_path / "build")
    building.rebuild("a", lambda folder: (folder / "good").touch())
    with pytest.raises(NotebookError, match="out of luck"):
        building.rebuild("a", fail)
    assert names(tmp_path / "build") == ["a"] and names(tmp_path / "build" / "a") == ["good"]


def test_a_change_of_names_that_is_cut_short_leaves_the_last_good_build(tmp_path, monkeypatch):
    def rename(path, target):
        if path.name == "a.new":
            raise PermissionError(13, "Permission denied")
        os.rename(path, target)

    def stop(folder):
        raise NotebookError("stopped")

    monkeypatch.setattr(building, "BUILD", tmp_path)
    building.rebuild("a", lambda folder: (folder / "good").touch())
    with monkeypatch.context() as context, pytest.raises(NotebookError, match="cannot write .*a: Permission denied"):
        context.setattr(building.Path, "rename", rename)
        building.rebuild("a", lambda folder: None)
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["good"]
    (tmp_path / "a").rename(tmp_path / "a.old")  # killed in between
    with pytest.raises(NotebookError, match="stopped"):
        building.rebuild("a", stop)
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["good"]


@pytest.mark.skipif(os.name == "nt", reason="Windows sets no limit on the size of a file")
@pytest.mark.parametrize(
    ("command", "module", "name"), [("slides", "decks", "reveal.css"), ("site", "site", "course.css")]
)
def test_a_full_disk_is_one_sentence_that_names_the_file_and_leaves_the_last_good_build(
    tmp_path, command, module, name
):
    """A limit on the size of files fails as a full disk does: while a file is written, without its name."""
    for folder in ("site", "slides"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "good").touch()
    code = f"""
import resource, sys
from pathlib import Path
from authoring import building, {module}
from authoring.__main__ import main
building.BUILD = Path(sys.argv[1])
{module}.package_folder = lambda name: Path(sys.argv[1], "package")
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
sys.exit(main(["{command}"]))
"""
    reveal = tmp_path / "package" / "_static" / "revealjs" / "dist"
    reveal.mkdir(parents=True)
    (reveal / "reveal.css").write_text("x" * 10_000)
    result = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: cannot write ") and f"{name}: File too large. Free some disk space" in line
    assert names(tmp_path) == ["package", "site", "slides"]
    assert names(tmp_path / "site") == names(tmp_path / "slides") == ["good"]


@pytest.mark.parametrize("what", ["build", "build/a.new"])
def test_a_build_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch, what):
    monkeypatch.setattr(building, "BUILD", tmp_path / "build")
    (tmp_path / what).parent.mkdir(exist_ok=True)
    (tmp_path / what).touch()
    with pytest.raises(NotebookError, match=r"cannot write .*a\.new: .*\. Free some disk space"):
        building.rebuild("a", lambda folder: None)
