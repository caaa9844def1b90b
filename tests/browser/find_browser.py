"""Print the path of a browser that the tests can drive; exit status 1 where there is none.

COURSE_BROWSER names the browser's program where it has another name than the usual ones.
"""

import os
import shutil
import sys

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")


def find_browser():
    """Return the path of the first browser found, or None."""
    return os.environ.get("COURSE_BROWSER") or next(filter(None, map(shutil.which, PROGRAMS)), None)


if __name__ == "__main__":
    program = find_browser()
    print(program or "no browser")
    sys.exit(program is None)
