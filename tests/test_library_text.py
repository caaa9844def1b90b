"""The text of the standard library: what is kept, how it is split and encoded."""

import csv
import re
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

import course_utils
from course_utils.data import DataError
from course_utils.library_text import (
    ALPHABET,
    checksum,
    encode_text,
    load_library_text,
    load_passages,
    passages_of,
    plain_paragraphs,
    prose_paragraphs,
    read_topics,
)
from course_utils.questions import load_passage_questions

TABLE = Path(course_utils.__file__).parent / "files" / "passages.csv"
PROSE = "This paragraph is long enough to count as English prose number {}, and it is kept."


@pytest.fixture(scope="module")
def text():
    return load_library_text()


def test_text_of_this_python_is_large_clean_and_split_by_file(text):
    assert 900_000 < len(text.train) < 1_500_000
    assert 0.05 < len(text.held_out) / (len(text.train) + len(text.held_out)) < 0.2
    assert set(text.train) <= set(ALPHABET) and set(text.held_out) <= set(ALPHABET)
    train, held_out = text.train.splitlines(), text.held_out.splitlines()
    assert len(set(train)) == len(train) and not set(train) & set(held_out)
    assert min(map(len, train)) >= 40 and not any(">>>" in line or "\\" in line for line in train)
    assert "PSF" in text.licence and "Python 3" in text.source


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return a folder that stands for the standard library's, and forget what was loaded before and after."""
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    load_library_text.cache_clear()
    yield tmp_path
    load_library_text.cache_clear()


def write(folder, number, source):
    (folder / f"module{number}.py").write_text(source, encoding="utf-8")


def test_only_strings_that_open_a_line_count_and_equal_paragraphs_stand_once(library):
    for number in range(40):
        write(library, number, f'"""{PROSE.format(number)}"""\n')
    write(
        library,
        40,
        "'''" + PROSE.format(0) + "\n\n" + PROSE.format("forty") + "'''\n"
        'x = """' + PROSE.format("assigned") + '"""\n'
        "# '''" + PROSE.format("comment") + "'''\n"
        "y = \"'''\"\n"
        'def f():\n    r"""'
        + PROSE.format("raw")
        + '\n\n    >>> f() and some more words here to be long enough 1\n    """\n',
    )
    (library / "test").mkdir()
    write(library / "test", 1, f'"""{PROSE.format("tests")}"""\n')
    text = load_library_text()
    kept = (text.train + text.held_out).splitlines()
    assert sorted(kept) == sorted(PROSE.format(word) for word in [*range(40), "forty", "raw"])


def test_reference_topics_are_read_and_typographic_marks_become_plain(library):
    for number in range(40):
        write(library, number, f'"""{PROSE.format(number)}"""\n')
    (library / "pydoc_data").mkdir()
    topic = "The “lambda” keyword isn’t hard – it makes a small function without a name of its own."
    (library / "pydoc_data" / "topics.py").write_text(f"topics = {{'lambda': {topic!r}}}\n", encoding="utf-8")
    text = load_library_text()
    assert 'The "lambda" keyword isn\'t hard - it makes' in text.train + text.held_out


def test_a_python_without_sources_is_an_error(library):
    with pytest.raises(DataError, match="too few sources"):
        load_library_text()


def test_tokens_are_positions_in_the_alphabet():
    tokens = encode_text(ALPHABET)
    assert tokens.dtype == np.uint8 and tokens.tolist() == list(range(len(ALPHABET)))
    assert encode_text("").shape == (0,)


@pytest.mark.parametrize("wrong", ["é", "a\tb", "\x7f", "\r", "\x00"])
def test_other_characters_are_refused(wrong):
    with pytest.raises(ValueError, match="text: found"):
        encode_text(wrong)


def test_a_paragraph_is_joined_to_one_line_and_kept_only_if_it_is_prose():
    long = PROSE.format(7)
    text = f"  {long[:30]}\n  {long[30:]}\n\nToo short.\n\n>>> {long}\n\n"
    text += "x = 1; y = [2, 3, 4, 5, 6]; z = 7 * 8 / 9 + 10 - 11\n"
    assert list(prose_paragraphs(text)) == [long[:30].strip() + " " + long[30:].strip()]
    assert list(prose_paragraphs(long, shortest=len(long) + 1)) == []
    assert list(prose_paragraphs(long, fewest_words=len(long.split()))) == [long]
    assert list(prose_paragraphs(long, fewest_words=len(long.split()) + 1)) == []
    assert list(prose_paragraphs("")) == []


