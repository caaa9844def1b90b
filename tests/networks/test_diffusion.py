"""The diffusion model adds noise as its formula says, draws what it is asked for, and its training can go on."""

import importlib

import numpy as np
import pytest

from course_utils import weights
from course_utils.data import load_digits
from course_utils.networks.diffusion import ANY_DIGIT, build_digit_unet, draw_digits
from course_utils.networks.pretrained import load_digit_diffusion
from course_utils.notebooks import ROOT
from course_utils.runtime import load_keras
from course_utils.tables import read_comments, read_sweep
from course_utils.weights import WeightsError


def load_script(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "experiments"))
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def network():
    return load_digit_diffusion()


@pytest.fixture(scope="module")
def images():
    return load_digits().test_images[:64, :, :, None] * 2 - 1


def test_noise_goes_from_the_image_to_noise_alone(images):
    add_noise = load_script("train_digit_diffusion").add_noise
    noise = np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    angles = np.linspace(0, np.pi / 2, 64, dtype=np.float32)
    noisy = np.asarray(add_noise(images, noise, angles))
    assert np.allclose(noisy[0], images[0]) and np.allclose(noisy[-1], noise[-1], atol=1e-6)
    halfway = np.asarray(add_noise(images, noise, np.full(64, np.pi / 4, np.float32)))
    assert np.allclose(halfway, (images + noise) / np.sqrt(2), atol=1e-6)


def test_who_knows_the_image_has_no_loss_and_draws_it(images):
    class Oracle:
        """Knows that every image is the first one, so that it can tell the velocity from what it sees."""

        def __call__(self, inputs):
            noisy, angles, _ = (np.asarray(part) for part in inputs)
            angles = angles.reshape(-1, 1, 1, 1)
            noise = (noisy - np.cos(angles) * images[0]) / np.sin(angles)
            return np.cos(angles) * noise - np.sin(angles) * images[0]

        predict_on_batch = __call__

    noise = np.random.default_rng(1).standard_normal((8, 28, 28, 1), dtype=np.float32)
    angles = np.linspace(0.2, 1.5, 8, dtype=np.float32)
    same, velocity_loss = np.repeat(images[:1], 8, axis=0), load_script("train_digit_diffusion").velocity_loss
    assert float(velocity_loss(Oracle(), same, np.zeros(8, np.int32), noise, angles)) < 1e-9
    drawn = draw_digits(Oracle(), [ANY_DIGIT] * 2, steps=5)
    assert drawn.shape == (2, 28, 28) and np.allclose(drawn, (images[0, :, :, 0] + 1) / 2, atol=1e-4)


def test_the_stored_model_names_the_velocity_of_digits_it_never_saw(network, images):
    velocity_loss, random = load_script("train_digit_diffusion").velocity_loss, np.random.default_rng(2)
    noise = random.standard_normal(images.shape, dtype=np.float32)
    angles = random.random(64, dtype=np.float32) * np.float32(np.pi / 2)
    labels = load_digits().test_labels[:64].astype(np.int32)
    known = float(velocity_loss(network, images, labels, noise, angles))
    wrong = float(velocity_loss(network, images, (labels + 5) % 10, noise, angles))
    assert known < 0.5 * float(velocity_loss(build_digit_unet(), images, labels, noise, angles))
    assert known < wrong


def test_a_drawing_is_repeated_by_its_seed_and_is_no_other_digit(network):
    first, again, other = (draw_digits(network, [0, 1], steps=10, seed=seed) for seed in (0, 0, 1))
    assert np.allclose(first, again, atol=1e-5) and not np.allclose(first, other, atol=0.1)
    assert first.min() >= 0 and first.max() <= 1


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "digit_diffusion").mkdir()
    (tmp_path / "digit_diffusion" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="digit_diffusion: wrong checksum"):
        load_digit_diffusion()


@pytest.fixture
def eagerly():
    """Run each operation at once: three graphs take longer than these few steps."""
    load_keras()
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_a_training_that_stopped_goes_on_with_the_same_losses(images, tmp_path, monkeypatch, eagerly):
    script = load_script("train_digit_diffusion")
    monkeypatch.setitem(script.SETTINGS, "width", 8)
    monkeypatch.setitem(script.SETTINGS, "batch_size", 4)
    labels = np.arange(64) % 10
    whole, parts = script.Trainer(), script.Trainer()
    assert script.train(whole, images, labels, 4, tmp_path / "whole.safetensors")
    assert not script.train(parts, images, labels, 4, tmp_path / "parts.safetensors", stop_after=2)
    parts = script.Trainer()
    assert script.train(parts, images, labels, 4, tmp_path / "parts.safetensors")
    assert parts.losses == pytest.approx(whole.losses, abs=1e-5)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(parts.average, whole.average, strict=True))


def test_the_scores_are_those_of_the_stored_model(network):
    script, digits = load_script("score_digit_diffusion"), load_digits()
    rows = {(row["images"], row["classifier_seed"]): row for row in read_sweep("digit_diffusion")}
    assert len(rows) == 5 * len(script.SEEDS) and "hardware" in "".join(read_comments("digit_diffusion"))
    train, test = (part.reshape(len(part), -1) for part in (digits.train_images, digits.test_images))
    real = script.copying(test, train, test, np.arange(len(test)))
    stored = rows["real test digits", 0]
    names = ("nearest_is_training", "lot_low", "lot_high", "median_distance")
    assert [stored[name] for name in names] == pytest.approx(real, abs=1e-3)
    drawn = draw_digits(network, np.arange(60) % 10, script.STEPS, seed=0).reshape(60, -1)
    classifier = script.train_classifier(train, digits.train_labels, 0)
    recognised = (classifier.predict(drawn, verbose=0).max(axis=1) >= script.SURE).mean()
    assert abs(recognised - rows["diffusion, digit asked for", 0]["recognised"]) < 0.25
    copier = rows["a copier", 0]
    assert copier["nearest_is_training"] == 1 > copier["lot_high"]
    for row in rows.values():
        assert row["recognised_low"] <= row["recognised"] <= row["recognised_high"]


def test_evenness_and_shares_by_hand():
    script = load_script("score_digit_diffusion")
    assert script.evenness(np.arange(10)) == pytest.approx(1) and script.evenness(np.zeros(5, int)) == 0
    value, low, high = script.share([True] * 8 + [False] * 2)
    assert value == 0.8 and low == pytest.approx(0.4902, abs=1e-4) and high == pytest.approx(0.9433, abs=1e-4)
