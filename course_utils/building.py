"""What the site and the slides have in common: where they are built, what they need, and how their commands end."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from course_utils.notebooks import ROOT, NotebookError

__all__ = ["fresh_folder", "package_folder", "report"]

BUILD = ROOT / "build"
INSTALL = "Install what the site and the slides need: python -m pip install -r requirements-site.txt"


def fresh_folder(name):
    """Return the path of the folder `name` in the project's folder build/, new and empty: what was there is deleted.

    Raises
    ------
    ValueError
        When `name` is not the plain name of a folder.
    """
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(f"name: found {name!r}, expected the name of a folder, without a path.")
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


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


def report(build):
    """Run `build`, which returns the path of a first page, and say what to open; return 0, or 1 when it failed."""
    try:
        print(f"It is built: open {build()}")
    except (NotebookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
