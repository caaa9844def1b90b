"""The text of the standard library: what is kept, how it is split and encoded."""

import numpy as np
import pytest

from course_utils.data import DataError
from course_utils.library_text import ALPHABET, encode_text, load_library_text, prose_paragraphs, read_topics

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
