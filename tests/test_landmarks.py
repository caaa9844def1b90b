"""The table of landmark models: complete where it must be, empty where nothing is known, never impossible."""

import csv
import importlib.resources
import re

import numpy as np
import pandas
import pytest

from course_utils.tables import COMPUTE_BASES, MODALITIES, load_landmark_models

# A release or an announcement came in another year than the paper that arXiv has.
ANNOUNCED = {"Megatron-Turing NLG 530B": 2021, "Stable Diffusion v1": 2022, "Mixtral 8x7B": 2023}


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
    for column in (models.parameters, models.active_parameters, models.training_flop, models.training_data):
        known = column[np.isfinite(column)]
        assert column.dtype == np.float64 and len(known) >= 40 and (known > 0).all() and not np.isinf(column).any()
    assert ((models.data_units != "") == np.isfinite(models.training_data)).all()


def test_an_empty_cell_becomes_nan_and_nothing_else_does(models):
    file = importlib.resources.files("course_utils") / "files" / "landmark_models.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert sum(row["parameters"] == "" for row in rows) == np.isnan(models.parameters).sum() > 0
    assert sum(row["training_compute_flop"] == "" for row in rows) == np.isnan(models.training_flop).sum() > 0


@pytest.mark.parametrize(
    "name, parameters, flop",
    [
        ("GPT-3 175B", 175e9, 3.14e23),
        ("AlexNet", 60e6, 4.7e17),
        ("VGG16", 138e6, None),
        ("LeNet of 1989 (zip codes)", 9760, 6.5e10),  # 23 passes over 7,291 images, counted once
        ("LeNet-5", 60_000, 2.45e12),  # 340,908 connections, not 390,408
        ("Unsupervised feature learner (the cat neuron)", 1e9, 6e16),
        ("GPT", 117e6, 0.96 * 8.64e19),
        ("CLIP (ViT-L/14 at 336 pixels)", 428e6, None),
        ("GPT-2", 1558e6, None),
    ],
)
def test_some_figures_that_everybody_can_look_up(models, name, parameters, flop):
    (row,) = np.flatnonzero(models.names == name)
    assert models.parameters[row] == pytest.approx(parameters, rel=0.01)
    assert flop is None or models.training_flop[row] == pytest.approx(flop, rel=0.05)


def test_each_formula_gives_the_compute_of_its_row(models):
    rows = np.flatnonzero(models.compute_formulas != "")
    assert len(rows) > 70
    for row in rows:
        found = pandas.eval(models.compute_formulas[row], engine="python")
        assert found == pytest.approx(models.training_flop[row], rel=0.05), models.names[row]


def test_each_compute_has_a_basis_and_what_is_counted_can_be_counted_again(models):
    known = np.isfinite(models.training_flop)
    assert ((models.compute_bases != "") == known).all() and set(models.compute_bases[known]) == {*COMPUTE_BASES}
    counted = models.compute_bases == "counted"
    assert (models.compute_formulas[counted] != "").all()
    tokens = counted & (models.data_units == "tokens seen")
    rule = 6 * models.active_parameters * models.training_data
    assert tokens.sum() >= 10 and rule[tokens] == pytest.approx(models.training_flop[tokens], rel=0.03)


def test_what_a_note_calls_secret_or_guessed_is_not_called_surer(models):
    words = ("undisclosed", "withholds", "speculative", "guessed", "upper bound")
    doubted = [any(word in note for word in words) for note in models.notes]
    assert set(models.compute_bases[doubted]) <= {"guessed", ""}


def test_active_parameters_are_fewer_in_mixtures_and_halves_of_t5_and_all_elsewhere(models):
    known = np.isfinite(models.active_parameters)
    mixtures = np.array(["mixture of experts" in note for note in models.notes])
    halves = np.array(["half of the parameters act" in note for note in models.notes])
    assert mixtures.sum() == 13 and halves.sum() == 2
    assert list(models.names[np.isfinite(models.parameters) & ~known]) == [
        "Sparsely-gated mixture of experts (translation)"
    ]
    share = models.active_parameters / models.parameters
    assert (share[known & mixtures] < 0.3).all() and (share[halves] == 0.5).all()
    assert (share[known & ~mixtures & ~halves] == 1).all()
    for note, active in zip(models.notes[mixtures], models.active_parameters[mixtures], strict=True):
        if told := re.search(r"([\d.]+e\d+) active", note):
            assert float(told[1]) == active


def test_the_year_is_the_first_publication(models):
    for name, year, url, reference in zip(models.names, models.years, models.urls, models.references, strict=True):
        assert year <= float(re.search(r"\((\d{4})\)", reference)[1])
        if preprint := re.search(r"arxiv\.org/abs/(\d\d)", url):
            assert year == ANNOUNCED.get(name, 2000 + int(preprint[1])), name


def test_alexnet_took_more_compute_than_all_before_and_claude_reads_images(models):
    until = models.training_flop[models.years <= 2012]
    assert models.names[models.years <= 2012][np.nanargmax(until)] == "AlexNet"
    assert models.modalities[models.names == "Claude Opus 4.7"] == "multimodal"
