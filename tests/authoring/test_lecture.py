"""The lecture decks: what they show of a chapter, and how much."""

import re

import pytest

from authoring.lecture import lecture
from authoring.slides import read_instructor_notes
from course_utils.notebooks import NOTEBOOKS, list_notebooks

CHAPTERS = [path for path in list_notebooks() if path.parent == NOTEBOOKS]


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def slides(request):
    return request.param, lecture(request.param, read_instructor_notes())


def test_each_slide_has_one_title_and_something_to_say(slides):
    path, slides = slides
    for slide in slides:
        assert len(re.findall(r"<h[12]", "".join(slide.parts))) == 1, slide.parts
        assert re.search(r"<h2[^>]*>[^<]*\S.*</h2>", slide.parts[0])
    assert all(slide.notes for slide in slides)
    assert 12 < len(slides) < 66 and not any("<pre" in part for slide in slides for part in slide.parts)


def test_a_guess_waits_for_its_result(slides):
    guesses = [slide for slide in slides[1] if 'class="guess"' in "".join(slide.parts)]
    waiting = [slide for slide in guesses if any('class="fragment guess"' in part for part in slide.parts)]
    assert len(waiting) >= 0.9 * len(guesses)


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
