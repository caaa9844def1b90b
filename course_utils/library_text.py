"""Load English text that every Python brings along: the documentation inside its own standard library."""

import ast
import hashlib
import os
import platform
import re
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from course_utils.data import DataError, read_table

__all__ = [
    "ALPHABET",
    "LibraryText",
    "Passage",
    "check_found",
    "checksum",
    "encode_text",
    "load_library_text",
    "load_passages",
    "passages_of",
    "plain_paragraphs",
    "prose_paragraphs",
    "read_topics",
]

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))  # one token each: a line break, then the printable ASCII characters
HELD_OUT_OF = 10  # one file of so many is held out
SHORTEST, FEWEST_WORDS = 40, 8  # of a paragraph: characters, words
PASSAGE_WORDS = 40, 120  # of a passage: fewest, most
ENOUGH = 0.9  # share of the course's passages that a Python must have
LETTERS = 0.85  # share of letters and spaces in a paragraph: less is a table or code

# Folders that some distributions of Python leave out, that hold other people's packages, or that hold tests.
SKIPPED = frozenset(
    "site-packages dist-packages test tests idlelib lib2to3 turtledemo tkinter ensurepip distutils pydoc_data "
    "__pycache__ __phello__".split()
)
# A comment, a string in three quotes (with what opens its line), or a string in one: in this order, so that a quote
# inside a comment or another string does not count.
LITERALS = re.compile(
    r"#[^\n]*"
    r'|^[ \t]*[rRuU]?"""(?P<double>(?:[^"\\]++|\\.|"(?!""))*+)"""'
    r"|^[ \t]*[rRuU]?'''(?P<single>(?:[^'\\]++|\\.|'(?!''))*+)'''"
    r'|"""(?:[^"\\]++|\\.|"(?!""))*+"""'
    r"|'''(?:[^'\\]++|\\.|'(?!''))*+'''"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'(?:[^'\\\n]++|\\.)*+'",
    re.DOTALL | re.MULTILINE,
)
UNWANTED = re.compile(r">>>|\\|\S@\S")  # example sessions, escapes, addresses of people
NO_PROSE = re.compile(r"[^A-Za-z ]+")
HYPHEN_AT_LINE_END = re.compile(r"(?<=\w)-\n\s*(?=\w)")
PLAIN_MARKS = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " "})


@dataclass(frozen=True)
class LibraryText:
    """English prose about Python, one paragraph a line, in the characters of `ALPHABET` only.

    `train` and `held_out` come from different files, and no paragraph stands in both. The text changes a little with
    the version of Python, which is named in `source`.
    """

    train: str
    held_out: str
    source: str
    licence: str


@dataclass(frozen=True)
class Passage:
    """One or more whole paragraphs, one after another, of a topic of Python's documentation, on one line."""

    id: str  # such as "lambda-1"
    topic: str  # such as "lambda"
    text: str


@lru_cache(maxsize=1)
def load_library_text():
    """Load the English text of this Python's standard library, split by file into training and held-out text.

    It consists of the docstrings (strings in three quotes that open a line of a module's source) and of the reference
    topics of `pydoc_data` (what `help("lambda")` shows), about 1.2 million characters. Equal paragraphs are kept once,
    where they stand first. One file in ten is held out; which ones depends only on their names. Returns a
    `LibraryText`; a DataError says that this Python has no sources, as some reduced distributions.
    """
    folder, parts, seen = Path(sysconfig.get_path("stdlib")), {False: [], True: []}, set()
    documents = ((name, (folder / name).read_text("utf-8", "replace")) for name in sorted(_sources(folder)))
    found = [(name, _docstrings(source)) for name, source in documents]
    for name, texts in [*found, *((name, [text]) for name, text in read_topics(folder))]:
        held_out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_OF == 0  # the same files everywhere
        for paragraph in (paragraph for text in texts for paragraph in prose_paragraphs(text)):
            if paragraph not in seen:
                seen.add(paragraph)
                parts[held_out].append(paragraph + "\n")
    if not (parts[False] and parts[True]):
        raise DataError(
            f"{folder} holds too few sources with documentation. "
            "Use a Python that comes with the sources of its standard library, such as the one of python.org."
        )
    return LibraryText(
        "".join(parts[False]),
        "".join(parts[True]),
        f"documentation inside the standard library of Python {platform.python_version()} (https://docs.python.org)",
        "PSF License Agreement, copyright Python Software Foundation (https://docs.python.org/3/license.html)",
    )


