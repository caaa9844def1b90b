"""Score mini-GPT and mini-BERT, as they are stored in float16, on the held-out text, and write the scores beside them.

    python experiments/score_mini_gpt.py [--gpt models/mini_gpt] [--bert models/mini_bert] [--work work/mini_gpt]

mini-GPT: perplexity a token and bits a character, beside an interpolated Kneser-Ney 5-gram on the same tokens. That
n-gram model needs the training text, which differs between versions of Python; where it is not to be had, its stored
score stays. mini-BERT: how well it fills in hidden tokens, and its perplexity as if it wrote from left to right.
"""

import argparse
import hashlib
import json
import math
from pathlib import Path

import numpy as np
from kneser_ney import KneserNey
from python_docs import load_documents
from train_mini_gpt import MASK, SETTINGS, encode, held_out_text, hide, stream

from course_utils.runtime import load_torch, load_transformers

torch = load_torch()
load_transformers()
from transformers import GPT2LMHeadModel, ModernBertForMaskedLM, PreTrainedTokenizerFast  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
BATCH, DRAWS, PLACES, BEFORE = 16, 5, 2000, 64


def read_documents(folder):
    """Return the held-out documents that lie beside the weights."""
    return (folder / "held_out.txt").read_text(encoding="utf-8").split("\n\n")[:-1]


def characters_of(documents):
    """Return how many characters documents have, the end of each counted as one."""
    return sum(len(document) + 1 for document in documents)


@torch.inference_mode()
def token_losses(model, tokens, stride=None):
    """Return float64 -ln p of tokens[1:] in windows that overlap, each after at least half a window where there is one.

    Parameters
    ----------
    model : GPT2LMHeadModel
    tokens : int array of shape (n,)
    stride : int, optional
        Tokens from one window to the next, half the model's context by default.
    """
    context = model.config.n_positions
    stride = stride or context // 2
    losses = np.zeros(len(tokens) - 1)
    for start in range(0, max(1, len(tokens) - 1 - context + stride), stride):
        window = torch.tensor(tokens[start : start + context + 1])[None]
        logits = model(input_ids=window[:, :-1], use_cache=False).logits[0]
        values = torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="none").double().numpy()
        new = 0 if start == 0 else context - stride
        losses[start + new : start + len(values)] = values[new:]
    return losses


def summary(losses, characters):
    """Return perplexity a token and bits a character of natural-logarithm losses, rounded."""
    return {
        "perplexity": round(math.exp(losses.mean()), 3),
        "bits_per_character": round(losses.sum() / math.log(2) / characters, 4),
    }


def training_modules(work, tokenizer, sha256):
    """Return the tokens of the training part if this Python (or `work`) has the text that was trained on, else None."""
    path = work / "documents.json"
    documents = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"parts": load_documents().parts}
    if hashlib.sha256(held_out_text(documents).encode()).hexdigest() != sha256:
        return None
    return encode(documents["parts"]["train"], tokenizer)


def score_n_gram(modules, tokens, vocabulary, characters):
    """Return the scores of the Kneser-Ney 5-gram, plain and modified, on the tokens that mini-GPT is scored on."""
    training = stream(modules)
    scores = {}
    for name, modified in (("kneser_ney_5", True), ("kneser_ney_5_one_discount", False)):
        losses = -KneserNey(training, vocabulary, 5, modified).score(tokens, first=1)
        scores[name] = summary(losses, characters)
    return scores


@torch.inference_mode()
def score_masked(model, tokens):
    """Return how well a masked model fills in 15 % hidden tokens of full windows, over several draws."""
    context = SETTINGS["context"]
    windows = torch.tensor(np.lib.stride_tricks.sliding_window_view(tokens, context)[::context].copy())
    generator = torch.Generator().manual_seed(SETTINGS["seed"])
    losses, right = [], []
    for part in [part for _ in range(DRAWS) for part in windows.split(BATCH)]:
        _, chosen = hide(part, SETTINGS["masked_share_scored"], generator)
        inputs = torch.where(chosen, MASK, part)  # as it is used: every hidden token is a mask
        logits, labels = model(input_ids=inputs).logits[chosen], part[chosen]
        losses.append(torch.nn.functional.cross_entropy(logits, labels, reduction="none"))
        right.append(logits.argmax(-1) == labels)
    losses, right = torch.cat(losses).double(), torch.cat(right).double()
    return {
        "masked_perplexity": round(losses.mean().exp().item(), 3),
        "masked_accuracy": round(right.mean().item(), 4),
        "hidden_tokens": len(losses),
    }


@torch.inference_mode()
def score_left_to_right(bert, gpt, tokens):
    """Return both models' perplexity of the next token after the same 64: BERT gets them and a mask at the end."""
    places = np.random.default_rng(SETTINGS["seed"]).choice(np.arange(BEFORE, len(tokens)), PLACES, replace=False)
    losses = {"mini_bert": [], "mini_gpt": []}
    for chosen in np.array_split(places, PLACES // 50):
        context = torch.tensor(np.stack([tokens[place - BEFORE : place] for place in chosen]))
        target = torch.tensor(tokens[chosen])
        masked = torch.cat([context, torch.full_like(context[:, :1], MASK)], dim=1)
        logits = {
            "mini_bert": bert(input_ids=masked).logits[:, -1],
            "mini_gpt": gpt(input_ids=context, use_cache=False).logits[:, -1],
        }
        for name, values in logits.items():
            losses[name].append(torch.nn.functional.cross_entropy(values, target, reduction="none"))
    result = {f"{name}_perplexity": round(torch.cat(x).double().mean().exp().item(), 3) for name, x in losses.items()}
    return {"places": PLACES, "tokens_before": BEFORE, **result}


def write(path, scores):
    path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    print(path.parent.name, json.dumps(scores, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpt", type=Path, default=ROOT / "models" / "mini_gpt")
    parser.add_argument("--bert", type=Path, default=ROOT / "models" / "mini_bert")
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "mini_gpt", help="folder of the training text")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(arguments.gpt)
    documents = read_documents(arguments.gpt)
    characters, tokens = characters_of(documents), stream(encode({"test": documents}, tokenizer))
    gpt = GPT2LMHeadModel.from_pretrained(arguments.gpt, dtype=torch.float32).eval()
    path = arguments.gpt / "scores.json"
    scores = {"tokens": len(tokens) - 1, "characters": characters, "mini_gpt": {}}
    scores["mini_gpt"] = summary(token_losses(gpt, tokens), characters)
    training = json.loads((arguments.gpt / "training.json").read_text(encoding="utf-8"))
    modules = training_modules(arguments.work, tokenizer, training["held_out_sha256"])
    if modules:
        n_gram = score_n_gram(modules, tokens, len(tokenizer), characters)
    else:
        print(f"the n-gram model's score is the stored one: its text is that of Python {training['python']}")
        n_gram = {k: v for k, v in json.loads(path.read_text(encoding="utf-8")).items() if k.startswith("kneser")}
    scores.update(n_gram)
    ratio = scores["mini_gpt"]["perplexity"] / n_gram["kneser_ney_5"]["perplexity"]
    scores["perplexity_below_kneser_ney_5"] = round(1 - ratio, 4)
    write(path, scores)
    if (arguments.bert / "model.safetensors").exists():
        bert = ModernBertForMaskedLM.from_pretrained(arguments.bert, dtype=torch.float32).eval()
        left_to_right = score_left_to_right(bert, gpt, tokens)
        write(arguments.bert / "scores.json", {**score_masked(bert, tokens), "left_to_right": left_to_right})


if __name__ == "__main__":
    main()
