"""Evidence: a claim's box appears only when its check is true, and reads the same on every machine."""

import csv
import html.parser
import importlib.resources
import re
import sys

import numpy as np
import pytest

from course_utils import evidence
from course_utils.evidence import VERDICTS, claim, expect_error, load_claims, read_box

SANITISER = r" *≈[^\s<|]+ *"  # what the notebook tests mask


@pytest.fixture
def boxes(monkeypatch):
    shown = []
    monkeypatch.setattr(evidence, "_show", shown.append)
    return shown


def settle(**changes):
    arguments = {"check": True, "measured": "accuracy ≈0.935 on 1,000 digits", "verdict": "holds"} | changes
    identity = arguments.pop("id", "4.1")
    return claim(identity, arguments.pop("statement", "The example works."), **arguments)


# --- the list of claims ---------------------------------------------------------------------------------------------


def test_there_are_38_claims_in_the_order_of_the_chapters():
    claims = load_claims()
    assert len(claims) == 38
    assert list(claims) == sorted(claims)
    assert all(re.fullmatch(r"[1-8]\.\d[a-c]?", identity) for identity in claims)
    assert all(text.endswith(".") and len(text) > 20 for text in claims.values())


def test_each_chapter_has_its_claims():
    chapters = [identity[0] for identity in load_claims()]
    assert [chapters.count(chapter) for chapter in "12345678"] == [5, 8, 6, 3, 5, 4, 4, 3]


