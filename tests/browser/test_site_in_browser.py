"""The site, opened from its folder in a browser without a network, on a large screen and on a phone."""

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from authoring import site as website
from authoring.pages import cut
from course_utils.evidence import load_claims
from course_utils.fitting import share_interval
from course_utils.networks.pretrained import load_language_model
from course_utils.notebooks import NOTEBOOKS, list_notebooks, read_notebook
from course_utils.self_test import load_questions
from course_utils.tables import load_model_sizes

CHAPTERS = [path.stem for path in list_notebooks() if path.parent == NOTEBOOKS]
PAGES = ["index", "ledger", "glossary", "references", "docs/setup", "docs/instructor_guide", "docs/instructor_notes"]
PAGES += ["self_test", "try"]
PAGES_OF = {
    stem: [page.name for page in cut(stem, read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells)] for stem in CHAPTERS
}
PAGES += [f"notebooks/{name}" for names in PAGES_OF.values() for name in names]


@pytest.fixture(scope="session")
def site():
    """Build the site as `make site` does, and return its folder."""
    pytest.importorskip("sphinx_book_theme", reason="the site's packages are not installed: see requirements-site.txt")
    return website.build().parent


@pytest.fixture(scope="session")
def pages(site):
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def html_of(path):
    from lxml import html

    return html.fromstring(path.read_bytes())


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_needs_no_other_host_and_fits_a_phone(open_page, shot, site, name, scheme):
    page = open_page(375, 800, scheme)
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_function("document.readyState === 'complete'")
    page.wait_for_timeout(300)
    shot(page, f"site-phone-{scheme}-{name.replace('/', '-')}")
    assert page.refused == [] and page.script_errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("stem", CHAPTERS)
def test_the_pages_of_a_chapter_show_what_the_notebook_stores(open_page, shot, site, stem):
    page = open_page(1366, 768)
    alternatives, shown, blocks = "", 0, 0
    for name in PAGES_OF[stem]:
        page.goto((site / "notebooks" / f"{name}.html").as_uri())
        wait = (
            "document.querySelectorAll('span.math, div.math').length === 0 || document.querySelector('mjx-container')"
        )
        page.wait_for_function(wait)
        shot(page, f"site-{name}")
        assert page.locator(".bd-article h1").count() == 1
        figures = page.locator(".cell_output img")
        shown += figures.count()
        alternatives += " · ".join(figures.evaluate_all("all => all.map(one => one.alt)"))
        assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).length") == 0
        blocks += page.locator("div.cell").count()
        assert page.locator(".prev-next-footer a, footer .prev-next-area a").count() == 2
        wide = "[...document.querySelectorAll('.cell_input pre')].filter(b => b.scrollWidth > b.clientWidth + 1).length"
        assert page.evaluate(wide) == 0, "code is cut off"
    cells = read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells
    stored = sum(m.startswith("image/") for c in cells for o in c.get("outputs", []) for m in o.get("data", {}))
    assert shown == stored
    assert [text for cell in cells for *_, text in website.pictures(cell) if text not in alternatives] == []
    asking = ("show_chapter_questions(", "check_answers(my_answers, chapter=")  # the page asks by itself
    code = [cell for cell in cells if cell.cell_type == "code" and not any(name in cell.source for name in asking)]
    assert blocks == len(code)


def test_the_self_test_explains_and_keeps_the_score(open_page, shot, site):
    page = open_page(1366, 768)
    page.goto((site / "self_test.html").as_uri())
    first, second = load_questions()[:2]
    assert page.locator(".question:visible").count() == 1
    wrong = next(letter for letter in first.options if letter != first.right)
    page.locator(f".question:visible li[data-letter={wrong}] button").click()
    assert first.reasons[wrong] in page.locator(".question:visible .reply").inner_text()
    assert "0 of 1 right" in page.locator(".score").inner_text()
    page.locator(f".question:visible li[data-letter={first.right}] button").click()
    assert first.reasons[first.right] in page.locator(".question:visible .reply").inner_text()
    shot(page, "site-self-test")
    page.keyboard.press("Enter")  # the button for the next question has the focus
    assert second.text.split("`")[0] in page.locator(".question:visible").inner_text()
    page.locator(f".question:visible li[data-letter={second.right}] button").click()
    page.reload()
    assert "1 of 2 right" in page.locator(".score").inner_text()
    assert page.refused == [] and page.script_errors == []


def test_pages_read_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "self_test.html").as_uri())
    assert page.locator(".question:visible").count() == len(load_questions())
    page.goto((site / "ledger.html").as_uri())
    assert page.locator(".ledger tbody tr:visible").count() == len(load_claims())
    page.goto((site / "notebooks" / f"{PAGES_OF[CHAPTERS[4]][4]}.html").as_uri())
    assert page.locator(".cell_output:visible").count() > 10
    context.close()


