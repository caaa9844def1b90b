"""Helpers of the course: each module is named by its job, and importing the package loads nothing heavy."""

from course_utils import runtime  # noqa: F401  settles how threads wait, before any engine is there

__all__ = ["__version__"]
__version__ = "0.1.0"
