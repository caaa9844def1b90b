"""Load the course's instructions: what to ask a language model, the right answer, and how an answer is scored."""

import hashlib
import importlib.resources
import json
import re
import sysconfig
from dataclasses import dataclass
from functools import lru_cache

from course_utils.data import DataError
from course_utils.library_text import read_topics

__all__ = ["PARTS", "Instruction", "load_instructions", "passage_checksum"]

PARTS = ("train", "seen forms", "new forms", "python")
FEWEST_FOUND = 0.9  # share of the passages that a Python's documentation must have


@dataclass(frozen=True)
class Instruction:
    """One conversation that waits for an answer, and its right answer.

    `messages` are {"role", "content"}, the last one the user's. `answer` is what a model is tuned on, `accept` are the
    answers or the words that count as right, `others` those that must not stand beside them, and `check` is the rule by
    which `course_utils.answer_scores.score_answer` compares. `form` is the way of asking. `kind` is answer, abstain,
    format, limit, calculator or chat (for training only).
    """

    id: str
    form: str
    kind: str
    part: str
    text_id: str
    messages: tuple[dict, ...]
    answer: str
    accept: tuple[str, ...]
    others: tuple[str, ...]
    check: str


def load_instructions(part=None):
    """Load the instructions of one part, or of all.

    Parameters
    ----------
    part : str, optional
        "train", or one of the three held-out parts: "seen forms" (forms of the training part, other texts), "new forms"
        (ten forms that no training pair has, other texts) and "python" (on passages of Python's documentation).

    Returns
    -------
    tuple of Instruction
        Written for the course, CC BY 4.0; the passages are this Python's own documentation (PSF License Agreement,
        copyright Python Software Foundation), found by topic and checksum.

    Raises
    ------
    ValueError
        When `part` is unknown.
    DataError
        When this Python's documentation lacks more than a tenth of the passages; fewer are left out.
    """
    if part is not None and part not in PARTS:
        raise ValueError(f"part: found {part!r}, expected one of {', '.join(PARTS)}, or None for all.")
    text = importlib.resources.files("course_utils").joinpath("files", "instructions.jsonl").read_text("utf-8")
    rows = [row for row in map(json.loads, text.splitlines()) if part in (None, row["part"])]
    asked = {row["text_id"] for row in rows if row["part"] == "python"}
    passages = _library_passages() if asked else {}
    if len(asked & set(passages)) < FEWEST_FOUND * len(asked):
        raise DataError(
            f"{len(asked & set(passages))} of {len(asked)} passages stand in the documentation of this Python, too few "
            "to compare with the course's numbers. Use a Python 3.11, 3.12 or 3.13 as python.org brings it."
        )
    return tuple(_instruction(row, passages) for row in rows if row["text_id"] not in asked - set(passages))


def _instruction(row, passages):
    row.pop("topic", None)
    passage = passages.get(row["text_id"])
    if passage is not None:
        row["messages"] = [{**m, "content": m["content"].replace("{text}", passage)} for m in row["messages"]]
    for name in ("messages", "accept", "others"):
        row[name] = tuple(row[name])
    return Instruction(**row)


@lru_cache(maxsize=1)
def _library_passages():
    """Return {checksum: passage} of the paragraphs of this Python's reference topics."""
    texts = (text for _, text in read_topics(sysconfig.get_path("stdlib")))
    paragraphs = {" ".join(part.split()) for text in texts for part in re.split(r"\n[ \t]*\n", text)}
    return {passage_checksum(paragraph): paragraph for paragraph in paragraphs}


def passage_checksum(passage):
    """Return the first 16 digits of the SHA-256 of a passage, with one space between words."""
    return hashlib.sha256(" ".join(passage.split()).encode()).hexdigest()[:16]
