"""Load the table of landmark models: their size, training compute and data, each figure with its reference."""

import csv
import importlib.resources
from dataclasses import dataclass, fields, replace

import numpy as np

from course_utils.checks import check_array, check_classes

__all__ = ["MODALITIES", "LandmarkModels", "load_landmark_models"]

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
