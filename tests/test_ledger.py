"""The ledger holds what the stored chapters say: each claim once, in the list's words, and chapter 8 shows the same."""

import nbformat
import pytest

from authoring.store import sanitise
from course_utils.evidence import Settled, claim, load_claims, read_box
from course_utils.ledger import read_ledger
from course_utils.notebooks import NOTEBOOKS, read_notebook


def test_every_claim_is_settled_exactly_once_and_in_the_words_of_the_list():
    assert [(entry.settled.id, entry.settled.statement) for entry in read_ledger()] == [*load_claims().items()]


def test_chapter_8_shows_what_the_chapters_say():
    shown = {}
    for cell in read_notebook(NOTEBOOKS / "08_faq.ipynb").cells:
        for output in cell.get("outputs", []):
            for line in str(output.get("data", {}).get("text/markdown", "")).splitlines():
                fields = [field.strip() for field in line.strip("|").split("|")]
                if fields[0] in load_claims() and len(fields) == 7:
                    assert shown.setdefault(fields[0], fields[1:]) == fields[1:]
    for entry in read_ledger():
        settled = entry.settled
        where = f"[{int(entry.notebook[:2])}]("
        statement, verdict, basis, findings, reading, link = shown[settled.id]
        assert [statement, verdict, basis] == [settled.statement, settled.verdict, settled.basis]
        assert link.startswith(where)
        assert sanitise(findings) == sanitise("; ".join(f"{label.lower()}: {text}" for label, text in settled.findings))
        assert sanitise(reading) == sanitise(" ".join((settled.reading or "").split()))


def test_what_is_cited_beside_a_measurement_is_not_called_measured():
    basis = {entry.settled.id: entry.settled.basis for entry in read_ledger()}
    assert basis["5.4b"] == "measured and cited" and basis["3.4"] == "cited"


def test_links_lead_to_headings_that_exist():
    for entry in read_ledger():
        notebook, _, anchor = entry.link.partition("#")
        lines = [line for cell in read_notebook(NOTEBOOKS / notebook).cells for line in cell.source.splitlines()]
        headings = [line.lstrip("# ").replace(" ", "-") for line in lines if line.startswith("#")]
        assert not anchor or anchor in headings
        assert not set('%"') & set(anchor)  # JupyterLab does not find an anchor with such a character


STATEMENT = "The interpretability of large models is a challenge."
BOX = (
    f"Claim 7.2: ✔ holds where we tested\n  The document says: {STATEMENT}\n"
    "  Speaks for it: maps: overlap: ≈0.2 , needed < 1\n  Tested on: one classifier\n  Read it as: two\n    lines"
)
FOUND = (("Speaks for it", "maps: overlap: ≈0.2 , needed < 1"),)
SETTLED = Settled("7.2", STATEMENT, "holds", "holds where we tested", FOUND, "one classifier", "two\n    lines", None)


@pytest.fixture
def write_chapter(tmp_path, monkeypatch):
    """Return a function that writes the only chapter there is, with boxes."""
    monkeypatch.setattr("course_utils.ledger.NOTEBOOKS", tmp_path)

    def write(*boxes):
        cells = [nbformat.v4.new_markdown_cell("## 1.1 Why?")]
        for box in boxes:
            output = nbformat.v4.new_output("display_data", {"text/plain": box})
            cells.append(nbformat.v4.new_code_cell("claim(…)", outputs=[output], execution_count=1))
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "07_trends.ipynb")

    return write


def test_a_box_is_read_as_it_was_shown(write_chapter):
    write_chapter("no box", BOX)
    (entry,) = read_ledger()
    assert entry.settled == SETTLED
    assert (entry.notebook, entry.link) == ("07_trends", "07_trends.ipynb#1.1-Why?")


def test_what_is_settled_here_replaces_the_stored_box(write_chapter):
    write_chapter(BOX)
    here = claim("7.2", [], source="Somebody (2020).")
    (entry,) = read_ledger([here])
    assert entry.settled is here and entry.settled.kind == "cited"


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (BOX.replace("7.2", "9.9"), "9.9"),
        (BOX.replace("✔", "%"), "cannot be read"),
        ("Claim 7.2: ✔ holds where we tested", "cannot be read"),
    ],
)
def test_damaged_boxes_are_refused(write_chapter, box, message):
    write_chapter(box)
    with pytest.raises(ValueError, match=message):
        read_ledger()


def test_texts_that_are_no_box_are_left_alone():
    assert read_box("Claims are settled") is None and read_box("") is None
