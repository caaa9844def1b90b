"""Choose the passages of Python's documentation that the course searches: `course_utils/files/passages.csv`.

    python experiments/choose_passages.py FOLDER FOLDER …

A FOLDER is a Python's standard library. A passage is a run of whole paragraphs of the first one's reference topics, in
prose, with 40 to 120 words: the shortest that begins after the one before, and that every other folder's Python has,
letter for letter. Only ids, topics and checksums are written. For the stored file: Python 3.11.7, 3.11.2, 3.12.1,
3.13.0 and the topics of 3.14.7.
"""

import argparse
import csv
import re
from collections import Counter
from pathlib import Path

from course_utils.library_text import checksum, passages_of, plain_paragraphs, read_topics

TARGET = Path(__file__).resolve().parent.parent / "course_utils" / "files" / "passages.csv"
SIGNATURE = re.compile(r"(class )?[\w.]+\([^()]*(\([^()]*\))?[^()]*\)")  # such as str.find(sub[, start[, end]])
# sessions, grammar, headings, escapes; remarks on versions, footnotes, what begins in the middle of a sentence
UNWANTED = re.compile(
    r">>>|::=|\*\*\*|===|---|\\|\S@\S"
    r"|^(\.\.\. |Changed in|New in|Added in|Deprecated|\(?See |Footnotes|\[\d|\**PEP |[a-z]+ )"
)


def letters(text):
    """Return the share of letters and spaces."""
    return len(re.sub(r"[^A-Za-z ]", "", text)) / len(text)


def is_prose(paragraph):
    """Say whether a paragraph is English prose, or the signature of a function above its description."""
    if not paragraph.isascii() or UNWANTED.search(paragraph):
        return False
    return SIGNATURE.fullmatch(paragraph) or len(paragraph) > 0 and letters(paragraph) >= 0.65


def choose(topics, others):
    """Yield (topic, passage) for the topics, {name: text}, of one Python and those of the others."""
    used = set()
    for name, text in sorted(topics.items()):
        everywhere = [
            {passage for *_, passage in passages_of(plain_paragraphs(other.get(name, "")))} for other in others
        ]
        paragraphs, free = plain_paragraphs(text), 0
        for first, end, passage in passages_of(paragraphs):
            run = paragraphs[first:end]
            if first < free or used.intersection(run) or not all(map(is_prose, run)) or letters(passage) < 0.76:
                continue
            if any(map(SIGNATURE.fullmatch, run[1:])) or not all(passage in passages for passages in everywhere):
                continue
            yield name.removeprefix("topic "), passage
            used.update(run)
            free = end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    first, *others = (dict(read_topics(folder)) for folder in parser.parse_args().folders)
    counts = Counter()
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "topic", "checksum"])
        for topic, passage in choose(first, others):
            counts[topic] += 1
            writer.writerow([f"{topic}-{counts[topic]}", topic, checksum(passage)])
    print(f"{counts.total()} passages of {len(counts)} topics")


if __name__ == "__main__":
    main()
