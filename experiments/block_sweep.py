"""Change GPT-2's block one step at a time towards today's, and store the losses of small models trained with each.

    python experiments/block_sweep.py pilot      one seed: every block, and three learning rates of those measured
    python experiments/block_sweep.py seeds      five seeds: the steps of `MEASURED`, each against the block before it

The text is `course_utils.library_text`, cut into the 4,096 tokens of mini-GPT's tokenizer. Each model has two blocks of
width 128 and learns from pieces of 64 tokens. The pilot chooses each block's learning rate on the first half of the
held-out text; the five seeds are scored on the other half, also in pieces of twice the trained length. All blocks of
one seed get the same batches in the same order. Rows are appended, and what is there already is not run again.
"""

import argparse
import math
import os
import platform
import time

import numpy as np
from tokenizers import Tokenizer

from course_utils.library_text import load_library_text
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, read_sweep, start_sweep
from course_utils.weights import MODELS_FOLDER

torch = load_torch(threads=1)
nn, functional = torch.nn, torch.nn.functional

# name: norm, positions, feed-forward, key-value heads, biases
BLOCKS = {
    "GPT-2": ("layer", "learned", "gelu", 4, True),
    "+ RMSNorm, no biases": ("rms", "learned", "gelu", 4, False),
    "+ rotary positions": ("rms", "rotary", "gelu", 4, False),
    "+ SwiGLU": ("rms", "rotary", "swiglu", 4, False),
    "+ grouped queries": ("rms", "rotary", "swiglu", 1, False),
}
WIDTH, LAYERS, HEADS, VOCABULARY = 128, 2, 4, 4096
CONTEXT, LONG, BATCH, UPDATES, WARMUP = 64, 128, 8, 400, 40
RATES = (3e-3, 1.5e-3, 6e-3)  # the first for every block, the others for those that are measured
PILOT_SEED, SEEDS = 100, (0, 1, 2, 3, 4)
MEASURED = ("+ rotary positions", "+ SwiGLU")  # each against the block before it
COLUMNS = "part block parameters rate seed updates validation_loss test_loss test_loss_beyond".split()


class Norm(nn.Module):
    """LayerNorm with a bias, or RMSNorm."""

    def __init__(self, kind):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH) if kind == "layer" else nn.RMSNorm(WIDTH, eps=1e-6)

    def forward(self, x):
        return self.norm(x)


def rotate(x):
    """Turn the pairs (i, i + half) of x (n, heads, tokens, head size) by angles that grow with the position."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class Block(nn.Module):
    """Attention and feed-forward, each added to what it reads through a norm."""

    def __init__(self, norm, positions, feed_forward, groups, biases):
        super().__init__()
        self.rotary, self.groups, self.size = positions == "rotary", groups, WIDTH // HEADS
        self.attention_norm, self.feed_norm = Norm(norm), Norm(norm)
        self.queries = nn.Linear(WIDTH, WIDTH, biases)
        self.keys_values = nn.Linear(WIDTH, 2 * groups * self.size, biases)
        self.attention_out = nn.Linear(WIDTH, WIDTH, biases)
        self.gated = feed_forward == "swiglu"
        # gated layers have three matrices in place of two: two thirds of the inner width, rounded to a multiple of 8;
        # grouped queries give what they save to the inner width, so that all blocks have about the same size
        inner = 4 * WIDTH if not self.gated else 8 * WIDTH / 3 + 2 * (HEADS - groups) * self.size / 3
        inner = 8 * round(inner / 8)
        self.inward = nn.Linear(WIDTH, 2 * inner if self.gated else inner, biases)
        self.outward = nn.Linear(inner, WIDTH, biases)

    def attend(self, x):
        n, tokens, _ = x.shape
        queries = self.queries(x).view(n, tokens, HEADS, self.size).transpose(1, 2)
        keys, values = self.keys_values(x).view(n, tokens, 2, self.groups, self.size).permute(2, 0, 3, 1, 4)
        if self.rotary:
            queries, keys = rotate(queries), rotate(keys)
        keys, values = (y.repeat_interleave(HEADS // self.groups, dim=1) for y in (keys, values))
        y = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self.attention_out(y.transpose(1, 2).reshape(n, tokens, WIDTH))

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        y = self.inward(self.feed_norm(x))
        if self.gated:
            gate, y = y.chunk(2, dim=-1)
            return x + self.outward(functional.silu(gate) * y)
        return x + self.outward(functional.gelu(y, approximate="tanh"))


class Decoder(nn.Module):
    """Embedding, blocks, a last norm, and logits from the embedding's own table."""

    def __init__(self, block, seed):
        super().__init__()
        norm, positions, *_ = BLOCKS[block]
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(Block(*BLOCKS[block]) for _ in range(LAYERS))
        self.norm = Norm(norm)
        # places beyond the trained ones exist, but stay as they were drawn
        self.positions = nn.Embedding(LONG, WIDTH) if positions == "learned" else None
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                deviation = 0.5 / math.sqrt(WIDTH)
                deviation /= math.sqrt(2 * LAYERS) if name.endswith(("attention_out.weight", "outward.weight")) else 1
                nn.init.normal_(parameter, std=deviation)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids):
        x = self.embedding(ids)
        if self.positions is not None:
            x = x + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embedding.weight.T


