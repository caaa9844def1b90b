"""Read a folder of a person's own text files, whatever else lies in it, and cut their texts into passages."""

import codecs
import contextlib
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from course_utils.checks import check_path

__all__ = ["MOST", "Passage", "cut_passages", "is_foreign", "printable", "read_passages"]

SUFFIXES = (".txt", ".md", "")
LARGEST = 1_000_000  # bytes of a file
MOST = 2_000  # passages
# in this order: marks at the beginning of a file, and what the file then is
ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig", ""),
    (codecs.BOM_UTF16_LE, "utf-16", "read as UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "read as UTF-16"),
    (b"", "utf-8", ""),
    (b"", "cp1252", "read as Windows-1252, since it is no UTF-8: letters with accents may be wrong"),
)
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$")


@dataclass(frozen=True)
class Passage:
    """A piece of a file, of about 80 words: where it stands, and its text."""

    file: str
    line: int
    text: str


def read_passages(folder):
    """Read the text files below a folder, or one file; return (list of `Passage`, list of sentences for the reader).

    A sentence says which file was not read and why, or in which encoding it was read. A folder that is not there, or
    that holds no text, raises FileNotFoundError.
    """
    folder = check_path("folder", folder).expanduser()
    if not folder.exists():
        raise FileNotFoundError(f"folder: there is no folder {folder}. Name one that holds .txt or .md files.")
    passages, notes, others = [], [], Counter()
    for file in _list_files(folder, notes):
        name = printable(file.relative_to(folder).as_posix() if file != folder else file.name)
        if file.suffix.lower() not in SUFFIXES:
            others[printable(file.suffix)] += 1
            continue
        try:
            text, note = _read(file)
        except OSError as error:
            broken = isinstance(error, FileNotFoundError) and file.is_symlink()
            text, note = "", f"not read: {'it is a broken link' if broken else error.strerror}"
        if text and is_foreign(text):
            note += f"{', and ' if note else 'read, but '}it is mostly no English, and the models read English only"
        notes += [f"{name}: {note}."] if note else []
        passages += [Passage(name, line, piece) for line, piece in cut_passages(text)]
        if len(passages) > MOST:
            del passages[MOST:]
            notes.append(f"{name}: read in part, and no file after it: {MOST:,} passages are the most.")
            break
    if others:
        kinds = ", ".join(suffix for suffix, _ in others.most_common(5))
        notes.append(f"{others.total():,} other files ({kinds}): not read, only .txt, .md and files without an ending.")
    if not passages:
        raise FileNotFoundError(
            "\n".join([f"folder: found no text in {folder}. Name one that holds .txt or .md files.", *notes[:3]])
        )
    return passages, notes


def _list_files(folder, notes):
    """Yield the files below a folder in order, without hidden ones; what cannot be opened goes to the notes."""

    def refused(error):
        notes.append(f"{printable(error.filename)}: not read: {error.strerror}.")

    if not folder.is_dir():
        yield folder
        return
    for place, inner, names in os.walk(folder, onerror=refused):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _read(file):
    """Return (text, what to say of the file); the text is empty where the file is not read."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        return "", "not read: it is a device or a pipe"
    if found.st_size > LARGEST:
        return "", f"not read: it has {found.st_size / 1e6:,.1f} MB, the most is {LARGEST / 1e6:.0f}. Cut it in pieces"
    content = file.read_bytes()
    for mark, encoding, note in ENCODINGS:
        if content.startswith(mark):
            with contextlib.suppress(UnicodeDecodeError):
                text = content.decode(encoding)
                controls, far = len(CONTROLS.findall(text)), sum(letter > "\x7f" for letter in text)
                if controls > 1 + len(text) / 100 or (encoding == "cp1252" and far > len(text) / 5):
                    break
                text = CONTROLS.sub(" ", text).replace("\r\n", "\n").replace("\r", "\n")
                return (text, note) if text.strip() else ("", "not read: it is empty")
    return "", "not read: it is no text, or in an encoding that is not known (save it as UTF-8)"


def is_foreign(text):
    """Say whether most of a text's characters are none of English."""
    return sum(letter.isascii() for letter in text) < len(text) / 2


def printable(text):
    """Return a text on one line, with a question mark for each character that cannot be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def cut_passages(text):
    """Yield (line, passage): pieces of about 80 words that end where a sentence or a paragraph ends, if they can."""
    start, words, line, counted = 0, 0, 1, 0
    for word in re.finditer(r"\S{1,60}\s*", text):
        if not words:
            start = word.start()
        words, end = words + 1, word.end()
        ends = words >= 70 and SENTENCE_END.search(word[0].rstrip())
        ends = ends or (words >= 50 and word[0].count("\n") > 1)
        if ends or words >= 110 or end - start >= 540 or end == len(text):
            line, counted = line + text.count("\n", counted, start), start
            lines = (" ".join(part.split()) for part in text[start:end].splitlines())
            yield line, "\n".join(filter(None, lines))
            words = 0
