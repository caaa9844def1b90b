"""Search passages of Python's documentation for 60 questions, and let SmolLM2 answer from what was found.

    python experiments/retrieve.py ranks
    python experiments/retrieve.py answers [--adapter course]

`ranks` asks at which place each question's passage stands among all: by all-MiniLM-L6-v2 (cosine similarity), and by
BM25 with three lists of stop words, with and without stemming, and two pairs of k1 and b. The first BM25 of `METHODS`
is what the library's page recommends, with its defaults: it was fixed beforehand, the others show what a choice could
have changed. Passages with equal scores share the mean of their places. The passages' vectors are kept, rounded to
float16, so that a lesson need not compute them.

`answers` asks SmolLM2, greedily, at most 40 new tokens: without a text, with the three passages that MiniLM finds, with
the right passage, with it but without the offer to write that the text does not say; and every second question of each
half with three passages from a collection that lacks the right one. An answer is right when an accepted form stands
among its first 20 words and nothing is denied; it may also abstain. Answers that are there are not asked for again.
"""

import argparse
import itertools
import os
import platform
import re
from importlib.metadata import version

import bm25s
import numpy as np
import snowballstemmer

from course_utils.answer_scores import normalise
from course_utils.ask import PROMPT
from course_utils.library_text import load_passages
from course_utils.networks.chat_batches import answer_all
from course_utils.networks.pretrained import load_language_model, load_sentence_encoder
from course_utils.questions import load_passage_questions
from course_utils.tables import RESULTS, append_rows, start_sweep

VECTORS = RESULTS / "passage_vectors.npz"
# name: stop words, stemming, k1, b
METHODS = {
    f"BM25: {words or 'no'} stop words, {'Snowball stems' if stems else 'no stems'}, k1 {k1}, b {b}": (
        words,
        stems,
        k1,
        b,
    )
    for stems, words, (k1, b) in itertools.product([True, False], ["en", "en_plus", None], [(1.5, 0.75), (0.9, 0.4)])
}
K, NEW_TOKENS, WORDS = 3, 40, 20
CONDITIONS = ("no text", "found passages", "right passage", "right, no way out", "passage taken out")
FORMS = {  # what differs from PROMPT
    "no text": "Question: {question}\nAnswer in a few words.",
    "right, no way out": PROMPT.partition(" If the text does not say")[0],
}

# narrower than `verdicts.text_does_not_say`: this documentation itself says of things that they are not available
ABSTAINS = re.compile(
    r"\b(does|do|did)(n't| not) (say|mention|specify|state|provide|contain|know)\b"
    r"|\bnot (mentioned|specified|stated|provided)\b|\b(cannot|can't|unable to) (answer|determine)\b"
    r"|\bno information\b",
    re.IGNORECASE,
)
DENIES = re.compile(r"\b((does|do|did)(n't| not)|(is|are)(n't| not) an?)\b", re.IGNORECASE)


def encode(passages, questions):
    """Return the vectors of passages, rounded to float16 and kept in a file, and of questions, as float32."""
    encoder = load_sentence_encoder()
    if not VECTORS.exists():
        vectors = encoder.encode([passage.text for passage in passages]).astype(np.float16)
        np.savez(VECTORS, ids=[passage.id for passage in passages], vectors=vectors)
    with np.load(VECTORS) as stored:
        if stored["ids"].tolist() != [passage.id for passage in passages]:
            raise SystemExit(f"{VECTORS} is of other passages. Delete it.")
        vectors = stored["vectors"].astype(np.float32)
    return vectors, encoder.encode([question.question for question in questions])


def bm25_scores(passages, questions, stop_words, stems, k1, b):
    """Return the scores (questions, passages) of Lucene's BM25."""
    stem = snowballstemmer.stemmer("english").stemWords if stems else None
    settings = dict(stopwords=stop_words, stemmer=stem, return_ids=False, show_progress=False)
    collection, asked = (
        bm25s.tokenize(texts, **settings)
        for texts in ([passage.text for passage in passages], [question.question for question in questions])
    )
    index = bm25s.BM25(method="lucene", k1=k1, b=b)
    index.index(collection, show_progress=False)
    known = [[word for word in words if word in index.vocab_dict] for words in asked]
    return np.array([index.get_scores(words) if words else np.zeros(len(passages)) for words in known])


def ranks(scores, right):
    """Return the place of each row's right column (n,), 1 for the highest score; equal scores share the mean place."""
    own = scores[np.arange(len(right)), right][:, None]
    return 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2


def hardware():
    return f"# hardware: {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared"


