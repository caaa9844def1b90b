"""Train language models of many sizes, each with several budgets of computing, and store their losses.

python experiments/compute_sweep.py [--seeds 0 1 2]

The text is `course_utils.library_text`. A budget of C floating-point operations gives a model of N parameters
C / (6 N) characters to learn from, so a larger model makes fewer updates; its learning rate falls to the end of just
these. Sizes are left out where they would make fewer than 100 or more than 80,000 updates. The loss is measured on
20,000 held-out characters. About 13 minutes a seed on one core. Rows are appended, and what is there already is not
run again: delete the CSV to start afresh.
"""

import argparse
import os
import platform
import time

from course_utils.library_text import encode_text, load_library_text
from course_utils.networks.small_models import (
    CONTEXT,
    LANGUAGE_BATCH,
    bits_per_character,
    build_language_model,
    count_parameters,
    train_language_model,
)
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, start_sweep

BUDGETS = (1e10, 3e10, 1e11, 3e11, 1e12, 3e12)  # floating-point operations
# width, layers, heads
SHAPES = ((8, 1, 1), (16, 2, 2), (24, 2, 2), (32, 2, 2), (48, 3, 4), (64, 3, 4), (96, 4, 4), (128, 4, 4))
FEWEST, MOST = 100, 80_000  # updates
TEST = slice(4_000, 24_000)
COLUMNS = "budget width layers heads parameters updates characters seed test_bits".split()


def updates_for(budget, parameters):
    """Return how many updates a model of so many parameters can make with a budget of operations."""
    return round(budget / (6 * parameters * LANGUAGE_BATCH * CONTEXT))


def train_and_score(budget, shape, seed, text):
    """Train one model and return its row, or None where the number of updates is out of range."""
    model = build_language_model(*shape, seed=seed)
    parameters = count_parameters(model)
    updates = updates_for(budget, parameters)
    if not FEWEST <= updates <= MOST:
        return None
    train_language_model(model, encode_text(text.train), updates, seed=seed)
    bits = bits_per_character(model, encode_text(text.held_out)[TEST])
    return [f"{budget:.0e}", *shape, parameters, updates, updates * LANGUAGE_BATCH * CONTEXT, seed, round(bits, 4)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    load_torch(threads=1)
    text = load_library_text()
    head = [
        "# command: python experiments/compute_sweep.py (seeds 0, 1, 2)",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}); "
        f"text: {text.source}, {len(text.train):,} characters for training",
        f"# each update: {LANGUAGE_BATCH} pieces of {CONTEXT} characters; budget: 6 x parameters x characters; "
        "test_bits: cross-entropy, bits a character",
    ]
    rows = start_sweep("compute_sweep", head, COLUMNS)
    done = {(row["budget"], row["width"], row["seed"]) for row in rows}
    for seed in seeds:
        for budget in BUDGETS:
            for shape in SHAPES:
                start = time.perf_counter()
                row = None if (budget, shape[0], seed) in done else train_and_score(budget, shape, seed, text)
                if row:
                    append_rows("compute_sweep", [row])
                    print(f"{time.perf_counter() - start:.0f} s", row, flush=True)


if __name__ == "__main__":
    main()
