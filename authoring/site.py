"""Build the course's site from the stored notebooks: the chapters, solutions, glossary, references, ledger and guides.

    python -m authoring site

Nothing is executed, and the pages ask no other host for anything: equations, search and fonts are in the folder.
"""

import re
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path

from authoring.building import copy_file, package_folder, rebuild, write_text
from authoring.store import LITTLE_MEMORY, UNCOMPARED_OUTPUTS
from course_utils.evidence import KINDS
from course_utils.ledger import read_ledger
from course_utils.notebooks import NOTEBOOKS, ROOT, NotebookError, list_notebooks, read_notebook
from course_utils.self_test import load_glossary

__all__ = ["build", "collect_references", "heading_anchor", "level_headings", "pictures", "stage"]

SETTINGS = ROOT / "docs" / "site"
GUIDES = ("setup.md", "ask.md", "project.md", "capstone.md", "instructor_guide.md", "instructor_notes.md")
UNNUMBERED = ("claims settled in this chapter", "key points", "references")  # not inside a chapter's last part
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~)")


def heading_anchor(heading):
    """Return the anchor of a heading, the same that JupyterLab gives it: spaces become hyphens."""
    return heading.replace(" ", "-")


def pictures(cell):
    """Return the pictures that a cell stores: [(MIME type, content in base64, alternative text), ...]."""
    return [
        (mime, output.data[mime].replace("\n", ""), output.metadata[mime]["alt"])
        for output in cell.get("outputs", [])
        for mime in UNCOMPARED_OUTPUTS
        if mime in output.get("data", {})
    ]


def level_headings(sources):
    """Return the chapter's Markdown cells with one title, and with each section one level below its part.

    Parameters
    ----------
    sources : list of str
        Markdown of the cells, in order. The first begins with the title, `# …`; later ones may begin parts with `# …`.

    Returns
    -------
    list of str
    """
    in_part, above, levelled = False, 0, []
    for source in sources:
        lines, fenced = [], False
        for line in source.split("\n"):
            fenced ^= bool(_FENCE.match(line))
            heading = None if fenced else re.match(r"(#+) (.+)", line)
            if heading:
                level, text = len(heading[1]), heading[2]
                if level == 1 and above:
                    in_part = True
                elif text.strip().lower() in UNNUMBERED:
                    in_part = False
                above = min(level + in_part, above + 1)
                line = "#" * above + " " + text
            lines.append(line)
        levelled.append("\n".join(lines))
    return levelled


def collect_references(folder=NOTEBOOKS):
    """Return what the chapters' reference lists hold: [(reference in Markdown, [stems of the chapters]), ...].

    A reference is a list item with a year in brackets and a title in italics; equal titles are one entry. The list is
    in the order of the authors' names.
    """
    texts, chapters = {}, defaultdict(list)
    for path in list_notebooks(folder):
        if path.parent != Path(folder):
            continue
        for cell in read_notebook(path).cells:
            if cell.cell_type != "markdown" or not re.search(r"^## References$", cell.source, re.MULTILINE):
                continue
            part = re.split(r"^## References$", cell.source, flags=re.MULTILINE)[1]
            for entry in re.findall(r"^- (.+(?:\n  .+)*)", part, re.MULTILINE):
                entry = " ".join(entry.split())
                title = re.search(r"\(\d{4}[a-z]?\)\. \*(.+?)\*", entry)
                if title:
                    key = re.sub(r"\W+", " ", title[1]).strip().casefold()
                    texts.setdefault(key, entry)
                    chapters[key].append(path.stem)
    return [(texts[key], chapters[key]) for key in sorted(texts, key=lambda key: _surname(texts[key]))]


def _surname(reference):
    """Return what a reference is sorted by: its first author's surname (an organisation's name), then the rest."""
    first = re.split(r",| et al\.| \(", reference)[0]
    surname = re.sub(r"^(\w\.[ -]?)+", "", first)
    return (surname.casefold(), reference.casefold())


