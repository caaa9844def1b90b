"""Score how many of the found passages the model of `course_utils.ask` should read: the nearest, all three, one by one.

    python experiments/passages_read.py

The held-out texts of the instructions are the collection, each a passage; 60 of their questions have an answer there,
and 30 nearly have one. "nearest" is read alone; of "three", those that are near enough are read together; "one by one"
reads the nearest, and where the model says that the text does not say, the next. An answer is right where it holds an
accepted one, and for a question without an answer, where the model says so.
"""

import os
import platform
import random

import numpy as np
from make_instructions import FOLDER, other_candidates, read_texts

from course_utils.answer_scores import ABSTAINING_ANSWER, holds_answer
from course_utils.ask import NEAR, PROMPT, is_silent
from course_utils.fitting import resampled_interval
from course_utils.networks.pretrained import load_language_model, load_sentence_encoder
from course_utils.tables import append_rows, read_sweep, start_sweep

NAME = "passages_read"
COLUMNS = ["reads", "kind", "question", "passage_found", "answer", "right", "abstains"]
READS, DRAWS = ("nearest", "three", "one by one"), 10_000


def questions(entries):
    """Return [(kind, question, place of its text, accepted answers)], drawn with seed 0."""
    answered = [
        ("answered", question, i, accept) for i, one in enumerate(entries) for _, question, accept in one["answered"]
    ]
    nearly = [("nearly", question, i, []) for i, one in enumerate(entries) for question in one["unanswered"]]
    draw = random.Random(0)
    return draw.sample(answered, 60) + draw.sample(nearly, 30)


def answer(model, passages, question):
    prompt = PROMPT.format(text="\n\n".join(passages), question=question)
    return "".join(model.chat([{"role": "user", "content": prompt}], max_new_tokens=32)).strip()


def answers(model, near, question):
    """Return {reads: answer} for a question and the passages that are near, the nearest first."""
    if not near:
        return dict.fromkeys(READS, ABSTAINING_ANSWER)
    found = {"nearest": answer(model, near[:1], question)}
    found["three"] = answer(model, near, question) if len(near) > 1 else found["nearest"]
    tried = found["nearest"]
    for passage in near[1:]:
        if not is_silent(tried):
            break
        tried = answer(model, [passage], question)
    return found | {"one by one": tried}


def main():
    entries = read_texts(FOLDER / "held_out.txt")
    asked, texts = questions(entries), [entry["text"] for entry in entries]
    head = [
        f"# command: python experiments/{NAME}.py",
        "# seeds: 0 draws the questions; the likeliest token is taken",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        "# model: SmolLM2-135M-Instruct with the course's adapter; passages of a similarity of at least "
        f"{NEAR} are read",
    ]
    done = {row["question"] for row in start_sweep(NAME, head, COLUMNS)}
    if len(done) < len(asked):
        encoder, model = load_sentence_encoder(), load_language_model(adapter="course")
        similarities = encoder.encode([question for _, question, *_ in asked]) @ encoder.encode(texts).T
        for (kind, question, place, accept), near in zip(asked, similarities, strict=True):
            if question in done:
                continue
            found = [int(i) for i in np.argsort(-near)[:3] if near[i] >= NEAR]
            rows = []
            for reads, text in answers(model, [texts[i] for i in found], question).items():
                silent = is_silent(text)
                right = silent
                if kind == "answered":
                    others = other_candidates(entries[place], question, accept)
                    right = not silent and holds_answer(text, accept, others)
                rows.append((reads, kind, question, int(place in found), text, int(right), int(silent)))
            append_rows(NAME, rows)
    table = read_sweep(NAME)
    right = {
        (reads, kind): np.array([row["right"] for row in table if (row["reads"], row["kind"]) == (reads, kind)])
        for reads in READS
        for kind in ("answered", "nearly")
    }
    for (reads, kind), values in right.items():
        gain = values - right["three", kind]
        low, high = resampled_interval(gain, np.ones(len(gain)), DRAWS)
        interval = f"{gain.mean():+.2f} ({low:+.2f} to {high:+.2f})"
        print(f"{reads:10} {kind:8} {values.sum()} of {len(values)} right; more than three: {interval}")


if __name__ == "__main__":
    main()
