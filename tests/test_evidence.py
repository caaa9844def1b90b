"""Evidence: a claim's verdict follows from its findings, and its box reads the same on every machine."""

import csv
import html.parser
import importlib.resources
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course_utils import evidence
from course_utils.evidence import (
    KINDS,
    claim,
    expect_error,
    finding,
    load_claims,
    mean_finding,
    own_claim,
    read_box,
    share_finding,
)

SANITISER = r" *≈[^\s<|]+ *"  # what the notebook tests mask


@pytest.fixture
def boxes(monkeypatch):
    """Collect the boxes that are shown, as pairs of their text and their HTML."""
    shown = []
    monkeypatch.setattr(evidence, "show", lambda text, html: shown.append((text, html)))
    return shown


def measured(supports=True, where="digits", **changes):
    """Return a finding that speaks for a claim, against it, or (None) for neither."""
    value, interval = {True: (3, None), False: (1, None), None: (3, (1, 4))}[supports]
    return finding("points gained", value, ">", 2, where=where, interval=interval, **changes)


def settle(*findings, id="4.1", **changes):
    return claim(id, findings or [measured()], **{"scope": "one network, 5 seeds", "instead": "it stops"} | changes)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=20).filter(lambda values: np.ptp(values) > 1e-3))
def test_the_finding_on_a_mean_has_the_interval_of_a_t_test(values):
    found = mean_finding("points gained", np.array(values), ">", 0, "digits", form="{:.17g}")
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.supports == (None if low <= 0 <= high else low > 0)


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


# --- finding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "relation", "bound", "interval", "supports"),
    [
        (3, ">", 2, None, True),
        (2, ">", 2, None, False),
        (2, ">=", 2, None, True),
        (2, "<", 2, None, False),
        (2, "<=", 2, None, True),
        (0, "==", 0, None, True),
        (1, "==", 0, None, False),
        (3, ">", 2, (2.5, 4), True),
        (3, ">", 2, (2, 4), None),
        (3, ">", 2, (1, 4), None),
        (1, ">", 2, (0, 3), None),
        (1, ">", 2, (0, 1.5), False),
        (5, "within", (4, 6), None, True),
        (7, "within", (4, 6), None, False),
        (5, "within", (4, 6), (4.5, 5.5), True),
        (5, "within", (4, 6), (3, 5.5), None),
        (5, "within", (4, 6), (3, 7), None),
        (8, "within", (4, 6), (7, 9), False),
        (np.float32(3), ">", np.int64(2), (np.float64(2.5), 4), True),
    ],
)
def test_an_interval_that_holds_the_bound_decides_nothing(value, relation, bound, interval, supports):
    found = finding("points", value, relation, bound, where="digits", interval=interval)
    assert found.supports is supports


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5), st.floats(-10, 10))
def test_orders_are_opposites(value, below, above, bound):
    interval = (value - below, value + above)
    more, less = (finding("x", value, sign, bound, where="y", interval=interval).supports for sign in "><")
    assert not (more and less) and (more is None) == (interval[0] <= bound < interval[1])
    if bound not in interval and bound != value:
        assert (less is None) == (more is None)


def test_a_finding_says_what_was_measured_and_what_was_needed():
    found = finding("errors", 0.0661, "<", 0.1, where="digits", interval=(0.05, 0.08), form="{:.2f}", varies=True)
    assert found.text == "digits: errors: ≈0.07 (≈0.05 to ≈0.08), needed < 0.10"
    assert finding("tokens that differ", 0, "==", 0, where="T5").text == "T5: tokens that differ: 0, needed = 0"
    assert finding("share", 1.5, "within", (1, 2), where="T5").text == "T5: share: 1.5, needed within 1 to 2"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        *(({"value": value}, TypeError, "value: found") for value in (True, np.True_, None, "3", np.nan, np.inf, [3])),
        *(({"bound": bound}, TypeError, "bound: found") for bound in (True, None, "2", np.nan)),
        ({"relation": "=>"}, ValueError, "relation: found '=>', expected one of >, >="),
        ({"interval": (4, 5)}, ValueError, "interval: found 4 to 5 beside the value 3"),
        ({"relation": "==", "interval": (2, 4)}, ValueError, "interval: found 2 to 4"),
        ({"text": ""}, ValueError, "text: found an empty string"),
        ({"where": None}, TypeError, "where: found NoneType"),
    ],
)
def test_bad_findings(changes, error, message):
    arguments = {"text": "points", "value": 3, "relation": ">", "bound": 2, "where": "digits"} | changes
    with pytest.raises(error, match=message):
        finding(**arguments)