def loss_of(model, pieces, first=0):
    """Return the cross-entropy in nats a token of pieces (n, length + 1), from the target at `first` on."""
    logits = model(pieces[:, :-1])[:, first:]
    return functional.cross_entropy(logits.flatten(0, 1), pieces[:, first + 1 :].flatten())


@torch.inference_mode()
def score(model, tokens, length, first=0):
    """Return the loss on a text cut into pieces of `length` targets."""
    pieces = tokens[: len(tokens) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    parts = pieces.split(32)
    return sum(float(loss_of(model, part, first)) * len(part) for part in parts) / len(pieces)


def load_tokens():
    """Return the tokens of the training text, of a validation half and of a test half, and the text's source."""
    tokenizer, text = Tokenizer.from_file(str(MODELS_FOLDER / "mini_gpt" / "tokenizer.json")), load_library_text()
    train, held_out = (torch.tensor(tokenizer.encode(part).ids) for part in (text.train, text.held_out))
    return train, *held_out.tensor_split(2), text.source


def train_and_score(part, block, rate, seed, tokens, updates=UPDATES):
    """Train one model and return its row."""
    train, validation, test = tokens
    model = Decoder(block, seed)
    optimizer = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.1, fused=True)
    random, places = torch.Generator().manual_seed(seed), torch.arange(CONTEXT + 1)
    for update in range(1, updates + 1):
        fall = 0.5 + 0.5 * math.cos(math.pi * update / updates)
        optimizer.param_groups[0]["lr"] = rate * min(1, update / WARMUP) * fall
        pieces = train[torch.randint(len(train) - CONTEXT, (BATCH, 1), generator=random) + places]
        loss = loss_of(model, pieces)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    losses = score(model, validation, CONTEXT), score(model, test, CONTEXT), score(model, test, LONG, CONTEXT)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return [part, block, parameters, rate, seed, updates, *(round(loss, 4) for loss in losses)]


def chosen_rate(rows, block):
    """Return the rate with the lowest validation loss in the pilot's rows of a block."""
    pilot = [row for row in rows if row["part"] == "pilot" and row["block"] == block]
    return min(pilot, key=lambda row: row["validation_loss"])["rate"]


def before(block):
    """Return the block that a step starts from."""
    names = [*BLOCKS]
    return names[names.index(block) - 1]


def paired_difference(rows, block, column="test_loss"):
    """Return mean, low and high of the loss of a block minus that of the one before it: 95 %, Student's t, by seed."""
    from scipy.stats import t

    loss = {(row["block"], row["seed"]): row[column] for row in rows if row["part"] == "seeds"}
    differences = np.array([loss[block, seed] - loss[before(block), seed] for seed in SEEDS])
    reach = t.ppf(0.975, len(SEEDS) - 1) * differences.std(ddof=1) / math.sqrt(len(SEEDS))
    return differences.mean(), differences.mean() - reach, differences.mean() + reach


def planned(part, rows):
    """List (block, rate, seed) of a part of the experiment."""
    measured = [name for name in BLOCKS if name in MEASURED or any(name == before(step) for step in MEASURED)]
    if part == "pilot":
        first = [(block, RATES[0], PILOT_SEED) for block in BLOCKS]
        return first + [(block, rate, PILOT_SEED) for block in measured for rate in RATES[1:]]
    return [(block, chosen_rate(rows, block), seed) for seed in SEEDS for block in measured]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["pilot", "seeds"])
    part = parser.parse_args().part
    *tokens, source = load_tokens()
    head = [
        "# command: python experiments/block_sweep.py pilot, then python experiments/block_sweep.py seeds",
        f"# seeds: {PILOT_SEED} in the pilot, which chooses each block's rate by validation_loss; "
        f"{', '.join(map(str, SEEDS))} after it",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        f"# text: {source}, {len(tokens[0]):,} tokens for training, {len(tokens[1]):,} for validation, "
        f"{len(tokens[2]):,} for the test",
        f"# model: {LAYERS} blocks, width {WIDTH}, {HEADS} heads (1 key-value head in grouped queries), "
        f"{VOCABULARY:,} tokens, tied embedding, pre-norm, no dropout; first weights: deviation 0.5/√width",
        f"# training: {BATCH} pieces of {CONTEXT} tokens an update, AdamW (0.9, 0.98), weight decay 0.1, clipped at 1, "
        f"{WARMUP} updates of warm-up, half a cosine to 0",
        f"# losses: nats a token, pieces of {CONTEXT}; test_loss_beyond: places {CONTEXT + 1} to {LONG} "
        f"of pieces of {LONG}, longer than any in training",
    ]
    rows = start_sweep("block_sweep", head, COLUMNS)
    done = {(row["part"], row["block"], row["rate"], row["seed"]) for row in rows}
    for block, rate, seed in planned(part, rows):
        if (part, block, rate, seed) not in done:
            start = time.perf_counter()
            row = train_and_score(part, block, rate, seed, tokens)
            append_rows("block_sweep", [row])
            print(f"{time.perf_counter() - start:.0f} s", row, flush=True)
    if part == "seeds":
        rows = read_sweep("block_sweep")
        for step in MEASURED:
            for column in ("test_loss", "test_loss_beyond"):
                print(
                    step, column, "mean {:+.4f}, 95 % {:+.4f} to {:+.4f}".format(*paired_difference(rows, step, column))
                )


if __name__ == "__main__":
    main()
