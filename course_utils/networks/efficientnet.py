"""EfficientNet-Lite0 in Keras, and the port of its pretrained weights from a PyTorch state dict.

The network is EfficientNet-B0 (Tan and Le, 2019, arXiv:1905.11946) made simple for small devices: ReLU6 in place of
swish, no squeeze-and-excitation. It is a stem, 16 inverted-bottleneck blocks and a head.
"""

from course_utils.runtime import load_keras, load_torch
from course_utils.weights import verified_path

__all__ = ["build_efficientnet_lite0", "load_efficientnet_lite0", "port_weights"]

# kernel size, stride of the first block, expansion of the channels, output channels, number of blocks
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
# the convolution and the batch norm of each part of the network, as the PyTorch file calls them
TORCH_NAMES = {
    "stem": ("_conv_stem", "_bn0"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
    "head": ("_conv_head", "_bn1"),
}


def build_efficientnet_lite0():
    """Build EfficientNet-Lite0, a Keras model of 4,652,008 trainable parameters, with random weights.

    From (n, 224, 224, 3) float32, RGB scaled by `(x - 127) / 128`, to (n, 1000) float32 probabilities; the layer
    `classifier` gives the logits.
    """
    keras = load_keras()
    layers = keras.layers

    def normalise(x, name, activate=True):
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_relu6")(x) if activate else x

    def convolve(x, channels, kernel, stride, name, activate=True):
        x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return normalise(x, name, activate)

    def bottleneck(x, kernel, stride, expansion, channels, name):
        shortcut = x
        if expansion > 1:
            x = convolve(x, expansion * x.shape[-1], 1, 1, f"{name}_expand")
        depthwise = f"{name}_depthwise"
        x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{depthwise}_conv")(x)
        x = normalise(x, depthwise)
        x = convolve(x, channels, 1, 1, f"{name}_project", activate=False)
        return layers.Add(name=f"{name}_add")([x, shortcut]) if x.shape == shortcut.shape else x

    inputs = keras.Input((224, 224, 3), name="image")
    x = convolve(inputs, 32, 3, 2, "stem")
    number = 0
    for kernel, first_stride, expansion, channels, repeats in STAGES:
        for repeat in range(repeats):
            x = bottleneck(x, kernel, first_stride if repeat == 0 else 1, expansion, channels, f"block{number}")
            number += 1
    x = convolve(x, 1280, 1, 1, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(1000, name="classifier")(x)
    return keras.Model(inputs, layers.Softmax(name="probabilities")(x), name="efficientnet_lite0")


def port_weights(model, state):
    """Copy a state dict, of arrays by PyTorch's names, into the model; the norms' counters of batches are left out."""
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([state[name].transpose(axes) for name, axes in _torch_tensors(layer.name)])


def load_efficientnet_lite0():
    """Check the weight file's SHA-256, then build EfficientNet-Lite0 with its ImageNet weights.

    A missing file or a checksum that does not hold raises `WeightsError`.
    """
    state = load_torch().load(verified_path("efficientnet_lite0"), map_location="cpu", weights_only=True)
    model = build_efficientnet_lite0()
    port_weights(model, {name: tensor.numpy() for name, tensor in state.items()})
    return model


def _torch_tensors(layer_name):
    """List PyTorch's tensors for the weights of a layer, each with the transposition that gives Keras's axes."""
    if layer_name == "classifier":
        return [("_fc.weight", (1, 0)), ("_fc.bias", (0,))]
    *place, kind = layer_name.split("_")  # "stem_conv" or "block3_expand_bn"
    prefix = f"_blocks.{place[0].removeprefix('block')}." if len(place) == 2 else ""
    convolution, norm = TORCH_NAMES[place[-1]]
    if kind == "bn":
        return [(f"{prefix}{norm}.{name}", (0,)) for name in ("weight", "bias", "running_mean", "running_var")]
    # PyTorch keeps (out, in, height, width); Keras (height, width, in, out), depthwise (height, width, channels, 1)
    return [(f"{prefix}{convolution}.weight", (2, 3, 0, 1) if place[-1] == "depthwise" else (2, 3, 1, 0))]
