"""The decks: every cell says whether it is a slide, what is too long is refused, notes stand where they belong."""

import re

import nbformat
import pytest

from authoring import slides
from course_utils.notebooks import NOTEBOOKS, NotebookError, list_notebooks, read_notebook

CHAPTERS = [path for path in list_notebooks() if path.parent == NOTEBOOKS]


def write(tmp_path, *cells, name="01_toy.ipynb"):
    """Store a notebook of (slide type, cell) and return its path."""
    for kind, cell in cells:
        if kind:
            cell.metadata["slideshow"] = {"slide_type": kind}
        if cell.cell_type == "code":
            cell.execution_count = 1
    path = tmp_path / name
    nbformat.write(nbformat.v4.new_notebook(cells=[cell for _, cell in cells]), path)
    return path


def prose(text):
    return nbformat.v4.new_markdown_cell(text)


def code(source, printed=None, data=None):
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    metadata = {mime: {"alt": "A <b> title"} for mime in data or {} if "image/" in mime}
    outputs += [nbformat.v4.new_output("display_data", data=data, metadata=metadata)] if data else []
    return nbformat.v4.new_code_cell(source, outputs=outputs)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_makes_a_deck(path):
    deck = slides.deck(path, slides.read_instructor_notes())
    assert len(deck) >= 30
    assert sum(not slide.below for slide in deck) >= 15
    assert sum(bool(slide.notes) for slide in deck) >= 5
    assert "<h1" in deck[0].parts[0]
    shown = "".join(part for slide in deck for part in slide.parts)
    assert "Key points" in shown and ">References<" not in shown
    assert shown.count("<img") == sum(
        mime.startswith("image/")
        for cell in read_notebook(path).cells
        if cell.metadata["slideshow"]["slide_type"] != "skip"
        for output in cell.get("outputs", [])
        for mime in output.get("data", {})
    )


def test_instructor_notes_belong_to_headings_of_their_chapters():
    headings = {
        (int(path.stem[:2]), slides.without_minutes(heading))
        for path in CHAPTERS
        for cell in read_notebook(path).cells
        if cell.cell_type == "markdown"
        for heading in re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)
    }
    notes = slides.read_instructor_notes()
    assert [key for key in notes if key not in headings] == []
    assert {chapter for chapter, _ in notes} == {int(path.stem[:2]) for path in CHAPTERS}


def test_notes_of_a_section_stand_on_its_first_slide(tmp_path):
    path = write(tmp_path, ("slide", prose("# T")), ("slide", prose("## 1.1 Why?\n\nBecause.")))
    deck = slides.deck(path, {(1, "1.1 Why?"): "Say *this*."})
    assert "<em>this</em>" in "".join(deck[1].notes) and deck[0].notes == []


@pytest.mark.parametrize(
    ("heading", "noted"),
    [
        ("Part 5 · How is a model trained? (optional, 40 minutes)", "Part 5 · How is a model trained?"),
        ("2.3 Your claim (about 100 minutes, at home)", "2.3 Your claim"),
        ("3.4 How does it know (the order)?", "3.4 How does it know (the order)?"),
    ],
)
def test_a_note_belongs_to_a_heading_whatever_its_minutes(tmp_path, heading, noted):
    (slide,) = slides.deck(write(tmp_path, ("slide", prose(f"# {heading}"))), {(1, noted): "Say *this*."})
    assert "<em>this</em>" in "".join(slide.notes)


def test_shorten_keeps_what_a_slide_needs():
    text = (
        "## H\n\n"
        + "First sentence here. "
        + "X" * 300
        + ".\n\n$$a\n\n= b$$\n\n- one\n- two\n\n**Predict:** long "
        + "y" * 300
    )
    short = slides.shorten(text)
    assert short.startswith("## H\n\nFirst sentence here.\n\n$$a\n\n= b$$\n\n- one\n- two\n\n**Predict:**")
    assert "XXX" not in short and short.endswith("y" * 300)


@pytest.mark.parametrize(
    ("paragraph", "first"),
    [
        ("Guo et al. (2017) found it. " + "Z" * 300, "Guo et al. (2017) found it."),
        ("It is 3.5 times as much. Then " + "Z" * 300, "It is 3.5 times as much."),
        ("Is it (see chapter 2. Or 3)? Yes. " + "Z" * 300, "Is it (see chapter 2. Or 3)? Yes."),
        ("With $a. B$ it is. " + "Z" * 300, "With $a. B$ it is."),
        ("no end", "no end"),
    ],
)
def test_first_sentences_end_where_a_reader_would(paragraph, first):
    assert slides.shorten(paragraph) == first


