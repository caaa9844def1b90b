"""Helpers of the course: each module is named by its job, and importing the package loads nothing heavy."""

import sys

if sys.version_info < (3, 11):  # older ones could not read the modules that follow
    sys.exit(
        "Python %d.%d was found, and the course needs 3.11, 3.12 or 3.13. Install one of these, delete the folder "
        ".venv if there is one, and make it again, for example with: python3.12 -m venv .venv" % sys.version_info[:2]
    )

from course_utils import moved, runtime  # noqa: E402, F401  runtime settles how threads wait, before any engine loads

__all__ = ["__version__"]
__version__ = "0.1.0"
