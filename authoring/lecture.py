"""Choose what a lecture shows of a chapter: its parts, guesses, figures, claims, homework and key points.

Each slide has one title; a figure's is its finding. What reads a figure on the page, and the instructor's note of its
section, are the speaker's. Code stays in the complete deck and in the lab.
"""

import html
import re

from authoring.site import pictures
from authoring.slides import Slide, markdown_html, pages, shorten, without_minutes
from course_utils.evidence import read_box
from course_utils.notebooks import read_notebook

__all__ = ["lecture"]

LONG_BOX = 1100  # characters; a longer one needs smaller type
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_OUTCOME = re.compile(r"^≈ (.+?): (.+)\. No guess to compare with\.$", re.MULTILINE)


def lecture(path, notes):
    """Return the slides of a lecture on the stored chapter at `path`, as a list of `Slide`.

    Parameters
    ----------
    path : Path
    notes : dict
        What `read_instructor_notes` returns; each note stands with the first slide of its section.
    """
    cells = read_notebook(path).cells
    chapter, left, asked = int(path.stem[:2]), dict(notes), {}
    slides, heading, homework = [], None, []
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        if cell.cell_type == "markdown":
            for section in re.split(r"^(?=# )|^(?=## )", cell.source, flags=re.MULTILINE):
                for _, heading in _HEADING.findall(section):
                    heading = without_minutes(heading)
                if section.startswith("# ") or re.match(r"## (Objectives|Key points)", section):
                    title = without_minutes(_HEADING.search(section)[2])
                    note = left.pop((chapter, title), "")
                    slides += [*homework, *_prose(section, cells, note)]
                    homework = _homework(note)
            continue
        new = [*_guesses(cell, asked), *_figures(cell, after), *_claims(cell)]
        if new and (chapter, heading) in left:
            new[0].notes.insert(0, markdown_html(left.pop((chapter, heading))))
        slides += new
    return slides


def _homework(note):
    """Return the last slide of a part, from the part's note: its homework; how it is marked is the speaker's."""
    lines = dict(re.findall(r"^- \*\*(.+?):\*\* (.+)$", note, re.MULTILINE))
    if "Homework" not in lines:
        return []
    shown = ["<h2>Homework</h2>", f'<div class="homework">{markdown_html(lines["Homework"])}</div>']
    return [Slide(True, shown, [markdown_html(f"Marking: {lines['Marking']}")])]


def _prose(section, cells, note):
    """Return slides of a title: a part's names its sections, another shows what a slide shows of its text."""
    (_, title), *_ = _HEADING.findall(section)
    text = section.split("\n", 1)[1].strip() if "\n" in section else ""
    if title.startswith("Part "):
        sources = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        part = re.split(r"^# ", sources.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        shown = "\n".join(f"- {one}" for one in re.findall(r"^## (.+)$", part, re.MULTILINE))
    else:
        runs = re.search(r"^\*\*What runs here:\*\* (.+)$", text, re.MULTILINE)  # of a chapter's first cell
        shown = runs[1] if runs else shorten(text)
    said = markdown_html(text) if text else "<p>Which of these can you answer now?</p>"
    said = [markdown_html(note), said] if note else [said]
    return [Slide(False, [markdown_html(page)], said) for page, _ in pages(f"## {title}\n\n{shown}")]


def _printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def _guesses(cell, asked):
    """Return a slide for each guess that a cell asks for; put the results that it prints on the slides before."""
    printed = _printed(cell)
    for name, result in _OUTCOME.findall(printed):
        if name in asked:
            asked[name].parts.append(f'<p class="fragment guess"><strong>{html.escape(result)}</strong></p>')
    slides, lines = [], printed.splitlines()
    for name, question, ask in zip(
        re.findall(r'\bpredict\(\s*"([^"]+)"', cell.source), lines[::2], lines[1::2], strict=False
    ):
        choices = "".join(f"<li>{html.escape(choice)}</li>" for choice in re.findall(r"'([^']+)'", ask))
        shown = (
            f"<ul>{choices}</ul>"
            if choices
            else "<p>Write down two numbers. You are 80 % sure that it lies between.</p>"
        )
        asked[name] = Slide(
            True,
            [f"<h2>{html.escape(question)}</h2>", f'<div class="guess">{shown}</div>'],
            ["<p>Collect answers first.</p>"],
        )
        slides.append(asked[name])
    return slides


def _figures(cell, after):
    """Return a slide for each picture of a cell; for the speaker the paragraph that reads it.

    The picture shows its finding as its title, so the slide's own is there for lists of slides and for readers aloud.
    """
    titles = re.findall(r"^Figure: (.+)$", _printed(cell), re.MULTILINE)
    reading = after.source if after is not None and after.cell_type == "markdown" else ""
    reading = re.split(r"^#", reading, maxsplit=1, flags=re.MULTILINE)[0].strip()
    return [
        Slide(
            True,
            [
                f'<h2 class="drawn">{html.escape(title)}</h2>',
                f'<img alt="{html.escape(alt)}" src="data:{mime};base64,{data}">',
            ],
            [markdown_html(reading or alt)],
        )
        for title, (mime, data, alt) in zip(titles, pictures(cell), strict=True)
    ]


def _claims(cell):
    """Return a slide for each claim that a cell settles."""
    slides = []
    for output in cell.outputs:
        settled = read_box(output.get("data", {}).get("text/plain", ""))
        if settled:
            length = len(output.data["text/plain"])
            size = " short" if length < LONG_BOX else " long" if length > 2 * LONG_BOX else ""
            box = f'<div class="rich claim{size}">{output.data["text/html"]}</div>'
            statement = "" if size == " long" else f": {html.escape(settled.statement)}"  # the box has it, too
            title = f"<h2>Claim {settled.id}{statement}</h2>"
            slides.append(Slide(True, [title, box], ["<p>Bet first: holds, in part, or not?</p>"]))
    return slides
