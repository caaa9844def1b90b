"""Continue the course's adapter of SmolLM2 on pairs of a right and a wrong answer: models/smollm2_preferred.

    python experiments/prefer_language_model.py pairs
    python experiments/prefer_language_model.py train --measure honest [--rate 2e-4] [--seed 0]
    python experiments/prefer_language_model.py train --measure answers

pairs: the adapted model draws four answers to prompts of the training part (temperature 1); `score_answer` judges them.
A pair is a right answer, drawn or else the given one, and a wrong answer that the model wrote; at most one a prompt.
train: direct preference optimisation (Rafailov et al., 2023, arXiv:2305.18290), one epoch for each of two measures:
"honest" judges all kinds of prompts, so that saying "The text does not say." is right where it does not; "answers"
counts right answers only, so a prompt without an answer in its text makes no pair. Both have the same number of pairs,
and most in common. Beta is the paper's 0.1; rate (a fifth of the tuning's) and epochs were set beforehand,
not searched. The adapter of "honest" is stored with the course, for chapter 7; the other one, a control, is made anew.
`score_preference.py` scores both on prompts that neither saw.
"""

import argparse
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tune_language_model import ROOT, add_layers, fast_bfloat16, hardware, load_file, write_adapter

from course_utils.answer_scores import score_answer
from course_utils.networks.adapter import ADAPTER_FILE, tensor_names
from course_utils.networks.chat_batches import pad_left
from course_utils.networks.language_model_files import to_transformers
from course_utils.networks.pretrained import load_language_model
from course_utils.questions import load_instructions
from course_utils.runtime import load_torch
from course_utils.tables import RESULTS, append_rows, start_sweep

PAIRS = RESULTS / "preference_pairs.jsonl"
PAIRS_WANTED = 200  # of each measure
ROUNDS = (0, True, 90), (0, False, 290), (1, False, 140)  # seed, whether the text does not answer, prompts asked
DRAWS, LONGEST_ANSWER, PROMPTS_AT_ONCE = 4, 32, 40
BETA, BATCH, WARM_UP, RANK, SCALE = 0.1, 6, 4, 8, 2.0
FOLDERS = {"honest": "smollm2_preferred", "answers": "smollm2_preferred_answers"}

torch = load_torch()


