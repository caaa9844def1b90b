"""The lecture decks: what they show of a chapter, and how much."""

import re

import nbformat
import pytest

from authoring.lecture import lecture
from authoring.slides import markdown_html, read_instructor_notes
from course_utils.notebooks import NOTEBOOKS, list_notebooks

CHAPTERS = [path for path in list_notebooks() if path.parent == NOTEBOOKS]


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def slides(request):
    return request.param, lecture(request.param, read_instructor_notes())


def test_a_lecture_has_20_to_36_slides_and_the_homework(slides):
    """25 to 35 are meant; chapter 8 is half a lecture. The homework of a part, read out in passing, is not counted."""
    homework = [slide for slide in slides[1] if slide.parts[0] == "<h2>Homework</h2>"]
    assert 20 <= len(slides[1]) - len(homework) <= 36


def test_each_slide_has_one_title_something_to_see_and_something_to_say(slides):
    for slide in slides[1]:
        shown = "".join(slide.parts)
        assert len(re.findall(r"<h[12]", shown)) == 1, shown
        assert re.search(r"<h2[^>]*>[^<]*\S.*?</h2>(.*)", shown, re.DOTALL)[1].strip(), "a title alone"
        assert re.search(r">[^<]*\w", "".join(slide.notes)), f"nothing to say to {shown}"


def test_what_is_printed_has_at_most_12_lines_of_large_type(slides):
    for text in re.findall("<pre.*?</pre>", "".join(part for slide in slides[1] for part in slide.parts), re.DOTALL):
        size, lines = int(re.search(r"font-size:(\d+)px", text)[1]), text.split("\n")
        assert size >= 20 and len(lines) <= 12 and max(map(len, lines)) < 200
        assert "the course's" not in text


def test_a_guess_waits_for_its_result(slides):
    guesses = [slide for slide in slides[1] if 'class="guess"' in "".join(slide.parts)]
    waiting = [slide for slide in guesses if any('class="fragment guess"' in part for part in slide.parts)]
    assert len(waiting) >= 0.9 * len(guesses)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_note_of_the_instructor_is_on_a_slide(path):
    notes = {key: text for key, text in read_instructor_notes().items() if key[0] == int(path.stem[:2])}
    said = "".join(note for slide in lecture(path, notes) for note in slide.notes)
    assert [heading for (_, heading), text in notes.items() if markdown_html(text) not in said] == []


PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}
ASK = "No guess. Put two numbers in place of the dots: you are 80 % sure that the answer lies between."


def code(source, printed="", figure=False, tags=()):
    outputs = [nbformat.v4.new_output("stream", text=printed)] if printed else []
    if figure:
        outputs.append(nbformat.v4.new_output("display_data", data=PNG, metadata={"image/png": {"alt": "Bars"}}))
    cell = nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=1)
    cell.metadata["tags"] = list(tags)
    return cell


def toy(tmp_path, *cells, notes=None):
    """Return the slides of a chapter with these cells behind its title."""
    cells = [nbformat.v4.new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in ("# 1 · T", *cells)]
    path = tmp_path / "01_toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return lecture(path, {(1, heading): text for heading, text in (notes or {}).items()})[1:]


def test_the_figure_that_answers_a_guess_is_on_its_slide_and_what_reads_it_is_said(tmp_path):
    slide, other = toy(
        tmp_path,
        "## 1.1 Which?",
        code('predict("n", …)', f"How many?\n{ASK}\n"),
        code('outcome("n", 3)', "≈ n: 3. No guess to compare with.\n"),
        code("draw()", "Figure: It is three\n", figure=True),
        code("# bounds\nassert True", tags=["hide-cell"]),
        "It falls.",
        code("draw()", "Figure: Another\n", figure=True),
    )
    assert ">Another<" in other.parts[0]
    question, _, result, figure = slide.parts
    assert "How many?" in question and ">3<" in result and 'class="fragment answer"' in figure
    assert sum("It falls." in note for note in slide.notes) == 1


def test_a_note_puts_a_section_on_a_slide_with_its_formula_and_the_most_that_it_prints(tmp_path):
    cells = (
        "## 1.1 Why?\n\nBecause. " + "Long. " * 60,
        code("a", "short\n"),
        code("b", "two\nlines\nf: the course's\n"),
        code("c", "line\n" * 13),
        "So\n\n$$a = b$$",
        "### Exercise 1\n\nWrite it.",
        code("d", "Not yet\n" * 5, tags=["exercise-check"]),
    )
    assert toy(tmp_path, *cells) == []
    (slide,) = toy(tmp_path, *cells, notes={"Exercise 1": "Stuck."})
    text, box = slide.parts
    assert "a = b" in text and box.endswith(">two\nlines</pre>")
    assert "Stuck." in slide.notes[0] and "Write it" not in "".join(slide.notes)


def test_a_cell_that_a_lecture_can_do_without_is_left_out(tmp_path):
    kept = code("a", "Figure: One\n", figure=True), code("b", "Figure: Two\n", figure=True, tags=["lecture-skip"])
    (slide,) = toy(tmp_path, "## 1.1 Which?", *kept)
    assert ">One<" in slide.parts[0]


def test_a_part_begins_with_what_it_needs_and_ends_with_its_homework(slides):
    path, slides = slides
    notes = read_instructor_notes()
    parts = {title: text for (chapter, title), text in notes.items() if chapter == int(path.stem[:2])}
    begun = [slide for slide in slides if slide.parts[0].startswith("<h2") and ">Part " in slide.parts[0]]
    given = [place for place, slide in enumerate(slides) if slide.parts[0] == "<h2>Homework</h2>"]
    assert len(begun) == len(given) == sum(title.startswith("Part ") for title in parts)
    assert all("<strong>Needs:</strong>" in slide.notes[0] for slide in begun)
    assert all("Marking: " in slides[place].notes[0] for place in given)
    assert all(not slides[place + 1].below for place in given), "a slide of the part comes after its homework"
