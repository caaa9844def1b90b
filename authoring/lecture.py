"""Choose what a lecture shows of a chapter: its parts, guesses, figures, claims, homework and key points.

- Each slide has one title. A guess waits for its result, and for the figure that shows it; a figure's title is its
  finding; a claim is there to bet on until its box opens.
- A section that shows none of these has a slide where the instructor's notes say something of it: its formulas, tables
  and first sentences, and what it printed. So a note is what puts a section on a slide.
- A cell with the tag `lecture-skip` has no slide.

What reads a figure on the page, and the instructor's note of its section, are the speaker's. Code stays in the complete
deck and in the lab.
"""

import html
import re
from textwrap import wrap

from nbformat import NotebookNode

from authoring.answering import read_asked, read_outcomes
from authoring.site import pictures
from authoring.slides import TEXT_BOX, Slide, markdown_html, pages, shorten, split_blocks, without_minutes
from course_utils.evidence import read_box
from course_utils.notebooks import read_notebook

__all__ = ["lecture"]

LINES, WIDTH, TYPE = 12, 96, 20  # of printed text: lines, characters a line, pixels of its type
CREDIT = ": the course's"  # whose function ran is for the learner
LONG_BOX = 1100  # characters; a longer one needs smaller type
LONG_LIST = 900
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_SAID = ("The document says", "Read it as", "Source")  # of a measured claim's box: the title or the speaker says it


def lecture(path, notes):
    """Return the slides of a lecture on the stored chapter at `path`, as a list of `Slide`.

    Parameters
    ----------
    path : Path
    notes : dict
        What `read_instructor_notes` returns; each note stands with the first slide of its section.
    """
    cells = [cell for cell in read_notebook(path).cells if "lecture-skip" not in cell.metadata.get("tags", [])]
    chapter, asked, slides, homework = int(path.stem[:2]), {}, [], []
    for section in _sections(cells):
        text = section[0].source
        if text.startswith(("# ", "## Key points")):
            slides += homework
            homework = []
        if re.match(r"# (\d|Part)|## (Objectives|Key points)", text):
            note = notes.get((chapter, without_minutes(_HEADING.search(text)[2])), "")
            slides += _prose(text, cells, note)
            homework = _homework(note)
            continue
        if text.startswith("## Appendix"):
            continue
        prose = "\n".join(cell.source for cell in section if cell.cell_type == "markdown")
        headings = [without_minutes(heading) for _, heading in _HEADING.findall(prose)]
        said = [markdown_html(notes[chapter, heading]) for heading in headings if (chapter, heading) in notes]
        new = _shown(section, asked)
        if said and not new:
            new = [_idea(section)]
        if said:
            new[0].notes[:0] = said
        if new and text.startswith("# "):
            new[0].below = False
        slides += new
    return slides


def _sections(cells):
    """Return lists of cells; each list begins with the Markdown of a part's or a section's heading."""
    sections = []
    for cell in cells:
        if cell.cell_type == "code":
            sections[-1].append(cell)
            continue
        for text in filter(str.strip, re.split(r"^(?=##? )", cell.source, flags=re.MULTILINE)):
            piece = NotebookNode(cell_type="markdown", source=text)
            if re.match("##? ", text):
                sections.append([])
            sections[-1].append(piece)
    return sections


def _shown(section, asked):
    """Return the slides of a section's guesses, figures and claims; put results and their figures on the guesses."""
    slides, open_guess = [], None
    for place, cell in enumerate(section):
        if cell.cell_type == "markdown":
            open_guess = None  # what was read is settled: the next figure shows something else
            continue
        reading = _reading(section[place + 1 :])
        slides += _guesses(cell, asked)
        figures = _figures(cell, reading)
        for name, _ in read_outcomes(_printed(cell)):
            if name in asked:
                open_guess = asked[name]
                open_guess.notes += [markdown_html(reading)] if reading else []
        if figures and open_guess:
            figure = figures.pop(0)
            open_guess.parts.append(f'<div class="fragment answer">{figure.parts[1]}</div>')
            open_guess.notes += [note for note in figure.notes if note not in open_guess.notes]
            open_guess = None
        slides += [*figures, *_claims(cell)]
    return slides


