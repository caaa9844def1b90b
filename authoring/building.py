"""What the site and the slides have in common: where they are built, and what they need."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from course_utils.notebooks import ROOT, NotebookError, naming_file

__all__ = ["copy_file", "package_folder", "rebuild", "write_text"]

BUILD = ROOT / "build"
INSTALL = "Install what the site and the slides need: python -m pip install -r requirements-site.txt"


def rebuild(name, fill):
    """Let `fill(path)` fill a new folder, put that in place of the folder `name` in build/, and return its path.

    When `fill` fails, what stood there stays as it was.

    Raises
    ------
    ValueError
        When `name` is not the plain name of a folder.
    NotebookError
        When the folder cannot be written.
    """
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(f"name: found {name!r}, expected the name of a folder, without a path.")
    folder, new, old = BUILD / name, BUILD / f"{name}.new", BUILD / f"{name}.old"
    _tidy(folder, new, old)
    try:
        with naming_file(new):
            new.mkdir(parents=True)
        fill(new)
        with naming_file(folder):
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
    finally:
        _tidy(folder, new, old)
    return folder


def _tidy(folder, new, old):
    """Leave `folder` alone there: what it held before, where the change of names was cut short."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)


def write_text(path, text):
    """Write a text in UTF-8, and make its folder if that is missing; a NotebookError names a file that cannot be."""
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def copy_file(source, target):
    """Copy a file, and make its folder if that is missing; a NotebookError names a file that cannot be written."""
    with naming_file(target):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def package_folder(name):
    """Return the folder of an installed package, as a Path.

    Raises
    ------
    NotebookError
        When it is not installed; the message says how to install it.
    """
    found = find_spec(name)
    if found is None:
        raise NotebookError(f"the package {name} is not installed. {INSTALL}")
    return Path(found.submodule_search_locations[0])
