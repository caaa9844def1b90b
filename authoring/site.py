"""Build the course's site from the stored notebooks: the chapters, solutions, glossary, references, ledger and guides.

    python -m authoring site

Nothing is executed, and the pages ask no other host for anything: equations, search and fonts are in the folder.
"""

import html
import json
import re
import subprocess
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from urllib.parse import quote

import nbformat

from authoring.answering import bet_html, ledger_html, predictions_html, questions_html, thumbnail
from authoring.building import copy_file, package_folder, rebuild, write_text
from authoring.pages import cut, heading_anchor, relink
from authoring.store import LITTLE_MEMORY, UNCOMPARED_OUTPUTS
from course_utils.evidence import KINDS
from course_utils.ledger import read_ledger
from course_utils.notebooks import NOTEBOOKS, ROOT, NotebookError, list_notebooks, naming_file, read_notebook
from course_utils.self_test import load_glossary, load_questions
from course_utils.tables import load_model_sizes

__all__ = ["build", "collect_references", "heading_anchor", "level_headings", "pictures", "stage"]

SETTINGS = ROOT / "docs" / "site"
GUIDES = (
    "setup.md",
    "entry_check.md",
    "ask.md",
    "project.md",
    "capstone.md",
    "instructor_guide.md",
    "instructor_notes.md",
)
PICTURE, BET = "Inventions:", "5.4b"  # of the first page: a figure by its alternative text, a claim by its number
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ICON = re.compile(r'"?([a-z0-9-]+)"?:\[\d+,\d+,\[[^\]]*\],"[0-9a-f]+",(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?')
_FENCE = re.compile(r"^(```|~~~)")


def pictures(cell):
    """Return the pictures that a cell stores: [(MIME type, content in base64, alternative text), ...]."""
    return [
        (mime, output.data[mime].replace("\n", ""), output.metadata[mime]["alt"])
        for output in cell.get("outputs", [])
        for mime in UNCOMPARED_OUTPUTS
        if mime in output.get("data", {})
    ]


def level_headings(sources):
    """Return the Markdown cells of a page with one title and no jump from a heading to one two levels below.

    Parameters
    ----------
    sources : list of str
        Markdown of the cells, in order. The first heading is the title.

    Returns
    -------
    list of str
    """
    above, levelled = 0, []
    for source in sources:
        lines, fenced = [], False
        for line in source.split("\n"):
            fenced ^= bool(_FENCE.match(line))
            heading = None if fenced else re.match(r"(#+) (.+)", line)
            if heading:
                above = min(max(len(heading[1]), 1 + bool(above)), above + 1)
                line = "#" * above + " " + heading[2]
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
    copy_file(SETTINGS / "conf.py", destination / "conf.py")
    for name in ("course.css", "course.js", "scorer.js", "try.js"):
        copy_file(SETTINGS / name, destination / "_static" / name)
    write_text(destination / "_static" / "try_data.js", f"const data = {_try_data()};\n")
    notebooks = {path: read_notebook(path) for path in list_notebooks()}
    pages = {path.stem: cut(path.stem, book.cells) for path, book in notebooks.items() if path.parent == NOTEBOOKS}
    for path, notebook in notebooks.items():
        if path.parent == NOTEBOOKS:
            _stage_chapter(path, notebook, pages, destination)
        else:
            _stage_page(path, notebook, destination, pages)
    for name in GUIDES:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        _copy_linked(text, ROOT / "docs" / name, destination)
        write_text(destination / "docs" / name, relink(text, None, pages))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    write_text(destination / "chapters.txt", re.search(r"^## Chapters\n+(.+?)\n## ", readme, re.M | re.S)[1])
    made = {
        "index": _landing(pages, destination),
        "try": (SETTINGS / "try.md").read_text(encoding="utf-8"),
        "ledger": _ledger_page(pages, destination / "_static" / "ledger"),
        "self_test": _self_test_page(pages),
        "glossary": _glossary_page(),
        "references": _references_page(),
    }
    for name, text in made.items():
        write_text(destination / f"{name}.md", relink(text, None, pages))


def _landing(pages, destination):
    """Return the first page, with a picture of the course and the claim to bet on put into their places."""
    (content, text) = next(
        (content, text)
        for chapter in pages.values()
        for page in chapter
        for cell in page.cells
        for mime, content, text in pictures(cell)
        if text.startswith(PICTURE)
    )
    with naming_file(destination):
        (destination / "_static" / "landing.png").write_bytes(thumbnail(content, (900, 600)))
    (entry,) = (entry for entry in read_ledger() if entry.settled.id == BET)
    page = (SETTINGS / "index.md").read_text(encoding="utf-8")
    picture = f'<img class="landing" src="_static/landing.png" alt="{html.escape(text)}">'
    return page.replace("<!-- picture -->", picture).replace("<!-- bet -->", bet_html(entry))


def _try_data():
    """Return what the page `try` computes with, as JSON: next words, and the sizes of models."""
    columns = ["parameters", "active_parameters", "cache_bytes", "layers", "window", "window_layers", "context"]
    words = json.loads((SETTINGS / "next_words.json").read_text(encoding="utf-8"))
    models = load_model_sizes()[columns].to_dict("index")
    return json.dumps({"words": words, "models": models}, ensure_ascii=False)


