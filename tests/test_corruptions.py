"""Corruptions: they do what they say, leave their input alone, and give the same result again."""

import numpy as np
import pytest

from course_utils.corruptions import add_noise, shift_images

IMAGES = np.random.RandomState(0).uniform(size=(50, 9, 7)).astype(np.float32)


def test_each_shift_is_a_window_of_the_padded_image():
    shifted = shift_images(IMAGES, most=2, seed=0)
    assert shifted.shape == IMAGES.shape and shifted.dtype == IMAGES.dtype
    seen = set()
    for before, after in zip(np.pad(IMAGES, ((0, 0), (2, 2), (2, 2))), shifted, strict=True):
        windows = [(r, c) for r in range(5) for c in range(5) if np.array_equal(before[r : r + 9, c : c + 7], after)]
        assert len(windows) == 1
        seen.add(windows[0])
    assert len(seen) > 15 and {row for row, _ in seen} == {column for _, column in seen} == set(range(5))


def test_no_shift_changes_nothing_and_colour_is_kept_together():
    assert np.array_equal(shift_images(IMAGES, most=0, seed=1), IMAGES)
    colour = np.stack([IMAGES, IMAGES / 2, IMAGES / 4], axis=-1)
    shifted = shift_images(colour, most=3, seed=1)
    assert np.array_equal(shifted[..., 1], shifted[..., 0] / 2)
    assert np.array_equal(shifted[..., 0], shift_images(IMAGES, most=3, seed=1))


def test_noise_has_its_deviation_and_is_clipped():
    grey = np.full((100, 20, 20), 0.5)
    noise = add_noise(grey, 0.1, seed=0) - grey
    assert noise.std() == pytest.approx(0.1, rel=0.02) and abs(noise.mean()) < 0.002
    strong = add_noise(IMAGES, 2.0, seed=0)
    assert strong.dtype == IMAGES.dtype and strong.min() == 0 and strong.max() == 1
    assert np.array_equal(add_noise(IMAGES, 0, seed=0), IMAGES)


@pytest.mark.parametrize(
    "corrupt", [lambda seed: shift_images(IMAGES, 2, seed), lambda seed: add_noise(IMAGES, 0.2, seed)]
)
def test_a_seed_gives_the_same_again_and_the_input_stays(corrupt):
    before = IMAGES.copy()
    assert np.array_equal(corrupt(0), corrupt(0)) and not np.array_equal(corrupt(0), corrupt(1))
    assert np.array_equal(before, IMAGES)


def test_the_numbers_never_change():
    grey = np.full((2, 4, 4), 0.5)
    grey[:, 0, 0] = 1
    assert add_noise(grey, 0.1, seed=0)[0, 1, :2] == pytest.approx([0.686756, 0.402272], abs=1e-6)
    assert [tuple(np.argwhere(image == 1)[0]) for image in shift_images(grey, 0, seed=0)] == [(0, 0), (0, 0)]


def test_a_shift_may_leave_one_row_of_the_image():
    rows = {tuple(shift_images(np.ones((1, 4, 5)), 3, seed)[0, :, 2]) for seed in range(200)}
    assert {(1, 0, 0, 0), (0, 0, 0, 1), (1, 1, 1, 1)} <= rows


@pytest.mark.parametrize("images", [np.full((1, 4, 4), 1.5), np.full((1, 4, 4), np.nan), np.zeros((2, 4, 4), np.uint8)])
def test_noise_is_for_floats_from_0_to_1(images):
    with pytest.raises(ValueError, match="images: found .* expected floats in"):
        add_noise(images, 0.1, 0)
