"""Gather the documentation inside this Python's own standard library, split into training, validation and test text.

Three sources: the reference topics of pydoc_data, the docstrings of every module of the library (tests and tkinter
included), and the docstrings of what is compiled (`str.join`, say). A document is one docstring or one topic, with one
paragraph of English prose a line. Whole modules go to one part; `test_json`, `_json` and `json` count as one module.
"""

import ast
import contextlib
import hashlib
import importlib
import inspect
import io
import platform
import re
import sys
import sysconfig
import warnings
from dataclasses import dataclass
from pathlib import Path

from course_utils.library_text import prose_paragraphs, read_topics

PARTS = ("train", "validation", "test")
SALT = "split "  # goes before the names; chosen, before any training, so that the test part has 100,000 characters
SHARES = {"test": 10, "validation": 3}  # of a hundred modules, by a checksum of their names
SHORTEST, FEWEST_WORDS = 20, 4  # of a paragraph: characters, words
RUN = 8  # words in a row; a held-out paragraph that shares so many with another part is left out
SKIPPED = ("site-packages", "__pycache__", "pydoc_data")
SILENT = {"antigravity", "this", "__phello__"}  # modules that do something when they are imported
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Documents:
    """The documents of each part, {part: {module: [document, ...]}}, in a fixed order, and where they come from.

    `left_out` counts the paragraphs of validation and test that share a run of words with another part.
    """

    parts: dict
    left_out: int
    source: str
    licence: str

    def texts(self, part):
        """Return the documents of a part, one after another."""
        return [document for documents in self.parts[part].values() for document in documents]


def load_documents(folder=None, compiled=True):
    """Return the `Documents` of a standard library (this Python's own by default), each paragraph kept once."""
    folder = Path(folder or sysconfig.get_path("stdlib"))
    found = [*read_sources(folder), *(read_compiled() if compiled else ()), *read_topics(folder)]
    parts, seen = {part: {} for part in PARTS}, set()
    for part in PARTS:
        for module, text in found:
            if part_of(module) == part:
                lines = [
                    line for line in dict.fromkeys(prose_paragraphs(text, SHORTEST, FEWEST_WORDS)) if line not in seen
                ]
                seen.update(lines)
                if lines:
                    parts[part].setdefault(module, []).append("\n".join(lines))
    parts, left_out = drop_shared(parts)
    return Documents(
        parts,
        left_out,
        f"documentation inside the standard library of Python {platform.python_version()} (https://docs.python.org)",
        "PSF License Agreement, copyright Python Software Foundation (https://docs.python.org/3/license.html)",
    )


def read_sources(folder):
    """Return (module, docstring) of every docstring in the Python files below a folder, in a fixed order."""
    found = []
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if any(part in SKIPPED or part.startswith("config-") for part in name.split("/")):
            continue
        with warnings.catch_warnings(), contextlib.suppress(SyntaxError, ValueError):
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
            found += [(module_of(name), text) for text in texts if text]
    return found


def read_compiled():
    """Return (module, docstring) of the modules that are compiled, their functions, classes and methods."""
    names = {*sys.builtin_module_names}
    names |= {path.name.split(".")[0] for path in Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("*.so")}
    found = []
    for name in sorted(names - SILENT):
        if "test" in name or name.startswith("xx"):
            continue
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
            things = [module]
            for _, thing in sorted(vars(module).items()):
                if callable(thing):
                    things += (
                        [thing, *(vars(thing)[key] for key in sorted(vars(thing)))]
                        if inspect.isclass(thing)
                        else [thing]
                    )
            texts = [getattr(thing, "__doc__", None) for thing in things]
            found += [(module_of(name), inspect.cleandoc(text)) for text in texts if isinstance(text, str)]
    return found


def module_of(name):
    """Return the module that a file or compiled module counts to: "json" for json/tool.py, test/test_json.py, _json."""
    parts = [part for part in name.removesuffix(".py").split("/") if part not in ("test", "tests", "__init__")]
    first = parts[0] if parts else "test"
    return first.removeprefix("test_").lstrip("_").lower() or "builtins"


def part_of(module):
    """Return the part of a module: by a checksum of its name, so that it is the same everywhere."""
    number, limit = int(hashlib.sha256((SALT + module).encode()).hexdigest(), 16) % 100, 0
    for part, share in SHARES.items():
        limit += share
        if number < limit:
            return part
    return "train"


def runs(line):
    """Return every run of `RUN` words in a paragraph, in lower case; a shorter paragraph is one run."""
    words = re.findall(r"[a-z0-9]+", line.lower())
    return {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}


def drop_shared(parts):
    """Return the parts without each held-out paragraph that shares a run with an earlier part, and their number."""
    known, result, dropped = set(), {}, 0
    for part in PARTS:
        new, result[part] = set(), {}
        for module, documents in parts[part].items():
            for document in documents:
                lines = document.split("\n")
                kept = [line for line in lines if part == "train" or not runs(line) & known]
                dropped += len(lines) - len(kept)
                new.update(*map(runs, kept))
                if kept:
                    result[part].setdefault(module, []).append("\n".join(kept))
        known |= new
    return result, dropped
