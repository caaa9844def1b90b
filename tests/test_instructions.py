"""Check the course's instructions for a language model, and the rules by which answers to them are scored."""

import dataclasses
import itertools
import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import make_instructions as maker
import pytest

from course_utils import questions
from course_utils.answer_scores import holds_answer, normalise, score_answer
from course_utils.ask import PROMPT
from course_utils.data import DataError
from course_utils.questions import PARTS, load_instructions
from course_utils.verdicts import text_does_not_say

ROOT = Path(__file__).parents[1]
FILE = ROOT / "course_utils" / "files" / "instructions.jsonl"
KINDS = {"answer", "abstain", "format", "limit", "calculator"}


@pytest.fixture(scope="module")
def everything():
    return load_instructions()


@pytest.fixture(scope="module")
def parts(everything):
    return {part: [pair for pair in everything if pair.part == part] for part in PARTS}


def asked(pair):
    return "\n".join(message["content"] for message in pair.messages)


# what is in the file


def test_each_part_is_large_enough_and_held_out_forms_are_new(parts):
    counts = {part: len(pairs) for part, pairs in parts.items()}
    assert (
        counts["train"] >= 640 and counts["seen forms"] >= 80 and counts["new forms"] >= 80 and counts["python"] >= 60
    )
    forms = {part: {pair.form for pair in pairs} for part, pairs in parts.items()}
    assert len(forms["train"]) >= 42 and len(forms["new forms"]) == 10
    assert not forms["new forms"] & forms["train"]
    assert forms["seen forms"] | forms["python"] <= forms["train"]


def test_kinds_are_balanced_and_stand_in_each_part(parts):
    counts = Counter(pair.kind for pair in parts["train"])
    tuned = sum(counts[kind] for kind in KINDS)
    wanted = {"answer": 0.35, "abstain": 0.25, "format": 0.15, "limit": 0.10, "calculator": 0.15}
    assert all(abs(counts[kind] / tuned - share) < 0.03 for kind, share in wanted.items())
    assert counts["chat"] == 40
    assert all({pair.kind for pair in parts[part]} == KINDS for part in ("seen forms", "new forms"))
    assert Counter(pair.kind for pair in parts["python"])["abstain"] * 3 == len(parts["python"])


def test_the_application_has_its_form(parts):
    pairs = [pair for pair in parts["train"] if pair.form == "application"]
    before, between, after = PROMPT.replace("{question}", "{text}").split("{text}")
    assert len(pairs) >= 60 and {pair.kind for pair in pairs} == {"answer", "abstain"}
    for pair in pairs:
        content = pair.messages[0]["content"]
        assert content.startswith(before) and between in content and content.endswith(after)
    several = [pair for pair in pairs if "\n\n" in pair.messages[0]["content"].split("\n\nQuestion:")[0]]
    assert {pair.kind for pair in several} == {"answer", "abstain"} and len(several) >= 20


def test_no_text_or_question_of_the_training_part_is_held_out(parts):
    train = maker.read_texts(maker.FOLDER / "train.txt")
    held_out = maker.read_texts(maker.FOLDER / "held_out.txt")
    assert len(train) >= 70 and len(held_out) >= 30
    assert all(30 <= len(entry["text"].split()) <= 110 for entry in train + held_out)
    written = "\n".join(asked(pair) for pair in parts["train"])
    for entry in held_out:
        assert not any(sentence in written for sentence in maker.sentences(entry["text"]))
    names = [{pair.text_id for pair in pairs} for pairs in parts.values()]
    assert sum(map(len, names)) == len(set().union(*names))
    questions = {part: {pair.messages[0]["content"] for pair in pairs} for part, pairs in parts.items()}
    assert sum(map(len, questions.values())) == len(set().union(*questions.values()))
    calculations = [maker.read_calculations(maker.FOLDER / f"calculator_{part}.txt") for part in ("train", "held_out")]
    train, held_out = ({item[0] for items in both for item in items} for both in calculations)
    assert not train & held_out
    halves = [set(), set()]
    for half, part in enumerate(("seen forms", "new forms")):
        written = "\n".join(asked(pair) for pair in parts[part])
        halves[half] = {
            entry["name"] for entry in maker.read_texts(maker.FOLDER / "held_out.txt") if entry["text"] in written
        }
    assert not halves[0] & halves[1]


def test_a_form_alone_does_not_give_the_answer(parts):
    for part in ("train", "new forms"):
        for form in {pair.form for pair in parts[part]}:
            answers = Counter(pair.answer for pair in parts[part] if pair.form == form)
            assert max(answers.values()) <= 0.6 * answers.total(), form


