"""The project's page: its sample report holds what the chapter's starter cell computes, and its data load."""

import re

import numpy as np
import pytest

from course_utils.fitting import mean_interval
from course_utils.networks import pretrained
from course_utils.notebooks import ROOT, list_notebooks, read_notebook

PAGE = (ROOT / "docs" / "project.md").read_text(encoding="utf-8")
REPORT = PAGE.split("## Sample report")[1]


@pytest.fixture(scope="module")
def computed():
    """Return what the starter cell leaves, run with nothing but its part's imports."""
    from itertools import pairwise

    (starter,) = [
        cell.source
        for path in list_notebooks()
        for cell in read_notebook(path).cells
        if cell.cell_type == "code" and cell.source.startswith("# The project's starter")
    ]
    namespace = {"np": np, "pairwise": pairwise, "mean_interval": mean_interval}
    exec(starter, namespace)
    return namespace


def test_the_sample_report_holds_what_the_starter_computes(computed):
    wrong_by, target = computed["wrong_by"], computed["table"].target
    rows = re.findall(r"^\| ([a-z ]+) \| ([\d.]+) \| ([\d. ]+) \|$", REPORT, re.MULTILINE)
    assert [way for way, _, _ in rows] == list(wrong_by)
    for way, mean, seeds in rows:
        assert mean == f"{wrong_by[way].mean():.1f}"
        assert seeds.split() == [f"{run.mean():.1f}" for run in wrong_by[way]]
    text = " ".join(REPORT.split())
    for second, first in (("without blood", "the median"), ("with blood", "without blood")):
        mean, (low, high) = mean_interval((wrong_by[second] - wrong_by[first]).mean(axis=0))
        assert f"{second} minus {first}: {mean:.1f} ({low:.1f} to {high:.1f})" in text.replace("With", "with")
    assert 0.08 < 1 - wrong_by["with blood"].mean() / wrong_by["without blood"].mean() < 0.12  # "a tenth"
    assert f"{len(target)} patients" in text and f"from {target.min():.0f} to {target.max():.0f}" in text


def test_the_sample_reports_errors_are_the_starters(computed):
    with_blood, target = computed["wrong_by"]["with blood"].mean(axis=0), computed["table"].target
    guessed = computed["guess"]["with blood"].mean(axis=0)
    largest = np.argsort(-with_blood)[:5]
    stated = re.findall(r"(\d+) (?:was guessed )?as (\d+)", REPORT)
    assert stated == [(f"{target[one]:.0f}", f"{guessed[one]:.0f}") for one in largest]
    high = target > 200
    text = f"The {high.sum()} patients above 200 are guessed wrong by {with_blood[high].mean():.1f}, the others by "
    assert text + f"{with_blood[~high].mean():.1f}" in " ".join(REPORT.split())


def test_the_pages_data_load_as_they_stand(monkeypatch, tmp_path):
    class StandIn:
        def predict(self, images):
            return np.zeros((len(images), 1000))

    from PIL import Image

    for name in ("cup", "plate"):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        Image.new("RGB", (9, 8)).save(tmp_path / "photographs" / name / "one.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "load_image_classifier", StandIn)
    blocks = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        namespace = {}
        exec(block, namespace)
        count = len(next(namespace[name] for name in ("inputs", "texts", "changed") if name in namespace))
        assert count == len(namespace["target"]) == len(namespace.get("together", namespace["target"])) > 1


def test_the_rubric_has_six_rows_of_three_steps():
    rubric = PAGE.split("## Rubric")[1].split("## Sample")[0]
    rows = [line.split("|")[1:-1] for line in rubric.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6 and all(len(row) == 4 for row in rows)