def stage(destination):
    """Write the sources that Sphinx reads into the empty folder `destination`.

    Raises
    ------
    FileExistsError
        When the folder holds anything.
    NotebookError
        When a notebook cannot be read, or links to a file that is not there.
    """
    destination = Path(destination)
    if destination.exists() and any(destination.iterdir()):
        raise FileExistsError(f"destination: {destination} is not empty. Name a folder that is, or a new one.")
    for name in ("conf.py", "index.md"):
        copy_file(SETTINGS / name, destination / name)
    copy_file(SETTINGS / "course.css", destination / "_static" / "course.css")
    for path in list_notebooks():
        _stage_notebook(path, destination)
    for name in GUIDES:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        _copy_linked(text, ROOT / "docs" / name, destination)
        write_text(destination / "docs" / name, text)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    write_text(destination / "chapters.txt", re.search(r"^## Chapters\n+(.+?)\n## ", readme, re.M | re.S)[1])
    write_text(destination / "ledger.md", _ledger_page())
    write_text(destination / "glossary.md", _glossary_page())
    write_text(destination / "references.md", _references_page())


def _stage_notebook(path, destination):
    import nbformat

    notebook = read_notebook(path)
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell, source in zip(prose, level_headings([cell.source for cell in prose]), strict=True):
        cell.source = source
        _copy_linked(source, path, destination)
    for cell in notebook.cells:
        texts = [text for _, _, text in pictures(cell)]
        if texts:  # MyST-NB reads the cell's, for all its pictures
            cell.metadata["mystnb"] = {"image": {"alt": " · ".join(texts)}}
    write_text(destination / path.relative_to(ROOT), nbformat.writes(notebook))


def _copy_linked(text, path, destination):
    """Copy the files of the project that `text` links to, so that the links work on the site too."""
    for link in _LINK.findall(text):
        name = link.split("#")[0]
        if not name or re.match(r"[a-z]+:", name) or name.endswith(".ipynb"):
            continue
        linked = (path.parent / name).resolve()
        if not linked.is_file() or not linked.is_relative_to(ROOT):
            raise NotebookError(f"{path.relative_to(ROOT)}: links to {link}, and there is no such file in the project.")
        if linked.name in GUIDES:
            continue
        copy_file(linked, destination / linked.relative_to(ROOT))


def _ledger_page():
    entries = read_ledger()
    counts = defaultdict(int)
    for entry in entries:
        counts[KINDS[entry.settled.kind][0]] += 1
    lines = [
        "# The ledger: what became of each claim?",
        "",
        f"{len(entries)} claims of the document, each settled once, in a cell that ran: "
        + ", ".join(f"{count} *{verdict}*" for verdict, count in counts.items())
        + ". A number with ≈ was computed on the machine that made these pages.",
    ]
    for entry in entries:
        settled = entry.settled
        lines += [
            "",
            f"## {settled.id} {settled.statement.rstrip('.')}",
            "",
            f"**{settled.verdict}**",
            "",
        ]
        lines += [f"- {label}: {_plain(text)}" for label, text in settled.rows]
        lines.append(f"- [Where it was settled](notebooks/{entry.link}): chapter {int(entry.notebook[:2])}")
    return "\n".join(lines) + "\n"


def _plain(text):
    """Return a text of a cell as Markdown that shows it to the letter."""
    return re.sub(r"([\\`*_$<\[\]])", r"\\\1", text.replace("\n", " "))


def _glossary_page():
    lines = ["# Glossary", "", "Each term with other names, the Chinese one, and the section that teaches it."]
    for term in load_glossary():
        where = f"[{int(term.notebook[:2])}: {_plain(term.heading)}](notebooks/{term.link})"
        names = " · ".join(filter(None, (term.synonyms, term.chinese)))
        lines += ["", term.term, f": {names} · {term.definition} · {where}"]
    return "\n".join(lines) + "\n"


def _references_page():
    lines = ["# References", "", "Everything that the chapters cite, by the first author's name.", ""]
    for reference, stems in collect_references():
        where = ", ".join(f"[{int(stem[:2])}](notebooks/{stem}.ipynb#References)" for stem in dict.fromkeys(stems))
        lines.append(f"- {reference} · cited in chapter {where}")
    return "\n".join(lines) + "\n"


def build():
    """Build the site in build/site and return the path of its first page.

    Raises
    ------
    NotebookError
        When Sphinx is not installed, or warns: of a link that leads nowhere, say.
    """
    package_folder("sphinx")
    source = rebuild("site-source", stage)
    return rebuild("site", partial(_run_sphinx, source)) / "index.html"


def _run_sphinx(source, destination):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(source.with_name("site-cache")), str(source), str(destination)]
    status = subprocess.run(command).returncode
    if status == -9:
        raise NotebookError(f"the system ended Sphinx. {LITTLE_MEMORY}")
    if status:
        raise NotebookError(f"Sphinx ended with {status}: mend what its messages above name.")
