"""Tune SmolLM2 with a low-rank adapter on the course's instruction pairs: models/smollm2_adapter.

    python experiments/tune_language_model.py [--epochs 3] [--rate 1e-3] [--rank 8]

All weights of SmolLM2 stay as they are; each matrix W of its blocks gets A and B, whose product is added (Hu et al.,
2021, arXiv:2106.09685). Only the tokens of the answers count in the loss. The blocks compute in bfloat16 where the
processor multiplies it, else in float32; A, B and Adam's numbers are float32. A checkpoint goes to --work every minute,
and a run that is started again goes on from there with the same batches. Rate, rank and epochs were set beforehand, not
searched. `score_adapter.py` scores the result on prompts that it was not tuned on.
"""

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path

import numpy as np

from course_utils.networks.adapter import ADAPTER_FILE, CONFIG_FILE, tensor_names
from course_utils.networks.language_model_files import NAMES, to_transformers
from course_utils.networks.pretrained import load_language_model
from course_utils.questions import load_instructions
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, start_sweep

ROOT = Path(__file__).resolve().parent.parent
MATRICES = ("query", "key", "value", "output", "gate", "up", "down")
BATCH, WARM_UP, SEED, LONGEST, SAVE_SECONDS = 12, 10, 0, 640, 60

torch = load_torch()
from safetensors.torch import load_file, save_file  # noqa: E402  torch is loaded by its door first


class LowRank(torch.nn.Module):
    """A frozen linear layer, to whose result scale * x A B is added; B starts at zero, so nothing is changed yet."""

    def __init__(self, linear, rank, scale, generator):
        super().__init__()
        self.linear, self.scale = linear, scale
        wide, narrow = linear.in_features, linear.out_features
        self.a = torch.nn.Parameter(torch.randn(rank, wide, generator=generator) / math.sqrt(wide))
        self.b = torch.nn.Parameter(torch.zeros(narrow, rank))

    def forward(self, x):
        return self.linear(x) + self.scale * (x @ self.a.to(x.dtype).T) @ self.b.to(x.dtype).T


def add_layers(reference, rank, scale):
    """Put a `LowRank` in the place of each matrix of the blocks; return {(layer, our name): LowRank}."""
    generator, added = torch.Generator().manual_seed(SEED), {}
    reference.requires_grad_(False)
    for index, block in enumerate(reference.model.layers):
        for ours in MATRICES:
            path, _, name = NAMES[ours][1].removesuffix(".weight").rpartition(".")
            parent = block.get_submodule(path)
            added[index, ours] = LowRank(getattr(parent, name), rank, scale, generator)
            setattr(parent, name, added[index, ours])
    return added


def encode(model, instruction):
    """Return the tokens of a conversation with its answer, and how many of them are the prompt's."""
    prompt = model.tokenizer.encode_chat(list(instruction.messages))
    return prompt + model.encode(instruction.answer) + [model.tokenizer.special["<|im_end|>"]], len(prompt)


def make_batch(examples):
    """Return ids and labels (batch, tokens), padded on the right; a label of -100 does not count."""
    width = max(len(tokens) for tokens, _ in examples)
    ids = [tokens + [0] * (width - len(tokens)) for tokens, _ in examples]
    labels = [[-100] * start + tokens[start:] + [-100] * (width - len(tokens)) for tokens, start in examples]
    return torch.tensor(ids), torch.tensor(labels)


def batches_of(examples, epochs):
    """Return the examples' numbers, batch after batch: each epoch in an order of its own, with little padding."""
    lengths, batches = np.array([len(tokens) for tokens, _ in examples]), []
    for epoch in range(epochs):
        random = np.random.default_rng([SEED, epoch])
        order = random.permutation(len(examples))
        for start in range(0, len(order), 8 * BATCH):
            near = order[start : start + 8 * BATCH]
            near = near[np.argsort(lengths[near], kind="stable")]
            parts = [near[first : first + BATCH] for first in range(0, len(near), BATCH)]
            batches += [parts[place] for place in random.permutation(len(parts))]
    return batches


def loss_of(reference, examples):
    """Return the mean loss in nats of the answers' tokens; only their states meet the large head."""
    ids, labels = make_batch(examples)
    states = reference.model(input_ids=ids).last_hidden_state[:, :-1]
    counted = labels[:, 1:] != -100
    return torch.nn.functional.cross_entropy(reference.lm_head(states[counted]).float(), labels[:, 1:][counted])


