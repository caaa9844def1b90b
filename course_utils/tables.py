"""Read the measurements that `experiments/` stores as CSV, and let a script go on where an earlier run stopped.

A file begins with comment lines (`# command: …`, `# hardware: …`) that say how it was made; a row is one measurement.
"""

import csv
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
        Column to value: int where a column holds whole numbers only, float where it holds others, "" where a value is
        missing, and str.

    Raises
    ------
    FileNotFoundError
        When there is no such sweep; the message names those there are.
    ValueError
        When a column that is wanted does not exist.
    """
    import pandas

    comments = len(read_comments(name))
    table = pandas.read_csv(_path(name), skiprows=comments, dtype_backend="numpy_nullable")
    if missing := [column for column in wanted if column not in table]:
        raise ValueError(f"wanted: found the columns {missing}, expected some of {[*table]}.")
    table = table.astype(object).where(table.notna(), "")
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table.to_dict("records")


def read_comments(name):
    """Return the lines (list of str) that say how a sweep was made; name and errors as in `read_sweep`."""
    path = _path(name)
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"name: found no {path.name} among the stored sweeps; there are: {there}.")
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]


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


def load_landmark_models():
    """Load the landmark models that the course compares (`LandmarkModels`), 1958 to 2026, in the order of their years.

    Which models count as landmarks is a choice, and trends depend on it.
    """
    import pandas

    file = importlib.resources.files("course_utils") / "files" / "landmark_models.csv"
    numbers = dict.fromkeys(("year", "parameters", "training_compute_flop", "training_data"), "")
    table = pandas.read_csv(file, keep_default_na=False, na_values=numbers)
    table = table.sort_values("year", kind="stable")
    columns = (table[column].to_numpy(float if column in numbers else str) for column in table)
    return LandmarkModels(*columns, SOURCE, "CC BY, credit: Epoch AI")
