"""Out of memory: one sentence says so, whichever engine noticed it, while loading and while generating."""

import numpy as np
import pytest

from course_utils.memory import say_memory
from course_utils.networks import pretrained
from course_utils.networks.small_models import build_digit_network, build_language_model
from course_utils.networks.translator import Translator
from course_utils.runtime import load_keras, load_torch
from course_utils.weights import WeightsError

NONE = 10**16  # numbers that fit into no memory


def ask_numpy():
    np.ones(NONE)


def ask_torch():
    load_torch().ones(NONE)


def ask_tensorflow():
    """Raise what TensorFlow raises itself after it has tried for ten seconds."""
    load_keras()
    from tensorflow.errors import ResourceExhaustedError

    raise ResourceExhaustedError(None, None, "OOM when allocating tensor")


def read_a_file():
    raise WeightsError("folder: model.safetensors is damaged: Cannot allocate memory (os error 12).")


@pytest.mark.parametrize("ask", [ask_numpy, ask_torch, ask_tensorflow, read_a_file])
def test_each_engine_says_memory(ask):
    with pytest.raises(MemoryError, match="^There is not enough memory to load the model. Close it.$") as raised:
        with say_memory("load the model", "Close it."):
            ask()
    assert raised.value.__cause__ is not None


def test_other_errors_pass():
    with pytest.raises(WeightsError, match="^is damaged$"), say_memory("load", "Close it."):
        raise WeightsError("is damaged")


def test_loading_says_memory(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(pretrained, "load_efficientnet_lite0", ask_tensorflow)
    with pytest.raises(MemoryError, match="not enough memory to load the image classifier. Shut down other notebooks"):
        pretrained.load_image_classifier()
    monkeypatch.setattr(Translator, "from_folder", lambda *asked, **named: ask_torch())
    with pytest.raises(MemoryError, match="not enough memory to load the translator. Shut down other notebooks"):
        pretrained.load_translator()


def test_translating_says_memory(monkeypatch):
    translator = pretrained.load_translator()
    monkeypatch.setattr(translator.model, "generate", lambda **asked: ask_torch())
    with pytest.raises(MemoryError, match="not enough memory to translate. Translate with fewer beams"):
        translator.translate(["Hello."])


def test_building_says_memory():
    with pytest.raises(MemoryError, match="not enough memory to build the network. Give a smaller width or depth."):
        build_digit_network(NONE // 784, 1)
    with pytest.raises(MemoryError, match="not enough memory to build the model. Give a smaller width or fewer layers"):
        build_language_model(NONE // 512, 1, 1)
