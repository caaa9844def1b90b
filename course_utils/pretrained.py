"""Load the pretrained models of the course: small ones offline, the large originals in the full profile."""

import hashlib
import os
import socket
import threading
import urllib.request
from pathlib import Path

from course_utils.efficientnet import load_efficientnet_lite0
from course_utils.image_classifier import ImageClassifier
from course_utils.profile import current_profile
from course_utils.runtime import load_keras
from course_utils.translator import Translator
from course_utils.weights import WEIGHTS, WeightsError, verified_path

__all__ = ["load_image_classifier", "load_translator"]

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
VGG16_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{VGG16_FILE}"
VGG16_MD5 = "64373286793e3c8b2b4e3219cbf3544b"  # the checksum that keras.applications.vgg16 pins for this file
VGG16_SIZE = "about 553 MB"
OFFLINE = "To work offline with EfficientNet-Lite0, unset COURSE_PROFILE."
CONNECT_SECONDS, READ_SECONDS = 10, 30


def load_image_classifier(path=None):
    """Load the image classifier of the current profile.

    Parameters
    ----------
    path : str or Path, optional
        A local weight file, or a folder that holds it, to use instead of the installed or fetched one. Offline it must
        be a copy of EfficientNet-Lite0's file. In the full profile it is VGG16's original file, or one that
        `model.save_weights` wrote (name ending in .weights.h5), whose checksum nobody can know.

    Returns
    -------
    ImageClassifier
        Offline: EfficientNet-Lite0, 4,652,008 parameters (Tan and Le, 2019, arXiv:1905.11946). With
        COURSE_PROFILE=full: VGG16, 138,357,544 parameters (Simonyan and Zisserman, 2015, arXiv:1409.1556), fetched
        once into Keras's cache.

    Raises
    ------
    WeightsError
        When weights are missing, damaged, or could not be fetched. Nothing is put in their place silently.
    """
    if current_profile() == "full":
        return _load_vgg16(path)
    weights = WEIGHTS["efficientnet_lite0"]
    return ImageClassifier(
        load_efficientnet_lite0(path), _scale_efficientnet, "EfficientNet-Lite0", weights.source, weights.licence
    )


def load_translator(folder=None):
    """Load the translator of the current profile, in float32.

    Parameters
    ----------
    folder : str or Path, optional
        A local T5 in Hugging Face format to use instead. Its checksum is not known to the course.

    Returns
    -------
    Translator
        Offline: mini-T5, 5,740,800 parameters, to French and German. With COURSE_PROFILE=full: google-t5/t5-base,
        222,903,552 parameters, to French, German and Romanian (Raffel et al., 2020, arXiv:1910.10683).

    Raises
    ------
    WeightsError
        When weights are missing, damaged, or could not be fetched. Nothing is put in their place silently.
    """
    if folder is not None:
        return Translator.from_folder(
            folder, targets=("French", "German"), name=Path(folder).name, source=str(folder), licence="not known"
        )
    if current_profile() == "full":
        return _load_t5_base()
    weights = WEIGHTS["mini_t5"]
    file = verified_path("mini_t5")
    return Translator.from_folder(
        file.parent, targets=("French", "German"), name="mini-T5", source=weights.source, licence=weights.licence
    )


def _load_t5_base():
    raise NotImplementedError


def _scale_efficientnet(images):
    return (images - 127) / 128


def _scale_vgg16(images):
    return load_keras().applications.vgg16.preprocess_input(images)


def _build_vgg16():
    return load_keras().applications.VGG16(weights=None)


def _load_vgg16(path):
    file = _fetch_vgg16() if path is None else _local_vgg16(Path(path))
    model = _build_vgg16()
    try:
        model.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"path: {file} does not hold weights of VGG16: {error}. {OFFLINE}") from error
    if file.name == VGG16_FILE:
        source = f"VGG16, ImageNet weights of Keras ({VGG16_URL})"
        licence = "Creative Commons Attribution (Visual Geometry Group, Oxford)"
    else:
        source = f"VGG16, weights of the file {file.name}: origin and checksum not known"
        licence = "not known"
    return ImageClassifier(model, _scale_vgg16, "VGG16", source, licence)


def _local_vgg16(path):
    file = path / VGG16_FILE if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(f"path: there is no file {file}. Check the path, or leave it out to fetch VGG16. {OFFLINE}")
    if file.name == VGG16_FILE:
        _check_vgg16(file)
    return file


def _check_vgg16(file):
    with open(file, "rb") as opened:
        found = hashlib.file_digest(opened, "md5").hexdigest()
    if found != VGG16_MD5:
        raise WeightsError(
            f"VGG16: wrong checksum of {file}: expected MD5 {VGG16_MD5}, found {found}. "
            f"Delete the file and load again to fetch it. {OFFLINE}"
        )


def _fetch_vgg16():
    """Return VGG16's file from Keras's cache, fetching it first where it is missing."""
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    file = cache / "models" / VGG16_FILE
    if not file.is_file():
        timeout = socket.getdefaulttimeout()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _probe(VGG16_URL)
            socket.setdefaulttimeout(READ_SECONDS)
            load_keras().utils.get_file(
                VGG16_FILE, VGG16_URL, cache_dir=str(cache), cache_subdir="models", file_hash=VGG16_MD5
            )
        except Exception as error:
            raise WeightsError(
                f"VGG16: its weights ({VGG16_SIZE}) could not be fetched from {VGG16_URL} into {file.parent}: "
                f"{type(error).__name__}: {error}. {OFFLINE} "
                "To use the full profile, put the file there or pass its path."
            ) from error
        finally:
            socket.setdefaulttimeout(timeout)
    _check_vgg16(file)
    return file


def _probe(url):
    """Ask for a file's header; raise within `CONNECT_SECONDS`, however long name look-up and connection would take."""
    outcome = [TimeoutError(f"no answer within {CONNECT_SECONDS} s")]

    def ask():
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
            outcome[0] = None
        except Exception as error:
            outcome[0] = error

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if outcome[0] is not None:
        raise outcome[0]