def measure_ranks(passages, questions):
    right = np.array([[passage.id for passage in passages].index(question.passage) for question in questions])
    vectors, asked = encode(passages, questions)
    found = {"all-MiniLM-L6-v2": asked @ vectors.T}
    found |= {name: bm25_scores(passages, questions, *settings) for name, settings in METHODS.items()}
    path = RESULTS / "retrieval.csv"
    path.unlink(missing_ok=True)
    head = [
        "# command: python experiments/retrieve.py ranks",
        "# seeds: none is drawn",
        hardware(),
        f"# collection: {len(passages)} passages of Python's documentation (course_utils/files/passages.csv)",
        f"# BM25: the library bm25s {version('bm25s')}, method lucene, its own lists of stop words; stems: "
        f"snowballstemmer {version('snowballstemmer')}, English",
        "# rank: the place of the question's passage, 1 is the best; equal scores share the mean of their places",
    ]
    start_sweep("retrieval", head, ["method", "question", "words", "rank"])
    for name, scores in found.items():
        places = ranks(scores, right)
        append_rows(
            "retrieval",
            [(name, question.id, question.words, place) for question, place in zip(questions, places, strict=True)],
        )
        print(name, "recall at 1 and 5:", f"{(places <= 1).mean():.2f} {(places <= 5).mean():.2f}")


def conversations(passages, questions):
    """Yield (condition, question, messages)."""
    texts = {passage.id: passage.text for passage in passages}
    vectors, asked = encode(passages, questions)
    taken = {question.id for half in ("shared", "own") for question in [q for q in questions if q.words == half][::2]}
    for question, scores in zip(questions, asked @ vectors.T, strict=True):
        order = [passages[place] for place in np.argsort(-scores, kind="stable")]
        others = [passage for passage in order if passage.id != question.passage]
        given = {
            "no text": [],
            "found passages": [passage.text for passage in order[:K]],
            "right passage": [texts[question.passage]],
            "right, no way out": [texts[question.passage]],
            "passage taken out": [passage.text for passage in others[:K]],
        }
        for condition in CONDITIONS:
            if condition != "passage taken out" or question.id in taken:
                prompt = FORMS.get(condition, PROMPT).format(
                    text="\n\n".join(given[condition]), question=question.question
                )
                yield condition, question, [{"role": "user", "content": prompt}]


def plain_words(text):
    """Return a text's normalised words with a space around each; an underscore is part of a name, so it stays."""
    return f" {normalise(text.replace('_', 'ø'))} "


def verdict(question, answer):
    """Return "abstained", "right" or "wrong"."""
    if ABSTAINS.search(answer):
        return "abstained"
    said = plain_words(" ".join(answer.split()[:WORDS]))
    held = any(plain_words(accepted) in said for accepted in question.answers)
    return "right" if held and not DENIES.search(answer) else "wrong"


def measure_answers(passages, questions, adapter):
    model = load_language_model(adapter=adapter)
    name = "SmolLM2 + adapter" if adapter else "SmolLM2"
    head = [
        "# command: python experiments/retrieve.py answers, then the same with --adapter course",
        f"# seeds: none is drawn: each answer is greedy, at most {NEW_TOKENS} tokens",
        hardware(),
        f"# right: an accepted answer stands among the first {WORDS} words, and nothing is denied; what was written is "
        "not kept, for much of it quotes the documentation",
    ]
    rows = start_sweep("retrieval_answers", head, ["model", "condition", "question", "words", "verdict", "length"])
    done = {(row["model"], row["condition"], row["question"]) for row in rows}
    asked = [row for row in conversations(passages, questions) if (name, row[0], row[1].id) not in done]
    for condition in CONDITIONS:
        chosen = [row for row in asked if row[0] == condition]
        answers = answer_all(model, [messages for *_, messages in chosen], NEW_TOKENS)
        for (_, question, _), answer in zip(chosen, answers, strict=True):
            print(
                f"[{condition}] {question.question}\n    {verdict(question, answer)}: {' / '.join(answer.splitlines())}"
            )
        append_rows(
            "retrieval_answers",
            [
                (name, condition, question.id, question.words, verdict(question, answer), len(answer.split()))
                for (_, question, _), answer in zip(chosen, answers, strict=True)
            ],
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["ranks", "answers"])
    parser.add_argument("--adapter", help="course, or a folder")
    given = parser.parse_args()
    passages, questions = load_passages(), load_passage_questions()
    if given.part == "ranks":
        measure_ranks(passages, questions)
    else:
        measure_answers(passages, questions, given.adapter)


if __name__ == "__main__":
    main()
