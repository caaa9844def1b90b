"""Score the digits that the diffusion model of models/digit_diffusion draws, beside an autoencoder's and real ones.

    python experiments/score_digit_diffusion.py

Chapter 3's classifier, trained on the 4,000 training digits with each of three seeds, says of 2,000 images of a kind
(1,000 real ones) what share it names with a probability of at least 0.9, how even the ten digits are among these, and
what share it names as the digit that was asked for. Intervals are 95 %: of shares Wilson's, of evenness the
bootstrap's. The test for copying is chapter 3's too: the share of images whose nearest real digit, of 4,000 training
and 1,000 test digits, is one that was trained on, and between which shares 95 % of a thousand lots lie, in which it
is by lot who was.
"""

import os
import platform
import time

import numpy as np

from course_utils.data import load_digits
from course_utils.networks.diffusion import ANY_DIGIT, draw_digits
from course_utils.networks.pretrained import load_digit_diffusion
from course_utils.runtime import load_keras
from course_utils.tables import append_rows, start_sweep

COUNT, REAL, SURE, SEEDS, STEPS = 2000, 1000, 0.9, (0, 1, 2), 40
COLUMNS = "images classifier_seed classifier_accuracy count recognised recognised_low recognised_high".split()
COLUMNS += "evenness evenness_low evenness_high as_asked as_asked_low as_asked_high".split()
COLUMNS += "nearest_is_training lot_low lot_high median_distance".split()


