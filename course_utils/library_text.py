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

from course_utils.checks import check_classes, check_path
from course_utils.data import DataError

__all__ = [
    "ALPHABET",
    "LibraryText",
    "decode_text",
    "encode_text",
    "load_library_text",
    "prose_paragraphs",
    "read_topics",
]

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
    the version of Python, which is named in `source`; `files` and `paragraphs` count what was kept.
    """

    train: str
    held_out: str
    files: int
    paragraphs: int
    source: str
    licence: str


def load_library_text(folder=None):
    """Load the English text of Python's standard library, split by file into training and held-out text.

    It consists of the reference topics of `pydoc_data` (what `help("lambda")` shows) and of the docstrings: strings in
    three quotes that open a line of a module's source. Each is cut into paragraphs. A paragraph is kept if it has at
    least 40 characters and 8 words, holds no example session or address, and 85 % of it are letters and spaces; equal
    paragraphs are kept once, where they stand first.

    Parameters
    ----------
    folder : str or Path, optional
        A standard library's folder to read instead of this Python's own.

    Returns
    -------
    LibraryText
        About 1.2 million characters, one file in ten held out (which ones depends only on their names).

    Raises
    ------
    ValueError
        When `folder` is no path.
    DataError
        When there is no such folder, or it holds no sources, as in some reduced distributions of Python.
    """
    if folder is None:
        return _load(Path(sysconfig.get_path("stdlib")), f"the standard library of Python {platform.python_version()}")
    folder = check_path("folder", folder)
    if not folder.is_dir():
        raise DataError(f"folder: there is no folder {folder}. Check the path; the working folder is {Path.cwd()}.")
    return _load(folder, f"the folder {folder.name}")


def encode_text(text):
    """Return the tokens of a text, positions in `ALPHABET`, as uint8 array of shape (characters,).

    Raises
    ------
    ValueError
        When `text` is no string, or a character is not in `ALPHABET`.
    """
    _check_text(text)
    try:
        codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    except UnicodeEncodeError as error:
        raise ValueError(f"text: found {text[error.start]!r}, expected only ASCII characters. Replace it.") from error
    tokens = np.where(codes == 10, 0, codes - 31).astype(np.uint8)
    wrong = (tokens >= len(ALPHABET)) | ((codes < 32) & (codes != 10))
    if wrong.any():
        raise ValueError(f"text: found {chr(codes[wrong][0])!r}, expected line breaks and printable ASCII characters.")
    return tokens


def decode_text(tokens):
    """Return the text of a sequence of tokens, as `encode_text` makes them; any other tokens raise ValueError."""
    if isinstance(tokens, list | tuple | np.ndarray) and len(tokens) == 0:
        return ""
    return "".join(ALPHABET[token] for token in check_classes("tokens", tokens, len(ALPHABET)))


@lru_cache(maxsize=2)
def _load(folder, what):
    parts, seen, files, paragraphs = {False: [], True: []}, set(), 0, 0
    for name, texts in _documents(folder):
        kept = [paragraph for text in texts for paragraph in prose_paragraphs(text) if paragraph not in seen]
        kept = list(dict.fromkeys(kept))
        if kept:
            seen.update(kept)
            parts[_is_held_out(name)] += kept
            files += 1
            paragraphs += len(kept)
    if not parts[False] or not parts[True]:
        raise DataError(
            f"folder: {folder} holds too few sources with documentation (found {files}). "
            "Use a Python that comes with the sources of its standard library, such as the one of python.org."
        )
    train, held_out = ("".join(paragraph + "\n" for paragraph in parts[part]) for part in (False, True))
    source = f"documentation inside {what} (https://docs.python.org)"
    licence = "PSF License Agreement, copyright Python Software Foundation (https://docs.python.org/3/license.html)"
    return LibraryText(train, held_out, files, paragraphs, source, licence)


def _documents(folder):
    """Yield (name, texts) of each file with documentation, and of each reference topic, in a fixed order."""
    for name in sorted(_sources(folder)):
        yield name, _docstrings((folder / name).read_text(encoding="utf-8", errors="replace"))
    yield from ((name, [text]) for name, text in read_topics(folder))


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
    path = check_path("folder", folder) / "pydoc_data" / "topics.py"
    if not path.is_file():
        return []
    dictionary = ast.literal_eval(ast.parse(path.read_text(encoding="utf-8")).body[-1].value)
    return [(f"topic {name}", text) for name, text in sorted(dictionary.items())]


def prose_paragraphs(text, shortest=SHORTEST, fewest_words=FEWEST_WORDS):
    """Yield the paragraphs of English prose in a text (str), each on one line, in printable ASCII.

    A paragraph is kept if it has so many characters and words, no example session, escape or address, and 85 % of it
    are letters and spaces.
    """
    _check_text(text)
    for paragraph in re.split(r"\n[ \t]*\n", text.translate(PLAIN_MARKS)):
        line = " ".join(paragraph.split())
        if len(line) < shortest or not line.isascii() or not line.isprintable() or UNWANTED.search(line):
            continue
        if len(NO_PROSE.sub("", line)) >= LETTERS * len(line) and line.count(" ") + 1 >= fewest_words:
            yield line


def _check_text(text):
    if not isinstance(text, str):
        raise ValueError(f"text: found {type(text).__name__}, expected a string.")


def _is_held_out(name):
    """Say whether the file of this name is held out: by a checksum, so that it is the same file everywhere."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_OF == 0