def _stage_chapter(path, notebook, pages, destination):
    """Write a chapter's pages, and the notebook itself for whoever wants to have it."""
    copy_file(path, destination / "_static" / "notebooks" / path.name)
    opening, *others = pages[path.stem]
    for page in (opening, *others):
        cells = [
            _asked(cell, path.stem, pages)
            for cell in page.cells
            if "check_answers(my_answers, chapter=" not in cell.source
        ]
        for cell in cells:
            if "\nresume(" in cell.source:  # a set-up cell: work for the lab, not for a reader
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
        part = nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)
        if page.name.endswith("-end"):
            part.cells.insert(0, nbformat.v4.new_markdown_cell(f"# Chapter {int(path.stem[:2])}: what stays"))
        if page is opening:
            part.cells.insert(1, nbformat.v4.new_markdown_cell(_contents(path.name, others)))
        else:  # so that a search, and the links to the next page, say which chapter's part it is
            first = part.cells[0]
            first.source = re.sub(r"^# Part (\d)", rf"# {int(path.stem[:2])}, part \1", first.source)
        _stage_page(path.with_stem(page.name), part, destination, pages, path.stem)


def _asked(cell, stem, pages):
    """Return a cell; in place of one that asks a chapter's questions, the questions."""
    if not cell.source.rstrip().endswith(f"show_chapter_questions({int(stem[:2])})"):
        return cell
    chapter = int(stem[:2])
    return nbformat.v4.new_markdown_cell(questions_html(stem, load_questions(chapter), partial(_taught, pages, "")))


def _taught(pages, folder, question):
    """Return the address of the section that a question is about, from a page in a folder."""
    (stem,) = (stem for stem in pages if stem.startswith(f"0{question.chapter}"))
    for page in pages[stem]:
        for anchor in page.anchors:
            if anchor.startswith(f"{question.section}-"):
                return f"{folder}{page.name}.html#{quote(anchor)}"
    return f"{folder}{stem}.html"


def _contents(name, pages):
    lines = ["```{toctree}", ":titlesonly:", "", *(page.name for page in pages), "```"]
    return "\n".join(
        [f'<a href="../_static/notebooks/{name}" download>Download this chapter\'s notebook</a>', "", *lines]
    )


def _stage_page(path, notebook, destination, pages, chapter=None):
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell, source in zip(prose, level_headings([cell.source for cell in prose]), strict=True):
        cell.source = relink(source, chapter, pages)
        _copy_linked(cell.source, path, destination)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for mime in {"text/markdown", "text/html"} & output.get("data", {}).keys():
                output.data[mime] = relink(output.data[mime], chapter, pages)
        marks = predictions_html(cell) if cell.cell_type == "code" else ""
        if marks:
            cell.outputs.append(nbformat.v4.new_output("display_data", data={"text/html": marks}))
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


def _ledger_page(pages, folder):
    entries = read_ledger()
    counts = defaultdict(int)
    for entry in entries:
        counts[KINDS[entry.settled.kind][0]] += 1
    intro = (
        f"{len(entries)} claims of the document, each settled once, in a cell that ran: "
        + ", ".join(f"{count} *{verdict}*" for verdict, count in counts.items())
        + ". A number with ≈ was computed on the machine that made these pages. "
        + "✔ speaks for a claim, ✘ against it, ? for neither."
    )
    table = ledger_html(entries, _claim_pictures(pages, folder))
    return f"# The ledger: what became of each claim?\n\n{intro}\n\n{table}\n"


def _claim_pictures(pages, folder):
    """Write for claims, as docs/site/ledger_pictures.json names a cell, that cell's picture, made small.

    Returns {id: (address, alternative text, address of the section where it stands)}.
    """
    found, settled = {}, {entry.settled.id: Path(entry.notebook).stem for entry in read_ledger()}
    folder.mkdir(parents=True)
    for id, wanted in json.loads((SETTINGS / "ledger_pictures.json").read_text(encoding="utf-8")).items():
        anchor = ""
        for page, cell in ((page, cell) for page in pages[settled[id]] for cell in page.cells):
            for heading in re.findall(r"^## (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else ():
                anchor = heading_anchor(heading)
            if cell.id == wanted:
                ((_, content, text), *_) = pictures(cell)
                with naming_file(folder):
                    (folder / f"{id}.png").write_bytes(thumbnail(content))
                found[id] = f"_static/ledger/{id}.png", text, f"notebooks/{page.name}.html#{quote(anchor)}"
    return found


def _self_test_page(pages):
    questions = load_questions()
    intro = (
        f"{len(questions)} questions, one at a time, in the order of the chapters. A wrong answer gets its reason. "
        "What you answer stays in this browser."
    )
    asked = questions_html("all", questions, partial(_taught, pages, "notebooks/"))
    return f"# Self-test\n\n{intro}\n\n{asked}\n"


def _plain(text):
    """Return a text of a cell as Markdown that shows it to the letter."""
    return re.sub(r"([\\`*_$<\[\]])", r"\\\1", text.replace("\n", " "))


def _glossary_page():
    lines = ["# Glossary", "", "Each term with other names, the Chinese one, and the section that teaches it."]
    for term in load_glossary():
        where = f"[{int(term.notebook[:2])}: {_plain(term.heading)}](notebooks/{term.link})"
        chinese = term.chinese and f'<span lang="zh">{term.chinese}</span>'
        names = " · ".join(filter(None, (term.synonyms, chinese)))
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
    _lighten(destination)


def _lighten(site):
    """Leave out of the theme's files what no page uses: the other 2,000 icons, and the maps for its authors."""
    for path in site.rglob("*.map"):
        path.unlink()
    used = {name for page in site.rglob("*.html") for name in re.findall(r"\bfa-([a-z-]+)", page.read_text("utf-8"))}
    script = site / "_static" / "scripts" / "fontawesome.js"
    text = script.read_text(encoding="utf-8")
    write_text(script, _ICON.sub(lambda icon: icon[0] if icon[1] in used else "", text))
