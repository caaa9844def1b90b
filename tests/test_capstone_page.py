"""The capstone's page: its sample report holds what the worked example computes, and its list is the chapter's."""

import re

import pytest

from course_utils.notebooks import NOTEBOOKS, ROOT, read_notebook

PAGE = (ROOT / "docs" / "capstone.md").read_text(encoding="utf-8")
REPORT = " ".join(PAGE.split("## Sample report")[1].split())
CELLS = read_notebook(NOTEBOOKS / "08_faq.ipynb").cells


def run_example(**changes):
    """Return what the worked example's cells leave, run with nothing but the set-up's imports and one prediction.

    `changes` are what a learner writes into its cells: names of ours to texts, each in place of another.
    """
    (setup,) = [cell.source for cell in CELLS if cell.cell_type == "code" and "\nresume(8)" in cell.source]
    parts = [cell.source for cell in CELLS if cell.source.startswith("# Capstone ")]
    assert [part[11] for part in parts] == ["1", "2", "3", "4", "5"]
    (asked,) = [cell.source for cell in CELLS if cell.source.startswith('predict(\n    "a slip"')]
    namespace = {}
    for source in [setup.replace("\nresume(8)", ""), asked, *parts]:
        for old, new in changes.values():
            source = source.replace(old, new)
        exec(source, namespace)
    return namespace


@pytest.fixture(scope="module")
def computed():
    return run_example()


def test_the_example_runs_with_another_language_size_and_bound():
    changed = run_example(
        language=('"French"', '"German"'), reference=("phrases.french", "phrases.german"), size=(":80]", ":12]"),
        bound=('">", 0, interval', '">", 30, interval'), decided=("decide(*ends, 0)", "decide(*ends, 30)"),
    )  # fmt: skip
    assert len(changed["english"]) == 12 and changed["verdict"].kind == "fails"


def test_the_sample_report_holds_what_the_example_computes(computed):
    mean_interval, english = computed["mean_interval"], computed["english"]
    stated = [tuple(map(float, found)) for found in re.findall(r"([\d.]+) \(([\d.]+) to ([\d.]+)\)", REPORT)]
    measured = [mean_interval(values) for values in (*computed["lost"].values(), computed["beyond"])]
    for (mean, low, high), (value, ends) in zip(stated[:3], measured, strict=True):
        assert [value, *ends] == pytest.approx([mean, low, high], abs=2)  # another CPU may translate a sentence anew
    clean, of, count = re.search(r"sentences have ([\d.]+)\..*Of the (\d+) sentences (\d+) lose", REPORT).groups()
    assert computed["chrf"]["clean"].mean() == pytest.approx(float(clean), abs=2)
    assert len(english) == int(of) and abs(computed["broken"] - int(count)) <= 2
    rate, low, high = map(float, re.search(r"half: ([\d.]+) in 100 \(([\d.]+) to ([\d.]+)\)", REPORT).groups())
    ends = computed["share_interval"](int(count), int(of))
    assert [rate, low, high] == pytest.approx([100 * value for value in (int(count) / int(of), *ends)], abs=0.06)


def test_the_sample_reports_verdict_is_the_examples(computed):
    assert f"**Verdict.** It {computed['verdict'].verdict}." in REPORT


def test_a_slip_exchanges_two_letters_inside_one_word(computed):
    mistype, random = computed["mistype"], computed["np"].random.default_rng(1)
    for line in (*computed["english"], *computed["french"]):
        changed = mistype(line, random)
        places = [place for place, pair in enumerate(zip(line, changed, strict=True)) if pair[0] != pair[1]]
        assert len(places) in (0, 2)
        if places:
            first, second = places
            assert second == first + 1 and changed[first] + changed[second] == line[second] + line[first]
            assert line[first - 1 : second + 2].isalpha()
    assert mistype("I am so", random) == "I am so"


def test_the_ten_claims_have_a_source_and_are_the_chapters():
    (text,) = [cell.source for cell in CELLS if "## 2.3 Your claim" in cell.source]
    listed = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    rows = re.findall(
        r"^\| (\d+) \| (.+?) \| \[.+?\]\(https://arxiv.org/abs/[\d.]+\) \| (.+) · (.+) \|$", PAGE, re.MULTILINE
    )
    assert listed == [int(number) for number, *_ in rows] == list(range(1, 11))
    assert all(f"{number}. {claim}" in text for number, claim, *_ in rows[1:])


def test_the_rubric_has_six_rows_of_three_steps():
    rubric = PAGE.split("## Rubric")[1].split("## Sample")[0]
    rows = [line.split("|")[1:-1] for line in rubric.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6 and all(len(row) == 4 for row in rows)
