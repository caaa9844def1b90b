"""Train chapter 4's network with thirty seeds, and store how it does after each epoch.

    python experiments/digit_stopping.py

A seed fixes the first weights, the order of the digits, and which tenth of the training digits is kept aside for
validation. A row is one epoch of one seed. `calibration_by_chance` is the calibration error that would be found if the
network's probabilities were true: the mean over labels that are drawn from them. After `PAIRS_EPOCH` epochs `pairs_p`
tests whether some pairs of digits are confused too often: it is how often the nine fullest pairs hold as many errors
when answers are shuffled among the errors, each digit keeping its errors and each answer its uses. A seed's rows are
appended together; what is there already is not run again.
"""

import os
import platform
import time

import numpy as np

from course_utils.data import load_digits
from course_utils.plotting import expected_calibration_error
from course_utils.runtime import load_keras
from course_utils.tables import append_rows, start_sweep

keras = load_keras(threads=1)

SEEDS, EPOCHS, PAIRS_EPOCH, SHUFFLES, DRAWS = range(30), 15, 10, 1000, 20
COLUMNS = "seed epoch training_loss validation_loss test_accuracy test_loss calibration_error".split()
COLUMNS += ["calibration_by_chance", "pairs_p"]


def train(seed, digits, epochs=EPOCHS):
    """Return the losses in training and validation (epochs,), and the test probabilities (epochs, n, 10)."""
    x, x_test = (images.reshape(len(images), -1) for images in (digits.train_images, digits.test_images))
    kept, used = np.split(np.random.default_rng(seed).permutation(len(x)), [len(x) // 10])
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(128, activation="relu") for _ in range(2)]
    network = keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=20)
    seen = []
    history = network.fit(
        x[used],
        digits.train_labels[used],
        validation_data=(x[kept], digits.train_labels[kept]),
        epochs=epochs,
        batch_size=32,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(network(x_test).numpy()))],
    ).history
    return history["loss"], history["val_loss"], np.array(seen)


def calibration_by_chance(probabilities, random):
    """Return the mean calibration error of probabilities (n, 10) on labels that are drawn from them."""
    up_to = probabilities.cumsum(axis=1)[:, :9]
    drawn = ((random.random((len(up_to), 1)) > up_to).sum(axis=1) for _ in range(DRAWS))
    return np.mean([expected_calibration_error(probabilities, labels) for labels in drawn])


def nine_fullest(shown, answered):
    """Return how many errors the nine most frequent pairs (digit shown, digit answered) hold."""
    return np.sort(np.bincount(10 * np.array(shown) + answered, minlength=100))[-9:].sum()


def pairs_p(shown, answered, random, shuffles=SHUFFLES):
    """Return the p-value of the nine fullest pairs of some errors, with answers shuffled among these errors."""
    found, as_full = nine_fullest(shown, answered), 0
    shown, answered = list(shown), list(answered)
    for _ in range(shuffles):
        for i, j in random.integers(len(shown), size=(2 * len(shown), 2)):
            if answered[i] != shown[j] and answered[j] != shown[i]:
                answered[i], answered[j] = answered[j], answered[i]
        as_full += nine_fullest(shown, answered) >= found
    return (1 + as_full) / (1 + shuffles)


def rows_of(seed, training, validation, probabilities, labels):
    """Return a row of `COLUMNS` for each epoch."""
    random, rows = np.random.default_rng(seed), []
    for epoch, (one, other, seen) in enumerate(zip(training, validation, probabilities, strict=True), 1):
        answered = seen.argmax(axis=1)
        wrong = answered != labels
        loss = -np.log(seen[np.arange(len(labels)), labels] + 1e-12).mean()
        error, chance = expected_calibration_error(seen, labels), calibration_by_chance(seen, random)
        p = f"{pairs_p(labels[wrong], answered[wrong], random):.4f}" if epoch == PAIRS_EPOCH else ""
        numbers = [f"{number:.5f}" for number in (one, other, 1 - wrong.mean(), loss, error, chance)]
        rows.append([seed, epoch, *numbers, p])
    return rows


def main():
    digits = load_digits()
    training, test = len(digits.train_images), len(digits.test_images)
    head = [
        "# command: python experiments/digit_stopping.py",
        f"# seeds: {SEEDS[0]} to {SEEDS[-1]}",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        f"# data: {digits.source}; {training * 9 // 10:,} to train on, {training // 10:,} for validation, "
        f"{test:,} to test",
        "# network: 784-128-128-10, ReLU, softmax; Adam with Keras's settings, batches of 32",
        f"# scores: losses in nats; calibration error in 10 bins, by chance over {DRAWS} draws; {SHUFFLES:,} shuffles",
    ]
    done = {row["seed"] for row in start_sweep("digit_stopping", head, COLUMNS)}
    for seed in SEEDS:
        if seed not in done:
            start = time.perf_counter()
            append_rows("digit_stopping", rows_of(seed, *train(seed, digits), digits.test_labels))
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