def _reading(after):
    """Return the Markdown that reads what a cell shows: the next text of its section, unless a heading begins it."""
    text = next((cell.source for cell in after if cell.cell_type == "markdown"), "")
    return re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _idea(section):
    """Return a slide of a section's text, as short as slides show it, and of the most that it printed and that fits."""
    texts = [re.split("^###", cell.source, flags=re.MULTILINE)[0] for cell in section if cell.cell_type == "markdown"]
    said = "\n\n".join(texts).split("\n", 1)[1]
    formulas = [block for text in texts[1:] for block in split_blocks(text) if block.startswith(("$$", "|"))]
    page, height = pages("\n\n".join([shorten(texts[0]), *formulas]))[0]
    boxes = [box for cell in section for box in _boxes(cell) if height + box[1] <= TEXT_BOX[1]]
    return Slide(True, [markdown_html(page), *(box for *_, box in sorted(boxes)[-1:])], [markdown_html(said)])


def _boxes(cell):
    """Return what a given cell prints, and the first page of its table: [(printed, height in pixels, HTML), ...]."""
    if cell.cell_type == "markdown" or any(tag.startswith("exercise") for tag in cell.metadata.get("tags", [])):
        return []
    printed = [line for line in _printed(cell).splitlines() if CREDIT not in line]
    lines = [html.escape(part) for line in printed for part in wrap(line, WIDTH, subsequent_indent="    ")]
    text = "\n".join(lines)
    tables = (output.data["text/markdown"] for output in cell.outputs if "text/markdown" in output.get("data", {}))
    boxes = [(False, height, markdown_html(page)) for page, height in (pages(table)[0] for table in tables)]
    if 0 < len(lines) <= LINES:
        boxes.append(
            (True, 40 + 1.3 * TYPE * len(lines), f'<pre class="output" style="font-size:{TYPE}px">{text}</pre>')
        )
    return boxes


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
        shown = "\n".join(f"- {one}" for one in re.findall(r"^## (\d.+)$", part, re.MULTILINE))
    else:
        runs = re.search(r"^\*\*What runs here:\*\* (.+)$", text, re.MULTILINE)  # of a chapter's first cell
        shown = runs[1] if runs else shorten(text)
    said = markdown_html(text) if text else "<p>Which of these can you answer now?</p>"
    said = [markdown_html(note), said] if note else [said]
    page = f"## {title}\n\n{shown}"
    if not title.startswith("Key points"):
        page = pages(page)[0][0]
    shown = markdown_html(page)
    return [Slide(False, [f'<div class="dense">{shown}</div>' if len(page) > LONG_LIST else shown], said)]


def _printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def _guesses(cell, asked):
    """Return a slide for each guess that a cell asks for; put the results that it prints on the slides before."""
    printed = _printed(cell)
    for name, result in read_outcomes(printed):
        if name in asked:
            asked[name].parts.append(f'<p class="fragment guess"><strong>{html.escape(result)}</strong></p>')
    slides = []
    for name, question, options in read_asked(cell.source, printed):
        choices = "".join(f"<li>{html.escape(choice)}</li>" for choice in options)
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


def _figures(cell, reading):
    """Return a slide for each picture of a cell; for the speaker what reads the last, and what the others show.

    The picture shows its finding as its title, so the slide's own is there for lists of slides and for readers aloud.
    """
    titles, shown = re.findall(r"^Figure: (.+)$", _printed(cell), re.MULTILINE), pictures(cell)
    said = [alt for _, _, alt in shown[:-1]] + [reading or alt for _, _, alt in shown[-1:]]
    return [
        Slide(
            True,
            [
                f'<h2 class="drawn">{html.escape(title)}</h2>',
                f'<img alt="{html.escape(alt)}" src="data:{mime};base64,{data}">',
            ],
            [markdown_html(note)],
        )
        for title, (mime, data, alt), note in zip(titles, shown, said, strict=True)
    ]


def _claims(cell):
    """Return a slide for each claim that a cell settles: its statement, and on a key press what became of it."""
    slides = []
    for output in cell.outputs:
        settled = read_box(output.get("data", {}).get("text/plain", ""))
        if settled:
            rows = f"<div><b>({'|'.join(_SAID if settled.findings else _SAID[:1])}):</b>"
            box = "\n".join(line for line in output.data["text/html"].split("\n") if not re.match(rows, line))
            length = len(re.sub("<[^>]+>", "", box))
            size = " short" if length < LONG_BOX else " long" if length > 2 * LONG_BOX else ""
            title = f"<h2>Claim {settled.id}: {html.escape(settled.statement)}</h2>"
            said = [
                "Bet first: holds, in part, or not?",
                settled.reading,
                settled.source and f"Source: {settled.source}",
            ]
            notes = [f"<p>{html.escape(text)}</p>" for text in said if text]
            slides.append(Slide(True, [title, f'<div class="fragment rich claim{size}">{box}</div>'], notes))
    return slides