def test_a_result_waits_for_a_guess(open_page, shot, site):
    page = open_page(1366, 768)
    address = (site / "notebooks" / "05_applications-part-3.html").as_uri()
    page.goto(address)
    forms, held = page.locator("form.guess"), page.locator(".cell_output.held")
    before = held.count()
    assert page.locator(".bd-article p.held").count() > 0, "prose after a result would tell it"
    assert forms.count() > 0 and before > 0 and not held.first.is_visible()
    forms.first.scroll_into_view_if_needed()
    shot(page, "site-guess")
    for field in forms.first.locator("input").all():
        field.fill("50")
    forms.first.locator("button:not(.plain)").first.click()
    assert "Your guess:" in forms.first.locator("xpath=following-sibling::p").inner_text()
    assert held.count() < before
    assert page.evaluate("document.activeElement.getAttribute('role')") == "status"
    page.reload()
    assert held.count() < before, "the guess is kept"
    for form in forms.all():
        if form.locator("button.plain").is_enabled():
            form.locator("button.plain").click()
    assert held.count() == 0
    page.emulate_media(media="print")
    assert page.script_errors == []


def test_the_ledger_shows_one_verdict_alone(open_page, shot, site):
    page = open_page(1366, 768)
    page.goto((site / "ledger.html").as_uri())
    rows = page.locator(".ledger tbody tr:visible")
    assert rows.count() == len(load_claims())
    fails = page.locator(".ledger-filter button[data-kind=fails]")
    fails.click()
    shot(page, "site-ledger-fails")
    assert 0 < rows.count() < len(load_claims())
    assert all("does not hold" in row.inner_text() for row in rows.all())
    fails.click()
    assert rows.count() == len(load_claims())


def test_a_bet_on_the_first_page_opens_its_evidence(open_page, shot, site):
    page = open_page(1366, 768)
    page.goto((site / "index.html").as_uri())
    assert not page.locator(".bet .verdict").is_visible()
    page.locator(".bet button").first.click()
    assert page.locator(".bet .verdict").is_visible() and page.locator(".bet li").count() > 1
    assert page.evaluate("document.activeElement.className") == "reply", "the keyboard goes on from there"
    page.locator(".bet a").first.click()
    page.wait_for_url("**/notebooks/05_applications-part-3.html**")
    shot(page, "site-bet")


def test_what_moves_computes_what_the_course_computes(open_page, site):
    page = open_page(1366, 768)
    page.goto((site / "try.html").as_uri())
    for right, of in ((0, 5), (48, 60), (500, 500), (1, 335)):
        found = page.evaluate(f"computeInterval({right}, {of})")
        assert (found["low"], found["high"]) == pytest.approx(share_interval(right, of), abs=1e-6)
    for name, size in load_model_sizes().iterrows():
        found = page.evaluate(f"computeMemory(data.models['{name}'], 4, 131072, 3)")
        seen = (size.layers - size.window_layers) * 131072 + size.window_layers * min(131072, size.window)
        assert found["weights"] == size.parameters / 2 and found["cache"] == 3 * size.cache_bytes * seen / size.layers


def test_moved_chances_are_those_of_the_model(open_page, site):
    model = load_language_model()
    page = open_page(1366, 768)
    page.goto((site / "try.html").as_uri())
    for words in json.loads((website.SETTINGS / "next_words.json").read_text(encoding="utf-8")):
        logits = model.logits(model.encode(words["text"]))[-1].astype(float)
        order = np.argsort(-logits)
        for temperature, top_p in ((1, 1), (0.5, 1), (1.5, 1), (1, 0.5), (1, 0.05), (0.7, 0.8)):
            chances = np.exp((logits[order] - logits.max()) / temperature)
            chances /= chances.sum()
            chances[1:][chances.cumsum()[:-1] >= top_p] = 0
            chances /= chances.sum()
            chosen = f"data.words.find((one) => one.text === {json.dumps(words['text'])})"
            found = page.evaluate(f"computeChances({chosen}, {temperature}, {top_p})")
            if (chances > 0).sum() <= 60 or top_p == 1:  # else the page's histogram keeps all or none of the rest
                assert found["chances"] == pytest.approx(chances[:60], abs=2e-3)
            assert sum(found["chances"]) + found["rest"] == pytest.approx(1)
    page.locator("#sampling input").first.fill("0.1")
    assert page.locator("#sampling .number").first.inner_text() == "100.0 %"
    assert page.script_errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    ["index", "ledger", "self_test", "try", "notebooks/05_applications-part-3"],
)
def test_axe_finds_no_barrier(open_page, site, name, scheme):
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed: see requirements-site.txt")
    page = open_page(1366, 768, scheme)
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_timeout(500)
    page.add_script_tag(path=Path(axe.__file__).with_name("axe.min.js"))
    found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html.slice(0, 200)]))")
    assert [(id, where) for id, where in found if id != "region"] == []  # the theme's logo stands in no landmark


