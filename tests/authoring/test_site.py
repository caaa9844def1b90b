"""What the site is made of: one title a page, headings that JupyterLab's links reach, alternative texts, references."""

import html
import os
import re
import subprocess

import nbformat
import pytest
from PIL import Image

from authoring import building
from authoring import site as website
from authoring.__main__ import main
from authoring.answering import predictions_html, questions_html
from authoring.pages import cut, relink
from course_utils.evidence import load_claims
from course_utils.notebooks import NOTEBOOKS, ROOT, NotebookError, list_notebooks, read_notebook
from course_utils.self_test import Question


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "sources"
    website.stage(folder)
    return folder


def test_heading_anchor_is_jupyterlabs():
    assert website.heading_anchor("1.8 May you believe it?") == "1.8-May-you-believe-it?"


def test_a_page_has_one_title_and_no_jumps():
    sources = ["# 1 · Title", "## Objectives\n\n```python\n# no heading\n```", "#### Deep", "# Another"]
    levelled = ["# 1 · Title", "## Objectives\n\n```python\n# no heading\n```", "### Deep", "## Another"]
    assert website.level_headings(sources) == levelled
    assert website.level_headings([]) == []


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_staged_pages_have_one_title_no_jumps_and_texts_for_their_pictures(staged, path):
    cells = read_notebook(path).cells
    names = [page.name for page in cut(path.stem, cells)] if path.parent == NOTEBOOKS else [path.stem]
    for name in names:
        notebook = nbformat.read(staged / path.relative_to(ROOT).with_stem(name), as_version=4)
        levels = [
            len(marks)
            for cell in notebook.cells
            if cell.cell_type == "markdown"
            for marks in re.findall(r"^(#+) ", re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL), re.MULTILINE)
        ]
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(below - above <= 1 for above, below in zip(levels, levels[1:], strict=False))
        for cell in notebook.cells:
            if any(mime.startswith("image/") for o in cell.get("outputs", []) for mime in o.get("data", {})):
                assert len(cell.metadata["mystnb"]["image"]["alt"]) > 12


def chapter(*sources):
    return [nbformat.v4.new_markdown_cell(source) for source in sources]


def test_a_chapter_is_cut_at_its_parts_and_its_end():
    cells = chapter("# 5 · Title", "## Objectives", "# Part 1 · A (5 minutes)", "## 1.1 B", "# Part 1, second half · C")
    cells += chapter("## What became of claim 5.1?", "# What became of claim 1.5?", "## Key points", "## References")
    assert [(page.name, len(page.cells)) for page in cut("05_a", cells)] == [
        ("05_a", 2),
        ("05_a-part-1", 2),
        ("05_a-part-1-second-half", 2),
        ("05_a-end", 3),
    ]
    assert [(page.name, len(page.cells)) for page in cut("05_a", cells[:2])] == [("05_a", 2)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[x](05_a.ipynb#1.1-B)", "[x](05_a-part-1.ipynb#1.1-B)"),
        ("[x](notebooks/05_a.ipynb#1.2-C?-(5-minutes)) y", "[x](notebooks/05_a-part-2.ipynb#1.2-C?-(5-minutes)) y"),
        ("[x](#1.1-B)", "[x](05_a-part-1.ipynb#1.1-B)"),
        ('<a href="../05_a.ipynb#1.1-B">x</a>', '<a href="../05_a-part-1.ipynb#1.1-B">x</a>'),
        ('<a href="05_a.html#1.1-B">x</a>', '<a href="05_a-part-1.html#1.1-B">x</a>'),
        ("[x](05_a.ipynb) [x](05_a.ipynb#nowhere)", "[x](05_a.ipynb) [x](05_a.ipynb#nowhere)"),
        (
            "[x](solutions/05_a.ipynb#1.1-B) [x](06_b.ipynb#1.1-B)",
            "[x](solutions/05_a.ipynb#1.1-B) [x](06_b.ipynb#1.1-B)",
        ),
    ],
)
def test_a_link_leads_to_the_page_that_has_the_place(text, expected):
    pages = {"05_a": cut("05_a", chapter("# 5", "# Part 1", "## 1.1 B", "# Part 2", "## 1.2 C? (5 minutes)"))}
    assert relink(text, "05_a", pages) == expected


