"""Check the installation of the course, or open JupyterLab on it.

python -m course_utils        check packages, memory, disk and weights, and try what the course does
                              (half a minute); exit status 0 means ready
python -m course_utils lab    open JupyterLab on a start page, in copies of your own (folder work/);
                              what follows goes to JupyterLab, such as --no-browser or --port=8889
python -m course_utils copy [FOLDER]    make or update the copies alone
python -m course_utils prepare          set up the kernel of this Python environment
python -m course_utils ask FOLDER       answer questions from the .txt and .md files of a folder of yours
"""

import argparse
import signal
import sys
from pathlib import Path

from course_utils.install_check import check
from course_utils.lab import copy_for_learners, open_lab, prepare
from course_utils.notebooks import NotebookError
from course_utils.weights import WeightsError

COMMANDS = ("check", "lab", "copy", "prepare", "ask")


def main(arguments=None):
    """Run one of the commands, `check` if none is given; return 0 when all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="check")
    options, others = parser.parse_known_args(arguments)
    if len(others) > {"lab": len(others), "copy": 1, "ask": len(others)}.get(options.command, 0):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.command == "ask" and len(others) != 1:
        parser.error("ask: name one folder of .txt or .md files, in quotation marks if its name holds spaces")
    sys.stdout.reconfigure(errors="replace")  # some Windows consoles have few letters
    try:
        return _run(options.command, others)
    except (NotebookError, OSError, WeightsError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _run(command, others):
    if command == "check":
        return check()
    if command == "lab":
        before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for JupyterLab, which asks before it stops
        try:
            return open_lab(arguments=others)
        finally:
            signal.signal(signal.SIGINT, before)
    if command == "ask":
        from course_utils.ask import ask_in_terminal  # the other commands need no NumPy

        sys.stdin.reconfigure(errors="replace")
        return ask_in_terminal(others[0])
    if command == "copy":
        print("\n".join(copy_for_learners(others[0] and Path(others[0]).absolute() if others else "work")))
    else:
        prepare()
    return 0


if __name__ == "__main__":
    sys.exit(main())
