"""Check the installation of the course, or open JupyterLab on it.

python -m course_utils        check packages, memory, disk and weights, and try what the course does
                              (half a minute); exit status 0 means ready
python -m course_utils lab    open JupyterLab on chapter 4, in copies of your own (folder work/);
                              what follows goes to JupyterLab, such as --no-browser or --port=8889
"""

import argparse
import signal
import sys

from course_utils.install_check import check
from course_utils.notebooks import NotebookError, open_lab


def main(arguments=None):
    """Run the command `check` (the default) or `lab`; return 0 when all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=("check", "lab"), default="check")
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    sys.stdout.reconfigure(errors="replace")  # some Windows consoles have few letters
    if options.command == "lab":
        return _open_lab(others)
    try:
        return check()
    except KeyboardInterrupt:
        print("\nStopped: nothing was decided.", file=sys.stderr)
        return 130


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
