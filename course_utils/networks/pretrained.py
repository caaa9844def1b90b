"""Load the pretrained models of the course: small ones offline, the large originals in the full profile."""

import weakref

from course_utils.checks import check_path
from course_utils.memory import CLOSE, say_memory
from course_utils.networks.adapter import ADAPTER_FILE, add_adapter
from course_utils.networks.diffusion import build_digit_unet
from course_utils.networks.efficientnet import load_efficientnet_lite0
from course_utils.networks.image_classifier import ImageClassifier
from course_utils.networks.language_model_files import read_folder, read_gguf
from course_utils.networks.sentence_encoder import build_encoder
from course_utils.networks.translator import Translator
from course_utils.runtime import current_profile, load_keras, waiting
from course_utils.weights import WEIGHTS, WeightsError, fetch, locate, verified_bytes, verified_path

__all__ = [
    "load_digit_diffusion",
    "load_image_classifier",
    "load_language_model",
    "load_sentence_encoder",
    "load_translator",
]

VGG16_URL = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
VGG16_URL += "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
VGG16_MD5 = "64373286793e3c8b2b4e3219cbf3544b"  # the checksum that keras.applications.vgg16 pins for this file
OFFLINE = "To work offline with EfficientNet-Lite0, unset COURSE_PROFILE. To use the full profile, put the file there."
T5_BASE = "google-t5/t5-base"


@waiting("Loading the image classifier")
@say_memory("load the image classifier", CLOSE)
def load_image_classifier():
    """Load the image classifier of the current profile, an `ImageClassifier`.

    Offline it is EfficientNet-Lite0, 4,652,008 parameters (Tan and Le, 2019, arXiv:1905.11946). With
    COURSE_PROFILE=full it is VGG16, 138,357,544 parameters (Simonyan and Zisserman, 2015, arXiv:1409.1556), fetched
    once into Keras's cache. A WeightsError says that weights are missing, damaged, or could not be fetched. Nothing is
    put in their place silently.
    """
    if current_profile() == "full":
        return _load_vgg16()
    source, licence = WEIGHTS["efficientnet_lite0"].source, WEIGHTS["efficientnet_lite0"].licence
    return ImageClassifier(
        load_efficientnet_lite0(), lambda images: (images - 127) / 128, "EfficientNet-Lite0", source, licence
    )


@waiting("Loading the translator")
@say_memory("load the translator", CLOSE)
def load_translator():
    """Load the translator of the current profile, in float32, as `Translator`.

    Offline it is mini-T5, 5,740,800 parameters, to French and German. With COURSE_PROFILE=full it is google-t5/t5-base,
    222,903,552 parameters, to French, German and Romanian (Raffel et al., 2020, arXiv:1910.10683), fetched once (about
    892 MB) into the cache of the Hugging Face hub. A WeightsError says that weights are missing, damaged, or could not
    be fetched. Nothing is put in their place silently.
    """
    if current_profile() == "full":
        source = f"T5-base, trained by Google (https://huggingface.co/{T5_BASE})"
        return Translator.from_hub(T5_BASE, ("French", "German", "Romanian"), "T5-base", source, "Apache-2.0")
    weights, folder = WEIGHTS["mini_t5"], verified_path("mini_t5").parent
    own = "mini-T5", weights.source, weights.licence
    return Translator.from_folder(folder, ("French", "German"), *own, cautious=True)


@waiting("Loading the diffusion model")
@say_memory("load the diffusion model", CLOSE)
def load_digit_diffusion():
    """Load the diffusion model of digits, trained on the course's 4,000 training digits, in either profile.

    It is what `course_utils.networks.diffusion.build_digit_unet` builds, 433,089 parameters. A WeightsError says that
    weights are missing or damaged.
    """
    from safetensors.numpy import load

    weights, model = load(verified_bytes("digit_diffusion")), build_digit_unet()
    model.set_weights([weights[name] for name in sorted(weights)])  # the names begin with their place
    return model