def test_no_id_stands_twice_in_the_file():
    text = importlib.resources.files("course_utils").joinpath("files", "claims.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["id"] for row in rows}) == len(rows) == 38
    assert all(set(row) == {"id", "statement"} for row in rows)


def test_claims_load_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_claims()["4.2"] == "The Hugging Face example translates a sentence with T5."


# --- claim ----------------------------------------------------------------------------------------------------------


def test_returns_what_it_shows_in_one_box(boxes):
    settled = settle()
    assert (settled.id, settled.verdict, settled.basis) == ("4.1", "holds", "measured")
    assert read_box(repr(boxes[0])) == settled
    assert settle(check=np.bool_(True)) == settled
    assert len(boxes) == 2


def test_text_of_a_box(boxes):
    settle(verdict="holds with a caveat", caveat="on small images", source="Somebody (2020), A title.")
    assert repr(boxes[0]) == (
        "Claim 4.1: ▲ holds with a caveat (measured)\n"
        "  The document says: The example works.\n"
        "  Measured here: accuracy ≈0.935 on 1,000 digits\n"
        "  Caveat: on small images\n"
        "  Source: Somebody (2020), A title."
    )


def test_html_says_the_same_as_the_text(boxes):
    settle(verdict="does not hold", caveat="a\nb & <b>c</b>", basis="cited", source="“Ünïcode” 中文")
    shown = " ".join(_text_of(boxes[0]._repr_html_()).split())
    assert shown.replace(": ", " ") == " ".join(repr(boxes[0]).split()).replace(": ", " ")
    assert "<b>c</b>" not in boxes[0]._repr_html_()


def test_each_verdict_has_its_own_symbol_and_colour(boxes):
    for verdict in VERDICTS:
        settle(verdict=verdict, caveat="why" if verdict == "holds with a caveat" else None)
    assert len({box.symbol for box in boxes}) == len({box.colour for box in boxes}) == 3
    assert all(_contrast_with_black(box.colour) > 4.5 for box in boxes)


def test_boxes_of_equal_claims_are_equal(boxes):
    settle()
    settle()
    assert repr(boxes[0]) == repr(boxes[1])
    assert boxes[0]._repr_html_() == boxes[1]._repr_html_()


@pytest.mark.parametrize("form", [repr, lambda box: box._repr_html_()])
@pytest.mark.parametrize("pattern", ["accuracy {} of 1,000", "{}", "({} at best), and {}.", "{} < 1 | {}"])
def test_only_the_numbers_after_the_sign_are_masked(boxes, form, pattern):
    for number in ("≈0.935", "≈1,234.5"):
        settle(measured=pattern.format(number, number))
    first, second = map(form, boxes)
    assert first != second
    assert re.sub(SANITISER, "~", first) == re.sub(SANITISER, "~", second)
    settle(measured=pattern.replace("best", "worst").replace("<", ">").replace("of", "in").format("≈0.9", "≈0.9"))
    if pattern != "{}":
        assert re.sub(SANITISER, "~", form(boxes[2])) != re.sub(SANITISER, "~", first)


def test_a_false_check_raises_and_shows_nothing(boxes):
    for false in (False, np.bool_(False)):
        with pytest.raises(AssertionError, match=r"claim 4\.1: the check behind the verdict 'holds' is false.*≈0\.935"):
            settle(check=false)
    assert boxes == []


@pytest.mark.parametrize("check", [1, 0, None, "yes", [True], np.array([True]), np.array(True), 0.93])
def test_check_must_be_a_bool(check, boxes):
    with pytest.raises(TypeError, match="check: found .*, expected a bool"):
        settle(check=check)
    assert boxes == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"id": "9.9"}, ValueError, r"id: found '9.9', expected one of 1\.1, "),
        ({"id": 4.1}, ValueError, "id: found 4.1"),
        ({"id": []}, ValueError, r"id: found \[\]"),
        ({"verdict": "Holds"}, ValueError, "verdict: found 'Holds', expected one of"),
        ({"basis": "guessed"}, ValueError, "basis: found 'guessed', expected one of"),
        ({"verdict": "holds with a caveat"}, TypeError, "caveat: found NoneType"),
        ({"verdict": "holds with a caveat", "caveat": " "}, ValueError, "caveat: found an empty string"),
        ({"caveat": "but"}, ValueError, "caveat: found one beside the verdict 'holds'"),
        ({"basis": "cited"}, TypeError, "source: found NoneType"),
        ({"basis": "cited", "source": ""}, ValueError, "source: found an empty string"),
        ({"measured": 0.93}, TypeError, "measured: found float"),
        ({"measured": ""}, ValueError, "measured: found an empty string"),
        ({"statement": ""}, ValueError, "statement: found an empty string"),
        ({"measured": "about ≈ 0.93"}, ValueError, "measured: found a ≈ with no number directly behind it"),
        ({"measured": "≈<0.93"}, ValueError, "measured: found a ≈ with no number directly behind it"),
        ({"measured": "0.93 ≈"}, ValueError, "measured: found a ≈ with no number directly behind it"),
    ],
)
def test_bad_arguments(changes, error, message, boxes):
    with pytest.raises(error, match=message):
        settle(**changes)
    assert boxes == []


def test_outside_a_notebook_the_text_is_printed(capsys):
    settle()
    assert capsys.readouterr().out.startswith("Claim 4.1: ✔ holds (measured)\n")


# --- expect_error ---------------------------------------------------------------------------------------------------


def test_returns_and_shows_the_error(boxes):
    error = expect_error(NameError, "x = 1\n\nprint(x_train)\n")
    assert isinstance(error, NameError) and error.__traceback__ is None
    assert repr(boxes[0]) == (
        "Running this code fails: ✘ NameError\n  Line 3: print(x_train)\n  Message: name 'x_train' is not defined"
    )


def test_a_subclass_counts_and_is_named(boxes):
    expect_error(ImportError, "import no_such_module_anywhere")
    assert "✘ ModuleNotFoundError" in repr(boxes[0])


def test_nothing_raised(boxes):
    with pytest.raises(AssertionError, match="expected NameError, but it ran without an error"):
        expect_error(NameError, "x = 1")
    assert boxes == []


def test_another_type_raised_names_both(boxes):
    with pytest.raises(AssertionError, match="expected NameError, but it raised ZeroDivisionError: division") as caught:
        expect_error(NameError, "1 / 0")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert boxes == []


