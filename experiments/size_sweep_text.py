"""Train language models of five sizes on much and on little text, three seeds each, and store their losses.

python experiments/size_sweep_text.py [--seeds 0 1 2]

The text is `course_utils.library_text`. Every model gets 600 updates of 8 pieces of 32 characters, 153,600 predicted
characters: drawn from the whole training text, or from its first 4,000 characters only, which are then seen 38 times.
After every 100 updates the loss is measured on held-out text: on 4,000 characters that may choose (validation), and on
8,000 others (test). The first weights are those of `build_language_model`.

Each size and each amount of text has a learning rate of its own, `rate` / width, chosen on the validation text alone,
with a seed that is scored nowhere. The rule, made before any of these runs: try 0.256, half and twice as much; until
the best lies between two that are worse, try half or twice the best. The lowest validation loss is best: after 600
updates on the whole text, at the best of the looks up to update 300 on the small one, where training stops early. It
can end at a local best: for the largest model on the small text it found 0.128 (4.1405 bits); 0.032, tried later, has
4.1155. These runs go to text_learning_rates.csv. As a control, the small text is also read with 0.256 / width for all
sizes ("larger" steps than those chosen). Rows are appended, and what is there already is not run again: delete the CSVs
to start afresh.
"""

import argparse
import itertools
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
from course_utils.tables import append_rows, read_sweep, start_sweep

UPDATES, EVERY = 600, 100
VALIDATION, TEST = slice(0, 4_000), slice(4_000, 12_000)
SMALL = 4_000  # characters of the small training text
FIRST_RATE, RATES_SEED = 0.256, 100
COLUMNS = "model width layers heads parameters distinct_characters steps rate seed update".split()
COLUMNS += ["train_bits", "validation_bits", "test_bits"]


def choose_rate(name, distinct, text):
    """Try rates until the best one lies between two that are worse, and return it."""
    rows = read_sweep("text_learning_rates", model=name, distinct_characters=distinct)
    tried = {row["rate"]: row["validation_bits"] for row in rows}
    best = min(tried, key=tried.get, default=FIRST_RATE)
    while untried := {best / 2, best, 2 * best} - tried.keys():
        for rate in sorted(untried):
            whole = distinct > SMALL
            found = train_and_score(name, distinct, "tried", rate, RATES_SEED, text, UPDATES if whole else UPDATES // 2)
            looks = [row[COLUMNS.index("validation_bits")] for row in found]
            tried[rate] = looks[-1] if whole else min(looks)
            append_rows("text_learning_rates", [[name, distinct, rate, RATES_SEED, tried[rate]]])
            print(name, distinct, rate, looks, flush=True)
        best = min(tried, key=tried.get)
    return best


def train_and_score(name, distinct, steps, rate, seed, text, stop_after=UPDATES):
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
        stop_after=stop_after,
        rate=rate,
    )
    last = bits_per_character(model, train[:SMALL])
    head = [name, *LANGUAGE_MODELS[name], count_parameters(model), len(train), steps, rate, seed]
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
        "# initialisation: build_language_model's: GPT-2's, with a deviation of 0.5 / √width",
        "# steps: chosen: the rate was chosen on validation text (text_learning_rates.csv); larger: 0.256, a control",
    ]
    rows = start_sweep("size_sweep_text", head, COLUMNS)
    done = {(row["model"], row["distinct_characters"], row["steps"], row["seed"]) for row in rows}
    head[2:] = [f"# the rule is in the script; validation_bits: bits a character; seed {RATES_SEED}, scored nowhere"]
    start_sweep("text_learning_rates", head, "model distinct_characters rate seed validation_bits".split())
    settings = [
        (name, distinct, "chosen", choose_rate(name, distinct, text))
        for distinct in (len(text.train), SMALL)
        for name in LANGUAGE_MODELS
    ]
    settings += [(name, SMALL, "larger", FIRST_RATE) for name in LANGUAGE_MODELS]
    for seed, (*setting, rate) in itertools.product(seeds, settings):
        if (*setting, seed) in done:
            continue
        start = time.perf_counter()
        found = train_and_score(*setting, rate, seed, text)
        append_rows("size_sweep_text", found)
        print(f"{time.perf_counter() - start:.0f} s", found[-1], flush=True)


if __name__ == "__main__":
    main()