def test_questions_read_without_scripts_and_name_their_reasons():
    question = Question(1, 3, "3.1", "Is `a < b`?", {"a": "yes", "b": "no"}, "a", {"a": "It is.", "b": 'Not "b".'})
    shown = questions_html("all", [question], lambda question: "there.html")
    assert "<code>a &lt; b</code>" in shown and 'data-why="Not &quot;b&quot;."' in shown
    assert "<details><summary>Answer</summary><p>a) It is.</p>" in shown and "there.html" in shown


@pytest.mark.parametrize(
    ("source", "printed", "expected"),
    [
        (
            """predict("Adam's step", …)""",
            """Which <one>?\nNo guess. Put 'a' or "the b's" in place of the dots, and how sure you are.\n""",
            """class="asked" hidden data-name="Adam's step" data-choices="["a", "the b's"]\"""",
        ),
        (
            "outcome(…)",
            "≈ Adam's step: the b's. No guess to compare with.\n",
            """class="outcome" hidden data-name="Adam's step" data-result="the b's\"""",
        ),
    ],
)
def test_a_page_holds_what_its_script_needs_of_a_prediction(source, printed, expected):
    cell = nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output("stream", text=printed)])
    assert expected in html.unescape(predictions_html(cell))
    assert predictions_html(nbformat.v4.new_code_cell("1 + 1")) == ""


@pytest.mark.parametrize("path", [path for path in list_notebooks() if path.parent == NOTEBOOKS], ids=lambda p: p.stem)
def test_each_prediction_meets_its_result_on_its_page(staged, path):
    asked = 0
    for page in cut(path.stem, read_notebook(path).cells):
        cells = nbformat.read(staged / "notebooks" / f"{page.name}.ipynb", as_version=4).cells
        shown = "".join(o.get("data", {}).get("text/html", "") for cell in cells for o in cell.get("outputs", []))
        names, settled = (
            re.findall(f'class="{kind}" hidden data-name="(.+?)"', shown) for kind in ("asked", "outcome")
        )
        assert set(names) == set(settled)
        asked += len(names)
    assert asked == sum(cell.source.count("\npredict(") + cell.source.startswith("predict(") for cell in code_of(path))


def code_of(path):
    return [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]


def test_the_ledger_page_has_a_row_a_claim_with_its_verdict_and_picture(staged):
    text = (staged / "ledger.md").read_text(encoding="utf-8")
    for id in load_claims():
        assert f'id="claim-{id}"' in text
    shown = re.findall(r'src="(_static/ledger/[^"]+)"', text)
    assert len(shown) > 25 and all((staged / path).stat().st_size < 30_000 for path in shown)


def test_readme_shows_the_landing_pages_picture_and_its_numbers(staged):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown, kept = (
        Image.open(path).convert("RGB")
        for path in (staged / "_static" / "landing.png", ROOT / "docs" / "pictures" / "inventions.png")
    )
    assert shown.size == kept.size and shown.tobytes() == kept.tobytes()
    alt = re.search(r'class="landing"[^>]*alt="([^"]+)"', (staged / "index.md").read_text(encoding="utf-8"))[1]
    said = re.search(r"!\[(.+?)\]\(docs/pictures/inventions.png\)", readme)[1]
    drawn, told = (set(re.findall(r"\b\d\d\b", text)) for text in (alt.split(".")[0], said))
    assert len(drawn) == 3 and drawn <= told


def write_chapter(folder, name, references):
    cell = nbformat.v4.new_markdown_cell("## Key points\n\n- no (2020). *Reference*\n\n## References\n\n" + references)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / name)


def test_references_are_merged_and_sorted_by_surname(tmp_path):
    write_chapter(tmp_path, "01_a.ipynb", "- Z. Aa et al. (2020). *A Title.* [x](https://x.org)\n- Meta (2021a). *M.*")
    write_chapter(
        tmp_path, "02_b.ipynb", "- B. Öz, A. B (1999). *Z:\n  two lines.*\n- Z. Aa (2020). *A title* NeurIPS."
    )
    found = website.collect_references(tmp_path)
    assert [entry.split(" (")[0] for entry, _ in found] == ["Z. Aa et al.", "Meta", "B. Öz, A. B"]
    assert found[0][1] == ["01_a", "02_b"] and found[2][0].endswith("*Z: two lines.*")


