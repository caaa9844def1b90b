"""Train dense networks of many widths and depths on much and on little data, five seeds each, and store their errors.

python experiments/size_sweep_digits.py [--seeds 0 1 2 3 4]

The data are the 5,000 digits of `course_utils.data.load_digits`. Every network gets 1,000 updates of 64 digits: from
all 4,000 for training, or from the first 100 of them. Each is trained from two sets of first weights: "he", which the
lessons compare, and "pytorch", the library's default, which is the control. Of one seed the two differ in scale and in
the biases alone, and see the same digits in the same order. Rows are appended, and what is there already is not run
again: delete the CSV to start afresh.
"""

import argparse
import itertools
import os
import platform
import time

from course_utils.data import load_digits
from course_utils.networks.small_models import (
    INITIALISATIONS,
    build_digit_network,
    count_parameters,
    score_digit_network,
    train_digit_network,
)
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, start_sweep

UPDATES = 1000
WIDTHS, DEPTHS, DEPTHS_WIDTH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), (0, 2, 3, 4, 6, 8), 64
COLUMNS = "initialisation width depth parameters training_digits seed train_error test_error test_loss".split()


def train_and_score(initialisation, width, depth, count, seed, digits):
    """Train one network on the first `count` digits and return its row."""
    images, labels = digits.train_images[:count].reshape(count, -1), digits.train_labels[:count]
    network = build_digit_network(width, depth, seed, initialisation)
    train_digit_network(network, images, labels, UPDATES, seed)
    train_error, _ = score_digit_network(network, images, labels)
    test_error, test_loss = score_digit_network(network, digits.test_images.reshape(-1, 784), digits.test_labels)
    scores = (round(score, 4) for score in (train_error, test_error, test_loss))
    return [initialisation, width, depth, count_parameters(network), count, seed, *scores]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    seeds = parser.parse_args().seeds
    load_torch(threads=1)
    digits = load_digits()
    head = [
        "# command: python experiments/size_sweep_digits.py (seeds 0 to 4)",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}); {digits.source}",
        f"# {UPDATES:,} updates of 64 digits each; test_loss: cross-entropy in nats; depth 0: logistic regression",
        "# initialisation: he: weights of variance 2 / inputs, biases of 0; pytorch: torch.nn.Linear's default",
    ]
    rows = start_sweep("size_sweep_digits", head, COLUMNS)
    done = {tuple(row[key] for key in ("initialisation", "width", "depth", "training_digits", "seed")) for row in rows}
    shapes = [(width, 1) for width in WIDTHS] + [(DEPTHS_WIDTH, depth) for depth in DEPTHS]
    for seed, count, initialisation, shape in itertools.product(seeds, (4000, 100), INITIALISATIONS, shapes):
        if (initialisation, *shape, count, seed) in done:
            continue
        start = time.perf_counter()
        row = train_and_score(initialisation, *shape, count, seed, digits)
        append_rows("size_sweep_digits", [row])
        print(f"{time.perf_counter() - start:.1f} s", row, flush=True)


if __name__ == "__main__":
    main()
