"""Adapt mini-T5 to write numbers in words with a correction of low rank, and store its scores.

python experiments/adapt_mini_t5.py [--seeds 0 1 2]

Task, pairs and steps are those of `pretraining_text.py` (3,000 pairs, 300
steps of 16, exact match on 200 test numbers), where all weights are trained. The learning rate is chosen on the 200
validation numbers with a seed of its own (100). About two minutes a seed on one core.
"""

import argparse
import os
import platform

import numpy as np
from pretraining_text import exact_match, split_numbers, torch, train

from course_utils.networks.pretrained import load_translator
from course_utils.tables import append_rows, read_sweep, start_sweep

RANK, PAIRS, STEPS, EVERY, RATES, CHOOSER = 8, 3000, 300, 100, (3e-3, 1e-2), 100
COLUMNS = "rank rate seed split step loss exact_match".split()
SWEEP = "low_rank"


class LowRank(torch.nn.Module):
    """A frozen linear layer with a learned correction of low rank beside it; both map (…, n) to (…, m)."""

    def __init__(self, linear, rank, generator):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        m, n = linear.weight.shape
        self.a = torch.nn.Parameter(torch.randn(rank, n, generator=generator) / n**0.5)
        self.b = torch.nn.Parameter(torch.zeros(m, rank))

    @property
    def weight(self):
        """Return the frozen matrix, which T5 looks at."""
        return self.linear.weight

    def forward(self, x):
        """Return W x + B A x."""
        return self.linear(x) + x @ self.a.T @ self.b.T


def add_low_rank(model, rank, seed=0):
    """Freeze a model in place, put a correction beside each linear layer but the last, and return the model."""
    generator = torch.Generator().manual_seed(seed)
    model.requires_grad_(False)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear and name != "lm_head":
                setattr(parent, name, LowRank(child, rank, generator))
    return model


def adapt(rate, seed, split):
    """Train one correction; return one row for every 100 steps."""
    translator = load_translator()
    model, tokenizer = add_low_rank(translator.model, RANK, seed), translator.tokenizer
    pool, validation, test = split_numbers()
    random, rows = np.random.default_rng(seed), []
    for step, loss, _ in train(model, tokenizer, random.permutation(pool)[:PAIRS], STEPS, rate, random):
        if step % EVERY == 0:
            score = exact_match(model, tokenizer, test if split == "test" else validation)
            rows.append([RANK, rate, seed, split, step, round(loss, 4), score])
            print(*rows[-1], flush=True)
    return rows


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
            append_rows(SWEEP, adapt(rate, CHOOSER, "validation"))
    rows = read_sweep(SWEEP, seed=CHOOSER, step=STEPS)
    rate = max(rows, key=lambda row: (row["exact_match"], -row["loss"]))["rate"]
    for seed in seeds:
        if read_sweep(SWEEP, seed=seed, split="test"):
            continue
        append_rows(SWEEP, adapt(rate, seed, "test"))


if __name__ == "__main__":
    main()
