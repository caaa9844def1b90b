"""Read the measurements that `experiments/` stores as CSV, and let a script go on where an earlier run stopped.

A file begins with comment lines (`# command: …`, `# hardware: …`) that say how it was made; a row is one measurement.
"""

import csv
import importlib.resources
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from course_utils.checks import check_array, check_classes

__all__ = [
    "LandmarkModels",
    "MODALITIES",
    "RESULTS",
    "append_rows",
    "load_landmark_models",
    "read_comments",
    "read_sweep",
    "start_sweep",
]

RESULTS = Path(__file__).resolve().parent.parent / "experiments" / "results"


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


MODALITIES = ("language", "vision", "image generation", "multimodal", "speech", "games", "biology", "other")
SOURCE = (
    "collected for the course, most figures from Epoch AI, Notable AI Models, "
    "https://epoch.ai/data/notable-ai-models (copy of 2026-05-02)"
)


@dataclass(frozen=True)
class LandmarkModels:
    """Landmark models of machine learning, oldest first, one entry of each field a model.

    Numbers are float64 arrays (n,); a figure that nobody published is NaN. All other fields are arrays (n,) of str.
    """

    names: np.ndarray
    years: np.ndarray  # of publication, whole years
    organisations: np.ndarray
    modalities: np.ndarray  # each one of MODALITIES
    parameters: np.ndarray
    training_flop: np.ndarray  # operations of the final training run
    training_data: np.ndarray  # in data_units, which differ between models
    data_units: np.ndarray  # empty where training_data is NaN
    references: np.ndarray
    urls: np.ndarray
    figures_sources: np.ndarray
    notes: np.ndarray
    source: str
    licence: str

    def __len__(self):
        return len(self.names)

    def select(self, rows):
        """Return the models that `rows` picks, a bool array (n,) or an array of positions from 0.

        Raises
        ------
        ValueError
            When there are not as many bools as models, or a position is not one of theirs.
        """
        rows = check_array("rows", rows)
        if rows.dtype != bool:
            rows = check_classes("rows", rows, len(self)) if rows.size else []
        elif rows.shape != self.names.shape:
            raise ValueError(f"rows: found bools of shape {rows.shape}, expected {self.names.shape}, one per model.")
        arrays = [field.name for field in fields(self) if field.name not in ("source", "licence")]
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})


def load_landmark_models():
    """Load the landmark models that the course compares, 1958 to 2026.

    Returns
    -------
    LandmarkModels
        In the order of their years. Which models count as landmarks is a choice, and trends depend on it.

    Raises
    ------
    RuntimeError
        When the table is damaged.
    """
    file = importlib.resources.files("course_utils") / "files" / "landmark_models.csv"

    def texts(column):
        return np.array([row[column] for row in rows])

    def numbers(column):
        return np.array([float(row[column] or "nan") for row in rows])

    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = sorted(csv.DictReader(opened), key=lambda row: int(row["year"]))
        if any(None in row.values() for row in rows):
            raise ValueError("a row is too short")
        models = LandmarkModels(
            texts("name"),
            numbers("year"),
            texts("organisation"),
            texts("modality"),
            numbers("parameters"),
            numbers("training_compute_flop"),
            numbers("training_data"),
            texts("training_data_unit"),
            texts("reference"),
            texts("reference_url"),
            texts("figures_source"),
            texts("note"),
            SOURCE,
            "CC BY, credit: Epoch AI",
        )
    except (KeyError, ValueError) as error:
        raise RuntimeError(
            f"{file} is damaged: {type(error).__name__}: {error}. Get the file back with git."
        ) from error
    if unknown := set(models.modalities) - {*MODALITIES}:
        raise RuntimeError(f"{file}: found the modalities {sorted(unknown)}, expected some of {', '.join(MODALITIES)}.")
    return models