def test_namespaces_are_fresh_unless_given(boxes):
    given = {"x": 2}
    expect_error(ZeroDivisionError, "y = x\ny / 0", given)
    assert given["y"] == 2
    expect_error(NameError, "y")
    assert "y" not in globals()


def test_output_and_warnings_of_the_snippet_are_not_shown(boxes, capfd, recwarn):
    code = "import warnings\nprint('noise')\nwarnings.warn('old')\nx"
    expect_error(NameError, code)
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0
    print("back")
    assert capfd.readouterr().out == "back\n"


@pytest.mark.parametrize("code", ["if x\n    1", "for", "(\n", "x = '"])
def test_syntax_errors_name_their_line(code, boxes):
    expect_error(SyntaxError, code)
    assert "✘ SyntaxError" in repr(boxes[0])


def test_the_line_is_the_snippets_own(boxes):
    expect_error(ValueError, "import json\ndef read():\n    return json.loads('{')\nread()")
    assert "Line 3: return json.loads('{')" in repr(boxes[0])


def test_paths_and_addresses_of_this_machine_are_taken_out(boxes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expect_error(ImportError, "from numpy import no_such_name")
    expect_error(ImportError, "from json import no_such_name")
    expect_error(ValueError, "raise ValueError(object())")
    expect_error(OSError, "import os\nopen(os.path.join(os.getcwd(), 'not there.txt'))")
    expect_error(OSError, "import pathlib\nopen(pathlib.Path.home() / 'not there.txt')")
    texts = [repr(box) for box in boxes]
    assert "(site-packages/numpy/__init__.py)" in texts[0]
    assert "(lib/json/__init__.py)" in texts[1]
    assert "0x…" in texts[2]
    assert "'./not there.txt'" in texts[3]
    assert "'~/not there.txt'" in texts[4]
    assert not any(str(folder) in text for text in texts for folder in (tmp_path, sys.prefix))


def test_a_root_folder_does_not_eat_every_slash(boxes, monkeypatch):
    monkeypatch.chdir("/")
    expect_error(ValueError, "raise ValueError('https://example.org/a/b')")
    assert "https://example.org/a/b" in repr(boxes[0])


def test_long_messages_are_shortened(boxes):
    expect_error(ValueError, "raise ValueError('x' * 5000)")
    expect_error(ValueError, r"raise ValueError('\n'.join(f'line {i}' for i in range(50)))")
    expect_error(ValueError, "raise ValueError")
    assert len(repr(boxes[0])) < 700 and repr(boxes[0]).endswith(" …")
    assert "line 4 …" in repr(boxes[1]) and "line 5" not in repr(boxes[1])
    assert "(no message)" in repr(boxes[2])


def test_stopping_the_kernel_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        expect_error(NameError, "raise KeyboardInterrupt")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("NameError", "x"), TypeError, "error_type: found 'NameError'"),
        ((KeyboardInterrupt, "x"), TypeError, "error_type: found"),
        (((NameError, KeyError), "x"), TypeError, "error_type: found"),
        ((NameError, None), TypeError, "snippet: found NoneType"),
        ((NameError, " \n"), ValueError, "snippet: found an empty string"),
        ((NameError, "x", []), TypeError, "namespace: found list"),
    ],
)
def test_expect_error_with_bad_arguments(arguments, error, message, boxes):
    with pytest.raises(error, match=message):
        expect_error(*arguments)
    assert boxes == []


def _text_of(page):
    class Collector(html.parser.HTMLParser):
        text = ""

        def handle_data(self, data):
            self.text += data

        def handle_starttag(self, tag, attributes):
            self.text += "\n" if tag in ("br", "div") else ""

    collector = Collector()
    collector.feed(page)
    return collector.text


def _contrast_with_black(colour):
    """Return the contrast ratio that WCAG 2 defines, of a colour such as #009E73 against black."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) / 0.05


def test_a_message_is_shown_without_terminal_colours(boxes):
    expect_error(ValueError, r"raise ValueError('\x1b[1mThe argument\x1b[0m is wrong')")
    assert repr(boxes[0]).endswith("Message: The argument is wrong")
