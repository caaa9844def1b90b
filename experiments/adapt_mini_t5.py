"""Adapt mini-T5 to write numbers in words with a correction of low rank, and store it and its scores.

python experiments/adapt_mini_t5.py [--seeds 0 1 2]

The code of the correction is chapter 7's; task, pairs and steps are those of `pretraining_text.py` (3,000 pairs, 300
steps of 16, exact match on 200 test numbers), where all weights are trained. The learning rate is chosen on the 200
validation numbers with a seed of its own (100). About two minutes a seed on one core. The correction of seed 0 goes to
models/mini_t5_numbers, in float16.
"""

import argparse
import os
import platform

import numpy as np
from pretraining_text import exact_match, split_numbers, torch, train
from safetensors.torch import save_file

from course_utils.networks.pretrained import load_translator
from course_utils.notebooks import load_definitions
from course_utils.tables import append_rows, read_sweep, start_sweep
from course_utils.weights import MODELS_FOLDER, verified_path

RANK, PAIRS, STEPS, EVERY, RATES, CHOOSER = 8, 3000, 300, 100, (3e-3, 1e-2), 100
COLUMNS = "rank rate seed split step loss exact_match".split()
SWEEP = "low_rank"


def adapt(rate, seed, split):
    """Train one correction; return it, and one row for every 100 steps."""
    lesson = load_definitions("07_trends_and_challenges", ["add_low_rank"], given={"torch": torch})
    translator = load_translator(verified_path("mini_t5").parent)
    model, tokenizer = lesson.add_low_rank(translator.model, RANK, seed), translator.tokenizer
    pool, validation, test = split_numbers()
    random, rows = np.random.default_rng(seed), []
    for step, loss, _ in train(model, tokenizer, random.permutation(pool)[:PAIRS], STEPS, rate, random):
        if step % EVERY == 0:
            score = exact_match(model, tokenizer, test if split == "test" else validation)
            rows.append([RANK, rate, seed, split, step, round(loss, 4), score])
            print(*rows[-1], flush=True)
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    head = [
        "# command: python experiments/adapt_mini_t5.py (seeds 0, 1, 2; 100 chooses the learning rate)",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}); torch {torch.__version__}",
        "# exact_match: on 200 numbers that are in no training pair",
    ]
    start_sweep(SWEEP, head, COLUMNS)
    for rate in RATES:
        if not read_sweep(SWEEP, rate=rate, seed=CHOOSER):
            append_rows(SWEEP, adapt(rate, CHOOSER, "validation")[1])
    rows = read_sweep(SWEEP, seed=CHOOSER, step=STEPS)
    rate = max(rows, key=lambda row: (row["exact_match"], -row["loss"]))["rate"]
    for seed in seeds:
        if read_sweep(SWEEP, seed=seed, split="test"):
            continue
        correction, rows = adapt(rate, seed, "test")
        if seed == 0:
            folder = MODELS_FOLDER / "mini_t5_numbers"
            folder.mkdir(exist_ok=True)
            half = {name: values.half().contiguous() for name, values in correction.items()}
            save_file(half, folder / "correction.safetensors", metadata={"format": "pt"})
        append_rows(SWEEP, rows)


if __name__ == "__main__":
    main()
