"""The text of the standard library: what is kept, how it is split and encoded."""

import numpy as np
import pytest

from course_utils.data import DataError
from course_utils.library_text import (
    ALPHABET,
    decode_text,
    encode_text,
    load_library_text,
    prose_paragraphs,
    read_topics,
)

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
    assert text.paragraphs == len(train) + len(held_out)
    assert min(map(len, train)) >= 40 and not any(">>>" in line or "\\" in line for line in train)
    assert "PSF" in text.licence and "Python 3" in text.source


def test_loading_twice_gives_the_same_object(text):
    assert load_library_text() is text


def write(folder, number, source):
    (folder / f"module{number}.py").write_text(source, encoding="utf-8")


def test_only_strings_that_open_a_line_count_and_equal_paragraphs_stand_once(tmp_path):
    for number in range(40):
        write(tmp_path, number, f'"""{PROSE.format(number)}"""\n')
    write(
        tmp_path,
        40,
        "'''" + PROSE.format(0) + "\n\n" + PROSE.format("forty") + "'''\n"
        'x = """' + PROSE.format("assigned") + '"""\n'
        "# '''" + PROSE.format("comment") + "'''\n"
        "y = \"'''\"\n"
        'def f():\n    r"""'
        + PROSE.format("raw")
        + '\n\n    >>> f() and some more words here to be long enough 1\n    """\n',
    )
    (tmp_path / "test").mkdir()
    write(tmp_path / "test", 1, f'"""{PROSE.format("tests")}"""\n')
    text = load_library_text(tmp_path)
    kept = (text.train + text.held_out).splitlines()
    assert sorted(kept) == sorted(PROSE.format(word) for word in [*range(40), "forty", "raw"])
    assert text.files == 41 and text.source.startswith(f"documentation inside the folder {tmp_path.name}")


def test_reference_topics_are_read_and_typographic_marks_become_plain(tmp_path):
    for number in range(40):
        write(tmp_path, number, f'"""{PROSE.format(number)}"""\n')
    (tmp_path / "pydoc_data").mkdir()
    topic = "The “lambda” keyword isn’t hard – it makes a small function without a name of its own."
    (tmp_path / "pydoc_data" / "topics.py").write_text(f"topics = {{'lambda': {topic!r}}}\n", encoding="utf-8")
    text = load_library_text(tmp_path)
    assert 'The "lambda" keyword isn\'t hard - it makes' in text.train + text.held_out


def test_a_folder_without_sources_is_an_error(tmp_path):
    with pytest.raises(DataError, match="too few sources"):
        load_library_text(tmp_path)


def test_no_folder_is_not_the_current_one(tmp_path):
    for folder in ("", 5, [], b"x"):
        with pytest.raises(ValueError, match="folder: found .*, expected a path"):
            load_library_text(folder)
    with pytest.raises(ValueError, match="folder: found ''"):
        read_topics("")
    with pytest.raises(DataError, match="folder: there is no folder .*nowhere"):
        load_library_text(tmp_path / "nowhere")


def test_encoding_and_decoding_are_inverse():
    tokens = encode_text(ALPHABET)
    assert tokens.dtype == np.uint8 and tokens.tolist() == list(range(len(ALPHABET)))
    assert decode_text(tokens) == decode_text(tokens.tolist()) == ALPHABET
    assert decode_text(encode_text("")) == decode_text([]) == ""


@pytest.mark.parametrize("tokens", [None, "abc", 5, [-1], [96], [1.0], [np.nan], ["a"], [True], [[1]], {}])
def test_other_tokens_are_refused(tokens):
    with pytest.raises(ValueError, match="tokens: found"):
        decode_text(tokens)


@pytest.mark.parametrize("text", [None, 5, [], b"abc", True])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(ValueError, match="text: found .*, expected a string"):
        encode_text(text)
    with pytest.raises(ValueError, match="text: found .*, expected a string"):
        list(prose_paragraphs(text))


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