@torch.inference_mode()
def draw_answers(reference, prompts, ends, generator):
    """Return for each of several prompts (token numbers) the answers drawn at temperature 1, those that ended."""
    ids, counted = map(torch.tensor, pad_left(prompts))
    place = (counted.cumsum(1) - 1).clamp(min=0)
    output = reference.model(input_ids=ids, attention_mask=counted, position_ids=place, use_cache=True)
    cache, state = output.cache, output.last_hidden_state[:, -1]
    cache.batch_repeat_interleave(DRAWS)
    state, counted, place = (x.repeat_interleave(DRAWS, 0) for x in (state, counted, place[:, -1:]))
    written, ended, going = [[] for _ in state], [[] for _ in prompts], torch.arange(len(state))
    for _ in range(LONGEST_ANSWER + 1):
        tokens = torch.multinomial(reference.lm_head(state).float().softmax(-1), 1, generator=generator)
        for row, token in zip(going.tolist(), tokens[:, 0].tolist(), strict=True):
            if token in ends:
                ended[row // DRAWS].append(written[row][:])
            written[row].append(token)
        keep = (~torch.isin(tokens[:, 0], torch.tensor(ends))).nonzero()[:, 0]
        if len(keep) == 0:
            break
        cache.batch_select_indices(keep)
        going, tokens, counted, place = going[keep], tokens[keep], counted[keep], place[keep] + 1
        counted = torch.cat([counted, torch.ones_like(tokens)], 1)
        output = reference.model(
            input_ids=tokens, attention_mask=counted, position_ids=place, cache=cache, use_cache=True
        )
        state = output.last_hidden_state[:, -1]
    return ended


def choose_pair(instruction, answers):
    """Return (right answer, who wrote it, wrong answer) of the answers drawn, or None where none was wrong."""
    right = [text for text in answers if score_answer(instruction, text)]
    wrong = [text for text in answers if text and not score_answer(instruction, text)]
    if not wrong:
        return None
    return (right[0], "model", wrong[0]) if right else (instruction.answer, "given", wrong[0])


def make_pairs():
    """Draw answers to training prompts chosen by chance, and store the pairs that they make."""
    model = load_language_model(adapter="course")
    dtype = "bfloat16" if fast_bfloat16() else "float32"
    reference = to_transformers(model).to(getattr(torch, dtype))
    streams, asked, found = {}, set(), {True: [], False: []}
    for seed, abstain, most in ROUNDS:
        random, generator = streams.setdefault(seed, (np.random.default_rng(seed), torch.Generator().manual_seed(seed)))
        prompts = choose_prompts(asked, abstain, most, random)
        found[abstain] += draw_pairs(model, reference, prompts, generator)
    device = hardware(SimpleNamespace(dtype=dtype))
    head = {"command": "python experiments/prefer_language_model.py pairs", "prompts_asked": len(asked)}
    rows = [head | {"seeds": [*streams], "hardware": device}, *divide(found[True], found[False])]
    PAIRS.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def choose_prompts(asked, abstain, most, random):
    """Return training prompts that were not asked yet, whose text answers or does not, and note them as asked."""
    prompts = [prompt for prompt in load_instructions("train") if prompt.kind != "chat" and prompt.id not in asked]
    prompts = [prompt for prompt in prompts if (prompt.kind == "abstain") == abstain]
    prompts = [prompts[place] for place in random.permutation(len(prompts))[:most]]
    asked |= {prompt.id for prompt in prompts}
    return prompts


def draw_pairs(model, reference, prompts, generator):
    """Return a pair for each prompt to which a wrong answer was drawn, in the order of the prompts."""
    ids, ends = [model.tokenizer.encode_chat(list(prompt.messages)) for prompt in prompts], sorted(model.tokenizer.ends)
    order, pairs, begun = np.argsort([len(row) for row in ids], kind="stable"), {}, time.monotonic()
    for start in range(0, len(order), PROMPTS_AT_ONCE):
        places = order[start : start + PROMPTS_AT_ONCE]
        drawn = draw_answers(reference, [ids[place] for place in places], ends, generator)
        for place, rows in zip(places, drawn, strict=True):
            if pair := choose_pair(prompts[place], [model.decode(row).strip() for row in rows]):
                names = {"id": prompts[place].id, "kind": prompts[place].kind}
                pairs[place] = names | dict(zip(("chosen", "chosen_by", "rejected"), pair, strict=True))
        print(start + len(places), len(pairs), f"{time.monotonic() - begun:.0f} s", flush=True)
    return [pairs[place] for place in sorted(pairs)]


def divide(abstaining, others):
    """Return the pairs of both measures, of "honest" alone (abstaining), and as many of "answers" alone."""
    shared = min(PAIRS_WANTED, len(others)) - len(abstaining)
    kept = [("honest", row) for row in abstaining] + [("both", row) for row in others[:shared]]
    kept += [("answers", row) for row in others[shared : shared + len(abstaining)]]
    return [{"measure": measure} | row for measure, row in kept]


def load_pairs():
    """Return what `make_pairs` stored: a list of dict, "chosen" and "rejected" to one prompt's "id"."""
    return [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()[1:]]


def encode_pair(model, instruction, pair):
    """Return the tokens of the prompt, of the chosen and of the rejected answer, each answer with its end."""
    end = [model.tokenizer.special["<|im_end|>"]]
    answers = (model.encode(pair[name]) + end for name in ("chosen", "rejected"))
    return model.tokenizer.encode_chat(list(instruction.messages)), *answers


def log_probabilities(reference, head, pairs):
    """Return log p of the chosen and of the rejected answers (pairs, 2), summed over an answer's tokens.

    Both answers stand behind one prompt, which is computed once: the rejected one neither sees the chosen one nor
    counts its places.
    """
    width = max(sum(map(len, pair)) for pair in pairs)
    ids, positions = torch.zeros(2, len(pairs), width, dtype=torch.long)
    seen = torch.ones(width, width, dtype=torch.bool).tril().repeat(len(pairs), 1, 1)
    sources, targets, owners = [], [], []
    for row, (prompt, chosen, rejected) in enumerate(pairs):
        start, middle = len(prompt), len(prompt) + len(chosen)
        tokens = [*prompt, *chosen, *rejected]
        ids[row, : len(tokens)] = torch.tensor(tokens)
        positions[row] = torch.arange(width)
        positions[row, middle:] -= len(chosen)
        seen[row, middle:, start:middle] = False
        for column, (answer, first) in enumerate(((chosen, start), (rejected, middle))):
            sources += [row * width + place for place in (start - 1, *range(first, first + len(answer) - 1))]
            targets += answer
            owners += [2 * row + column] * len(answer)
    dtype = reference.model.embed_tokens.weight.dtype
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
    states = reference.model(input_ids=ids, attention_mask=mask, position_ids=positions).last_hidden_state
    logits = states.flatten(0, 1)[sources].float() @ head
    each = -torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="none")
    return torch.zeros(2 * len(pairs)).index_add(0, torch.tensor(owners), each).view(-1, 2)


