"""Measure what mini-T5's pretraining as a translator is worth for a new task: writing numbers in words.

python experiments/pretraining_text.py [--seeds 3]

About 15 minutes of one core. It trains mini-T5 and the same architecture from random weights on pairs such as ("in
words: 47", "forty-seven") of the package num2words, and writes experiments/results/pretraining_text.csv, one row an
evaluation. It goes on where an earlier run stopped. The learning rate of each way is chosen on 200 validation numbers
with a seed of its own (100); exact match is measured on 200 test numbers, greedy decoding. No number stands in two of
the parts.
"""

import argparse
import copy
import os
import platform
import time

import numpy as np
from num2words import num2words

from course_utils.networks.pretrained import load_translator
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, read_sweep, start_sweep

torch = load_torch(threads=1)

SWEEP = "pretraining_text"
COMMENTS = (
    "# command: python experiments/pretraining_text.py",
    "# seeds: 0 to 2; 100 chooses the learning rate at 300 pairs",
    f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}); torch {torch.__version__}",
    "# data: numbers 0 to 9,999 in English words (package num2words); `flops` and `seconds` (CPU): of all steps so far",
)
COLUMNS = ("way", "pairs", "seed", "rate", "split", "step", "flops", "seconds", "loss", "exact_match", "last")
PLAN = {300: 150, 3000: 300}  # pairs: steps
RATES, BATCH, WARMUP, CHOOSER, EVERY = (3e-4, 1e-3), 16, 10, 100, 25


def split_numbers():
    """Return the numbers to draw training pairs from, those for validation, and those for testing."""
    order = np.random.default_rng(123).permutation(10_000)
    return order[400:], order[200:400], order[:200]


def in_words(number):
    """Write a number in English words, without commas."""
    return num2words(int(number)).replace(",", "")


def encode(tokenizer, numbers):
    """Return the padded inputs of a batch, and its labels, -100 where they are padding."""
    inputs = tokenizer([f"in words: {number}" for number in numbers], padding=True, return_tensors="pt")
    labels = tokenizer([in_words(number) for number in numbers], padding=True, return_tensors="pt")["input_ids"]
    return inputs, labels.masked_fill(labels == tokenizer.pad_token_id, -100)


def step_flops(config, source, target):
    """Return the floating-point operations of one training step on source and target tokens, attention scores left out.

    2 for each multiply-add of the forward pass, twice as many again for the backward pass.
    """
    inner = config.num_heads * config.d_kv
    attention, feed_forward = 4 * config.d_model * inner, 2 * config.d_model * config.d_ff
    encoder = config.num_layers * (attention + feed_forward) * source
    cross = config.num_decoder_layers * attention // 2 * (source + target)
    decoder = config.num_decoder_layers * (attention + feed_forward) * target
    return 3 * 2 * (encoder + decoder + cross + config.vocab_size * config.d_model * target)


def exact_match(model, tokenizer, numbers):
    """Return the share of numbers that the model writes exactly right, decoding greedily."""
    model.eval()
    inputs, _ = encode(tokenizer, numbers)
    with torch.inference_mode():
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=40)
    answers = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return float(np.mean([answer == in_words(n) for answer, n in zip(answers, numbers, strict=True)]))


def start_model(translator, way, seed):
    """Return a copy of mini-T5, or the same architecture with T5's own random weights."""
    torch.manual_seed(seed)
    model = translator.model
    return copy.deepcopy(model) if way == "pretrained" else type(model)(copy.deepcopy(model.config))


def train(model, tokenizer, numbers, steps, rate, random):
    """Train with AdamW on batches of 16 of the numbers; yield after each step its number, its loss and its FLOPs."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    for step in range(1, steps + 1):
        model.train()
        inputs, labels = encode(tokenizer, random.choice(numbers, BATCH, replace=False))
        optimiser.param_groups[0]["lr"] = rate * min(1, step / WARMUP)
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        yield step, loss.item(), step_flops(model.config, inputs["input_ids"].numel(), labels.numel())


def run(translator, way, pairs, seed, rate, split):
    """Train once and append one row for each evaluation, unless the CSV holds the finished run."""
    if read_sweep(SWEEP, way=way, pairs=pairs, seed=seed, rate=rate, split=split, last=1):
        return
    pool, validation, test = split_numbers()
    tokenizer, model = translator.tokenizer, start_model(translator, way, seed)
    random = np.random.default_rng(seed)
    training = train(model, tokenizer, random.permutation(pool)[:pairs], PLAN[pairs], rate, random)
    found, flops, seconds, last = [], 0, 0.0, 0
    while not last:
        begin = time.process_time()
        step, loss, step_cost = next(training)
        seconds, flops, last = seconds + time.process_time() - begin, flops + step_cost, int(step == PLAN[pairs])
        if last or (split == "test" and step % (EVERY if step < 100 else 2 * EVERY) == 0):
            score = exact_match(model, tokenizer, test if split == "test" else validation)
            values = (way, pairs, seed, rate, split, step, flops, round(seconds, 2), round(loss, 4), score, last)
            found.append(values)
            print(*values, flush=True)
    append_rows(SWEEP, found)  # at once: half a run could not be continued


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    start_sweep(SWEEP, COMMENTS, COLUMNS)
    translator = load_translator()
    best = {}
    for way in ("pretrained", "from scratch"):
        for rate in RATES:
            run(translator, way, 300, CHOOSER, rate, "validation")
        rows = read_sweep(SWEEP, way=way, split="validation")
        best[way] = max(rows, key=lambda row: (row["exact_match"], -row["loss"]))["rate"]
    for seed in range(arguments.seeds):
        for pairs in PLAN:
            for way in best:
                run(translator, way, pairs, seed, best[way], "test")


if __name__ == "__main__":
    main()
