"""A prediction never stops a notebook, is kept with its result, and adds up to how sure a learner may be."""

import json

import numpy as np
import pytest

from authoring.answering import read_asked, read_outcomes
from course_utils import answers, predictions
from course_utils.predictions import outcome, predict, summary

COUNT = "Of 100 digits, how many?"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Begin a chapter in a folder of learners' copies; return where it keeps its predictions."""
    (tmp_path / ".copied.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.setattr(answers, "_PLACE", {})
    restart(monkeypatch)
    return tmp_path / "answers" / "04_turning"


def restart(monkeypatch, chapter="04_turning"):
    monkeypatch.setattr(predictions, "_ASKED", {})
    answers.open_folder(chapter)


def said(capsys):
    return capsys.readouterr().out.splitlines()


def test_an_empty_guess_asks_and_runs_on(folder, capsys):
    predict("count", COUNT, low=..., high=..., unit="digits")
    asked = said(capsys)
    assert asked[0] == COUNT and asked[1].startswith("No guess. Put two numbers (digits) in place of the dots")
    outcome("count", 79.84)
    assert said(capsys) == ["≈ count: 79.8 digits. No guess to compare with."]
    predict("better", "Which?", choices=["a", "b"], choice=..., confidence=...)
    assert said(capsys)[1] == "No guess. Put 'a' or 'b' in place of the dots, and how sure you are, in percent."
    summary()
    assert said(capsys) == ["You made no guess that met its result yet."] and not folder.exists()


def test_what_a_stored_cell_asked_and_found_is_read_again(folder, capsys):
    predict("count", COUNT, low=..., high=..., unit="digits")
    predict("better", "Which?", choices=["a", "b's or c"], choice=..., confidence=...)
    asked = [("count", COUNT, []), ("better", "Which?", ["a", "b's or c"])]
    source = 'predict("count", …)\npredict(\n    "better", …)'
    assert read_asked(source, capsys.readouterr().out + "Something else.\n") == asked
    outcome("count", 1234.5), outcome("better", "b's or c")
    found = [("count", "1,234 digits"), ("better", "b's or c")]
    assert read_outcomes("first\n" + capsys.readouterr().out) == found


@pytest.mark.parametrize(("result", "verdict"), [(80, "it lies in"), (70, "it lies in"), (91, "not it lies in")])
def test_a_range_is_compared(result, verdict, capsys):
    predict("count", COUNT, low=70, high=90, unit="digits")
    assert said(capsys)[1] == "Your guess: 70 to 90 digits."
    outcome("count", result)
    told = verdict.replace("not it lies in", "it lies outside") + " your range."
    assert said(capsys) == [f"≈ count: {result} digits. Your guess was 70 to 90 digits: {told}"]


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        ({"low": 90, "high": 70}, "90 to 70 is no range, write the smaller number first"),
        ({"low": 90}, "found 90 and Ellipsis, expected two numbers"),
        ({"low": "70", "high": "90"}, "found '70' and '90', expected two numbers"),
        ({"low": np.array([1, 2]), "high": 3}, "found array([1, 2]) and 3, expected two numbers"),
        ({"low": float("nan"), "high": 1}, "nan to 1 is no range"),
        ({"choices": ["a", "b"], "choice": "c", "confidence": 80}, "found 'c', expected one of 'a', 'b'"),
        ({"choices": ["a", "b"], "choice": "a"}, "found the confidence none, expected a percentage from 50"),
        ({"choices": ["a", "b"], "choice": "a", "confidence": 0.8}, "found the confidence 0.8, expected a percentage"),
        ({"choices": ["a", "b"], "choice": "a", "confidence": 120}, "found the confidence 120, expected a percentage"),
    ],
)
def test_an_impossible_guess_is_named_and_does_not_stop(options, trouble, capsys):
    predict("count", COUNT, **options)
    assert said(capsys)[1].startswith(f"No guess counts: {trouble}")
    outcome("count", 80 if "choices" not in options else "a")
    assert said(capsys)[0].endswith("No guess to compare with.")


def test_the_guess_before_the_result_counts(monkeypatch, capsys):
    predict("count", COUNT, low=10, high=20)
    predict("count", COUNT, low=70, high=75)
    outcome("count", 80)
    restart(monkeypatch)
    predict("count", COUNT, low=79, high=81)
    assert said(capsys)[-1] == "You have seen the result: your first guess counts."
    outcome("count", 80.1)
    assert said(capsys) == [
        "≈ count: 80.1 this time (your guess is judged by the first result, 80). "
        "Your guess was 70 to 75: it lies outside your range."
    ]
    predict("count", COUNT, low=70, high=75)
    assert said(capsys)[-1] == "Your guess: 70 to 75."
    predict("count", COUNT, low=..., high=...)
    assert said(capsys)[-1] == "Your guess from before: 70 to 75."


def test_the_summary_counts_all_chapters(folder, monkeypatch, capsys):
    for number, (low, high) in enumerate([(0, 10), (4, 6), (6, 7)]):
        predict(f"größe {number}", COUNT, low=low, high=high)
        outcome(f"größe {number}", 5)
    restart(monkeypatch, "05_next")
    for number, (choice, confidence) in enumerate([("a", 90), ("b", 60)]):
        predict(f"choice {number}", "Which?", choices=["a", "b"], choice=choice, confidence=confidence)
        outcome(f"choice {number}", "a")
    capsys.readouterr()
    restart(monkeypatch, "06_last")
    summary()
    assert said(capsys) == [
        "2 of your 3 ranges held: 67%. Aim at 80 %.",
        "Choices: on average you were 75 % sure, and 1 of 2 were right.",
    ]
    assert "größe 0" in (folder / "predictions.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]", b'{"count": {"guess": {"low": "a"}}}', b'{"count": 3}'])
def test_a_damaged_file_is_one_sentence(folder, content, monkeypatch, capsys):
    folder.mkdir(parents=True)
    (folder / "predictions.json").write_bytes(content)
    predict("count", COUNT, low=70, high=90)
    printed = said(capsys)
    assert printed[0].startswith("04_turning/predictions.json ") and len(printed) == 3
    assert (folder / "predictions.damaged").read_bytes() == content
    assert json.loads((folder / "predictions.json").read_text())["count"]["guess"] == {"low": 70, "high": 90}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "answers").write_text("")
    predict("count", COUNT, low=70, high=90)
    assert said(capsys)[2].startswith("It counts until the kernel stops, and is not kept: cannot write ")
    outcome("count", 80)
    assert "it lies in your range" in said(capsys)[0]


def test_a_tested_notebook_keeps_nothing(folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    restart(monkeypatch)
    predict("count", COUNT, low=70, high=90)
    outcome("count", 80)
    assert "it lies in your range" in said(capsys)[-1] and not folder.exists()
