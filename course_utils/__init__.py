"""Helpers of the course: each module is named by its job, and importing the package loads nothing heavy."""

__all__ = ["__version__"]
__version__ = "0.1.0"