# --- claim ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "kind", "verdict"),
    [
        ([True], "holds", "holds where we tested"),
        ([True, None], "holds", "holds where we tested"),
        ([False], "fails", "does not hold where we tested"),
        ([False, None], "fails", "does not hold where we tested"),
        ([None], "undecided", "not decided here"),
        ([], "cited", "cited, not measured"),
    ],
)
def test_the_verdict_follows_from_the_findings(boxes, findings, kind, verdict):
    settled = claim("4.1", map(measured, findings), scope="a network", instead="it stops", source="Somebody (2020).")
    assert (settled.kind, settled.verdict) == (kind, verdict)
    assert boxes[0][0].startswith(f"Claim 4.1: {KINDS[kind][1]} {verdict}\n")
    assert read_box(boxes[0][0]) == settled


def test_a_divided_verdict_names_where(boxes):
    settled = settle(measured(True, "digits"), measured(False, "text"), measured(None, "sound"), measured(True, "maps"))
    assert (settled.kind, settled.verdict) == ("divided", "holds for digits, maps, not for text")
    assert settle(measured(), measured(False)).verdict == "holds in part, not wholly, for digits"
    assert settle(measured(), measured(False), measured(where="maps")).verdict == "holds for maps, not for digits"


def test_text_of_a_box(boxes):
    settle(measured(), measured(False, "text"), reading="more data would help", source="Somebody (2020), A title.")
    assert boxes[0][0] == (
        "Claim 4.1: ▲ holds for digits, not for text\n"
        "  The document says: The TensorFlow example builds and trains a simple deep neural network.\n"
        "  Speaks for it: digits: points gained: 3, needed > 2\n"
        "  Speaks against it: text: points gained: 1, needed > 2\n"
        "  Tested on: one network, 5 seeds\n"
        "  Read it as: more data would help\n"
        "  Source: Somebody (2020), A title."
    )


def test_what_is_true_instead_is_shown_where_the_claim_does_not_hold(boxes):
    assert settle(measured(False), reading="Mended, it runs.").reading == "it stops Mended, it runs."
    assert settle(measured(True)).reading is None


def test_html_says_the_same_as_the_text(boxes):
    settle(reading="a\nb & <b>c</b>", source="“Ünïcode” 中文")
    shown = " ".join(_text_of(boxes[0][1]).split())
    assert shown.replace(": ", " ") == " ".join(boxes[0][0].split()).replace(": ", " ")
    assert "<b>c</b>" not in boxes[0][1]


def test_each_verdict_has_its_own_symbol_and_colour():
    assert len({symbol for _, symbol, _ in KINDS.values()}) == len({colour for *_, colour in KINDS.values()}) == 5
    assert all(_contrast_with_black(colour) > 4.5 for *_, colour in KINDS.values())


def test_boxes_of_equal_claims_are_equal(boxes):
    settle()
    settle()
    assert boxes[0] == boxes[1]


@pytest.mark.parametrize("form", [0, 1], ids=["text", "html"])
@pytest.mark.parametrize("interval", [None, 0.5])
def test_only_the_numbers_after_the_sign_are_masked(boxes, form, interval):
    for value, bound in ((3.1, 2), (3.3, 2), (3.1, 2.1)):
        ends = interval and (value - interval, value + interval)
        settle(finding("points", value, ">", bound, where="digits", interval=ends, varies=True))
    first, second, other = (box[form] for box in boxes)
    assert first != second
    assert re.sub(SANITISER, "~", first) == re.sub(SANITISER, "~", second) != re.sub(SANITISER, "~", other)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"id": "9.9"}, ValueError, r"id: found '9.9', expected one of 1\.1, "),
        ({"id": 4.1}, ValueError, "id: found 4.1"),
        ({"findings": [True]}, TypeError, "findings: found bool, expected what `finding` returns"),
        ({"scope": None}, TypeError, "scope: found NoneType"),
        ({"scope": " "}, ValueError, "scope: found an empty string"),
        ({"findings": [], "source": None}, TypeError, "source: found NoneType"),
        ({"findings": [measured(False)], "instead": None}, TypeError, "instead: found NoneType"),
        ({"reading": ""}, ValueError, "reading: found an empty string"),
        ({"reading": "about ≈ 0.93"}, ValueError, "reading: found a ≈ with no number directly behind it"),
        ({"reading": "≈<0.93"}, ValueError, "reading: found a ≈ with no number directly behind it"),
        ({"scope": "0.93 ≈"}, ValueError, "scope: found a ≈ with no number directly behind it"),
    ],
)
def test_bad_arguments(changes, error, message, boxes):
    arguments = {"id": "4.1", "findings": [measured()], "scope": "one network", "source": "Somebody."} | changes
    with pytest.raises(error, match=message):
        claim(**arguments)
    assert boxes == []