ADAPTERS = {"course": "smollm2_adapter", "preferred": "smollm2_preferred"}  # the course's own, in the table of weights
_IN_USE = weakref.WeakValueDictionary()  # each part of a lesson loads it, and two would take 1 GB


@say_memory("load the language model", CLOSE)
def load_language_model(path=None, adapter=None):
    """Load a chat model of the Llama family, in float32, a `LanguageModel`.

    Without a path it is SmolLM2-135M-Instruct, 134,515,008 parameters (Ben Allal et al., 2025, arXiv:2502.02737), from
    weights that were rounded to 4 bits; while one is in use, the same again. `path` is a GGUF file, or a folder in
    Hugging Face's format, of the architecture llama, qwen2 or qwen3; neither its checksum nor its licence is known to
    the course.

    `adapter` is a low-rank adapter that is added to the weights: a folder as peft writes it, or "course" for the one
    that the course tuned to answer from a text, or to say that the text does not say
    (models/smollm2_adapter/README.md), or "preferred" for that one tuned on by preference
    (models/smollm2_preferred/README.md).

    A ValueError says that `path` or `adapter` is no path, a WeightsError names a file that is missing, damaged, or of a
    kind that the course does not compute.
    """
    if adapter is not None:
        return _load_adapted(path, adapter)
    if path is None:
        weights, file = WEIGHTS["smollm2"], verified_path("smollm2")
        model = _IN_USE.get(file)
        if model is None:
            model = read_gguf(file, "SmolLM2-135M-Instruct", weights.source, weights.licence)
            _IN_USE[file] = model
        return model
    path = check_path("path", path)
    if not path.exists():
        raise WeightsError(f"path: there is no file or folder {path}. Check it, or leave it out to use SmolLM2.")
    source = f"a language model of {path.name}: origin and checksum not known"
    return (read_folder if path.is_dir() else read_gguf)(path, path.resolve().stem, source, "not known")


@waiting("Loading the sentence encoder")
@say_memory("load the sentence encoder", CLOSE)
def load_sentence_encoder():
    """Load all-MiniLM-L6-v2, which turns English sentences and short passages into vectors, as `SentenceEncoder`.

    It has 22,713,216 parameters, in float32; while one is in use, it is the same again. A WeightsError says that a file
    is missing or damaged.
    """
    contents = [verified_bytes(name) for name in ("minilm", "minilm_tokenizer")]
    encoder, weights = _IN_USE.get("minilm"), WEIGHTS["minilm"]
    if encoder is None:
        encoder = build_encoder(*contents, "all-MiniLM-L6-v2", weights.source, weights.licence)
        _IN_USE["minilm"] = encoder
    return encoder


def _load_adapted(path, adapter):
    if adapter in ADAPTERS:
        content, folder = verified_bytes(ADAPTERS[adapter]), locate(ADAPTERS[adapter]).parent
    else:
        folder = check_path("adapter", adapter)
        if not (folder / ADAPTER_FILE).is_file():
            raise WeightsError(f"adapter: there is no file {folder / ADAPTER_FILE}. Give a folder as peft writes it.")
        content = (folder / ADAPTER_FILE).read_bytes()
    key = path, content
    model = _IN_USE.get(key)
    if model is None:
        nobody_has_it = path is not None or _IN_USE.get(locate("smollm2")) is None
        plain = load_language_model(path)
        if path is None and nobody_has_it:
            del _IN_USE[locate("smollm2")]
        name = f"{plain.name} + {folder.resolve().name}"
        model = add_adapter(plain, folder, content, name, in_place=nobody_has_it)
        if path is None:
            _IN_USE[key] = model
    return model


def _load_vgg16():
    file = fetch("VGG16", VGG16_URL, "models", f"md5:{VGG16_MD5}", "about 553 MB", OFFLINE, WeightsError)
    applications = load_keras().applications
    model = applications.VGG16(weights=None)
    model.load_weights(file)
    source = f"VGG16, ImageNet weights of Keras ({VGG16_URL})"
    licence = "Creative Commons Attribution (Visual Geometry Group, Oxford)"
    return ImageClassifier(model, applications.vgg16.preprocess_input, "VGG16", source, licence)