@pytest.mark.parametrize("name, most", [("index", 1.23e6), ("notebooks/05_applications-part-3", 2.5e6)])
def test_a_page_is_light(open_page, site, name, most):
    page, loaded = open_page(1366, 768), set()
    page.on("request", lambda request: loaded.add(unquote(urlsplit(request.url).path)))
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_timeout(500)
    files = [Path(path) for path in loaded if Path(path).is_file()]
    assert sum(path.stat().st_size for path in files) < most
    icons = page.locator("svg[data-icon]")
    assert icons.count() > 4 and all(icon.locator("path").get_attribute("d") for icon in icons.all())


@pytest.mark.parametrize(
    ("word", "place"),
    [("perplexity", ""), ("hallucination", ""), ("retrieval", "05_applications-part-4"), ("检索", "glossary")],
)
def test_search_finds_terms_and_solutions_come_last(open_page, shot, site, word, place):
    page = open_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    page.wait_for_timeout(500)
    shot(page, "site-search")
    found = [unquote(a.get_attribute("href")) for a in page.locator("#search-results li > a").all()]
    solutions = ["solutions/" in address for address in found]
    assert found and solutions == sorted(solutions) and place in found[0], found
    assert page.refused == []


def test_dark_mode_is_chosen_with_the_keyboard_and_kept(open_page, shot, site):
    page = open_page()
    page.goto((site / "notebooks" / "03_core_algorithms-part-2.html").as_uri())
    for mode in ("light", "dark"):
        page.locator("button.theme-switch-button:visible").first.focus()
        page.keyboard.press("Enter")
        choice = page.locator(f"button.theme-change-button[data-mode={mode}]:visible").first
        choice.wait_for()
        choice.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.dataset.theme") == mode
    page.goto((site / "glossary.html").as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    shot(page, "site-dark")


def dead_links(pages, site):
    """Return the links of the pages that lead nowhere, or out of the site's folder: that is all that is published."""
    documents = {path.resolve(): html_of(path) for path in pages}
    ids = {path: set(document.xpath("//@id | //a/@name")) for path, document in documents.items()}
    dead = []
    for path, document in documents.items():
        for link in document.xpath("//a/@href | //img/@src | //script/@src | //link/@href"):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                dead.append(f"{path.name}: {link}")
            elif parts.fragment and target in ids and unquote(parts.fragment) not in ids[target]:
                dead.append(f"{path.name}: {link} (no such place on the page)")
    return dead


def test_links_inside_the_site_lead_somewhere(pages, site):
    assert dead_links(pages, site) == []


def test_a_link_that_leaves_the_site_is_dead(tmp_path):
    page = tmp_path / "site" / "index.html"
    page.parent.mkdir()
    (tmp_path / "README.md").touch()
    links = ["index.html#here", "#here", "../README.md", "nowhere.html", "#nowhere", "https://example.org"]
    page.write_text("<p id='here'>" + "".join(f"<a href='{link}'>x</a>" for link in links))
    expected = ["../README.md", "nowhere.html", "#nowhere (no such place on the page)"]
    assert dead_links([page], page.parent) == [f"index.html: {link}" for link in expected]


def test_no_page_loads_anything_from_another_host(pages):
    foreign = [
        (path.name, address)
        for path in pages
        for address in html_of(path).xpath(
            "//img/@src | //script/@src | //link[@rel='stylesheet']/@href | //iframe/@src"
        )
        if re.match(r"(https?:)?//", address)
    ]
    assert foreign == []


def test_every_picture_has_an_alternative_text(pages):
    assert [
        (path.name, image.get("src"))
        for path in pages
        for image in html_of(path).xpath("//img")
        if len(image.get("alt", "")) < 12 or Path(image.get("src", "")).name in image.get("alt", "")
    ] == []


def test_ledger_glossary_and_references_are_complete(site):
    from course_utils.self_test import load_glossary

    ledger = html_of(site / "ledger.html").text_content()
    assert [id for id, statement in load_claims().items() if f"{id} {statement}" not in ledger] == []
    glossary = html_of(site / "glossary.html").text_content()
    assert [term.term for term in load_glossary() if term.term not in glossary] == []
    references = html_of(site / "references.html").xpath("//article//li")
    assert len(references) == len(website.collect_references())