def test_outside_a_notebook_the_text_is_printed(capsys):
    settle()
    assert capsys.readouterr().out.startswith("Claim 4.1: ✔ holds where we tested\n")


# --- expect_error ---------------------------------------------------------------------------------------------------


def test_returns_and_shows_the_error(boxes):
    error = expect_error(NameError, "x = 1\n\nprint(x_train)\n")
    assert isinstance(error, NameError) and error.__traceback__ is None
    assert boxes[0][0] == (
        "Running this code fails: ✘ NameError\n  Line 3: print(x_train)\n  Message: name 'x_train' is not defined"
    )


def test_a_subclass_counts_and_is_named(boxes):
    expect_error(ImportError, "import no_such_module_anywhere")
    assert "✘ ModuleNotFoundError" in boxes[0][0]


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
    assert "✘ SyntaxError" in boxes[0][0]


def test_the_line_is_the_snippets_own(boxes):
    expect_error(ValueError, "import json\ndef read():\n    return json.loads('{')\nread()")
    assert "Line 3: return json.loads('{')" in boxes[0][0]


def test_paths_and_addresses_of_this_machine_are_taken_out(boxes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expect_error(ImportError, "from numpy import no_such_name")
    expect_error(ImportError, "from json import no_such_name")
    expect_error(ValueError, "raise ValueError(object())")
    expect_error(OSError, "import os\nopen(os.path.join(os.getcwd(), 'not there.txt'))")
    expect_error(OSError, "import pathlib\nopen(pathlib.Path.home() / 'not there.txt')")
    texts = [text for text, _ in boxes]
    assert "(site-packages/numpy/__init__.py)" in texts[0]
    assert "(lib/json/__init__.py)" in texts[1]
    assert "0x…" in texts[2]
    assert "'./not there.txt'" in texts[3]
    assert "'~/not there.txt'" in texts[4]
    assert not any(str(folder) in text for text in texts for folder in (tmp_path, sys.prefix))


def test_a_root_folder_does_not_eat_every_slash(boxes, monkeypatch):
    monkeypatch.chdir("/")
    expect_error(ValueError, "raise ValueError('https://example.org/a/b')")
    assert "https://example.org/a/b" in boxes[0][0]


def test_long_messages_are_shortened(boxes):
    expect_error(ValueError, "raise ValueError('x' * 5000)")
    expect_error(ValueError, r"raise ValueError('\n'.join(f'line {i}' for i in range(50)))")
    expect_error(ValueError, "raise ValueError")
    assert len(boxes[0][0]) < 700 and boxes[0][0].endswith(" …")
    assert "line 4 …" in boxes[1][0] and "line 5" not in boxes[1][0]
    assert "(no message)" in boxes[2][0]


def test_stopping_the_kernel_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        expect_error(NameError, "raise KeyboardInterrupt")


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
    assert boxes[0][0].endswith("Message: The argument is wrong")


# --- claims of one's own, and what a verdict rests on -----------------------------------------------------------------


def test_a_claim_of_ones_own_is_settled_as_the_documents_are(boxes):
    settled = own_claim("Typing errors break it.", [measured(), measured(False, "German")], scope="40 sentences")
    assert (settled.kind, settled.verdict) == ("divided", "holds for digits, not for German")
    ((text, _),) = boxes
    assert text.startswith("Your claim: ▲") and "It is said: Typing errors break it." in text
    assert read_box(text) is None  # so that it is none of the document's in the ledger


@pytest.mark.parametrize(
    ("statement", "findings", "named"), [("", [measured()], "statement"), ("It helps.", [measured()], "scope")]
)
def test_a_claim_of_ones_own_needs_its_texts(boxes, statement, findings, named):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: "):
        own_claim(statement, findings)


@pytest.mark.parametrize(
    ("findings", "source", "basis"),
    [
        ([measured()], None, "measured"),
        ([measured()], "Wang and Cho (2019)", "measured and cited"),
        ([], "Wang and Cho (2019)", "cited"),
    ],
)
def test_a_verdict_says_what_it_rests_on(boxes, findings, source, basis):
    assert claim("4.1", findings, scope="one network", source=source).basis == basis


def test_a_share_is_held_in_percent_with_its_exact_interval():
    found = share_finding("percent right", 9, 10, ">", 50, "digits", form="{:.1f}", varies=False)
    assert found.supports is True and found.text == "digits: percent right: 90.0 (55.5 to 99.7), needed > 50.0"
    assert share_finding("percent right", 6, 10, ">", 50, "digits").supports is None
