"""Score how near questions come to passages, to choose from which similarity on `course_utils.ask` lets a model answer.

    python experiments/question_similarity.py

Each question is asked of a collection, and the similarity of the nearest passage is kept. "answered": a passage answers
it; "nearly": a passage is about its subject and does not answer it; "removed": the passage that answers it was taken
out of the collection; "elsewhere": the chat questions of chapter 5, about nothing in the collection. The texts of the
training part of the instructions choose the similarity: the highest multiple of 0.05 at which 98 of 100 answered
questions still pass. Their held-out texts, and the passages of Python's documentation, say what it does on others.
Nothing is drawn by chance.
"""

import os
import platform

import numpy as np
from make_instructions import FOLDER, read_texts

from course_utils.library_text import load_passages
from course_utils.networks.pretrained import load_sentence_encoder
from course_utils.questions import load_chat_questions, load_passage_questions
from course_utils.tables import append_rows, read_sweep, start_sweep

NAME, COLUMNS = "question_similarity", ["collection", "kind", "question", "similarity", "right_is_nearest"]
CHOOSING, PASSING, BOUNDS = "own texts, training", 0.98, tuple(k / 20 for k in range(2, 11))


def collections():
    """Return {name: (texts, [(kind, question, place of its text or None)])}."""
    found, chat = {}, [("elsewhere", question.question, None) for question in load_chat_questions()]
    for name, file in ((CHOOSING, "train.txt"), ("own texts, held out", "held_out.txt")):
        entries = read_texts(FOLDER / file)
        asked = [("answered", question, i) for i, one in enumerate(entries) for _, question, _ in one["answered"]]
        asked += [("nearly", question, i) for i, one in enumerate(entries) for question in one["unanswered"]]
        found[name] = [entry["text"] for entry in entries], asked + chat
    passages = load_passages()
    places = {passage.id: place for place, passage in enumerate(passages)}
    asked = [("answered", one.question, places[one.passage]) for one in load_passage_questions()]
    found["Python's documentation"] = [passage.text for passage in passages], asked + chat
    return found


def score(encoder, texts, asked):
    """Return the rows (kind, question, similarity, whether the right passage is the nearest) of a collection."""
    similarities = encoder.encode([question for _, question, _ in asked]) @ encoder.encode(texts).T
    rows = []
    for (kind, question, place), near in zip(asked, similarities, strict=True):
        right = "" if kind == "elsewhere" else int(near.argmax() == place)
        rows.append((kind, question, round(float(near.max()), 3), right))
        if kind == "answered":
            rows.append(("removed", question, round(float(np.delete(near, place).max()), 3), ""))
    return rows


def main():
    head = [
        f"# command: python experiments/{NAME}.py",
        "# seeds: none, nothing is drawn by chance; similarity: of the nearest passage, by all-MiniLM-L6-v2",
        f"# hardware: two threads of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
    ]
    if not start_sweep(NAME, head, COLUMNS):
        encoder = load_sentence_encoder()
        for name, (texts, asked) in collections().items():
            append_rows(NAME, [(name, *row) for row in score(encoder, texts, asked)])
    rows = read_sweep(NAME)
    for name in dict.fromkeys(row["collection"] for row in rows):
        for kind in ("answered", "nearly", "removed", "elsewhere"):
            found = np.array([row["similarity"] for row in rows if (row["collection"], row["kind"]) == (name, kind)])
            if len(found):
                passed = [f"{bound:.2f}: {(found >= bound).mean():.1%}" for bound in BOUNDS]
                print(f"{name:23} {kind:10}{len(found):4}", *passed)
    print("chosen:", choose(rows))


def choose(rows):
    """Return the highest bound that enough of the answered training questions pass."""
    answered = [row["similarity"] for row in rows if (row["collection"], row["kind"]) == (CHOOSING, "answered")]
    return max(bound for bound in BOUNDS if np.mean(np.array(answered) >= bound) >= PASSING)


if __name__ == "__main__":
    main()