def test_every_reference_of_the_chapters_is_collected():
    listed = 0
    for path in list_notebooks():
        if path.parent == NOTEBOOKS:
            (cell,) = [c for c in read_notebook(path).cells if "## References" in c.source]
            listed += len(re.findall(r"^- .*\(\d{4}", cell.source.split("## References")[1], re.MULTILINE))
    collected = website.collect_references()
    assert sum(len(chapters) for _, chapters in collected) == listed
    assert len(collected) > 100


def test_setup_cells_are_folded_and_parts_are_named_with_their_chapter(staged):
    for path in sorted((staged / "notebooks").glob("0*-part-*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        assert re.match(rf"# {int(path.name[:2])}, part \d", cells[0].source)
        setups = [cell for cell in cells if "\nresume(" in cell.source]
        assert all("hide-input" in cell.metadata.tags for cell in setups)


def test_a_link_to_a_file_that_is_missing_stops_the_site(tmp_path, monkeypatch):
    monkeypatch.setattr(website, "NOTEBOOKS", tmp_path)
    with pytest.raises(NotebookError, match=r"README.md: links to models/nope.csv, and there is no such file"):
        website._copy_linked("[data](models/nope.csv)", ROOT / "README.md", tmp_path)


@pytest.mark.parametrize("link", ["../secret.txt", "docs/../../secret.txt", "{}/secret.txt", "shortcut.txt"])
def test_a_link_to_a_file_outside_the_project_stops_the_site(tmp_path, monkeypatch, link):
    course, site = tmp_path / "course", tmp_path / "site"
    (course / "docs").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("mine")
    (course / "shortcut.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(website, "ROOT", course)
    with pytest.raises(NotebookError, match=r"README.md: links to .*, and there is no such file in the project"):
        website._copy_linked(f"[x]({link.format(tmp_path)})", course / "README.md", site)
    assert not site.exists()


def test_linked_files_of_the_project_go_with_the_site(tmp_path):
    text = "[a](docs/site/conf.py) [b](https://example.org) [c](notebooks/01_background.ipynb#x) [d](#here)"
    website._copy_linked(text, ROOT / "README.md", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == ["docs/site/conf.py"]


def test_pages_are_written_for_the_ledger_the_glossary_and_the_references(staged):
    for name, words in (("ledger", "✘ does not hold"), ("glossary", "perplexity"), ("references", "arXiv")):
        assert words in (staged / f"{name}.md").read_text(encoding="utf-8")
    assert "notebooks/01_background.ipynb" in (staged / "chapters.txt").read_text(encoding="utf-8")


def test_failing_sphinx_is_one_clear_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(building, "BUILD", tmp_path / "ünïcode")
    monkeypatch.setattr(website, "stage", lambda destination: None)
    monkeypatch.setattr(website, "package_folder", lambda name: None)
    last = tmp_path / "ünïcode" / "site" / "index.html"
    last.parent.mkdir(parents=True)
    last.touch()
    assert main(["site"]) == 1
    assert "error: Sphinx ended with" in capsys.readouterr().err
    assert last.is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_sphinx_without_memory_is_called_so(tmp_path, monkeypatch, capsys):
    killed = ["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    run = subprocess.run
    monkeypatch.setattr(website.subprocess, "run", lambda command: run([command[0], *killed]))
    monkeypatch.setattr(building, "BUILD", tmp_path)
    monkeypatch.setattr(website, "stage", lambda destination: None)
    monkeypatch.setattr(website, "package_folder", lambda name: None)
    assert main(["site"]) == 1
    assert capsys.readouterr().err.startswith("error: the system ended Sphinx. Most often memory ran out")


def test_a_folder_that_holds_anything_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="destination: .* is not empty. Name a folder that is"):
        website.stage(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
