"""Drawings: their numbers follow the arguments, every word is legible on light and dark pages, bad input is named."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib.colors import to_rgb  # noqa: E402

from course_utils import drawings  # noqa: E402
from course_utils.networks.language_model import Config  # noqa: E402

SIZES = Config(49_152, 576, 30, 9, 3, 64, 1536, 8192, 100_000.0, 1e-5)
LARGE = replace(SIZES, d_model=16_384, heads=128, key_value_heads=8, d_head=128, d_hidden=53_248)
TOKENS = ["cat", "it", "was"]
ATTENTION = (TOKENS, [2 * np.log(3), 0, 0, 0], np.eye(4)[[0, 1, 0]], [10, 20, 30], 1)
PROMPT, NEW = ["In", " Python", ",", " a", " list", " is"], [" a", " collection", "\n"]
VECTORS = np.array([[8.0, 6], [0.6, 0.8], [-3, -4], [10, 0], [0, 1]])
NAMES = [f"note {number:02}.txt, line 12" for number in range(5)]
QUESTION, ANSWER = "Where is the ring that was found? " * 2, "It is kept at the lifeguard's hut. " * 12
CASES = {
    "attention": lambda: drawings.draw_attention(*ATTENTION),
    "attention, many": lambda: drawings.draw_attention(list("abcde"), [-1.25], [[1.25]] * 5, [-0.001] * 5, 0),
    "block": lambda: drawings.draw_block(SIZES),
    "block, large": lambda: drawings.draw_block(LARGE),
    "cache": lambda: drawings.draw_cache(PROMPT, NEW),
    "cache, small": lambda: drawings.draw_cache(["a"], ["b"]),
    "cache, many": lambda: drawings.draw_cache(["internationalisation"] * 10, ["a"] * 5 + ["x" * 30]),
    "retrieval": lambda: drawings.draw_retrieval("Where?", [3, 4], NAMES, VECTORS, "There."),
    "retrieval, long": lambda: drawings.draw_retrieval(QUESTION, [3, 4], NAMES, VECTORS, ANSWER, k=4),
    "adapter": lambda: drawings.draw_adapter(576, 576, 8),
    "adapter, wide": lambda: drawings.draw_adapter(64, 16_384, 64),
    "adapter, tall": lambda: drawings.draw_adapter(16_384, 64, 1),
}


def words(plot):
    return [text for text in plot.axes.texts if text.get_text()]


def written(plot):
    return [text.get_text() for text in words(plot)]


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2."""
    linear = [
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)] for colour in (one, other)
    ]
    low, high = sorted(np.dot(rgb, [0.2126, 0.7152, 0.0722]) for rgb in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", CASES)
def test_every_word_is_seen_whole(name):
    plot = CASES[name]()
    plot.figure.draw_without_rendering()
    page = plot.figure.bbox
    places = [(text, text.get_window_extent()) for text in [*words(plot), plot.figure._suptitle]]
    boxes = [(patch, patch.get_window_extent()) for patch in plot.axes.patches]
    lines = [line.get_path().transformed(line.get_transform()) for line in plot.axes.lines]
    heads = [text.arrow_patch.get_window_extent() for text in plot.axes.texts if hasattr(text, "arrow_patch")]
    for index, (text, place) in enumerate(places):
        assert text.get_fontsize() * plot.figure.dpi / 72 >= 12, text
        assert page.x0 <= place.x0 and place.x1 <= page.x1 and page.y0 <= place.y0 and place.y1 <= page.y1, text
        assert not any(place.overlaps(other) for _, other in places[index + 1 :]), text
        around = []
        for box, edges in boxes:
            if place.overlaps(edges):
                inside = edges.x0 <= place.x0 and place.x1 <= edges.x1 and edges.y0 <= place.y0 and place.y1 <= edges.y1
                assert inside, f"{text} leaves its box"
                around.append(box)
        if around:
            assert contrast(text.get_color(), around[-1].get_facecolor()) >= 4.5
        else:
            assert contrast(text.get_color(), "white") > 4.2 and contrast(text.get_color(), "#121212") > 4.2
            assert not any(place.overlaps(head) for head in heads), f"{text} lies on an arrow"
            assert not any(line.intersects_bbox(place, filled=False) for line in lines), f"{text} lies on a line"


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_white_or_black(name):
    plot = CASES[name]()
    for colour in [
        *(patch.get_facecolor() for patch in plot.axes.patches),
        *(line.get_color() for line in plot.axes.lines),
    ]:
        assert 0.15 < np.mean(to_rgb(colour)) < 0.95
    assert not plot.axes.axison


def test_every_drawing_prints_its_title_and_is_closed(capsys):
    from matplotlib import pyplot

    plots = [draw() for draw in CASES.values()]
    titles = [plot.figure.get_suptitle().replace("\n", " ") for plot in plots]
    assert capsys.readouterr().out.splitlines() == [f"Figure: {title}" for title in titles]
    assert pyplot.get_fignums() == []
    assert {name.split("_")[1] for name in drawings.__all__} == {name.split(",")[0] for name in CASES}


def test_attention_computes_what_it_shows():
    shown = written(drawings.draw_attention(*ATTENTION))
    assert shown.count("1.1") == 3 and shown.count("−∞") == 1  # the products of "it" with "cat" and "was" are equal
    assert "0.75" in shown and "0.25" in shown and "“it” reads\nΣ a · v = 12.5" in shown
    last = drawings.draw_attention(*ATTENTION[:4], 2)
    assert "−∞" not in written(last) and "“was” reads\nΣ a · v = 20" in written(last)  # (3 · 10 + 20 + 3 · 30) / 7


def test_the_block_shows_the_sizes_that_it_is_given():
    shown = written(drawings.draw_block(SIZES))
    assert [shown.count(text) for text in ("9 × n × 64", "3 × n × 64", "n × 1536", "rows x: n × 576")] == [1, 2, 2, 1]
    shown = written(drawings.draw_block(LARGE))
    assert [shown.count(text) for text in ("128 × n × 128", "8 × n × 128", "n × 53248")] == [1, 2, 2]


def test_the_cache_counts_rows(capsys):
    plot = drawings.draw_cache(PROMPT, NEW)
    shown = written(plot)
    assert shown.count("k v") == 6 + 7 and shown[-1] == "rows: 6 + 1 + 1 with the cache, 6 + 7 + 8 without"
    assert shown.count("Python") == 1 and shown.count("collection") == 2 and shown.count("\\n") == 1
    assert capsys.readouterr().out == "Figure: With a cache 8 rows are computed, without one 21\n"


def test_retrieval_shows_the_nearest_by_cosine():
    shown = written(drawings.draw_retrieval("Where?", [3, 4], NAMES, VECTORS, "There.", k=2))
    nearest = [text.split(": ") for text in shown if text.startswith("note")]
    assert nearest == [[NAMES[1], "1.00"], [NAMES[0], "0.96"]]
    assert {"There.", f"from: {NAMES[1]}, {NAMES[0]}"} < set(shown) and "3 4 …\n2 numbers" in shown


def test_the_adapter_is_drawn_to_scale(capsys):
    plot = drawings.draw_adapter(400, 200, 50)
    frozen, _, a, b = ((patch.get_height(), patch.get_width()) for patch in plot.axes.patches)
    assert frozen == pytest.approx((170, 85)) and a == pytest.approx((21.25, 85)) and b == pytest.approx((170, 21.25))
    assert capsys.readouterr().out == "Figure: 80,000 numbers stay frozen, and 30,000 learn: 27.3% of all\n"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: drawings.draw_attention("cat", *ATTENTION[1:]), "tokens: found the text 'cat', expected a list"),
        (lambda: drawings.draw_attention(TOKENS * 2, *ATTENTION[1:]), "number of tokens: found 6, .* from 1 to 5"),
        (lambda: drawings.draw_attention(*ATTENTION[:4], 3), "position: found 3, expected .* from 0 to 2"),
        (
            lambda: drawings.draw_attention(TOKENS, [1, 2], np.eye(4)[:3], [1, 2, 3], 0),
            r"found shapes \(2,\), \(3, 4\), \(3,\), expected \(d,\), \(3, d\), \(3,\)",
        ),
        (lambda: drawings.draw_attention(TOKENS, ["a"], np.eye(4), [1], 0), "query: found .* expected numbers"),
        (lambda: drawings.draw_block({"d_model": 576}), "config: found dict, expected a model's sizes. Write model"),
        (lambda: drawings.draw_cache([], ["a"]), "prompt: found 0 entries"),
        (lambda: drawings.draw_cache(["a"] * 11, ["b"]), "number of tokens in prompt: found 11, .* from 1 to 10"),
        (
            lambda: drawings.draw_cache(["a"], list("bcdefgh")),
            "number of tokens in new: found 7, expected .* from 1 to 6",
        ),
        (
            lambda: drawings.draw_retrieval("q", [1, 2, 3], NAMES, VECTORS, "a"),
            r"question_vector, vectors: found shapes \(3,\), \(5, 2\), expected \(d,\), \(5, d\)",
        ),
        (lambda: drawings.draw_retrieval("q", [1, 2], NAMES, VECTORS, "a", k=5), "k: found 5, expected .* from 1 to 4"),
        (lambda: drawings.draw_retrieval(None, [1, 2], NAMES, VECTORS, "a"), "question, answer, names: found .*None"),
        (lambda: drawings.draw_adapter(0, 5, 1), "m: found 0"),
        (lambda: drawings.draw_adapter(5, 2.5, 1), "n: found 2.5"),
        (lambda: drawings.draw_adapter(8, 5, 6), "rank: found 6, expected a whole number from 1 to 5"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
