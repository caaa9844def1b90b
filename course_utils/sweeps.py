"""Read the measurements that `experiments/` stores as CSV, and let a script go on where an earlier run stopped.

A file begins with comment lines (`# command: …`, `# hardware: …`) that say how it was made; a row is one measurement.
"""

import csv
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "experiments" / "results"

__all__ = ["RESULTS", "append_rows", "read_comments", "read_sweep", "start_sweep"]


def read_sweep(name, **wanted):
    """Return the rows of a stored sweep that hold what is wanted, in the order in which they were measured.

    Parameters
    ----------
    name : str or Path
        "data_sweep" for `experiments/results/data_sweep.csv`, or the path of another CSV.
    **wanted
        Columns and the values they must have: `seed=0, task="plain"`.

    Returns
    -------
    list of dict
        Column to value: a whole number as int, another number as float, anything else as str.

    Raises
    ------
    FileNotFoundError
        When there is no such sweep; the message names those there are.
    ValueError
        When a column that is wanted does not exist, or the file is damaged.
    """
    columns, *rows = [*csv.reader(line for line in _lines(name) if not line.startswith("#"))] or [[]]
    if not columns or any(len(row) != len(columns) for row in rows):
        raise ValueError(
            f"name: {_path(name).name} has no columns, or a row without {len(columns)} values, as where a run was cut "
            "off. Delete such a line."
        )
    if missing := [column for column in wanted if column not in columns]:
        raise ValueError(f"wanted: found the columns {missing}, expected some of {columns}.")
    found = [dict(zip(columns, map(_number, row), strict=True)) for row in rows]
    return [row for row in found if all(row[column] == value for column, value in wanted.items())]


def read_comments(name):
    """Return the lines (list of str) that say how a sweep was made; name and errors as in `read_sweep`."""
    return [line for line in _lines(name) if line.startswith("#")]


def start_sweep(name, comments, columns):
    """Begin the CSV of a sweep with comment lines and column names, unless it is there already; return its rows."""
    path = _path(name)
    if not path.exists():
        path.write_text("\n".join([*comments, ",".join(columns)]) + "\n", encoding="utf-8")
    return read_sweep(name)


def append_rows(name, rows):
    """Add measurements to the CSV of a sweep at once, so that a run that is cut off loses nothing before them."""
    with _path(name).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _path(name):
    return name if isinstance(name, Path) else RESULTS / f"{name}.csv"


def _lines(name):
    path = _path(name)
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"name: found no {path.name} among the stored sweeps; there are: {there}.")
    return path.read_text(encoding="utf-8").splitlines()


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
