"""Train digits networks with and without adversarial training, from the same weights on the same batches, and attack.

    python experiments/adversarial_digits.py

Each of ten seeds gives two networks, trained with 1,000 updates on the pictures as they are and on attacked ones
(epsilon 0.1); each of five seeds two more, with 4,000 updates. A row is the accuracy on the 1,000 test digits: as they
are, with random noise, moved, or attacked with some epsilon by some steps. The settings of the training were not chosen
by these numbers.
"""

import platform
from itertools import product

import numpy as np

from course_utils.corruptions import shift_images
from course_utils.data import load_digits
from course_utils.notebooks import NOTEBOOKS, load_definitions
from course_utils.runtime import load_torch
from course_utils.tables import RESULTS, append_rows, start_sweep

LESSON = "07_trends_and_challenges"
COLUMNS = ("seed", "updates", "trained_epsilon", "pictures", "epsilon", "steps", "accuracy")
SEEDS, TRAINED = {1000: range(10), 4000: range(5)}, (0.0, 0.1)  # by the number of updates
EPSILONS, STEPS, MOST_STEPS = (0.05, 0.1, 0.15, 0.2), 20, 100


def load_lesson():
    """Return the lesson's `train`, `attack` and `right`, with the course's own `pgd`, and the digits."""
    torch, digits = load_torch(threads=1), load_digits()
    given = {"torch": torch, "y_train": digits.train_labels, "y_test": digits.test_labels}
    given["x_train"] = digits.train_images.reshape(-1, 784)
    given["climb"] = load_definitions(NOTEBOOKS / "solutions" / f"{LESSON}.ipynb", ["pgd"]).pgd
    return load_definitions(LESSON, ["train", "attack", "right"], given), digits


def test_pictures(lesson, network, digits):
    """Yield (what they are, epsilon, steps, pictures) of the pictures that a network is tested on."""
    x, y = digits.test_images.reshape(-1, 784), digits.test_labels
    yield "as they are", 0, 0, x
    yield "moved by up to 2", 0, 0, shift_images(digits.test_images, 2, seed=0).reshape(-1, 784)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), x.shape)
    for epsilon in EPSILONS:
        yield "noise", epsilon, 0, (x + np.float32(epsilon) * signs).clip(0, 1)
        yield "attacked", epsilon, STEPS, lesson.attack(network, x, y, epsilon, STEPS)
    yield "attacked", 0.1, MOST_STEPS, lesson.attack(network, x, y, 0.1, MOST_STEPS)


def main():
    """Train and test all networks."""
    (RESULTS / "adversarial_digits.csv").unlink(missing_ok=True)
    comments = [
        "# command: python experiments/adversarial_digits.py",
        f"# hardware: 2 CPU cores ({platform.machine()}) that other work shared; seeds: 0 to 9, 0 to 4 with 4,000 "
        "updates",
        "# networks: 784-128-128-10, 118,282 parameters, batches of 64 of 4,000 training digits",
    ]
    start_sweep("adversarial_digits", comments, COLUMNS)
    lesson, digits = load_lesson()
    runs = [(updates, *run) for updates, seeds in SEEDS.items() for run in product(seeds, TRAINED)]
    for updates, seed, trained in runs:
        network = lesson.train(seed, trained, updates)
        append_rows(
            "adversarial_digits",
            [
                (seed, updates, trained, what, epsilon, steps, f"{lesson.right(network, x).mean():.4f}")
                for what, epsilon, steps, x in test_pictures(lesson, network, digits)
            ],
        )
        print(updates, seed, trained, flush=True)


if __name__ == "__main__":
    main()