def test_two_forms_differ_in_more_than_a_word():
    forms = tomllib.loads((maker.FOLDER / "forms.toml").read_text("utf-8"))["form"]
    words = [frozenset(re.findall(r"\w+|[^\w\s]+", form["template"])) for form in forms if form["kind"] != "chat"]
    assert all(len(one ^ other) >= 5 for one, other in itertools.combinations(words, 2))


def test_answers_are_short_and_stand_in_the_text(parts):
    for part, pairs in parts.items():
        lengths = sorted(len(pair.answer.split()) for pair in pairs)
        assert lengths[len(lengths) // 2] < 12, part
    for pair in parts["train"] + parts["seen forms"] + parts["new forms"]:
        if pair.kind == "answer":
            text = f" {normalise(pair.messages[0]['content'])} "
            assert any(f" {normalise(answer)} " in text for answer in pair.accept), pair


def test_the_script_makes_the_file():
    assert [json.loads(line) for line in FILE.read_text("utf-8").splitlines()] == maker.make()


def test_no_text_of_pythons_documentation_is_stored(parts):
    rows = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["part"] == "python"]
    assert all("{text}" in row["messages"][0]["content"] and row["topic"] for row in rows)
    assert len(parts["python"]) == len(rows) and not any("{text}" in asked(pair) for pair in parts["python"])


# loading


def test_parts_are_all_of_them_and_cannot_be_changed(everything, parts):
    assert {part: list(load_instructions(part)) for part in PARTS} == parts
    assert sum(map(len, parts.values())) == len(everything) == len({pair.id for pair in everything})
    with pytest.raises(dataclasses.FrozenInstanceError):
        everything[0].answer = "no"


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="part: found 'test', expected one of train, seen forms, new forms, python"):
        load_instructions("test")


def test_a_python_without_its_documentation_is_named(monkeypatch):
    questions._library_passages.cache_clear()
    monkeypatch.setattr(questions, "read_topics", lambda folder: [])
    with pytest.raises(DataError, match="documentation inside this Python .* has 0 of the 22 passages"):
        load_instructions("python")
    assert load_instructions("train")
    questions._library_passages.cache_clear()


# scoring


def test_each_answer_passes_its_own_rule(everything):
    assert [pair.id for pair in everything if not score_answer(pair, pair.answer)] == []


@pytest.mark.parametrize("part", ["train", "seen forms", "new forms"])
def test_answers_of_other_questions_do_not_pass(parts, part):
    for number, pair in enumerate(parts[part]):
        if pair.kind != "chat":
            others = parts[part][number % 7 :: 29]
            wrong = [other.answer for other in others if other.kind not in {pair.kind, "chat"}]
            passed = [answer for answer in wrong if score_answer(pair, answer)]
            assert len(passed) <= 1, (pair, passed)
            assert not score_answer(pair, "") and not score_answer(pair, "I think that is a very good question.")
            assert pair.kind == "abstain" or not score_answer(pair, "The text does not say.")


def only(pairs, check, **wanted):
    """Return the first pair with a check whose fields are as wanted."""
    fits = (pair for pair in pairs if pair.check.partition(" ")[0] == check)
    return next(pair for pair in fits if all(getattr(pair, name) == value for name, value in wanted.items()))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Tuesday", True),
        ("on Tuesday.", True),
        ("TUESDAY!", True),
        ("The hall is closed on Tuesday.", True),
        ("It is closed on Tuesday and Friday.", False),
        ("It is not closed on Tuesday.", False),
        ("Tuesday\nIt is in the hall.", False),
        ("Tuesdays", False),
        ("Friday", False),
        ("The text does not say whether it is Tuesday.", False),
        ("The hall in which the club of the village meets is closed on Tuesday.", True),
        ("I would say, after I have read all of it with great care, that it is closed on Tuesday.", False),
        ("", False),
    ],
)
def test_an_answer_stands_alone_or_in_a_short_sentence(text, right):
    assert holds_answer(text, ["Tuesday"], ["Friday", "Monday"]) is right


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Twenty-five minutes", "25 minutes"),
        ("1,340 euros", "1340 euros"),
        ("€4.20", "4.20"),
        ("3 €", "three euros"),
        ("the Black Swan", "Black Swan"),
        ("The third drawer.", "3rd drawer"),
        ("17°C", "17 degrees"),
        ("12km", "12 km"),
        ("about 50 g", "50 g"),
    ],
)
def test_numbers_units_and_articles_are_compared_by_meaning(text, accepted):
    assert holds_answer(text, [accepted])