def train_classifier(images, labels, seed):
    """Return chapter 3's classifier, trained for 6 epochs."""
    keras = load_keras()
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    first, second = (layers.Conv2D(channels, 3, 2, activation="relu") for channels in (16, 32))
    shape = layers.Reshape((28, 28, 1))
    model = keras.Sequential([keras.Input((784,)), shape, first, second, layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=6, batch_size=64, verbose=0)
    return model


def train_autoencoder(images, seed, weight=1, latents=8, epochs=25, batch_size=100):
    """Train chapter 3's variational autoencoder (784-256-128, 8 latents) on images (n, 784).

    `weight` multiplies the divergence. Returns the encoder, to means and logarithms of variances (n, 2 latents), and
    the decoder, from latents to logits (n, 784).
    """
    import tensorflow as tf

    keras = load_keras()
    keras.utils.set_random_seed(seed)
    layers, ops = keras.layers, keras.ops

    def dense(inputs, widths, outputs):
        return keras.Sequential(
            [keras.Input((inputs,)), *[layers.Dense(width, "relu") for width in widths], layers.Dense(outputs)]
        )

    encoder, decoder = dense(784, (256, 128), 2 * latents), dense(latents, (128, 256), 784)
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer, random = keras.optimizers.Adam(2e-3), np.random.default_rng(seed)
    optimizer.build(variables)

    @tf.function
    def step(batch, noise):
        with tf.GradientTape() as tape:
            mean, log_variance = ops.split(encoder(batch), 2, axis=-1)
            logits = decoder(mean + ops.exp(0.5 * log_variance) * noise)
            reconstruction = ops.sum(batch * logits - ops.softplus(logits), axis=-1)
            divergence = 0.5 * ops.sum(mean**2 + ops.exp(log_variance) - 1 - log_variance, axis=-1)
            loss = ops.mean(weight * divergence - reconstruction)
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(epochs):
        for rows in random.permutation(len(images)).reshape(-1, batch_size):
            step(images[rows], random.standard_normal((batch_size, latents), dtype=np.float32))
    return encoder, decoder


def decode(decoder, latents):
    """Return the images (n, 784), from 0 to 1, of latents (n, k)."""
    ops = load_keras().ops
    return ops.convert_to_numpy(ops.sigmoid(decoder(latents)))


def autoencoder_samples(images, count, seed):
    """Train chapter 3's variational autoencoder and return images (count, 784) that it draws."""
    _, decoder = train_autoencoder(images, seed)
    latents = np.random.default_rng(1000 + seed).standard_normal((count, 8), dtype=np.float32)
    return decode(decoder, latents)


def evenness(digits):
    """Return the entropy of the shares of the ten digits, divided by ln 10."""
    shares = np.bincount(digits, minlength=10) / max(len(digits), 1)
    return -(shares[shares > 0] * np.log(shares[shares > 0])).sum() / np.log(10)


def share(right):
    """Return a share with Wilson's 95 % interval."""
    from scipy.stats import binomtest

    interval = binomtest(int(np.sum(right)), len(right)).proportion_ci(method="wilson")
    return [np.mean(right), interval.low, interval.high]


def score(probabilities, asked=None):
    """Return share recognised, evenness and share as asked, each with its interval; nine numbers, "" for none."""
    digits, sure = probabilities.argmax(axis=1), probabilities.max(axis=1) >= SURE
    random = np.random.default_rng(0)
    named = digits[sure]
    drawn = [evenness(random.choice(named, len(named))) for _ in range(2000)] if len(named) else [0]
    as_asked = [""] * 3 if asked is None else share(sure & (digits == asked))
    return [*share(sure), evenness(named), *np.quantile(drawn, (0.025, 0.975)), *as_asked]


def copying(images, train, test, own=None):
    """Return the share whose nearest digit was trained on, the lots' 2.5 and 97.5 %, and the median distance to one.

    own: the images' own rows in `test`, which may not be their neighbours.
    """
    pool, random = np.concatenate([train, test]), np.random.default_rng(0)
    squared = (images**2).sum(axis=1)[:, None] + (pool**2).sum(axis=1) - 2 * images @ pool.T
    if own is not None:
        squared[np.arange(len(images)), len(train) + own] = np.inf
    nearest = squared.argmin(axis=1)
    lots = [(random.permutation(len(pool))[nearest] < len(train)).mean() for _ in range(1000)]
    distances = np.sqrt(np.maximum(squared[:, : len(train)].min(axis=1), 0))
    return [(nearest < len(train)).mean(), *np.quantile(lots, (0.025, 0.975)), np.median(distances)]


def main():
    load_keras(threads=2)
    digits = load_digits()
    train, test = digits.train_images[:4000].reshape(4000, -1), digits.test_images[:REAL].reshape(REAL, -1)
    network, asked = load_digit_diffusion(), np.arange(COUNT) % 10
    start = time.perf_counter()
    copied = np.random.default_rng(0).choice(4000, COUNT, replace=False)
    kinds = {
        "real test digits": (test, digits.test_labels[:REAL], np.arange(REAL)),
        "diffusion, digit asked for": (draw_digits(network, asked, STEPS, seed=0).reshape(COUNT, -1), asked, None),
        "diffusion, any digit": (
            draw_digits(network, [ANY_DIGIT] * COUNT, STEPS, seed=1).reshape(COUNT, -1),
            None,
            None,
        ),
        "variational autoencoder": (autoencoder_samples(train, COUNT, seed=0), None, None),
        "a copier": (train[copied], digits.train_labels[copied], None),
    }
    print(f"drawn after {time.perf_counter() - start:.0f} s", flush=True)
    head = [
        "# command: python experiments/score_digit_diffusion.py",
        f"# seeds: classifier {', '.join(map(str, SEEDS))}; drawing 0 (digit asked for) and 1 (any digit); "
        "autoencoder 0, chapter 3's network for 25 epochs",
        f"# hardware: two threads of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        f"# {COUNT} images of each kind, {REAL} real ones; {STEPS} steps; recognised: named with a probability of "
        f"at least {SURE}; as_asked: named so, and as the digit asked for (a real one: its label)",
        "# intervals: 95 %, Wilson's for shares, bootstrap (2,000) for evenness, of the images alone; "
        "lot: 95 % of 1,000 lots",
    ]
    start_sweep("digit_diffusion", head, COLUMNS)
    copies = {name: copying(images, train, test, own) for name, (images, _, own) in kinds.items()}
    for seed in SEEDS:
        classifier = train_classifier(train, digits.train_labels[:4000], seed)
        accuracy = (classifier.predict(test, verbose=0).argmax(axis=1) == digits.test_labels[:REAL]).mean()
        for name, (images, wanted, _) in kinds.items():
            numbers = [*score(classifier.predict(images, verbose=0, batch_size=500), wanted), *copies[name]]
            numbers = [number if number == "" else round(float(number), 4) for number in numbers]
            append_rows("digit_diffusion", [[name, seed, round(float(accuracy), 4), len(images), *numbers]])
            print(seed, name, numbers, flush=True)


if __name__ == "__main__":
    main()
