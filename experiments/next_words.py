"""Store SmolLM2's scores of the next token after a few texts, for a page of the site: docs/site/next_words.json.

    python experiments/next_words.py

For each text the 60 highest logits with their tokens as text; all others as a histogram of 200 steps of equal width
(count and mean), so that any temperature and top-p can be computed from it. Nothing is drawn by chance.
"""

import json
from pathlib import Path

import numpy as np

from course_utils.networks.pretrained import load_language_model

FILE = Path(__file__).parents[1] / "docs" / "site" / "next_words.json"
TEXTS = (
    "The capital of France is",
    "Once upon a time, there was a",
    "My favourite colour is",
    "Roses are red, violets are",
)
SHOWN, STEPS = 60, 200


def next_words(model, text):
    """Return the distribution of the next token after a text, as a dict."""
    logits = model.logits(model.encode(text))[-1].astype(float)
    order = np.argsort(-logits, kind="stable")
    rest = logits[order[SHOWN:]]
    counts, edges = np.histogram(rest, STEPS)
    sums, _ = np.histogram(rest, edges, weights=rest)
    filled = counts > 0
    return {
        "text": text,
        "words": [model.decode([int(token)]) for token in order[:SHOWN]],
        "logits": [round(float(value), 3) for value in logits[order[:SHOWN]]],
        "rest": [
            [int(c), round(float(m), 3)] for c, m in zip(counts[filled], sums[filled] / counts[filled], strict=True)
        ],
    }


if __name__ == "__main__":
    model = load_language_model()
    rows = [json.dumps(next_words(model, text), ensure_ascii=False) for text in TEXTS]
    FILE.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