def test_a_number_is_not_part_of_another():
    assert not holds_answer("15", ["5"]) and not holds_answer("5.50 euros", ["5 euros"])


@pytest.mark.parametrize(
    "text",
    [
        "The text does not say.",
        "The text doesn't mention who wrote it.",
        "This is not stated in the text.",
        "It isn’t mentioned.",
        "Not mentioned",
        "The price is not given.",
        "There is no information about this in the text.",
        "The passage contains no information about the price.",
        "I don't know.",
        "The notice says nothing about that.",
        "It cannot be determined from the text.",
        "The text leaves it open.",
        "The author's name is not provided.",
        "Unknown",
    ],
)
def test_abstaining_is_recognised(text):
    assert text_does_not_say(text)


@pytest.mark.parametrize(
    "text",
    [
        "Monday",
        "The text says Monday.",
        "No",
        "It is not open on Monday.",
        "Dogs are not allowed.",
        "Nobody",
        "He does not bake.",
    ],
)
def test_an_answer_with_a_no_does_not_abstain(text):
    assert not text_does_not_say(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"tool": "calculator", "expression": "17 * 24"}', True),
        (' {"expression":"(400 + 416) / 2","tool":"calculator"}\n', True),
        ('{"tool": "calculator", "expression": "408.00001"}', False),
        ('{"tool": "calculator", "expression": "17 * 25"}', False),
        ('{"tool": "calculator", "expression": "408 / 0"}', False),
        ('{"tool": "calculator", "expression": "408 ** 1"}', False),
        ('{"tool": "calculator", "expression": ""}', False),
        ('{"tool": "calculator", "expression": 408}', False),
        ('{"tool": "clock", "expression": "408"}', False),
        ('Sure: {"tool": "calculator", "expression": "17 * 24"}', False),
        ("408", False),
    ],
)
def test_a_request_passes_by_its_form_and_value(parts, text, right):
    pair = dataclasses.replace(only(parts["train"], "request"), accept=("408",))
    assert score_answer(pair, text) is right


def test_a_limit_is_counted(parts):
    pair = only(parts["train"], "words", form="summary")
    limit, word = int(pair.check.split()[1]), pair.accept[0]
    assert score_answer(pair, " ".join([word] * limit)) and not score_answer(pair, " ".join([word] * (limit + 1)))
    assert not score_answer(pair, "Something else.")


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("dashes", lambda answer: answer.replace("- ", "")),
        ("dashes", lambda answer: answer.rsplit("\n", 1)[0]),
        ("dashes", lambda answer: answer + "\n- a fourth"),
        ("numbered", lambda answer: answer.replace(". ", " ")),
        ("commas", lambda answer: answer.replace(", ", " ")),
        ("commas", lambda answer: answer.replace(", ", "\n")),
        ("json", lambda answer: answer.replace('"', "'")),
        ("json", lambda answer: "Here you are: " + answer),
        ("json", lambda answer: answer.replace('": "', '_": "', 1)),
        ("row", lambda answer: answer[:-1]),
        ("row", lambda answer: "| " + " | ".join(reversed(answer.strip("| ").split(" | "))) + " |"),
        ("sheet", lambda answer: answer.split("\n")[0]),
        ("upper", str.lower),
        ("digits", lambda answer: answer + " of them"),
        ("brackets", lambda answer: answer.strip("[]")),
        ("word", lambda answer: "It is " + answer),
        ("choice", lambda answer: {"Yes": "No", "No": "Yes", "true": "false", "false": "true"}[answer]),
        ("choice", lambda answer: answer + ", it is."),
        ("prefix", lambda answer: answer.removeprefix("Answer: ")),
    ],
)
def test_a_broken_form_does_not_pass(everything, check, change):
    pairs = [pair for pair in everything if pair.check == check]
    assert pairs and not any(score_answer(pair, change(pair.answer)) for pair in pairs)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("The text does not say.", True),
        ("The text does not give an answer to the question of what a season ticket costs.", True),
        ("It is 12 euros. The text does not say more.", False),
        ("The text does not say. " + "It may be one thing or another. " * 5, False),
        ("12 euros", False),
    ],
)
def test_abstaining_comes_first_and_is_short(parts, text, right):
    assert score_answer(only(parts["train"], "abstain"), text) is right


def test_an_unknown_rule_is_refused(everything):
    with pytest.raises(ValueError, match="found the check 'magic', expected one of answer, abstain"):
        score_answer(dataclasses.replace(everything[0], check="magic"), "text")
