"""The site, opened from its folder in a browser without a network, on a large screen and on a phone."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from authoring import site as website
from course_utils.notebooks import NOTEBOOKS, list_notebooks, read_notebook

CHAPTERS = [path.stem for path in list_notebooks() if path.parent == NOTEBOOKS]
PAGES = ["index", "ledger", "glossary", "references", "docs/setup", "docs/instructor_guide", "docs/instructor_notes"]
PAGES += [f"notebooks/{stem}" for stem in CHAPTERS]


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
def test_chapter_shows_what_the_notebook_stores(open_page, shot, site, stem):
    page = open_page(1280, 900)
    page.goto((site / "notebooks" / f"{stem}.html").as_uri())
    cells = read_notebook(NOTEBOOKS / f"{stem}.ipynb").cells
    wait = "document.querySelectorAll('span.math, div.math').length === 0 || document.querySelector('mjx-container')"
    page.wait_for_function(wait)
    shot(page, f"site-{stem}")
    assert page.locator(".bd-article h1").count() == 1
    stored = sum(m.startswith("image/") for c in cells for o in c.get("outputs", []) for m in o.get("data", {}))
    figures = page.locator(".cell_output img")
    assert figures.count() == stored
    texts = [text for cell in cells for *_, text in website.pictures(cell)]
    shown = " · ".join(figures.evaluate_all("all => all.map(one => one.alt)"))
    assert [text for text in texts if text not in shown] == []
    assert page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert page.locator("div.cell").count() == len(code)
    neighbours = page.locator(".prev-next-footer a, footer .prev-next-area a")
    assert neighbours.count() == 2


def test_search_finds_a_word_of_the_course(open_page, shot, site):
    page = open_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("perplexity")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    page.wait_for_timeout(500)
    shot(page, "site-search")
    found = page.locator("#search-results li a").all_inner_texts()
    assert any("3 ·" in title for title in found), found
    assert page.refused == []


def test_dark_mode_is_chosen_with_the_keyboard_and_kept(open_page, shot, site):
    page = open_page()
    page.goto((site / "notebooks" / "03_core_algorithms.html").as_uri())
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
    from course_utils.evidence import load_claims
    from course_utils.self_test import load_glossary

    ledger = html_of(site / "ledger.html").text_content()
    assert [id for id, statement in load_claims().items() if f"{id} {statement.rstrip('.')}" not in ledger] == []
    glossary = html_of(site / "glossary.html").text_content()
    assert [term.term for term in load_glossary() if term.term not in glossary] == []
    references = html_of(site / "references.html").xpath("//article//li")
    assert len(references) == len(website.collect_references())
