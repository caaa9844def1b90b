"""Load what a language model is asked: questions alone, from a text or for a tool, planted orders, instructions."""

import json
import re
import sysconfig
from dataclasses import dataclass
from functools import lru_cache

from course_utils.data import read_file, read_table
from course_utils.library_text import check_found, checksum, read_topics

__all__ = [
    "ChatQuestion",
    "Injection",
    "Instruction",
    "PARTS",
    "PassageQuestion",
    "ToolQuestion",
    "load_chat_questions",
    "load_injections",
    "load_instructions",
    "load_passage_questions",
    "load_tool_questions",
]

PARTS = ("train", "seen forms", "new forms", "python")  # of the instructions


@dataclass(frozen=True)
class ChatQuestion:
    """A question to a language model that gets no text beside it.

    `kind` is "known", where most people would know the answer, or "unanswerable": its `topic` is then "made up",
    "future", "own life" (the asker's) or "false premise". `accepted` are short answers, one of which a right one holds;
    where a premise is false they correct it, and for other unanswerable questions there is none.
    """

    id: str
    kind: str
    topic: str
    question: str
    accepted: tuple[str, ...]


def load_chat_questions():
    """Load the course's 72 questions with known answers and 100 that nobody can answer, as a tuple; CC BY 4.0."""
    return _load(ChatQuestion, "questions.csv", "accepted")


def _load(kind, name, several):
    """Return the rows of a table as a tuple of a kind; one column holds several texts."""
    return tuple(kind(**row | {several: tuple(filter(None, row[several].split("|")))}) for row in read_table(name))


@dataclass(frozen=True)
class PassageQuestion:
    """A question that one passage of `course_utils.library_text.load_passages` answers, and accepted short answers.

    `words` is "shared" where the question uses the passage's own words, "own" where it says the same in others.
    """

    id: str
    words: str
    passage: str  # its id
    question: str
    answers: tuple[str, ...]


def load_passage_questions():
    """Load the course's 60 questions about passages of Python's documentation, a tuple of PassageQuestion; CC BY 4.0.

    Each of 60 passages that state a short fact has one. "shared" are 30 questions of which at least half of the content
    words stand in the passage, "own" are 30 of which at most a third do. A content word is none of scikit-learn's
    English stop words; two are the same where their first four letters are.
    """
    return _load(PassageQuestion, "passage_questions.csv", "answers")


@dataclass(frozen=True)
class ToolQuestion:
    """A question for a model that may use a calculator; one of the `accepted` texts is the answer.

    `kind` is "sum" where it needs the calculator, and `expression` then one that gives the answer; else it is "plain".
    """

    id: str
    kind: str
    question: str
    expression: str
    accepted: tuple[str, ...]


def load_tool_questions():
    """Load the course's 66 questions for a model with a calculator, 44 sums in words and 22 plain ones; CC BY 4.0."""
    return _load(ToolQuestion, "tool_questions.csv", "accepted")


@dataclass(frozen=True)
class Injection:
    """One attempt to make a model write `words` in place of the answer, by what is `planted` in a `clean` text.

    `form` is "order" (a plain order), "system" (a false system message), "data" (a false answer that looks like data)
    or "ending" (what looks like the end of the text and a new question, or special tokens typed as text).
    """

    id: str
    part: str
    form: str
    clean: str
    planted: str
    place: str  # "start", "middle" or "end"
    words: str
    question: str
    accepted: tuple[str, ...]

    @property
    def text(self):
        """Return the text with what is planted in it."""
        sentences = re.split(r"(?<=[.!?]) ", self.clean)
        place = {"start": 0, "middle": len(sentences) // 2, "end": len(sentences)}[self.place]
        return " ".join([*sentences[:place], self.planted, *sentences[place:]]).replace(" \n", "\n")


def load_injections(part=None):
    """Load the course's 120 injections, four forms in each of 30 short texts that it wrote, as a tuple; CC BY 4.0.

    The `part` "shown" are 40 in ten texts, to write a defence with, "held out" 80 in 20 other texts, to score it on;
    None are both. Another part raises ValueError.
    """
    if part not in (None, "shown", "held out"):
        raise ValueError(f"part: found {part!r}, expected 'shown' or 'held out', or nothing for both.")
    found = []
    for line in read_file("injections.jsonl").splitlines():
        row = json.loads(line)
        same = {"clean": row["text"], **{name: row[name] for name in ("part", "question")}}
        for attack in row["attacks"]:
            id = f"{row['id']} {attack['form']}"
            found.append(Injection(id, accepted=tuple(row["accepted"]), **same, **attack))
    return tuple(injection for injection in found if part in (None, injection.part))


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
    """Load the instructions of one part, or of all, as a tuple of Instruction.

    The `part` is "train", or one of the three held-out parts: "seen forms" (forms of the training part, other texts),
    "new forms" (ten forms that no training pair has, other texts) and "python" (on passages of Python's documentation);
    another raises ValueError. Written for the course, CC BY 4.0; the passages are this Python's own documentation (PSF
    License Agreement, copyright Python Software Foundation), found by topic and checksum: where it lacks more than a
    tenth of them a DataError is raised, fewer are left out.
    """
    if part is not None and part not in PARTS:
        raise ValueError(f"part: found {part!r}, expected one of {', '.join(PARTS)}, or None for all.")
    rows = map(json.loads, read_file("instructions.jsonl").splitlines())
    rows = [row for row in rows if part in (None, row["part"])]
    asked = {row["text_id"] for row in rows if row["part"] == "python"}
    passages = _library_passages() if asked else {}
    check_found(len(asked & passages.keys()), len(asked))
    return tuple(_instruction(row, passages) for row in rows if row["text_id"] not in asked - passages.keys())


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
    return {checksum(paragraph): paragraph for paragraph in paragraphs}
