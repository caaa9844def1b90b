"""Make the complete deck of slides of a chapter from the stored notebook and the instructor notes.

Which cells are slides stands in the notebooks, as JupyterLab's slide types:

- `slide`: a new slide to the right · `subslide`: a new slide below · `fragment`: more on the same slide, on a key press
- `notes`: for the speaker only · `skip`: nowhere

A Markdown cell shows its headings, formulas, tables, lists and predictions, and the first sentence or two of each other
paragraph; the whole text is in the speaker's notes. A code cell that draws shows its figure, one that settles a claim
its box. Any other shows its code and what it printed, on two slides where one is too small; a long cell that defines
nothing shows only what it printed. Nothing is executed, and no slide asks another host for anything.
"""

import html
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from math import ceil
from pathlib import Path

from authoring.site import pictures
from course_utils.notebooks import ROOT, NotebookError, read_notebook

__all__ = [
    "HEIGHT",
    "SLIDE_TYPES",
    "TEXT_BOX",
    "WIDTH",
    "Slide",
    "deck",
    "markdown_html",
    "pages",
    "read_instructor_notes",
    "shorten",
    "split_blocks",
    "without_minutes",
]

SLIDE_TYPES = ("slide", "subslide", "fragment", "notes", "skip")
NOTES = ROOT / "docs" / "instructor_notes.md"
WIDTH, HEIGHT = 1280, 720  # of a slide, in its own pixels; the browser scales it to the window
TEXT_BOX = (1180, 560)  # pixels of a slide that code and printed text may fill
CHARACTER = (0.602, 1.32)  # width and height of a character, as multiples of the size of the type
LARGEST, SMALLEST = 20, 12  # pixels of type for code
CODE_BESIDE_OUTPUT = 14  # longer code has a slide of its own
SHORT = 220  # characters of a paragraph up to which more than its first sentence is shown
LEFT_OUT = "references"
_SENTENCE_END = re.compile(r"(?<!\bal)(?<!e\.g)(?<!i\.e)[.!?][)”\"*_]*(?= +[^a-z\d ])")  # "et al." ends none


@dataclass
class Slide:
    """One slide: whether it stands below the one before, its HTML, the speaker's notes as HTML, its rough height."""

    below: bool
    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    height: float = 0.0  # in pixels of a slide

    def take(self, other):
        """Add what the slide below shows, if there is room: after a prediction it waits for a key press."""
        if not other.below or self.height + other.height > TEXT_BOX[1]:
            return False
        content = "".join(other.parts)
        waits = any("<strong>Predict" in part for part in self.parts)
        self.parts.append(f'<div class="fragment">{content}</div>' if waits else content)
        self.notes += other.notes
        self.height += other.height
        return True


# What of a cell is shown


def shorten(text):
    """Return what a slide shows of a Markdown text: headings, formulas, lists, tables, predictions, first sentences.

    Parameters
    ----------
    text : str
        Markdown, one section of a cell.

    Returns
    -------
    str
    """
    shown = []
    for block in split_blocks(text):
        first = block.lstrip()
        whole = first.startswith(("#", "$$", "|", "- ", "* ", "```", "<", "**Predict")) or re.match(r"\d+\. ", first)
        shown.append(block if whole else _first_sentences(block))
    return "\n\n".join(shown)


def split_blocks(text):
    """Split Markdown at its blank lines, but not inside fenced code or a formula."""
    blocks, lines, inside = [], [], None
    for line in text.strip().split("\n"):
        mark = re.match(r"```|\$\$", line)
        if mark and not (mark[0] == "$$" and line.strip().count("$$") == 2):
            inside = None if inside == mark[0] else inside or mark[0]
        elif inside == "$$" and line.rstrip(" .,;").endswith("$$"):
            inside = None
        if line.strip() or inside:
            lines.append(line)
        elif lines:
            blocks.append("\n".join(lines))
            lines = []
    return [*blocks, "\n".join(lines)] if lines else blocks


def _first_sentences(paragraph):
    """Return the first sentence of a paragraph, and the next ones while they are short."""
    words = " ".join(paragraph.split())
    ends = [end.end() for end in _SENTENCE_END.finditer(words) if _is_balanced(words[: end.end()])] + [len(words)]
    return words[: max([ends[0], *(end for end in ends if end <= SHORT)])]


def _is_balanced(text):
    """Say whether each formula, code, bracket and emphasis that begins in `text` ends in it."""
    pairs = all(text.count(mark) % 2 == 0 for mark in ("$", "`", "**"))
    return pairs and text.count("(") == text.count(")")


def _sections(text):
    """Split the Markdown of a cell before its headings; a part's title stays with the heading that follows it."""
    sections = [""]
    for block in split_blocks(text):
        title_alone = re.fullmatch(r"#+ [^\n]+", sections[-1].strip()) is not None
        if block.startswith("#") and sections[-1].strip() and not title_alone:
            sections.append("")
        sections[-1] += block + "\n\n"
    return [section.strip() for section in sections]


