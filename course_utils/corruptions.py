"""Make pictures harder to recognise in ways that a test can repeat: shifts and noise."""

import numpy as np

from course_utils.checks import check_seed

__all__ = ["add_noise", "shift_images"]


def shift_images(images, most, seed):
    """Move each image by its own random number of whole pixels, down or up and right or left.

    Images are (n, height, width) or (n, height, width, channels); a new array of the same shape and dtype is returned.
    All shifts from -most to most are equally likely, in each direction; what moves out is lost, what moves in is 0. The
    same seed gives the same shifts on every machine.
    """
    height, width = images.shape[1:3]
    random = np.random.RandomState(check_seed(seed))  # NumPy promises that this generator's numbers never change
    rows, columns = random.randint(0, 2 * most + 1, size=(2, len(images)))
    margins = [(0, 0), (most, most), (most, most)] + [(0, 0)] * (images.ndim - 3)
    padded, shifted = np.pad(images, margins), np.empty_like(images)
    for number, (row, column) in enumerate(zip(rows, columns, strict=True)):
        shifted[number] = padded[number, row : row + height, column : column + width]
    return shifted


def add_noise(images, deviation, seed):
    """Add independent normal noise to each pixel, and clip the result to [0, 1].

    Images are floats in [0, 1], (n, height, width) or (n, height, width, channels), else ValueError; a new array of the
    same shape and dtype is returned. `deviation` is the noise's standard deviation, in units of brightness. The same
    seed gives the same noise on every machine.
    """
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):  # also true for NaN
        raise ValueError(
            f"images: found {images.dtype} from {images.min():g} to {images.max():g}, expected floats in [0, 1]. "
            "Divide by 255?"
        )
    noise = np.random.RandomState(check_seed(seed)).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 1).astype(images.dtype)
