"""Compare ways to train the document's digits network: the document's own form against faster ones, in one run.

    python benchmarks/digits_training.py [--repeats 3]

All forms see the same 4,000 digits for ten epochs, from the same seeds. A form counts only if its mean test accuracy
is at most half a point below the document's. Times include compiling. The table gives ratios: seconds of the
document's form divided by seconds of the other, the median over the repeats.
"""

import argparse
import time
from statistics import mean, median

from course_utils.data import load_digits
from course_utils.runtime import load_keras, progress

EPOCHS, MOST_LOST = 10, 0.005
FORMS = {
    "the document's: batch 32, one update at a time": {},
    "5 updates a call, as in the chapter": {"updates_a_call": 5},
    "125 updates a call": {"updates_a_call": 125},
    "batch 128, learning rate 0.003": {"batch_size": 128, "learning_rate": 3e-3},
    "batch 128, learning rate 0.003, 32 updates a call": {
        "batch_size": 128,
        "learning_rate": 3e-3,
        "updates_a_call": 32,
    },
    "batch 512, learning rate 0.01, 8 updates a call": {"batch_size": 512, "learning_rate": 1e-2, "updates_a_call": 8},
}


def train(digits, seed, batch_size=32, learning_rate=1e-3, updates_a_call=1):
    """Train the network 784-128-128-10 once and return (seconds, test accuracy)."""
    keras = load_keras(threads=1)  # as in the chapter: small networks train faster on one thread
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    network = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=updates_a_call,
    )
    images = digits.train_images.reshape(-1, 784)
    network.fit(images, digits.train_labels, epochs=EPOCHS, batch_size=batch_size, verbose=0)
    seconds = time.perf_counter() - start
    return seconds, network.evaluate(digits.test_images.reshape(-1, 784), digits.test_labels, verbose=0)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="seeds 0, 1, … for each form (3)")
    repeats = parser.parse_args().repeats
    if repeats < 1:
        parser.error(f"--repeats: found {repeats}, expected at least 1")
    digits = load_digits()
    train(digits, seed=0)  # warms the engine up; not counted
    runs = {name: [] for name in FORMS}
    for seed in progress(range(repeats), description="repeats"):
        for name, options in FORMS.items():
            runs[name].append(train(digits, seed, **options))
    seconds = {name: [second for second, _ in found] for name, found in runs.items()}
    accuracies = {name: mean(accuracy for _, accuracy in found) for name, found in runs.items()}
    first = next(iter(FORMS))
    print(f"{repeats} repeats, one thread an operation, {EPOCHS} epochs on {len(digits.train_images):,} digits")
    print(f"{'form':50} {'seconds':>8} {'ratio':>6} {'accuracy':>9}")
    for name in FORMS:
        ratio = median(a / b for a, b in zip(seconds[first], seconds[name], strict=True))
        lost = " (loses accuracy: does not count)" if accuracies[name] < accuracies[first] - MOST_LOST else ""
        print(f"{name:50} {median(seconds[name]):8.2f} {ratio:5.1f}× {accuracies[name]:9.1%}{lost}")


if __name__ == "__main__":
    main()