def train(reference, added, examples, options):
    parameters = [parameter for low in added.values() for parameter in (low.a, low.b)]
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.0)
    batches, checkpoint = batches_of(examples, options.epochs), options.work / "checkpoint.safetensors"
    state = read_checkpoint(checkpoint, parameters, optimizer)
    losses, seconds, saved = state["losses"], state["seconds"], time.monotonic()
    reference.train()
    while len(losses) < len(batches):
        step, begun = len(losses), time.monotonic()
        share = min(1, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / len(batches))) / 2
        optimizer.param_groups[0]["lr"] = options.rate * share
        loss = loss_of(reference, [examples[number] for number in batches[step]])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
        seconds += time.monotonic() - begun
        if len(losses) % 10 == 0:
            print(
                f"update {len(losses)} of {len(batches)}: loss {np.mean(losses[-10:]):.3f}, {seconds:.0f} s", flush=True
            )
        if time.monotonic() - saved > SAVE_SECONDS or len(losses) == len(batches):
            write_checkpoint(checkpoint, parameters, optimizer, losses, seconds)
            saved = time.monotonic()
    reference.eval()
    return losses, seconds


def write_checkpoint(path, parameters, optimizer, losses, seconds):
    """Write all that the run needs to go on, so that an interrupted write leaves the old file whole."""
    state = {f"parameter {i}": parameter.detach() for i, parameter in enumerate(parameters)}
    for i, parameter in enumerate(parameters):
        state |= {f"{name} {i}": optimizer.state[parameter][name] for name in ("exp_avg", "exp_avg_sq", "step")}
    state |= {"losses": torch.tensor(losses), "seconds": torch.tensor([seconds])}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous().clone() for name, value in state.items()}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def read_checkpoint(path, parameters, optimizer):
    """Read what `write_checkpoint` wrote, where there is one."""
    if not path.exists():
        return {"losses": [], "seconds": 0.0}
    state = load_file(path)
    with torch.no_grad():
        for i, parameter in enumerate(parameters):
            parameter.copy_(state[f"parameter {i}"])
            optimizer.state[parameter] = {name: state[f"{name} {i}"] for name in ("exp_avg", "exp_avg_sq", "step")}
    print(f"goes on from update {len(state['losses'])}", flush=True)
    return {"losses": state["losses"].tolist(), "seconds": state["seconds"].item()}


def write_adapter(added, folder, rank, record):
    """Write the adapter as peft does, in float16, with a record of what it was made from."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for place, low in added.items():
        first, second = tensor_names(*place)
        tensors[first], tensors[second] = low.a.detach().half(), low.b.detach().half()
    save_file(tensors, folder / ADAPTER_FILE, {"format": "pt"})
    (folder / ADAPTER_FILE).chmod(0o644)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(NAMES[ours][1].split(".")[-2] for ours in MATRICES),
    }
    for name, values in ((CONFIG_FILE, config), ("training.json", record)):
        (folder / name).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def export(added, options, losses, seconds, examples):
    """Write the adapter, and the losses of its training as a CSV."""
    record = {
        "pairs": len(examples),
        "epochs": options.epochs,
        "updates": len(losses),
        "batch": BATCH,
        "rate": options.rate,
        "warm_up": WARM_UP,
        "seed": SEED,
        "loss_of_the_last_20_updates": round(float(np.mean(losses[-20:])), 4),
        "minutes": round(seconds / 60, 1),
        "parameters": sum(low.a.numel() + low.b.numel() for low in added.values()),
        "hardware": hardware(options),
    }
    write_adapter(added, options.output, options.rank, record)
    (ROOT / "experiments" / "results" / "smollm2_adapter_training.csv").unlink(missing_ok=True)
    head = [f"# command: python experiments/tune_language_model.py --epochs {options.epochs} --rate {options.rate}"]
    start_sweep(
        "smollm2_adapter_training", [*head, f"# seeds: {SEED}", f"# hardware: {hardware(options)}"], ["update", "loss"]
    )
    append_rows("smollm2_adapter_training", [(i + 1, round(loss, 4)) for i, loss in enumerate(losses)])


def hardware(options):
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), blocks in {options.dtype}, shared with other work"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "smollm2_adapter")
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "adapter", help="folder of the checkpoint")
    parser.add_argument(
        "--dtype", choices=("bfloat16", "float32"), default="bfloat16" if fast_bfloat16() else "float32"
    )
    options = parser.parse_args()
    load_torch(threads=2)
    model = load_language_model()
    examples = [encode(model, pair) for pair in load_instructions("train")]
    examples = [example for example in examples if len(example[0]) <= LONGEST]
    print(f"{len(examples)} pairs, {np.mean([len(tokens) for tokens, _ in examples]):.0f} tokens each", flush=True)
    reference = to_transformers(model).to(getattr(torch, options.dtype))
    reference.config._attn_implementation = "eager"  # its pass back is twice as fast as the fused one on a processor
    added = add_layers(reference, options.rank, 2.0)
    losses, seconds = train(reference, added, examples, options)
    export(added, options, losses, seconds, examples)


def fast_bfloat16():
    """Say whether the processor multiplies bfloat16: without, it is many times slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


if __name__ == "__main__":
    main()
