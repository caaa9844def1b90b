"""A diffusion model of handwritten digits, which draws by going back from noise in steps.

Denoising diffusion (Ho, Jain and Abbeel, 2020, arXiv:2006.11239) along a quarter circle, from the image at angle 0 to
noise alone at π/2. The network names the direction of the circle, the velocity (Salimans and Ho, 2022,
arXiv:2202.00512), and drawing needs no further chance (Song, Meng and Ermon, 2021, arXiv:2010.02502). Images
(n, 28, 28, 1) run from -1 to 1.
"""

import numpy as np

from course_utils.runtime import load_keras

__all__ = ["ANY_DIGIT", "build_digit_unet", "draw_digits"]

ANY_DIGIT = 10  # the label that asks for no digit in particular


def draw_digits(network, labels, steps=40, seed=0):
    """Draw one digit for each label in a few steps from noise: (n, 28, 28) float32, from 0 to 1.

    The network is one of `build_digit_unet`, trained; it is asked `steps` times, and the noise begins at the seed.
    Labels are 0 to 9; `ANY_DIGIT` leaves the choice to the model.
    """
    labels = np.asarray(labels, np.int32)
    images = np.random.default_rng(seed).standard_normal((len(labels), 28, 28, 1), dtype=np.float32)
    angles = np.linspace(np.pi / 2, 0, steps + 1, dtype=np.float32)
    for now, later in zip(angles[:-1], angles[1:], strict=True):
        velocity = network.predict_on_batch([images, np.full(len(labels), now), labels])
        clean = np.clip(np.cos(now) * images - np.sin(now) * velocity, -1, 1)
        noise = np.sin(now) * images + np.cos(now) * velocity
        images = np.cos(later) * clean + np.sin(later) * noise
    return (images[..., 0] + 1) / 2


def build_digit_unet(width=32):
    """Build the network that names the velocity, a Keras model with random weights.

    Inputs are [noisy images (n, 28, 28, 1), angles (n), labels (n)], the output is the velocity (n, 28, 28, 1). A U-Net
    (Ronneberger, Fischer and Brox, 2015, arXiv:1505.04597): down to 7 × 7 and up again, where each step up also reads
    what the step down has left. Angle and label shift the channels of every block. It has `width` channels at 14 × 14,
    and twice as many at 7 × 7.
    """
    keras = load_keras()
    layers, ops = keras.layers, keras.ops

    def convolve(x, channels, stride=1):
        return layers.Conv2D(channels, 3, stride, padding="same")(x)

    def block(x, channels):
        shortcut = x if x.shape[-1] == channels else layers.Conv2D(channels, 1)(x)
        x = convolve(ops.silu(layers.LayerNormalization()(x)), channels)
        x = x + layers.Reshape((1, 1, channels))(layers.Dense(channels)(condition))
        return shortcut + convolve(ops.silu(layers.LayerNormalization()(x)), channels)

    noisy, angles = keras.Input((28, 28, 1), name="noisy"), keras.Input((), name="angle")
    labels = keras.Input((), dtype="int32", name="label")
    waves = ops.expand_dims(angles, 1) * np.geomspace(1, 200, width // 2, dtype=np.float32)[None]
    waves = ops.concatenate([ops.sin(waves), ops.cos(waves)], axis=1)
    condition = layers.Dense(4 * width, "silu")(waves) + layers.Embedding(ANY_DIGIT + 1, 4 * width)(labels)
    condition = layers.Dense(4 * width, "silu")(condition)

    first = convolve(noisy, width, stride=2)
    second = block(first, width)
    down = block(convolve(second, 2 * width, stride=2), 2 * width)
    middle = block(down, 2 * width)
    up = block(layers.Concatenate()([middle, down]), 2 * width)
    up = layers.Conv2DTranspose(width, 2, 2)(up)
    up = block(layers.Concatenate()([up, second]), width)
    up = block(layers.Concatenate()([up, first]), width)
    last = layers.Conv2DTranspose(1, 4, 2, padding="same")(ops.silu(layers.LayerNormalization()(up)))
    return keras.Model([noisy, angles, labels], last, name="digit_unet")
