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

from course_utils.data import DataError

__all__ = ["ALPHABET", "LibraryText", "encode_text", "load_library_text", "prose_paragraphs", "read_topics"]

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))  # one token each: a line break, then the printable ASCII characters
HELD_OUT_OF = 10  # one file of so many is held out
SHORTEST, FEWEST_WORDS = 40, 8  # of a paragraph: characters, words
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


@lru_cache(maxsize=1)
def load_library_text():
    """Load the English text of this Python's standard library, split by file into training and held-out text.

    It consists of the docstrings (strings in three quotes that open a line of a module's source) and of the reference
    topics of `pydoc_data` (what `help("lambda")` shows). Equal paragraphs are kept once, where they stand first.

    Returns
    -------
    LibraryText
        About 1.2 million characters, one file in ten held out (which ones depends only on their names).

    Raises
    ------
    DataError
        When this Python has no sources, as some reduced distributions.
    """
    folder, parts, seen = Path(sysconfig.get_path("stdlib")), {False: [], True: []}, set()
    documents = ((name, (folder / name).read_text("utf-8", "replace")) for name in sorted(_sources(folder)))
    found = [(name, _docstrings(source)) for name, source in documents]
    for name, texts in [*found, *((name, [text]) for name, text in read_topics(folder))]:
        for paragraph in (paragraph for text in texts for paragraph in prose_paragraphs(text)):
            if paragraph not in seen:
                seen.add(paragraph)
                parts[_is_held_out(name)].append(paragraph + "\n")
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
    """Return the tokens of a text, positions in `ALPHABET`, as uint8 array of shape (characters,).

    Raises
    ------
    ValueError
        When a character is not in `ALPHABET`.
    """
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


def _is_held_out(name):
    """Say whether the file of this name is held out: by a checksum, so that it is the same file everywhere."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_OF == 0
