"""Round the weights of four models to few bits, with a scale a matrix, a row or a group of 32, and score them.

    python experiments/fewer_bits.py

All matrices are rounded, tables of tokens and positions too; vectors stay as they are. A row holds what one output
number (or token) is made of. Scales are kept in 16 bits. A row of the file is one item of one setting (32 bits: as
loaded): mini-GPT and SmolLM2 the loss in nats of a piece of held-out text, after at least 128 or 32 tokens of it;
mini-T5 the chrF of a phrase's translation into French; MiniLM the place of a question's passage among all. What is
there already is not run again.
"""

import itertools
import os
import platform
import time

import numpy as np
from sacrebleu.metrics import CHRF

from course_utils.data import load_phrases
from course_utils.library_text import load_passages
from course_utils.networks.pretrained import load_language_model, load_sentence_encoder, load_translator
from course_utils.questions import load_passage_questions
from course_utils.runtime import load_torch, load_transformers
from course_utils.tables import append_rows, start_sweep
from course_utils.weights import verified_path

torch, transformers = load_torch(threads=1), load_transformers()

GROUPS = ("matrix", "row", "32")
EVERY = [(32, ""), *itertools.product((8, 4, 3, 2), GROUPS)]  # for mini-GPT
SOME = [(32, ""), (8, "row"), (4, "32"), (4, "row"), (4, "matrix"), (3, "32"), (3, "row")]
ROUNDED_BEFORE = [(32, ""), (4, "32"), (4, "matrix"), (3, "32")]  # for SmolLM2
PIECES = 12  # of SmolLM2's text


def rounded(matrix, bits, group):
    """Return a matrix (rows, columns), float32, rounded to whole numbers of `bits` bits times each group's scale."""
    size = {"matrix": matrix.size, "row": matrix.shape[1], "32": 32}[group]
    groups = matrix.reshape(-1, size)
    scale = np.abs(groups).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    whole = np.round(groups / np.where(scale == 0, 1, scale))
    return (whole * scale.astype(np.float16).astype(np.float32)).reshape(matrix.shape)


def round_torch(model, kept, bits, group):
    """Put rounded weights in place of `kept`, a torch model's own by name; GPT-2's matrices lie on their side."""
    for name, weights in kept.items():
        on_its_side = ".c_" in name
        if bits < 32:
            weights = rounded(np.ascontiguousarray(weights.T if on_its_side else weights), bits, group)
            weights = weights.T if on_its_side else weights
        model.get_parameter(name).data.copy_(torch.as_tensor(np.ascontiguousarray(weights)))


def held_out_text():
    """Return mini-GPT's folder and the documents of its test part."""
    folder = verified_path("mini_gpt").parent
    return folder, (folder / "held_out.txt").read_text(encoding="utf-8").split("\n\n")[:-1]


def mini_gpt():
    """Return mini-GPT and a function that gives its loss (58) on chapter 5's pieces."""
    folder, documents = held_out_text()
    model = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    end = tokenizer.eos_token_id
    stream = np.array([end, *(token for ids in tokenizer(documents)["input_ids"] for token in (*ids, end))])
    pieces = torch.tensor(np.lib.stride_tricks.sliding_window_view(stream, 257)[:: 3 * 128].copy())

    @torch.inference_mode()
    def score():
        losses = []
        for part in pieces.split(2):
            logits = model(input_ids=part[:, :-1], use_cache=False).logits
            values = torch.nn.functional.cross_entropy(logits.mT, part[:, 1:], reduction="none").double()
            losses += values[:, 128:].mean(dim=1).tolist()
        return losses

    return model, score


def mini_t5():
    """Return mini-T5's network and a function that gives the chrF (200) of the course's phrases in French."""
    translator, phrases, metric = load_translator(), load_phrases(), CHRF()
    english, french = list(phrases.english), list(phrases.french)

    def score():
        found = translator.translate(english, warn=False)
        return [metric.sentence_score(*pair).score for pair in zip(found, ([text] for text in french), strict=True)]

    return translator.model, score


def minilm():
    """Return MiniLM's network and a function that gives the place (60) of each question's passage."""
    encoder, passages, questions = load_sentence_encoder(), load_passages(), load_passage_questions()
    ids = [passage.id for passage in passages]
    right = np.array([ids.index(question.passage) for question in questions])

    def score():
        scores = encoder.encode([question.question for question in questions])
        scores = scores @ encoder.encode([passage.text for passage in passages]).T
        own = scores[np.arange(len(right)), right][:, None]
        return 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2

    return encoder.model, score


def smollm2():
    """Return SmolLM2, its matrices with a row for each output number, and a function that gives its loss (12)."""
    model, (_, documents) = load_language_model(), held_out_text()
    stream = np.array(model.encode("\n\n".join(documents)))
    pieces = np.lib.stride_tricks.sliding_window_view(stream, 129)[:: len(stream) // PIECES][:PIECES]

    def score():
        losses = []
        for piece in pieces:
            logits = model.logits(piece[:-1])[32:].astype(float)
            highest = logits.max(axis=1)
            chances = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
            losses.append((chances - logits[np.arange(len(logits)), piece[33:]]).mean())
        return losses

    matrices = [getattr(layer, name) for layer in model.layers for name in ("query", "key", "value", "output")]
    matrices += [getattr(layer, name) for layer in model.layers for name in ("gate", "up", "down")]
    return [model.embedding, *(matrix.T for matrix in matrices)], model, score


def measure(name, settings, change, score, done):
    for bits, group in settings:
        if (name, bits, group) not in done:
            start = time.process_time()
            change(bits, group)
            values = score()
            append_rows("fewer_bits", [(name, bits, group, item, f"{value:.5f}") for item, value in enumerate(values)])
            print(name, bits, group, f"{np.mean(values):.3f}, {time.process_time() - start:.0f} s", flush=True)


def main():
    head = [
        "# command: python experiments/fewer_bits.py",
        "# seeds: none is drawn",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        "# weights: mini-GPT and mini-T5 are kept in 16 bits, MiniLM in 32; SmolLM2's were rounded to 4 bits before",
        "# value: mini-GPT, SmolLM2 loss in nats; mini-T5 chrF; MiniLM the passage's place among 340",
    ]
    rows = start_sweep("fewer_bits", head, ["model", "bits", "group", "item", "value"])
    done = {(row["model"], row["bits"], str(row["group"])) for row in rows}
    models = ("mini-GPT", mini_gpt, EVERY), ("mini-T5", mini_t5, SOME), ("MiniLM", minilm, SOME)
    for name, load, settings in models:
        model, score = load()
        kept = {key: own.detach().numpy().copy() for key, own in model.named_parameters() if own.ndim == 2}
        measure(name, settings, lambda bits, group: round_torch(model, kept, bits, group), score, done)
    arrays, model, score = smollm2()
    own = [array.copy() for array in arrays]

    def change(bits, group):
        for array, weights in zip(arrays, own, strict=True):
            array[:] = weights if bits == 32 else rounded(np.ascontiguousarray(weights), bits, group)
        model.head = np.ascontiguousarray(model.embedding.T)

    measure("SmolLM2", ROUNDED_BEFORE, change, score, done)


if __name__ == "__main__":
    main()