def _split_long(block):
    """Split a list between its items, and a table between its rows (each piece with the header), if it is too high."""
    if _estimated_height(block) <= TEXT_BOX[1] - 100:
        return [block]
    if block.startswith("|"):
        head, items = block.split("\n")[:2], block.split("\n")[2:]
    else:
        head, items = [], re.split(r"\n(?=- |\d+\. )", block)
    half = len(items) // 2
    halves = [items[:half], items[half:]] if half else []
    return [part for piece in halves for part in _split_long("\n".join(head + piece))] or [block]


def pages(text):
    """Split Markdown between its blocks so that each page fits a slide: [(Markdown, estimated height), ...].

    The last heading is repeated on each page.
    """
    blocks = [part for block in split_blocks(text) for part in _split_long(block)]
    headings = [block for block in blocks if block.startswith("#")]
    pages, room = [[]], TEXT_BOX[1]
    for block in blocks:
        height = _estimated_height(block)
        if height > room and not all(other.startswith("#") for other in pages[-1]):
            pages.append(headings[-1:])
            room = TEXT_BOX[1] - sum(map(_estimated_height, pages[-1]))
        pages[-1].append(block)
        room -= height
    return [("\n\n".join(page), sum(map(_estimated_height, page))) for page in pages]


def _estimated_height(block):
    """Return about how many pixels of a slide a block of Markdown takes; the browser's test measures them."""
    lines, count = re.sub(r"\]\([^)]*\)|\\[a-z]+", "", block).split("\n"), 0.0
    if block.startswith("$$"):
        return 60 + 45 * len(lines)
    if block.startswith("|"):
        rows = [[len(cell) for cell in line.strip("|").split("|")] for line in lines]
        widths = [max(column) for column in zip_longest(*rows, fillvalue=0)]
        shrink = max(1, sum(widths) / 115)  # characters of a table's row that fit beside each other
        fits = [max(8, width / shrink) for width in widths]
        return 30 + sum(11 + 27 * max(ceil(cell / fit) for cell, fit in zip(row, fits, strict=False)) for row in rows)
    for line in lines if block.lstrip().startswith(("-", "*", "1.", "#", "```")) else [" ".join(lines)]:
        count += 1.5 * (len(line) // 48 + 1) if line.startswith("#") else len(line) // 78 + 1
    return 20 + 40 * count


def _text_size(text):
    """Return the largest size of type, in pixels, at which a text of fixed pitch fits the slide."""
    lines = text.rstrip("\n").split("\n")
    widest = max(map(len, lines))
    by_width = TEXT_BOX[0] / (CHARACTER[0] * max(widest, 1))
    return min(LARGEST, by_width, TEXT_BOX[1] / (CHARACTER[1] * len(lines)))


def _preformatted(text, place, kind="output"):
    """Return printed text, or highlighted code, as HTML that fits the slide."""
    size = int(_text_size(text))
    if size < SMALLEST:
        raise NotebookError(
            f"{place}: its {kind} needs type of {size} pixels to fit a slide, at least {SMALLEST} are allowed. "
            "Make it shorter, or give the cell the slide type skip."
        )
    inside = _highlight(text) if kind == "code" else html.escape(text.rstrip("\n"))
    return f'<pre class="{kind}" style="font-size:{size}px">{inside}</pre>'


def _highlight(source):
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")


def markdown_html(text):
    """Return Markdown as HTML; a link to another chapter leads to its deck, one to a file of the project nowhere."""
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    text = re.sub(r"\]\((\w+)\.ipynb(#[^)]*)?\)", r"](\1.html)", text)  # another chapter is another deck
    text = re.sub(r"\]\((?!https?:|\w+\.html)[^)]*\)", "]()", text)
    return re.sub(r'<a href="">(.*?)</a>', r"\1", markdown2html_mistune(text), flags=re.DOTALL)


def _outputs(cell, place):
    """Return (printed text, rich outputs as HTML) of a stored code cell."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    rich = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            small = " claim" if data.get("text/plain", "").startswith("Claim ") else ""
            rich.append(f'<div class="rich{small}">{data["text/html"]}</div>')
        elif "text/markdown" in data:
            rich.append(f'<div class="rich">{markdown_html(data["text/markdown"])}</div>')
        elif "text/plain" in data:
            rich.append(_preformatted(data["text/plain"], place))
    return printed, rich


def _code_slides(cell, place):
    """Return what a code cell shows, as lists of HTML: one list a slide."""
    if shown := pictures(cell):
        return [[f'<img alt="{html.escape(alt)}" src="data:{mime};base64,{data}">'] for mime, data, alt in shown]
    printed, rich = _outputs(cell, place)
    boxes = [part for part in rich if part.startswith("<div")]
    if boxes and "claim(" in cell.source:
        return [boxes]
    output = ([_preformatted(printed, place)] if printed else []) + rich
    lines = len(cell.source.split("\n")) + len(printed.split("\n"))
    if not output or lines <= CODE_BESIDE_OUTPUT and not rich:
        return [[_preformatted(cell.source, place, "code"), *output]]
    if not re.search(r"^(def|class) |expect_error\(", cell.source, re.MULTILINE):
        return [output]
    return [[_preformatted(cell.source, place, "code")], output]


def _part_height(part):
    """Return about how many pixels of a slide a part of a code cell takes; a picture or a claim fills it."""
    if "<img" in part or 'class="rich claim"' in part:
        return HEIGHT
    size = re.search(r"font-size:(\d+)px", part)
    if part.startswith("<pre") and size:
        return 40 + CHARACTER[1] * int(size[1]) * (part.count("\n") + 1)
    if "<audio" in part:
        return 60 * part.count("<audio")
    return 40 + 26 * part.count("<tr") if "<tr" in part else TEXT_BOX[1] / 2


# Decks


def without_minutes(heading):
    """Return a heading as the instructor notes have it: "2.4 What have you kept? (8 minutes)" loses its brackets."""
    return re.sub(r" \([^()]*\d+ minutes[^()]*\)$", "", heading.strip())


def read_instructor_notes(path=NOTES):
    """Return the instructor notes as a dict: (chapter, heading) to Markdown.

    The file has `## Chapter 4` and below it `### ` with a heading of that chapter, word for word, without its minutes.

    Raises
    ------
    NotebookError
        When a note stands under no chapter, or a heading twice.
    """
    notes, chapter = {}, None
    for part in re.split(r"^(?=##+ )", Path(path).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        level, heading = len(heading) - len(heading.lstrip("#")), heading.lstrip("# ").strip()
        if level == 2:
            number = re.match(r"Chapter (\d+)", heading)
            chapter = int(number[1]) if number else None
            continue
        if chapter is None or (chapter, heading) in notes:
            raise NotebookError(f"{path}: the note {heading!r} stands under no chapter, or twice in its chapter.")
        notes[chapter, heading] = text.strip()
    return notes


def deck(path, notes=None):
    """Return the slides of the stored chapter at `path`, as a list of `Slide`.

    Parameters
    ----------
    path : str or Path
        A notebook whose cells have slide types.
    notes : dict, optional
        What `read_instructor_notes` returns.

    Raises
    ------
    NotebookError
        When a cell has no slide type or an unknown one, or is too long for a slide.
    """
    path, slides = Path(path), []
    number = re.match(r"\d+", path.stem)
    chapter = int(number[0]) if number else None
    for index, cell in enumerate(read_notebook(path).cells):
        place, kind = f"{path.name}, cell {index}", cell.metadata.get("slideshow", {}).get("slide_type")
        if kind not in SLIDE_TYPES:
            raise NotebookError(f"{place}: found the slide type {kind!r}, expected one of {', '.join(SLIDE_TYPES)}.")
        if kind == "skip":
            continue
        if kind in ("notes", "fragment") and not slides:
            raise NotebookError(f"{place}: found the slide type {kind!r} before any slide.")
        if kind == "notes":
            slides[-1].notes.append(markdown_html(cell.source))
        elif cell.cell_type == "markdown":
            _add_prose(slides, cell.source, kind, notes or {}, chapter)
        else:
            for place_below, parts in enumerate(_code_slides(cell, place)):
                if kind == "fragment" and place_below == 0:
                    slides[-1].parts.append(f'<div class="fragment">{"".join(parts)}</div>')
                else:
                    _append(slides, Slide(kind != "slide" or place_below > 0, parts, [], sum(map(_part_height, parts))))
    return slides


def _add_prose(slides, source, kind, notes, chapter):
    sections = _sections(source)
    for position, section in enumerate(sections):
        headings = [without_minutes(heading) for heading in re.findall(r"^#+ (.+)$", section, re.MULTILINE)]
        if not headings and len(sections) > 1 and slides:  # what reads the figure before
            slides[-1].notes.append(markdown_html(section))
            continue
        if headings and headings[-1].strip().lower() == LEFT_OUT:
            continue
        short = shorten(section)
        full = [markdown_html(notes[chapter, heading]) for heading in headings if (chapter, heading) in notes]
        if short != section:
            full.append("<hr>" * bool(full) + markdown_html(re.sub(r"^#+ .+$", "", section, flags=re.MULTILINE)))
        if kind == "fragment" and position == 0:
            slides[-1].parts.append(f'<div class="fragment">{markdown_html(short)}</div>')
            slides[-1].notes += full
        else:
            for place_below, (page, height) in enumerate(pages(short)):
                below = kind == "subslide" and position == 0 or place_below > 0
                _append(slides, Slide(below, [markdown_html(page)], [] if place_below else full, height))


def _append(slides, slide):
    """Add a slide, or what it shows to the slide above it where both fit; a heading begins a slide of its own."""
    if not slides or slide.parts[0].startswith("<h") or not slides[-1].take(slide):
        slides.append(slide)
