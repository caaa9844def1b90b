"""Train language models of five sizes on much and on little text, three seeds each, and store their losses.

python experiments/size_sweep_text.py [--seeds 0 1 2]

The text is `course_utils.library_text`. Every model gets 600 updates of 8 pieces of 32 characters, 153,600 predicted
characters: drawn from the whole training text, or from its first 4,000 characters only, which are then seen 38 times.
After every 100 updates the loss is measured on held-out text: on 4,000 characters that may choose when to stop
(validation), and on 8,000 others (test). Rows are appended, and what is there already is not run again: delete the CSV
to start afresh.
"""

import argparse
import os
import platform
import time

from course_utils.library_text import encode_text, load_library_text
from course_utils.networks.small_models import (
    CONTEXT,
    LANGUAGE_BATCH,
    LANGUAGE_MODELS,
    bits_per_character,
    build_language_model,
    count_parameters,
    train_language_model,
)
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, start_sweep

UPDATES, EVERY = 600, 100
VALIDATION, TEST = slice(0, 4_000), slice(4_000, 12_000)
SMALL = 4_000  # characters of the small training text
COLUMNS = "model width layers heads parameters distinct_characters seed update".split()
COLUMNS += ["train_bits", "validation_bits", "test_bits"]


def train_and_score(name, distinct, seed, text):
    """Train one model and return its rows, one for every 100 updates."""
    train, held_out = encode_text(text.train)[:distinct], encode_text(text.held_out)
    model = build_language_model(*LANGUAGE_MODELS[name], seed=seed)
    watched = train_language_model(
        model,
        train,
        UPDATES,
        seed=seed,
        watch=lambda model: [bits_per_character(model, held_out[part]) for part in (VALIDATION, TEST)],
        every=EVERY,
    )
    last = bits_per_character(model, train[:SMALL])
    head = [name, *LANGUAGE_MODELS[name], count_parameters(model), len(train), seed]
    return [
        [*head, update, round(last, 4) if update == UPDATES else "", *(round(bits, 4) for bits in scores)]
        for update, scores in watched
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    load_torch(threads=1)
    text = load_library_text()
    head = [
        "# command: python experiments/size_sweep_text.py (seeds 0, 1, 2)",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}); "
        f"text: {text.source}, {len(text.train):,} characters for training",
        f"# each update: {LANGUAGE_BATCH} pieces of {CONTEXT} characters; bits: cross-entropy, bits a character",
    ]
    rows = start_sweep("size_sweep_text", head, COLUMNS)
    done = {(row["model"], row["distinct_characters"], row["seed"]) for row in rows}
    for seed in seeds:
        for distinct in (len(text.train), SMALL):
            for name in LANGUAGE_MODELS:
                if (name, distinct, seed) in done:
                    continue
                start = time.perf_counter()
                found = train_and_score(name, distinct, seed, text)
                append_rows("size_sweep_text", found)
                print(f"{time.perf_counter() - start:.0f} s", found[-1], flush=True)


if __name__ == "__main__":
    main()
