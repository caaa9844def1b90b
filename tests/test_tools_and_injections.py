"""The questions for a calculator, the texts with planted orders, and what the stored answers to them hold."""

import re

import pytest
import tools_and_injections as script

from course_utils.answer_scores import holds_words
from course_utils.calculator import TOOL_PROMPT, calculate
from course_utils.questions import load_injections, load_tool_questions
from course_utils.tables import read_comments, read_sweep

FORMS = {"order", "system", "data", "ending"}


def test_two_thirds_of_the_questions_are_sums_that_the_calculator_answers():
    questions = load_tool_questions()
    assert len({question.id for question in questions}) == len({question.question for question in questions}) == 66
    sums = [question for question in questions if question.kind == "sum"]
    assert len(sums) == 44 and {question.kind for question in questions} == {"sum", "plain"}
    for question in sums:
        (accepted,) = question.accepted
        assert calculate(question.expression) == float(accepted)
        numbers = re.findall(r"\d[\d,]*(?:\.\d+)?", question.question)
        assert float(accepted) not in [float(number.replace(",", "")) for number in numbers], (
            "the question gives it away"
        )
    assert all(question.accepted and not question.expression for question in questions if question.kind == "plain")


def test_injections_have_four_forms_in_each_text_and_words_that_stand_nowhere_else():
    injections = load_injections()
    assert len(injections) == len({injection.id for injection in injections}) == 120
    assert len({injection.words for injection in injections}) == 120
    assert len({injection.planted for injection in injections}) == 120
    by_text = {}
    for injection in injections:
        by_text.setdefault(injection.clean, []).append(injection)
        assert injection.words in injection.planted
        assert injection.words.lower() not in f"{injection.clean} {injection.question}".lower()
        assert any(answer.lower() in injection.clean.lower() for answer in injection.accepted)
        assert injection.planted.strip() in injection.text
        assert len(injection.text) - len(injection.clean) in (len(injection.planted), len(injection.planted) + 1)
    assert len(by_text) == 30
    for group in by_text.values():
        assert {injection.form for injection in group} == FORMS and len({injection.part for injection in group}) == 1
    assert {injection.place for injection in injections} == {"start", "middle", "end"}
    assert all(injection.place == "end" for injection in injections if injection.form == "ending")


def test_injections_are_planted_where_they_say():
    injection = next(one for one in load_injections() if one.place == "middle")
    before, after = injection.text.split(f" {injection.planted} ")
    assert f"{before} {after}" == injection.clean and before.endswith(".")
    assert all(one.text.startswith(one.planted) for one in load_injections() if one.place == "start")
    assert all(one.text.startswith(one.clean) for one in load_injections() if one.place == "end")


def test_the_parts_share_no_text():
    shown, held_out = load_injections("shown"), load_injections("held out")
    assert len(shown) == 40 and len(held_out) == 80 and shown + held_out == load_injections()
    assert not {one.clean for one in shown} & {one.clean for one in held_out}
    with pytest.raises(ValueError, match="part: found 'heldout', expected 'shown' or 'held out'"):
        load_injections("heldout")


@pytest.mark.parametrize(
    ("question", "answer", "value", "right"),
    [
        ("A bakery fills 17 trays with 24 rolls each.", "The bakery has 408 rolls.", "408", True),
        ("A bakery fills 17 trays with 24 rolls each.", "17 * 24 = 408", "408", True),
        ("A bakery fills 17 trays with 24 rolls each.", "408 rolls fill 17 trays.", "408", True),
        ("A bakery fills 17 trays with 24 rolls each.", "17 * 24 = 408, so 380 rolls.", "408", False),
        ("A bakery fills 17 trays with 24 rolls each.", "17 trays of 24.", "408", False),
        ("A printer makes 1,104 copies in 8 hours.", "It makes 138.0 copies.", "138", True),
        ("A field costs 2 pounds.", "It costs 10,920 pounds.", "10920", True),
        ("It weighs 12.5 and 3.75.", "16.25 litres.", "16.25", True),
        ("How many?", "No number.", "3", False),
    ],
)
def test_a_sum_is_scored_by_the_last_new_number(question, answer, value, right):
    assert script.right_sum(question, answer, value) is right


def test_an_accepted_answer_counts_as_whole_words():
    assert holds_words("It is Marta, of course.", ("Marta",))
    assert holds_words("The keys hang on a Small, Brass owl!", ("small brass owl",))
    assert not holds_words("Martha keeps it.", ("Marta",))
    assert holds_words("PINEAPPLE!", ["pineapple"]) and not holds_words("pineapples", ["PINEAPPLE"])


def test_the_loop_gives_results_and_errors_back_and_counts(monkeypatch):
    said = {"one": ["plain"], "two": ['{"tool": "calculator", "expression": "2 + 3"}', "It is 5."]}
    said["three"] = ['{"tool": "calculator", "expression": "2 / 0"}'] * 3
    said["four"] = ['{"tool": "calculator", "expression": 2}']
    heard = []

    def answers(model, talks, *settings):
        heard.extend(talks)
        return [said[talk[0]["content"]][len(talk) // 2] for talk in talks]

    monkeypatch.setattr(script, "answer_all", answers)
    last, requests, malformed = script.use_calculator(None, [[script.user(name)] for name in said])
    assert last == [texts[-1] for texts in said.values()]
    assert requests == [0, 1, 3, 0] and malformed == [0, 0, 3, 1]
    assert {talk[-1]["content"] for talk in heard} == {*said, "calculator: 5", "calculator: error, division by zero"}


def test_every_question_and_every_injection_was_asked_under_each_condition():
    for name in ("tool_answers", "injections"):
        assert any("python experiments/tools_and_injections.py" in line for line in read_comments(name))
    answers, stored = read_sweep("tool_answers"), read_sweep("injections")
    ids = [question.id for question in load_tool_questions()]
    for adapter in {row["adapter"] for row in answers}:
        for condition in script.CONDITIONS[: 3 if adapter == "none" else 2]:
            rows = [row for row in answers if (row["adapter"], row["condition"]) == (adapter, condition)]
            assert [row["id"] for row in rows] == ids, (adapter, condition)
    injections = load_injections()
    clean = list(dict.fromkeys(injection.id.split()[0] for injection in injections))
    for adapter in {row["adapter"] for row in stored}:
        for defence in script.defences():
            rows = [row for row in stored if (row["adapter"], row["defence"]) == (adapter, defence)]
            assert [row["id"] for row in rows] == [*clean, *(injection.id for injection in injections)], defence


def test_stored_scores_are_those_of_the_stored_answers():
    questions = {question.id: question for question in load_tool_questions()}
    for row in read_sweep("tool_answers", kind="sum"):
        question, answer = questions[row["id"]], str(row["answer"])
        scored = script.right_sum(question.question, answer, question.accepted[0]) and not answer.startswith("{")
        assert row["right"] == scored, row
    injections = {injection.id: injection for injection in load_injections()}
    for row in read_sweep("injections"):
        if row["form"]:
            injection = injections[row["id"]]
            assert row["written"] == holds_words(str(row["answer"]), [injection.words]), row
            assert row["right"] <= holds_words(str(row["answer"]), injection.accepted), row


def test_the_examples_announce_the_calculator_once():
    turns = script.examples()
    assert turns[0]["content"].startswith(TOOL_PROMPT) and sum(TOOL_PROMPT in turn["content"] for turn in turns) == 1
    assert [turn["content"] for turn in turns if turn["content"].startswith("calculator")] == [
        "calculator: 352",
        "calculator: 637",
    ]
