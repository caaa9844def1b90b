"""The table of landmark models: complete where it must be, empty where nothing is known, never impossible."""

import csv
import importlib.resources
import re

import numpy as np
import pytest

from course_utils.tables import MODALITIES, load_landmark_models


@pytest.fixture(scope="module")
def models():
    return load_landmark_models()


def test_there_are_enough_models_over_enough_years(models):
    assert len(models) >= 40 and models.years.min() <= 1960 and models.years.max() >= 2025
    assert (np.diff(models.years) >= 0).all() and (models.years == np.round(models.years)).all()
    assert len(set(models.names)) == len(models)
    assert set(models.modalities) <= {*MODALITIES} and len(set(models.modalities)) >= 5


def test_each_model_has_a_reference_that_can_be_looked_up(models):
    assert all(re.search(r"\((19|20)\d\d[a-z]?\)", reference) for reference in models.references)
    assert all(re.fullmatch(r"https?://\S+\.\S+", url) for url in models.urls)
    assert all(text.strip() for text in [*models.organisations, *models.figures_sources])


def test_figures_are_positive_or_unknown(models):
    for column in (models.parameters, models.training_flop, models.training_data):
        known = column[np.isfinite(column)]
        assert column.dtype == np.float64 and len(known) >= 40 and (known > 0).all() and not np.isinf(column).any()
    assert ((models.data_units != "") == np.isfinite(models.training_data)).all()


def test_an_empty_cell_becomes_nan_and_nothing_else_does(models):
    file = importlib.resources.files("course_utils") / "files" / "landmark_models.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert sum(row["parameters"] == "" for row in rows) == np.isnan(models.parameters).sum() > 0
    assert sum(row["training_compute_flop"] == "" for row in rows) == np.isnan(models.training_flop).sum() > 0


@pytest.mark.parametrize(
    "name, parameters, flop", [("GPT-3 175B", 175e9, 3.14e23), ("AlexNet", 60e6, 4.7e17), ("VGG16", 138e6, None)]
)
def test_some_figures_that_everybody_can_look_up(models, name, parameters, flop):
    (row,) = np.flatnonzero(models.names == name)
    assert models.parameters[row] == pytest.approx(parameters, rel=0.01)
    assert flop is None or models.training_flop[row] == pytest.approx(flop, rel=0.05)
