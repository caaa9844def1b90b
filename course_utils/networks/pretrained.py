"""Load the pretrained models of the course: small ones offline, the large originals in the full profile."""

from course_utils.checks import check_path
from course_utils.memory import CLOSE, say_memory
from course_utils.networks.diffusion import build_digit_unet
from course_utils.networks.efficientnet import load_efficientnet_lite0
from course_utils.networks.image_classifier import ImageClassifier
from course_utils.networks.translator import Translator
from course_utils.runtime import current_profile, load_keras
from course_utils.weights import WEIGHTS, WeightsError, check_hash, fetch, verified_bytes, verified_path

__all__ = ["load_digit_diffusion", "load_image_classifier", "load_translator"]

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
VGG16_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{VGG16_FILE}"
VGG16_MD5 = "64373286793e3c8b2b4e3219cbf3544b"  # the checksum that keras.applications.vgg16 pins for this file
OFFLINE = "To work offline with EfficientNet-Lite0, unset COURSE_PROFILE."
T5_BASE = "google-t5/t5-base"
TARGETS = {"offline": ("French", "German"), "full": ("French", "German", "Romanian")}


@say_memory("load the image classifier", CLOSE)
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
    ValueError
        When `path` is no path.
    WeightsError
        When weights are missing, damaged, or could not be fetched. Nothing is put in their place silently.
    """
    path = None if path is None else check_path("path", path)
    if current_profile() == "full":
        return _load_vgg16(path)
    weights = WEIGHTS["efficientnet_lite0"]
    return ImageClassifier(
        load_efficientnet_lite0(path), _scale_efficientnet, "EfficientNet-Lite0", weights.source, weights.licence
    )


@say_memory("load the translator", CLOSE)
def load_translator(folder=None):
    """Load the translator of the current profile, in float32.

    Parameters
    ----------
    folder : str or Path, optional
        A local T5 in Hugging Face format to use instead, with the target languages of the current profile. Neither its
        checksum nor what it was trained for is known to the course.

    Returns
    -------
    Translator
        Offline: mini-T5, 5,740,800 parameters, to French and German. With COURSE_PROFILE=full: google-t5/t5-base,
        222,903,552 parameters, to French, German and Romanian (Raffel et al., 2020, arXiv:1910.10683), fetched once
        (about 892 MB) into the cache of the Hugging Face hub.

    Raises
    ------
    ValueError
        When `folder` is no path.
    FileNotFoundError
        When `folder` or one of its files is missing.
    WeightsError
        When weights are missing, damaged, or could not be fetched. Nothing is put in their place silently.
    """
    profile = current_profile()
    if folder is not None:
        name = check_path("folder", folder).resolve().name
        source = f"T5 of the folder {name}: origin and checksum not known"
        return Translator.from_folder(folder, TARGETS[profile], name, source, "not known")
    if profile == "full":
        source = f"T5-base, trained by Google (https://huggingface.co/{T5_BASE})"
        return Translator.from_hub(T5_BASE, TARGETS[profile], "T5-base", source, "Apache-2.0")
    weights, file = WEIGHTS["mini_t5"], verified_path("mini_t5")
    return Translator.from_folder(file.parent, TARGETS[profile], "mini-T5", weights.source, weights.licence)


@say_memory("load the diffusion model", CLOSE)
def load_digit_diffusion(path=None):
    """Load the diffusion model of digits, trained on the course's 4,000 training digits, in either profile.

    Parameters
    ----------
    path : str or Path, optional
        A copy of its weight file, or a folder that holds one, to use instead.

    Returns
    -------
    keras.Model
        What `course_utils.networks.diffusion.build_digit_unet` builds, 433,089 parameters.

    Raises
    ------
    ValueError
        When `path` is no path.
    WeightsError
        When weights are missing or damaged.
    """
    from safetensors.numpy import load

    content = verified_bytes("digit_diffusion", None if path is None else check_path("path", path))
    model, weights = build_digit_unet(), load(content)
    model.set_weights([weights[name] for name in sorted(weights)])  # the names begin with their place
    return model


def _scale_efficientnet(images):
    return (images - 127) / 128


def _scale_vgg16(images):
    return load_keras().applications.vgg16.preprocess_input(images)


def _build_vgg16():
    return load_keras().applications.VGG16(weights=None)


def _load_vgg16(path):
    file = _fetch_vgg16() if path is None else _local_vgg16(path)
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
        with open(file, "rb") as opened:
            check_hash("VGG16", file, opened, VGG16_MD5, f"Pass an unchanged copy, or leave the path out. {OFFLINE}")
    return file


def _fetch_vgg16():
    return fetch(
        name="VGG16",
        url=VGG16_URL,
        subfolder="models",
        file_hash=VGG16_MD5,
        size="about 553 MB",
        offline_alternative=f"{OFFLINE} To use the full profile, put the file there or pass its path.",
        error_class=WeightsError,
    )
