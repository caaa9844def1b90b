"""Make the course: store its notebooks, check and measure them, build the site and the slides, read what came in.

python -m authoring store [--fresh] [NOTEBOOK ...]   execute notebooks and store their outputs
python -m authoring check [NOTEBOOK ...]             name what stored notebooks must not hold
python -m authoring measure [NOTEBOOK ...]           say what time and memory they take
python -m authoring site                             build the site (build/site)
python -m authoring slides                           build the slides (build/slides)
python -m authoring submissions FOLDER               read what learners handed in
"""

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

from authoring.rules import check, check_course
from authoring.store import LIMIT_GB, measure, store
from course_utils.lab import prepare
from course_utils.notebooks import NotebookError, list_notebooks, shown

__all__ = ["main"]


def main(arguments=None):
    """Run one of the commands; return 0 when all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m authoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("store", "check", "measure"):
        command = commands.add_parser(name)
        command.add_argument("paths", nargs="*", type=Path, metavar="NOTEBOOK", help="default: all")
        if name == "store":
            command.add_argument("--fresh", action="store_true", help="replace the outputs even if nothing changed")
    commands.add_parser("site"), commands.add_parser("slides")
    commands.add_parser("submissions").add_argument("folder")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (NotebookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(options):
    if builder := {"site": "site", "slides": "decks"}.get(options.command):
        print(f"It is built: open {import_module(f'authoring.{builder}').build()}")
        return 0
    if options.command == "submissions":
        return import_module("authoring.submissions").print_table(options.folder)
    paths = options.paths or list_notebooks()
    if options.command == "measure":
        return _measure_all(paths)
    if options.command == "store":
        return _store_all(paths, options.fresh)
    problems = [problem for path in options.paths for problem in check(path)] if options.paths else check_course()
    print("\n".join(problems) or "All notebooks keep the rules.")
    return int(bool(problems))


def _store_all(paths, fresh):
    prepare()
    for place, path in enumerate(paths, start=1):
        print(f"[{place}/{len(paths)}] {shown(path)}: running, a minute at most", flush=True)
        start = time.perf_counter()
        found = "unchanged" if store(path, fresh=fresh) else "new outputs"
        print(f"    stored after {time.perf_counter() - start:.0f} s: {found}", flush=True)
    return 0


def _measure_all(paths):
    prepare()
    print(f"{'notebook':44} {'seconds':>8} {'limit':>6} {'peak GB':>8} {'limit':>6}", flush=True)
    good = True
    for path in paths:
        result = measure(path)
        good = good and result.within_limits
        mark = "" if result.within_limits else "  over the limit"
        row = f"{shown(path):44} {result.seconds:8.1f} {result.limit_seconds:6.0f} {result.peak_gb:8.2f}"
        print(f"{row} {LIMIT_GB:6.1f}{mark}", flush=True)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
