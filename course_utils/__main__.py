"""Check the installation of the course, or open JupyterLab on it.

python -m course_utils        check packages, memory, disk and weights; exit status 0 means ready
python -m course_utils lab    open JupyterLab on chapter 4, in copies of your own (folder work/);
                              what follows goes to JupyterLab, such as --no-browser or --port=8889
"""

import argparse
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import signal
import sys

from course_utils.notebooks import ROOT, NotebookError, open_lab
from course_utils.profile import current_profile
from course_utils.weights import status

OLDEST, NEWEST = (3, 11), (3, 13)
LOW_MEMORY, LOW_DISK = 4e9, 2e9  # bytes
INSTALL = "Install the packages: python -m pip install -r requirements.txt"
GOOD, LOW, BAD = "✔", "!", "✘"


def main(arguments=None):
    """Run the command `check` (the default) or `lab`; return 0 when all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=("check", "lab"), default="check")
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    sys.stdout.reconfigure(errors="replace")  # some Windows consoles have no ✔
    return _check() if options.command == "check" else _open_lab(others)


def _check():
    """Print one line for each thing that was checked, and a last line that says what to do."""
    advice = []
    for title, rows in (
        ("Python and packages", _check_versions),
        ("This machine", _check_machine),
        ("Pretrained weights", _check_weights),
        ("Matplotlib's fonts (the first time takes some seconds)", _check_fonts),
    ):
        print(title, flush=True)
        for mark, name, found, what_to_do in rows():
            print(f"  {mark} {name:32} {found}", flush=True)
            if what_to_do:
                advice.append(what_to_do)
    print()
    if advice:
        print("Not ready.", *dict.fromkeys(advice), sep="\n  ")
    else:
        print("Ready. Open chapter 4 with: python -m course_utils lab")
    return int(bool(advice))


def _check_versions():
    version = platform.python_version()
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        yield GOOD, "Python", version, ""
    else:
        yield (
            BAD,
            "Python",
            f"{version}, expected 3.{OLDEST[1]} to 3.{NEWEST[1]}",
            "Make a new .venv with such a Python.",
        )
    file = ROOT / "requirements.txt"
    if not file.is_file():
        yield BAD, file.name, f"there is no file {file}", "Run this in a complete copy of the course."
        return
    for name, pinned in re.findall(r"^([\w.-]+)==([\w.]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield BAD, name, f"not installed, expected {pinned}", INSTALL
            continue
        if found.split("+")[0] == pinned:  # torch adds +cpu, say
            yield GOOD, name, found, ""
        else:
            yield BAD, name, f"{found}, expected {pinned}", INSTALL


def _check_machine():
    try:
        profile = current_profile()
    except ValueError as error:
        yield BAD, "profile", str(error), "Unset COURSE_PROFILE, or set it to full."
    else:
        fetches = "" if profile == "offline" else ": fetches MNIST, VGG16 and T5-base when they are first used (1.5 GB)"
        yield GOOD, "profile", profile + fetches, ""
    yield GOOD, "processor cores", f"{os.cpu_count()}, of which the course uses at most 2", ""
    try:
        memory = importlib.import_module("psutil").virtual_memory()
    except ImportError as error:
        yield BAD, "memory", f"not known: {error}", INSTALL
    else:
        mark, note = (
            (LOW, ": a chapter takes up to 2 GB; close other programs") if memory.available < LOW_MEMORY else (GOOD, "")
        )
        yield mark, "memory", f"{memory.available / 1e9:.1f} GB available of {memory.total / 1e9:.1f} GB{note}", ""
    free = shutil.disk_usage(ROOT).free
    mark, note = (LOW, ": too little for the full profile") if free < LOW_DISK else (GOOD, "")
    yield mark, "free disk", f"{free / 1e9:.1f} GB{note}", ""


def _check_weights():
    for entry in status():
        weights = entry.weights
        if entry.ok:
            yield GOOD, weights.name, f"{weights.source}; its SHA-256 holds", ""
        else:
            yield BAD, weights.name, entry.problem, f"Get {weights.name} back: {weights.install}"


def _check_fonts():
    try:
        importlib.import_module("matplotlib.pyplot")  # writes the cache that would else print a warning in a notebook
    except ImportError as error:
        yield BAD, "matplotlib", str(error), INSTALL
    else:
        yield GOOD, "matplotlib", "its list of fonts is stored", ""


def _open_lab(arguments):
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for JupyterLab, which asks before it stops
    try:
        return open_lab(arguments=arguments)
    except (NotebookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
