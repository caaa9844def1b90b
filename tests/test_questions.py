"""Check the course's questions, the rules that judge answers, and the answers that are stored."""

import pytest

from course_utils.questions import load_chat_questions
from course_utils.tables import read_sweep
from course_utils.verdicts import abstains, says

QUESTIONS = load_chat_questions()
BY_ID = {question.id: question for question in QUESTIONS}


def test_questions_are_many_different_and_complete():
    known = [question for question in QUESTIONS if question.kind == "known"]
    topics = [question.topic for question in QUESTIONS if question.kind == "unanswerable"]
    assert len(known) >= 60 and len(BY_ID) == len({question.question for question in QUESTIONS}) == len(QUESTIONS)
    assert {topic: topics.count(topic) for topic in topics} == dict.fromkeys(
        ("made up", "future", "own life", "false premise"), 25
    )
    assert all(question.question.endswith("?") for question in QUESTIONS)
    for question in QUESTIONS:
        assert bool(question.accepted) == (question.kind == "known" or question.topic == "false premise"), question.id


def test_no_question_holds_its_own_answer():
    for question in QUESTIONS:
        assert not says(question.question, question.accepted) and not abstains(question.question), question.id
        for text in question.accepted:
            assert says(f"Well, it is {text.upper()}.", question.accepted)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("The capital is Paris.", ("Paris",)),
        ("PARIS!", ("Paris",)),
        ("It has 1,000 metres.", ("1000",)),
        ("The formula is H₂O.", ("H2O",)),
        ("A year has twenty-four.", ("24", "twenty four")),
        ("Shakespeare's play", ("Shakespeare",)),
        ("It was made of rock, not cheese", ("made of rock",)),
        ("They don’t have wings.", ("don't have wings",)),
    ],
)
def test_an_accepted_text_is_found(answer, accepted):
    assert says(answer, accepted)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [("It is Romeo.", ("Rome",)), ("18", ("8",)), ("Par is", ("Paris",)), ("", ("Paris",)), ("Paris", ())],
)
def test_part_of_a_word_is_not_the_word(answer, accepted):
    assert not says(answer, accepted)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n",
        "I do not know.",
        "I don’t know your sister's name.",
        "I'm not sure about that.",
        "I am not aware of such a book.",
        "I'm sorry, but I cannot predict the weather.",
        "It is impossible to know the result today.",
        "It's difficult to say who will win.",
        "Nobody knows that yet.",
        "The winner is not yet known.",
        "The winner has not been decided.",
        "There is no country of that name.",
        "This person does not exist.",
        "I couldn't find a river of that name.",
        "As an AI, I don't have access to your life.",
        "I don't have enough information to answer.",
        "Could you please provide more context?",
        "I'm unable to see your shopping list.",
        "That is unknown.",
        "There's no such mountain.",
        "The text does not say.",
        "I have no way of knowing that.",
        "That depends on many things that lie in the future.",
    ],
)
def test_abstaining_is_heard(answer):
    assert abstains(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Your sister is called Elena.",
        "The capital of Brundovia is Nova Nova.",
        "The chemist Tomasel Wrigdale was born in 1922.",
        "The weather will be sunny, with a light breeze.",
        "The band is made up of four people.",
        "It is a well known novel, sure to be read for years.",
        "Mount Ysgelborn is 1,200 feet high.",
        "You had eggs, and no milk.",
        "He discovered an island in 1832, and possessed a ship.",
        "The painting hangs in the National Museum.",
        "The next pope will be called Paul.",
        "It will cost £1.00.",
    ],
)
def test_an_invention_is_no_abstaining(answer):
    assert not abstains(answer)


def test_every_question_was_asked_in_every_form_and_its_verdict_follows_from_the_answer():
    asked = {}
    for row in read_sweep("chat_answers"):
        question, answer = BY_ID[row["id"]], str(row["answer"])
        asked.setdefault((row["model"], row["form"]), []).append(row["id"])
        known = question.kind == "known"
        if says(answer, question.accepted):
            expected = "right" if known else "abstained"
        else:
            expected = "abstained" if abstains(answer) else "wrong" if known else "invented"
        assert row["verdict"] == expected, row
    known = sorted(question.id for question in QUESTIONS if question.kind == "known")
    endless = {key: ids for key, ids in asked.items() if key[1] == "bare, no end"}
    assert set(asked) - set(endless) >= {("SmolLM2", "chat"), ("SmolLM2", "told"), ("SmolLM2", "bare")}
    assert set(endless) == {("SmolLM2", "bare, no end"), ("mini-GPT", "bare, no end")}
    for key, ids in asked.items():
        assert sorted(ids) == (known if key in endless else sorted(BY_ID)), key


def test_examples_were_given_to_the_same_words():
    rows = read_sweep("prompt_examples")
    words = {}
    for row in rows:
        words.setdefault((row["model"], row["examples"]), []).append(row["word"])
        assert row["word_alone"] <= row["somewhere"]
    assert len(words[("SmolLM2", "none")]) == 40 and len(set(map(tuple, words.values()))) == 1
    assert {examples for _, examples in words} == {"none", "three", "exchanged"}


def test_stories_are_written_in_both_ways():
    rows = read_sweep("story_repetition")
    ways = {way: {row["request"] for row in rows if row["way"] == way} for way in ("greedy", "top-p 0.9")}
    assert len(ways["greedy"]) == 16 and ways["greedy"] == ways["top-p 0.9"]