def test_topics_are_read_without_running_the_file_and_sorted(tmp_path):
    assert read_topics(tmp_path) == []
    (tmp_path / "pydoc_data").mkdir()
    file = tmp_path / "pydoc_data" / "topics.py"
    file.write_text("topics = {'with': 'A with text.', 'if': 'An if text.'}\n", encoding="utf-8")
    assert read_topics(tmp_path) == [("topic if", "An if text."), ("topic with", "A with text.")]
    file.write_text("topics = {'if': open('x', 'w')}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="malformed"):
        read_topics(tmp_path)


# passages


@pytest.fixture
def fresh_passages():
    """Forget the passages before and after."""
    load_passages.cache_clear()
    yield
    load_passages.cache_clear()


def test_this_python_has_every_passage_and_the_table_holds_no_text():
    rows = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
    passages = load_passages()
    assert len(rows) == len(passages) >= 300 and list(rows[0]) == ["id", "topic", "checksum"]
    assert [(row["id"], row["topic"], row["checksum"]) for row in rows] == [
        (passage.id, passage.topic, checksum(passage.text)) for passage in passages
    ]
    assert len({passage.id for passage in passages}) == len({passage.text for passage in passages}) == len(passages)
    assert all(40 <= len(passage.text.split()) <= 120 and passage.text.isascii() for passage in passages)
    topics = dict(read_topics(sysconfig.get_path("stdlib")))
    bare = {topic: re.sub(r"\W", "", text) for topic, text in topics.items()}
    assert all(re.sub(r"\W", "", passage.text) in bare[f"topic {passage.topic}"] for passage in passages)


@pytest.mark.parametrize(("lost", "enough"), [(0.05, True), (0.2, False)])
def test_a_python_with_other_texts_gets_what_it_has_or_one_clear_error(
    lost, enough, fresh_passages, tmp_path, monkeypatch
):
    everything = load_passages()
    changed = {passage.text for passage in everything[: int(lost * len(everything))]}
    topics = {}
    for passage in everything:
        text = passage.text.replace(" the ", " THE ") + " Changed." if passage.text in changed else passage.text
        topics[passage.topic] = topics.get(passage.topic, "") + text + "\n\n"
    (tmp_path / "pydoc_data").mkdir()
    (tmp_path / "pydoc_data" / "topics.py").write_text(f"topics = {topics!r}\n", encoding="utf-8")
    load_passages.cache_clear()
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    if enough:
        assert load_passages() == everything[len(changed) :]
    else:
        with pytest.raises(DataError, match=r"has 272 of the 340 passages .* Use Python 3\.11, 3\.12 or 3\.13"):
            load_passages()


def test_a_python_without_topics_is_an_error(fresh_passages, tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match="has 0 of the"):
        load_passages()


def test_a_passage_is_a_run_of_whole_paragraphs_on_one_line():
    thirty, fifty = " ".join(["word"] * 30), " ".join(["more"] * 50)
    paragraphs = plain_paragraphs(
        f"A “title”\n\n  {thirty[:49]}\n  {thirty[50:]}\n\n{fifty}\n\n{fifty}\nleft-\n  hand\n"
    )
    assert paragraphs == ['A "title"', thirty, fifty, f"{fifty} left-hand"]
    assert [run[:2] for run in passages_of(paragraphs)] == [(0, 3), (1, 3), (2, 3), (2, 4), (3, 4)]
    assert next(passages_of(paragraphs))[2] == f'A "title" {thirty} {fifty}'
    assert list(passages_of(plain_paragraphs(""))) == []


def content_words(text):
    """Return the beginnings, of four letters, of the words that are no stop words."""
    return {word[:4] for word in re.findall(r"[a-z]{2,}", text.lower()) if word not in ENGLISH_STOP_WORDS}


def test_half_of_the_questions_share_words_with_their_passage_and_half_share_few():
    texts, questions = {passage.id: passage.text for passage in load_passages()}, load_passage_questions()
    assert len(questions) == len({question.passage for question in questions}) == 60
    assert len({question.id for question in questions}) == len({question.question for question in questions}) == 60
    shares = {"shared": [], "own": []}
    for question in questions:
        asked = content_words(question.question)
        shares[question.words].append(len(asked & content_words(texts[question.passage])) / len(asked))
    assert len(shares["shared"]) == len(shares["own"]) == 30
    assert min(shares["shared"]) >= 1 / 2 and max(shares["own"]) <= 1 / 3


def test_each_passage_holds_an_accepted_answer_to_its_question_and_the_question_does_not():
    texts = {passage.id: passage.text.lower() for passage in load_passages()}
    for question in load_passage_questions():
        assert any(answer.lower() in texts[question.passage] for answer in question.answers), question
        asked = re.findall(r"\w+", question.question.lower())
        assert not any(answer.lower() in asked for answer in question.answers), question
        assert all(answer == answer.strip() and len(answer.split()) <= 5 for answer in question.answers)