def encode_text(text):
    """Return the tokens of a text, places in `ALPHABET`, as uint8 (characters,); other characters raise ValueError."""
    if unknown := set(text) - set(ALPHABET):
        raise ValueError(f"text: found {sorted(unknown)}, expected line breaks and printable ASCII characters only.")
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.where(codes == 10, 0, codes - 31).astype(np.uint8)


def _sources(folder):
    """Yield the names of the Python files below a folder, relative to it and with slashes."""
    for place, inner, files in os.walk(folder):
        inner[:] = [part for part in inner if part not in SKIPPED and not part.startswith("config-")]
        for file in files:
            if file.endswith(".py") and not file.startswith("_sysconfigdata"):
                yield (Path(place) / file).relative_to(folder).as_posix()


def _docstrings(source):
    """Return the strings in three quotes that open a line of a source."""
    found = (match["double"] or match["single"] for match in LITERALS.finditer(source))
    return [text for text in found if text]


def read_topics(folder):
    """Return [("topic lambda", text), ...] of what `help("lambda")` and its like show, sorted; none without pydoc_data.

    `folder` is a standard library's.
    """
    path = Path(folder) / "pydoc_data" / "topics.py"
    if not path.is_file():
        return []
    dictionary = ast.literal_eval(ast.parse(path.read_text(encoding="utf-8")).body[-1].value)
    return [(f"topic {name}", text) for name, text in sorted(dictionary.items())]


def prose_paragraphs(text, shortest=SHORTEST, fewest_words=FEWEST_WORDS):
    """Yield the paragraphs of English prose in a text (str), each on one line, in printable ASCII.

    A paragraph is kept if it has so many characters and words, no example session, escape or address, and 85 % of it
    are letters and spaces.
    """
    for paragraph in re.split(r"\n[ \t]*\n", text.translate(PLAIN_MARKS)):
        line = " ".join(paragraph.split())
        if len(line) < shortest or not line.isascii() or not line.isprintable() or UNWANTED.search(line):
            continue
        if len(NO_PROSE.sub("", line)) >= LETTERS * len(line) and line.count(" ") + 1 >= fewest_words:
            yield line


@lru_cache(maxsize=1)
def load_passages():
    """Load the passages of Python's documentation that the course searches, out of this Python's own reference topics.

    The course keeps each one's topic and checksum, not its text. Chosen were those that are the same, letter for
    letter, in Python 3.11.2, 3.11.7, 3.12.1, 3.13.0 and 3.14.7 (`experiments/choose_passages.py`): a tuple of `Passage`
    of 40 to 120 words, sorted by topic. No paragraph stands in two of them. Where this Python's text differs, those
    that it has; fewer than 90 % raise DataError.
    """
    rows, topics = read_table("passages.csv"), dict(read_topics(sysconfig.get_path("stdlib")))
    there = {
        topic: {checksum(text): text for *_, text in passages_of(plain_paragraphs(topics.get(f"topic {topic}", "")))}
        for topic in {row["topic"] for row in rows}
    }
    found = [(row, there[row["topic"]].get(row["checksum"])) for row in rows]
    passages = tuple(Passage(row["id"], row["topic"], text) for row, text in found if text is not None)
    check_found(len(passages), len(rows))
    return passages


def check_found(found, wanted):
    """Raise DataError where the documentation inside this Python has fewer than 90 % of the passages: two counts."""
    if found < ENOUGH * wanted:
        raise DataError(
            f"The documentation inside this Python {platform.python_version()} has {found} of the {wanted} passages "
            "that the course asks about. Use Python 3.11, 3.12 or 3.13 as python.org distributes it."
        )


def plain_paragraphs(text):
    """Return all paragraphs of a topic's text (str), each on one line, with plain quotes and dashes."""
    text = HYPHEN_AT_LINE_END.sub("-", text.translate(PLAIN_MARKS))
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n[ \t]*\n", text)]


def passages_of(paragraphs):
    """Yield (first, end, text) of each run of whole paragraphs (list of str) with 40 to 120 words together."""
    fewest, most = PASSAGE_WORDS
    for first in range(len(paragraphs)):
        for end in range(first + 1, len(paragraphs) + 1):
            text = " ".join(paragraphs[first:end])
            words = len(text.split())
            if words > most:
                break
            if words >= fewest:
                yield first, end, text


def checksum(text):
    """Return the first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
