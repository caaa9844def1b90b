"""Score SmolLM2 without and with the adapter of models/smollm2_adapter, on prompts that it was not tuned on.

    python experiments/score_adapter.py [--adapter course]

Three kinds of prompts apart: trained forms on texts that stand in no training pair; forms that stand in none either;
questions on passages of Python's documentation, which other people wrote. Answers are greedy, at most 60 tokens, and
judged by `course_utils.answer_scores`. The difference is paired; its 95 % interval resamples groups (2,000 draws): the
texts, for new forms the forms, of Python's documentation the passages. What was forgotten: the loss in nats a token on
sentences and paragraphs that have nothing to do with the pairs, resampled the same way.
"""

import argparse
import os
import platform
from pathlib import Path

import numpy as np

from course_utils.answer_scores import score_answer
from course_utils.data import load_phrases
from course_utils.fitting import resampled_interval
from course_utils.library_text import load_library_text
from course_utils.networks.chat_batches import answer_all
from course_utils.networks.pretrained import load_language_model
from course_utils.questions import load_instructions
from course_utils.runtime import progress
from course_utils.tables import RESULTS, append_rows, start_sweep

PARTS = {"seen forms": "text_id", "new forms": "form", "python": "text_id"}
NEW, DRAWS, PARAGRAPHS = 60, 2000, 200


def losses(model, texts):
    """Return the sum of the losses in nats, and the number of tokens predicted, of each text (n, 2)."""
    rows = []
    for text in progress(texts, description="texts"):
        ids = model.encode(text)[:256]
        logits = model.logits(ids)[:-1].astype(float)
        highest = logits.max(axis=1)
        loss = (
            highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1)) - logits[np.arange(len(ids) - 1), ids[1:]]
        )
        rows.append((loss.sum(), len(loss)))
    return np.array(rows)


def difference(plain, tuned, groups):
    """Return mean(tuned) - mean(plain) and its 95 % interval, by resampling groups."""
    _, places = np.unique(groups, return_inverse=True)
    gains = np.bincount(places, np.asarray(tuned, float) - plain)
    low, high = resampled_interval(gains, np.bincount(places), DRAWS)
    return np.mean(tuned) - np.mean(plain), low, high


def start(name, columns, adapter):
    (RESULTS / f"{name}.csv").unlink(missing_ok=True)
    hardware = f"{os.cpu_count()} CPU cores ({platform.machine()}), shared with other work"
    head = [f"# command: python experiments/score_adapter.py --adapter {adapter}", "# seeds: 0 (resampling)"]
    start_sweep(name, [*head, f"# hardware: {hardware}"], columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", default="course", help="a folder, or course")
    adapter = parser.parse_args().adapter
    models = {"plain": load_language_model(), "adapter": load_language_model(adapter=adapter)}
    start("adapter_answers", ["part", "form", "kind", "id", "text_id", "model", "right", "answer"], Path(adapter).name)
    start("adapter_scores", ["part", "count", "plain", "adapter", "difference", "low", "high"], Path(adapter).name)
    for part, group in PARTS.items():
        prompts, right = load_instructions(part), {}
        for name, model in models.items():
            answers = answer_all(model, [prompt.messages for prompt in prompts], NEW)
            right[name] = np.array([score_answer(*pair) for pair in zip(prompts, answers, strict=True)])
            append_rows(
                "adapter_answers",
                [
                    (
                        part,
                        prompt.form,
                        prompt.kind,
                        prompt.id,
                        prompt.text_id,
                        name,
                        int(ok),
                        " / ".join(text.split("\n")),
                    )
                    for prompt, ok, text in zip(prompts, right[name], answers, strict=True)
                ],
            )
        for kind in ("all", *dict.fromkeys(prompt.kind for prompt in prompts)):
            chosen = np.array([kind in ("all", prompt.kind) for prompt in prompts])
            groups = np.array([getattr(prompt, group) for prompt in prompts])[chosen]
            plain, tuned = right["plain"][chosen], right["adapter"][chosen]
            row = [f"{part}: {kind}", chosen.sum(), plain.mean(), tuned.mean(), *difference(plain, tuned, groups)]
            append_rows("adapter_scores", [[*row[:2], *(round(float(value), 4) for value in row[2:])]])
            print(*row)
    elsewhere = {
        "sentences of the translation set": load_phrases().english,
        "paragraphs of Python's library": load_library_text().held_out.split("\n")[:PARAGRAPHS],
    }
    for place, texts in elsewhere.items():
        plain, tuned = (losses(model, texts) for model in models.values())
        before, after = (rows[:, 0].sum() / rows[:, 1].sum() for rows in (plain, tuned))
        row = [before, after, after - before, *resampled_interval(tuned[:, 0] - plain[:, 0], plain[:, 1], DRAWS)]
        append_rows("adapter_scores", [[f"loss: {place}", len(texts), *(round(float(value), 4) for value in row)]])
        print(place, *row)


if __name__ == "__main__":
    main()
