"""The stored measurements of search and answers are complete, and the script that makes them ranks and judges well."""

import numpy as np
import pytest
import retrieve as script

from course_utils.library_text import load_passages
from course_utils.questions import load_passage_questions
from course_utils.tables import read_sweep


@pytest.fixture(scope="module")
def questions():
    return load_passage_questions()


def test_every_question_has_a_rank_by_every_method(questions):
    rows, asked = read_sweep("retrieval"), [(question.id, question.words) for question in questions]
    for method in ("all-MiniLM-L6-v2", *script.METHODS):
        chosen = [row for row in rows if row["method"] == method]
        assert [(row["question"], row["words"]) for row in chosen] == asked
        assert all(1 <= row["rank"] <= len(load_passages()) for row in chosen)
    assert len(rows) == 60 * (1 + len(script.METHODS))


def test_ranks_by_shared_words_are_what_the_library_gives_now(questions):
    name, passages = next(iter(script.METHODS)), load_passages()
    right = [[passage.id for passage in passages].index(question.passage) for question in questions]
    scores = script.bm25_scores(passages, questions, *script.METHODS[name])
    stored = [row["rank"] for row in read_sweep("retrieval", method=name)]
    assert np.allclose(script.ranks(scores, np.array(right)), stored)


def test_the_passages_have_a_vector_each_of_length_one():
    with np.load(script.VECTORS) as stored:
        assert stored["ids"].tolist() == [passage.id for passage in load_passages()]
        assert np.allclose(np.linalg.norm(stored["vectors"].astype(float), axis=1), 1, atol=1e-3)


def test_the_highest_score_has_rank_one_and_equal_scores_share_the_mean():
    scores = np.array([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.0, 0.0, 0.0], [2.0, 1.0, 1.0]])
    assert script.ranks(scores, np.array([1, 0, 2, 1])).tolist() == [1, 3, 2, 2.5]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("ValueError", "right"),
        ("A step of zero raises a `ValueError`.", "right"),
        ("The exception that is raised when the step of a range is zero is a ValueError, which says so.", "right"),
        ("TypeError", "wrong"),
        ("It is not a ValueError.", "wrong"),
        ("ValueErrors", "wrong"),
        ("word " * 20 + "ValueError", "wrong"),
        ("The text does not say.", "abstained"),
        ("The text does not say which exception is raised, perhaps ValueError.", "abstained"),
        ("It does not raise a ValueError.", "wrong"),
        ("Zero is not available as a step, and a ValueError says so.", "right"),
        ("", "wrong"),
    ],
)
def test_an_answer_is_judged_by_its_first_words(questions, answer, verdict):
    [question] = [question for question in questions if "ValueError" in question.answers]
    assert script.verdict(question, answer) == verdict


def test_underscores_belong_to_a_name(questions):
    [question] = [question for question in questions if question.passage == "sequence-types-7"]
    assert script.verdict(question, "The `__reversed__()` method") == "right"
    assert script.verdict(question, "The `reversed()` built-in") == "wrong"


def test_answers_that_are_only_marks_count(questions):
    [question] = [question for question in questions if "_" in question.answers and question.passage == "id-classes-2"]
    assert [script.verdict(question, answer) for answer in ("`_`", "underscore", "x", "")] == [
        "right",
        "right",
        "wrong",
        "wrong",
    ]
