"""Check what a function was given: counts, seeds, numbers, texts and paths; each error names the argument."""

import numbers
import os
import reprlib
from pathlib import Path

import numpy as np

__all__ = [
    "check_array",
    "check_classes",
    "check_count",
    "check_numbers",
    "check_path",
    "check_range",
    "check_seed",
    "check_texts",
    "is_number",
]


def check_count(name, value, least=1, most=None):
    """Return a whole number from `least` to `most`; otherwise raise ValueError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and least <= value and (most is None or value <= most):
        return value
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise ValueError(f"{name}: found {reprlib.repr(value)}, expected a whole number {bounds}.")


def check_seed(seed):
    """Return a seed as int, from 0 to 2**32 - 1, which NumPy and torch both take; otherwise raise ValueError."""
    return int(check_count("seed", seed, 0, 2**32 - 1))


def is_number(value):
    """Say whether a value is one real number; True, False and text are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_range(name, value, least, most):
    """Return a number from `least` to `most` as float; anything else, NaN too, raises ValueError."""
    if is_number(value) and least <= value <= most:
        return float(value)
    raise ValueError(f"{name}: found {reprlib.repr(value)}, expected a number from {least} to {most}.")


def check_array(name, values):
    """Return values as a NumPy array; rows of different lengths raise ValueError."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: found rows of different lengths, expected as many numbers in each.") from error


def check_numbers(name, values):
    """Return numbers as a float array of the same shape; text, None and rows of different lengths raise ValueError."""
    array = check_array(name, values)
    if array.dtype.kind not in "biuf" and not all(map(is_number, array.flat)):
        raise ValueError(f"{name}: found {reprlib.repr(values)}, expected numbers.")
    return array.astype(float)


def check_classes(name, values, count):
    """Return whole numbers from 0 to `count` - 1 as int64 array (n,), n at least 1; otherwise raise ValueError."""
    array = check_array(name, values)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: found {array.dtype} of shape {array.shape}, expected integers of shape (n,).")
    if array.min() < 0 or array.max() >= count:
        raise ValueError(f"{name}: found {array.min()} to {array.max()}, expected 0 to {count - 1}.")
    return array.astype(np.int64)


def check_texts(name, texts):
    """Return a sequence of strings as list, at least one; otherwise raise ValueError."""
    if isinstance(texts, str):
        raise ValueError(f"{name}: found the text {texts!r}, expected a list. Write [{texts!r}].")
    if not np.iterable(texts):
        raise ValueError(f"{name}: found {texts!r}, expected a list of strings.")
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name}: found {reprlib.repr(texts)}, expected a list of strings.")
    if not texts:
        raise ValueError(f"{name}: found 0 entries, expected at least one.")
    return texts


def check_path(name, value):
    """Return a file's or folder's path as Path; what is no path, or an empty text, raises ValueError."""
    if not isinstance(value, str | os.PathLike) or value == "" or "\0" in str(value):
        raise ValueError(f"{name}: found {value!r}, expected a path, as text or pathlib.Path.")
    return Path(value)