def test_figures_boxes_code_and_output(tmp_path):
    png = "iVBORw0KGgo="
    path = write(
        tmp_path,
        ("slide", prose("# T")),
        ("subslide", code("draw()", "Figure\n", {"image/png": png, "text/plain": "<Figure>"})),
        ("subslide", code('claim("1.1")', data={"text/html": "<div>box</div>", "text/plain": "Claim 1.1"})),
        ("slide", code("x = 1 < 2\nprint(x)", "True & so\n")),
        ("slide", code("def f():\n" + "    pass\n" * 20, "after a long definition\n")),
        ("slide", code("a = 1\n" * 20, "only this\n")),
    )
    deck = slides.deck(path)
    assert 'alt="A &lt;b&gt; title"' in deck[1].parts[0] and "draw" not in "".join(deck[1].parts)
    assert deck[2].parts[0] == '<div class="rich claim"><div>box</div></div>'
    assert "True &amp; so" in "".join(deck[3].parts) and 'class="code"' in deck[3].parts[0]
    assert "after a long" not in "".join(deck[4].parts) and "after a long" in "".join(deck[5].parts)
    assert "".join(deck[6].parts).startswith('<pre class="output"')


def test_an_answer_waits_for_a_key_press_after_a_prediction(tmp_path):
    path = write(
        tmp_path,
        ("slide", prose("# T\n\n**Predict:** how many?")),
        ("subslide", code("print(3)", "3\n")),
        name="a.ipynb",
    )
    (slide,) = slides.deck(path)
    assert slide.parts[1].startswith('<div class="fragment">')


def test_long_lists_and_tables_are_split_and_keep_their_heading(tmp_path):
    rows = "\n".join(f"| {i} | {'word ' * 20}|" for i in range(16))
    path = write(tmp_path, ("slide", prose("# T")), ("slide", prose(f"## Table\n\n| a | b |\n|---|---|\n{rows}")))
    deck = slides.deck(path)
    assert len(deck) == 3 and all("<table>" in slide.parts[0] and ">Table" in slide.parts[0] for slide in deck[1:])


def test_a_very_long_list_is_split_until_each_part_fits():
    pages = slides.pages("## Much\n\n" + "\n".join(f"- item {i} " + "word " * 12 for i in range(60)))
    assert len(pages) > 3 and all(height <= slides.TEXT_BOX[1] for _, height in pages)
    assert [i for page, _ in pages for i in re.findall(r"- item (\d+)", page)] == [str(i) for i in range(60)]


def test_what_is_too_long_for_a_slide_is_refused(tmp_path):
    path = write(tmp_path, ("slide", prose("# T")), ("slide", code("print(x)", "line\n" * 100)))
    with pytest.raises(NotebookError, match="01_toy.ipynb, cell 1: its output needs type of 4 pixels.*slide type skip"):
        slides.deck(path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(None, "found the slide type None"), ("-", "found the slide type '-'"), ("notes", "before any slide")],
)
def test_a_cell_without_a_known_slide_type_is_refused(tmp_path, kind, message):
    with pytest.raises(NotebookError, match=message):
        slides.deck(write(tmp_path, (kind, prose("# T"))))


def test_links_to_other_chapters_lead_to_their_decks(tmp_path):
    text = "# T\n\n[two](02_core_concepts.ipynb#1.1-x) [code](../course_utils/data.py) [web](https://example.org)"
    (slide,) = slides.deck(write(tmp_path, ("slide", prose(text))))
    assert 'href="02_core_concepts.html"' in slide.parts[0] and 'href="https://example.org"' in slide.parts[0]
    assert "data.py" not in slide.parts[0] and "code" in slide.parts[0]


@pytest.mark.parametrize("text", ["## Other\n\n### lost\n\nx", "## Chapter 1\n\n### a\n\nx\n\n### a\n\ny"])
def test_damaged_notes_are_named(tmp_path, text):
    path = tmp_path / "notes.md"
    path.write_text(text)
    with pytest.raises(NotebookError, match="stands under no chapter, or twice"):
        slides.read_instructor_notes(path)
