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
    assert 12 < len(slides) < 60 and not any("<pre" in part for slide in slides for part in slide.parts)


def test_a_guess_waits_for_its_result(slides):
    guesses = [slide for slide in slides[1] if 'class="guess"' in "".join(slide.parts)]
    waiting = [slide for slide in guesses if any('class="fragment guess"' in part for part in slide.parts)]
    assert len(waiting) >= 0.9 * len(guesses)
