"""The slides, measured in a browser without a network: nothing overflows, nothing is missing, the speaker has notes."""

import pytest

from authoring import decks as writer
from authoring import slides
from authoring.lecture import lecture
from course_utils.notebooks import NOTEBOOKS, list_notebooks

CHAPTERS = [path.stem for path in list_notebooks() if path.parent == NOTEBOOKS]
READY = "window.Reveal && Reveal.isReady() && window.MathJax?.startup?.promise"
# Each slide with all its fragments: how far its contents reach down and to the right, in pixels of a slide.
MEASURE = """async () => {
  await MathJax.startup.promise;
  return Reveal.getSlides().map(slide => {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v, 99);
    fitFormulas();
    const scale = Reveal.getScale(), box = slide.getBoundingClientRect();
    let down = 0, right = 0;
    for (const element of slide.querySelectorAll("*")) {
      const formula = element.closest("mjx-container");
      const inside = formula && element !== formula && element !== formula.firstElementChild;
      if (element.closest("aside") || inside) continue;
      const place = element.getBoundingClientRect();
      if (place.width === 0) continue;
      down = Math.max(down, (place.bottom - box.top) / scale);
      right = Math.max(right, (place.right - box.left) / scale);
    }
    return {place: `${h + 1}.${v + 1}`, down, right, text: slide.innerText.slice(0, 60)};
  });
}"""


@pytest.fixture(scope="session")
def decks():
    """Make the slides as `make slides` does, and return their folder."""
    pytest.importorskip("sphinx_revealjs", reason="the slides' packages are not installed: see requirements-site.txt")
    return writer.build().parent


@pytest.mark.parametrize("name", [stem + kind for stem in CHAPTERS for kind in ("", "-complete")])
def test_nothing_overflows_a_slide(open_page, shot, decks, name):
    page, stem = open_page(1280, 720), name.removesuffix("-complete")
    page.goto((decks / f"{name}.html").as_uri())
    page.wait_for_function(READY)
    measured = page.evaluate(MEASURE)
    page.evaluate("Reveal.slide(3, 1, 99)")
    shot(page, f"slides-{name}")
    path, notes = NOTEBOOKS / f"{stem}.ipynb", slides.read_instructor_notes()
    assert len(measured) == len(slides.deck(path) if name != stem else lecture(path, notes))
    too_large = [slide for slide in measured if slide["down"] > slides.HEIGHT or slide["right"] > slides.WIDTH]
    assert too_large == []
    assert [slide for slide in measured if slide["down"] < 20] == []  # empty
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
    assert page.refused == [] and page.script_errors == []


def test_the_figure_takes_the_place_of_a_guess_when_its_result_was_shown(open_page, shot, decks):
    page = open_page(1280, 720)
    page.goto((decks / "05_applications.html").as_uri())
    page.wait_for_function(READY)
    page.evaluate(
        "Reveal.slide(...Object.values(Reveal.getIndices("
        "Reveal.getSlides().find(slide => slide.querySelector('.answer')))).slice(0, 2), -1)"
    )
    slide = page.locator("section.present section.present")
    question, answers, figure = slide.locator("h2"), slide.locator("div.guess"), slide.locator(".answer")
    assert question.is_visible() and answers.is_visible() and not figure.is_visible()
    page.keyboard.press("Space")
    slide.locator("p.guess").wait_for()
    assert answers.is_visible() and not figure.is_visible()
    page.keyboard.press("Space")
    figure.wait_for()
    assert question.is_visible() and not answers.is_visible()
    shot(page, "slides-answer")


def test_an_overflow_would_be_noticed(open_page, decks):
    page = open_page(1280, 720)
    page.goto((decks / f"{CHAPTERS[0]}.html").as_uri())
    page.wait_for_function(READY)
    page.evaluate("Reveal.getSlides()[2].append(document.createElement('hr'))")
    page.evaluate("Reveal.getSlides()[2].lastElementChild.style.height = '800px'")
    assert page.evaluate(MEASURE)[2]["down"] > slides.HEIGHT


def test_keys_move_on_and_the_speaker_sees_notes(open_page, shot, decks):
    page = open_page(1280, 720)
    page.goto((decks / "04_best_practice-complete.html").as_uri())
    page.wait_for_function(READY)
    with page.expect_popup() as speaker:
        page.keyboard.press("s")
    view = speaker.value
    view.locator("#upcoming-slide iframe").wait_for()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 3
    notes = view.locator(".speaker-controls-notes .value")
    notes.filter(has_text="Ask who would have copied this code").wait_for()
    shot(view, "slides-speaker")


def _go_to_guess(page, kind):
    """Show the first slide with a guess of a kind ("button" or "input"), and return that slide."""
    page.evaluate(
        """kind => {
          const slide = document.querySelector(`div.guess ${kind}.room`).closest("section");
          const {h, v} = Reveal.getIndices(slide);
          Reveal.slide(h, v);
        }""",
        kind,
    )
    return page.locator("section.present section.present")


def test_a_guess_counts_the_hands_of_the_room(open_page, shot, decks):
    page = open_page(1280, 720)
    page.goto((decks / "01_background.html").as_uri())
    page.wait_for_function(READY)
    slide = _go_to_guess(page, "button")
    first, second = slide.locator("button.room").nth(0), slide.locator("button.room").nth(1)
    first.click()
    first.click()
    page.keyboard.press("Tab")
    for key in ("Enter", "Space", "Shift+Enter"):
        page.keyboard.press(key)
    assert (first.inner_text(), second.inner_text()) == ("2", "1")
    assert "2 hands" in first.get_attribute("aria-label")
    first.click(modifiers=["Shift"])
    assert first.inner_text() == "1"
    shot(page, "slides-hands")
    assert slide.locator("p.fragment.visible").count() == 0  # no key of these moved the deck on
    page.emulate_media(media="print")
    assert not first.is_visible() and slide.locator("li").first.is_visible()
    assert page.script_errors == []


def test_a_guess_says_how_many_ranges_of_the_room_held(open_page, shot, decks):
    page = open_page(1280, 720)
    page.goto((decks / "01_background.html").as_uri())
    page.wait_for_function(READY)
    slide = _go_to_guess(page, "input")
    line, told = slide.locator("input.room"), slide.locator("output.room")
    result = float(slide.locator("p.guess").text_content().split()[0].replace(",", ""))
    line.focus()
    for text in (f"{result - 1}-{result + 1}", f"{result + 1} to {result + 2}", "0–1,000"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    assert "held" not in told.inner_text() and told.inner_text().count("·") == 2
    page.keyboard.type("9-3")
    page.keyboard.press("Enter")
    assert "the smaller first" in told.inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")  # the result
    assert told.inner_text().endswith(": 2 of 3 held it")
    shot(page, "slides-ranges")
    page.emulate_media(media="print")
    assert not line.is_visible() and slide.locator("p.guess").is_visible()
    assert page.script_errors == []


def test_list_of_decks_leads_to_each(open_page, shot, decks):
    page = open_page()
    page.goto((decks / "index.html").as_uri())
    shot(page, "slides-index")
    links = page.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert links == [f"{stem}{kind}.html" for stem in CHAPTERS for kind in ("", "-complete")]