def preference_loss(log_p, log_p_reference, beta=BETA):
    """Return -log sigmoid(beta * (gain of the chosen - gain of the rejected)) of each pair (n,); both are (n, 2)."""
    gains = log_p - log_p_reference
    return -torch.nn.functional.logsigmoid(beta * (gains[:, 0] - gains[:, 1]))


def train(reference, head, parameters, pairs, before, options):
    """Take one step for each batch of pairs, once through all.

    Return, of each step, loss, share of the pairs preferred rightly, mean gain in log p of chosen and of rejected
    answers; and the seconds.
    """
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.0)
    order = np.array_split(np.random.default_rng(options.seed).permutation(len(pairs)), math.ceil(len(pairs) / BATCH))
    curve, begun = [], time.monotonic()
    for step, places in enumerate(order):
        share = min(1, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / len(order))) / 2
        optimizer.param_groups[0]["lr"] = options.rate * share
        log_p = log_probabilities(reference, head, [pairs[place] for place in places])
        losses = preference_loss(log_p, before[places])
        optimizer.zero_grad()
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        gains = (log_p - before[places]).detach()
        curve.append((losses.mean().item(), (gains[:, 0] > gains[:, 1]).float().mean().item(), *gains.mean(0).tolist()))
        print(options.measure, step + 1, *np.round(curve[-1], 3), f"{time.monotonic() - begun:.0f} s", flush=True)
    return curve, time.monotonic() - begun


def set_adapter(added, folder):
    """Put the matrices of a stored adapter into the layers."""
    stored = load_file(folder / ADAPTER_FILE)
    with torch.no_grad():
        for place, low in added.items():
            for parameter, name in zip((low.a, low.b), tensor_names(*place), strict=True):
                parameter.copy_(stored[name])


def train_on(options):
    """Continue the course's adapter on the pairs of one measure, and store it."""
    model = load_language_model()
    prompts = {prompt.id: prompt for prompt in load_instructions("train")}
    rows = [row for row in load_pairs() if row["measure"] in ("both", options.measure)]
    pairs = [encode_pair(model, prompts[row["id"]], row) for row in rows]
    dtype = "bfloat16" if fast_bfloat16() else "float32"
    head = torch.from_numpy(np.ascontiguousarray(model.head))
    reference = to_transformers(model).to(getattr(torch, dtype))
    reference.config._attn_implementation = "eager"  # as in tune_language_model
    added = add_layers(reference, RANK, SCALE)
    parameters = [parameter for low in added.values() for parameter in (low.a, low.b)]
    set_adapter(added, ROOT / "models" / "smollm2_adapter")
    with torch.no_grad():  # the reference is the adapter itself, before the first step
        parts = [pairs[place : place + BATCH] for place in range(0, len(pairs), BATCH)]
        before = torch.cat([log_probabilities(reference, head, part) for part in parts])
    curve, seconds = train(reference, head, parameters, pairs, before, options)
    device, table = hardware(SimpleNamespace(dtype=dtype)), "smollm2_preferred_training"
    command = f"# command: python experiments/prefer_language_model.py train --measure … --rate {options.rate}"
    comments = [command, "# seeds: column seed (order of the pairs)", f"# hardware: {device}"]
    start_sweep(table, comments, "measure seed update loss preferred gain_chosen gain_rejected".split())
    found = [(options.measure, options.seed, i + 1, *(round(x, 4) for x in row)) for i, row in enumerate(curve)]
    append_rows(table, found)
    record = {
        "measure": options.measure,
        "pairs": len(pairs),
        "epochs": 1,
        "updates": len(curve),
        "batch": BATCH,
        "beta": BETA,
        "rate": options.rate,
        "warm_up": WARM_UP,
        "seed": options.seed,
        "loss_of_the_last_10_updates": round(float(np.mean([row[0] for row in curve[-10:]])), 4),
        "minutes": round(seconds / 60, 1),
        "parameters": sum(parameter.numel() for parameter in parameters),
        "hardware": device,
    }
    write_adapter(added, options.output / FOLDERS[options.measure], RANK, record)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["pairs", "train"])
    parser.add_argument("--measure", choices=[*FOLDERS], default="honest")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "models")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.part == "pairs":
        make_pairs()
    else:
        train_on(options)


if __name__ == "__main__":
    main()
