"""Write the decks of all chapters (reveal.js): a lecture, and all that its notebook shows, cell by cell.

    python -m authoring slides

No slide asks another host for anything.
"""

from functools import cache, partial
from pathlib import Path
from shutil import copytree

from authoring.building import copy_file, package_folder, rebuild, write_text
from authoring.lecture import lecture
from authoring.slides import HEIGHT, WIDTH, deck, read_instructor_notes
from course_utils.notebooks import NOTEBOOKS, ROOT, list_notebooks, read_notebook

__all__ = ["build"]

TEMPLATES = ROOT / "docs" / "slides"


@cache
def _template(name):
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined).get_template(name)


def _columns(slides):
    """Group slides into columns: one slide and those below it."""
    columns = []
    for slide in slides:
        if slide.below and columns:
            columns[-1].append(slide)
        else:
            columns.append([slide])
    return columns


def build():
    """Write the decks of all chapters, and a page that lists them, into build/slides; return the path of that page.

    Raises
    ------
    NotebookError
        When a package is missing, or a cell cannot be a slide.
    """
    reveal = package_folder("sphinx_revealjs") / "_static" / "revealjs"
    mathjax = package_folder("sphinx-mathjax-offline") / "static" / "mathjax"
    return rebuild("slides", partial(_write_decks, reveal, mathjax)) / "index.html"


def _write_decks(reveal, mathjax, destination):
    for folder in ("dist", "plugin/notes"):
        copytree(reveal / folder, destination / "reveal" / folder, copy_function=copy_file)
    fonts = Path("output", "chtml", "fonts")
    copytree(mathjax / fonts, destination / "mathjax" / fonts, copy_function=copy_file)
    copy_file(mathjax / "tex-chtml.js", destination / "mathjax" / "tex-chtml.js")
    style = (TEMPLATES / "course.css").read_text(encoding="utf-8") + _highlight_style()
    write_text(destination / "course.css", style)
    copy_file(TEMPLATES / "room.js", destination / "room.js")
    notes, decks = read_instructor_notes(), []
    for path in list_notebooks():
        if path.parent != NOTEBOOKS:
            continue
        title = read_notebook(path).cells[0].source.split("\n")[0].lstrip("# ")
        counts = []
        for name, slides in ((path.stem, lecture(path, notes)), (f"{path.stem}-complete", deck(path, notes))):
            page = _template("deck.html.j2").render(title=title, columns=_columns(slides), width=WIDTH, height=HEIGHT)
            write_text(destination / f"{name}.html", page)
            counts.append(len(slides))
        decks.append((path.stem, title, *counts))
    write_text(destination / "index.html", _template("index.html.j2").render(decks=decks))


def _highlight_style():
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(style="a11y-high-contrast-light").get_style_defs("pre.code")
