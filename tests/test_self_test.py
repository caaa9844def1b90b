"""The self-test explains every wrong answer, hides no pattern, and its sections and the glossary's links exist."""

import re
from collections import Counter

import pytest

from course_utils.notebooks import NOTEBOOKS, list_notebooks, read_notebook
from course_utils.self_test import (
    check_answers,
    load_glossary,
    load_questions,
    show_chapter_questions,
    show_glossary,
    show_questions,
)

QUESTIONS = load_questions()
CHAPTER_QUESTIONS = [question for chapter in range(1, 8) for question in load_questions(chapter)]


def sections(notebook):
    """Return {heading: text of its section, code included} of a chapter."""
    found, heading = {}, ""
    for cell in read_notebook(NOTEBOOKS / f"{notebook}.ipynb").cells:
        for line in cell.source.splitlines():
            if cell.cell_type == "markdown" and line.startswith("#"):
                heading = line.strip("# ")
                found.setdefault(heading, heading + "\n")
            elif heading:
                found[heading] += line + "\n"
    return found


def test_there_are_enough_questions_and_each_option_is_explained():
    assert len(QUESTIONS) >= 30 and {question.chapter for question in QUESTIONS} == set(range(1, 8))
    for question in QUESTIONS:
        assert question.right in question.options and 3 <= len(question.options) <= 4
        assert set(question.reasons) == set(question.options) and all(
            len(why) > 10 for why in question.reasons.values()
        )
        assert len(set(question.options.values())) == len(question.options)
    texts = [question.text for question in QUESTIONS]
    assert len(set(texts)) == len(texts)


def test_the_review_asks_all_questions_in_the_order_of_the_chapters():
    assert [question.number for question in QUESTIONS] == list(range(1, len(QUESTIONS) + 1))
    assert [question.chapter for question in QUESTIONS] == sorted(question.chapter for question in QUESTIONS)
    assert {question.text for question in CHAPTER_QUESTIONS} < {question.text for question in QUESTIONS}


@pytest.mark.parametrize("chapter", range(1, 8))
def test_a_chapter_ends_with_five_questions_of_its_own(chapter, capsys):
    questions = load_questions(chapter)
    assert [question.number for question in questions] == [1, 2, 3, 4, 5]
    assert {question.chapter for question in questions} == {chapter}
    assert len({question.right for question in questions}) >= 3
    show_chapter_questions(chapter)
    assert [question.text in capsys.readouterr().out for question in questions[:1]] == [True]
    assert check_answers({number: ... for number in range(1, 6)}, chapter=chapter) == {}
    assert capsys.readouterr().out == "No answer yet. There are 5 questions.\n"
    assert check_answers({q.number: q.right for q in questions}, chapter=chapter) == {chapter: (5, 5)}
    for question in questions:
        for letter in set(question.options) - {question.right}:
            capsys.readouterr()
            assert check_answers({question.number: letter}, chapter=chapter) == {chapter: (0, 1)}
            assert f"{question.number}. Not {letter}: {question.reasons[letter]}" in capsys.readouterr().out


def test_the_right_letter_cannot_be_guessed():
    counts = Counter(question.right for question in QUESTIONS)
    assert max(counts.values()) <= 0.45 * len(QUESTIONS)
    longest = [max(q.options, key=lambda letter: len(q.options[letter])) == q.right for q in QUESTIONS]
    assert 0.2 < sum(longest) / len(QUESTIONS) < 0.5


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.chapter}-{q.number}")
def test_the_section_that_teaches_it_exists(question):
    (path,) = [path for path in list_notebooks() if path.parent == NOTEBOOKS and int(path.name[:2]) == question.chapter]
    assert any(re.match(re.escape(question.section) + r"\b", heading) for heading in sections(path.stem))


def test_right_answers_are_counted_and_wrong_ones_explained(capsys):
    right = {question.number: question.right for question in QUESTIONS}
    assert all(good == asked for good, asked in check_answers(right).values())
    assert "Not" not in capsys.readouterr().out
    question = QUESTIONS[0]
    wrong = next(letter for letter in question.options if letter != question.right)
    assert check_answers({1: wrong}) == {question.chapter: (0, 1)}
    printed = capsys.readouterr().out
    assert question.reasons[wrong] in printed and question.reasons[question.right] in printed
    assert f"chapter {question.chapter}, section {question.section}" in printed


def test_a_capital_letter_is_the_same_answer():
    assert check_answers({1: QUESTIONS[0].right.upper()}) == {QUESTIONS[0].chapter: (1, 1)}


def test_no_answer_is_no_error(capsys):
    assert check_answers({}) == {} and "No answer yet" in capsys.readouterr().out


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="the question 99"):
        check_answers({99: "a"})
    with pytest.raises(ValueError, match="found 'z' for question 1, expected one of a, b, c"):
        check_answers({1: "z"})
    for letter in (None, 1, ["a"], ""):
        with pytest.raises(ValueError, match="answers: found .* for question 1, expected one of a, b, c"):
            check_answers({1: letter})


@pytest.mark.parametrize("answers", [None, "a", ["a"], {1}])
def test_answers_come_in_a_dict(answers):
    with pytest.raises(ValueError, match='answers: found .*, expected a dict such as {1: "b", 2: "c"}'):
        check_answers(answers)


@pytest.mark.parametrize("number", [0, -1, "1", None, 1.5])
def test_questions_have_numbers(number):
    with pytest.raises(ValueError, match="answers: found the question .*, expected 1 to"):
        check_answers({number: "a"})


def test_questions_of_a_chapter_are_shown_with_their_options(capsys):
    show_questions(3)
    printed = capsys.readouterr().out
    for question in QUESTIONS:
        assert (question.text in printed) == (question.chapter == 3)


TERMS = load_glossary()


def test_the_glossary_is_in_order_and_has_no_term_twice():
    names = [term.term.lower() for term in TERMS]
    assert names == sorted(names) and len(set(names)) == len(names) >= 50


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.term)
def test_a_term_occurs_in_the_section_that_teaches_it(term):
    found = sections(term.notebook)
    assert term.heading in found, f"no heading {term.heading!r}"
    assert term.term.lower() in found[term.heading].lower()
    assert term.link == f"{term.notebook}.ipynb#{term.heading.replace(' ', '-')}"
    assert not set('%"') & set(term.heading), "JupyterLab does not find an anchor with such a character"


def test_the_glossary_has_chinese_terms_and_common_names():
    assert all(term.chinese for term in TERMS)
    by_term = {term.term: term for term in TERMS}
    in_the_document = ("large model", "大模型"), ("pretraining", "预训练"), ("fine-tuning", "微调"), ("weight", "权重")
    assert [by_term[term].chinese for term, _ in in_the_document] == [chinese for _, chinese in in_the_document]
    for term, name in (("preference tuning", "RLHF"), ("rotary positions", "RoPE"), ("grouped queries", "GQA")):
        assert name in by_term[term].synonyms


def test_the_glossary_is_shown_with_all_that_it_holds():
    lines = show_glossary().data.splitlines()
    assert len(lines) == 2 + len(TERMS) and {line.count(" | ") for line in lines[2:]} == {4}
    for line, term in zip(lines[2:], TERMS, strict=True):
        for text in (term.term, term.synonyms, term.chinese, term.definition, term.link):
            assert text in line
