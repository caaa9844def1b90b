"""Draw how the course's models work: attention, the block, the cache, retrieval and the adapter.

Each function draws the numbers, sizes or texts that it is given, in pixels from the upper left corner. It prints the
title, shows the figure and returns a `Plot`, as those of `course_utils.plotting` do. Words stand on tinted boxes or in
mid-grey, so that they are read on white and on dark pages.
"""

import textwrap
from contextlib import contextmanager

import numpy as np

from course_utils.checks import check_count, check_numbers, check_texts
from course_utils.networks.language_model import Config, softmax
from course_utils.plotting import COLOURS, INK, Plot, new_figure

__all__ = ["draw_adapter", "draw_attention", "draw_block", "draw_cache", "draw_retrieval"]

_BLUE, _ORANGE, _GREEN, _PINK = COLOURS[:4]
_WIDTH = 850
_LETTER, _LINE = 10, 21  # pixels that a letter and a line need, at 12 points


def draw_attention(tokens, query, keys, values, position):
    """Draw what the token at `position` reads from the m <= 5 tokens up to itself.

    It has the query (d_head,); each token has a key (m, d_head), and one number as its value (m,).
    """
    tokens, query = check_texts("tokens", tokens), check_numbers("query", query)
    keys, values = check_numbers("keys", keys), check_numbers("values", values)
    m = check_count("number of tokens", len(tokens), 1, 5)
    check_count("position", position, 0, m - 1)
    if query.ndim != 1 or keys.shape != (m, query.size) or values.shape != (m,):
        found = f"{query.shape}, {keys.shape}, {values.shape}"
        raise ValueError(f"query, keys, values: found shapes {found}, expected (d,), ({m}, d), ({m},).")
    scores = keys @ query / query.size**0.5
    masked = np.where(np.arange(m) <= position, scores, -np.inf)
    weights = softmax(masked)
    rows = [("keys k", keys, _GREEN), (f"scores q · k / √{query.size}", scores, _ORANGE)]
    rows += [("mask: hide what is later", masked, _ORANGE), ("softmax: weights a", weights, _BLUE)]
    rows += [("values v", values, _PINK)]
    reader, read, width = f"“{tokens[position]}”", _numbers(weights @ values), 430 / m
    title = f"{reader} reads most from “{tokens[weights.argmax()]}”, and nothing from later tokens"
    with _canvas(title, f"Weights {_numbers(weights)} of values {_numbers(values)} give {read}", 335) as axes:
        for row, (label, cells, colour) in enumerate(rows):
            y = 48 + 62 * row
            _text(axes, 205, y, label, ha="right")
            for column, cell in enumerate(cells):
                x, hidden = 210 + width * (column + 0.5), 2 <= row <= 3 and column > position
                if row:
                    _arrow(axes, (x, y - 44), (x, y - 18))
                else:
                    _text(axes, x, 12, tokens[column])
                _box(axes, x, y, width - 10, 36, _numbers(cell), INK if hidden else colour)
        _box(axes, 765, 110, 165, 56, f"query q of {reader}\n{_numbers(query)}", _GREEN)
        _arrow(axes, (682, 110), (635, 110))
        _chain(axes, 296, 635, (765, 165, f"{reader} reads\nΣ a · v = {read}", _PINK), height=56)
    return Plot(axes.figure, axes)


def draw_block(config):
    """Draw a block of the Llama family with the shapes at its arrows; `config` is that of a language model."""
    if not isinstance(config, Config):
        raise ValueError(f"config: found {type(config).__name__}, expected a model's sizes. Write model.config.")
    rows, hidden = f"n × {config.d_model}", f"n × {config.d_hidden}"
    heads, shared = (f"{count} × n × {config.d_head}" for count in (config.heads, config.key_value_heads))
    title = f"A block adds to its rows twice; {config.heads} query heads use {config.key_value_heads} key-value heads"
    drawn = f"Rows {rows}; RMSNorm; queries {heads}, keys and values {shared}; rotate; attend; output; add; RMSNorm; "
    with _canvas(title, f"{drawn}gate and up {hidden}; down; add", 440) as axes:
        for y, way, told in ((115, 3, "attention"), (325, 428, "the network")):
            side = np.sign(y - way)
            _chain(axes, y, 5, (102, 105, "RMSNorm", INK))
            _arrow(axes, (25, y), (25, way), (800, way), (800, y - 20 * side))
            _text(axes, 400, way + 14 * side, f"x is kept, and what {told} finds is added")
        for y, name, shape in ((62, "query", heads), (115, "key", shared), (168, "value", shared)):
            _arrow(axes, (155, 115), (205, y))
            _box(axes, 242, y, 75, 40, name, _BLUE)
            _text(axes, 347, y - 13, shape)
            _chain(axes, y, 280, *[(455, 80, "rotate", _PINK)] * (name != "value"), (565, 90, "", _ORANGE))
        _box(axes, 565, 115, 90, 146, "attend", _ORANGE)
        _chain(axes, 115, 610, (692, 85, "output", _BLUE), (800, 40, "+", _GREEN))
        _arrow(axes, (820, 115), (840, 115), (840, 230), (5, 230), (5, 325))
        _text(axes, 425, 216, f"rows x: {rows}")
        for y, name in ((290, "gate, silu"), (360, "up")):
            _arrow(axes, (155, 325), (205, y))
            _box(axes, 262, y, 115, 40, name, _BLUE)
            _arrow(axes, (320, y), (520, y), (520, y + np.sign(325 - y) * 15))
            _text(axes, 425, y - 13, hidden)
        _box(axes, 520, 325, 50, 40, "⊙", _ORANGE)
        _chain(axes, 325, 545, (692, 85, "down", _BLUE), (800, 40, "+", _GREEN))
        _arrow(axes, (820, 325), (848, 325))
    return Plot(axes.figure, axes)


def draw_cache(prompt, new):
    """Draw what a model computes and keeps while it writes the tokens `new`, at most 6, after `prompt`, at most 10."""
    prompt, new = check_texts("prompt", prompt), check_texts("new", new)
    check_count("number of tokens in prompt", len(prompt), 1, 10)
    check_count("number of tokens in new", len(new), 1, 6)
    tokens = [token.strip(" ").replace("\n", "\\n") for token in (*prompt, *new)]
    steps, below = range(len(prompt), len(tokens)), 50 * len(new)
    title = f"With a cache {steps[-1]} rows are computed, without one {sum(steps)}"
    drawn = f"The prompt's {len(prompt)} rows together, then one row a token; keys and values are kept"
    widths = np.clip([len(token) for token in tokens[:-1]], 4, 60 // len(tokens[:-1]))
    ends = 110 + np.cumsum([0, *widths]) * 600 / widths.sum()
    with _canvas(title, drawn, below + 70) as axes:
        for y, step in zip(range(20, below, 50), steps, strict=True):
            _text(axes, 50, y, "prompt" if step == len(prompt) else f"token {step}")
            for place, (left, right) in enumerate(zip(ends[:step], ends[1:], strict=False)):
                kept = place < step - 1 and step > len(prompt)
                text, colour = ("k v", _GREEN) if kept else (tokens[place], _ORANGE)
                _box(axes, (left + right) / 2, y, right - left - 6, 40, text, colour)
            _chain(axes, y, ends[step], (791, 112, tokens[step], _BLUE))
        _text(axes, 425, below + 20, "a token: its row is computed · k v: keys and values are kept · right: written")
        sums = " + ".join(map(str, (len(prompt), *[1] * (len(new) - 1)))), " + ".join(map(str, steps))
        _text(axes, 425, below + 50, f"rows: {sums[0]} with the cache, {sums[1]} without")
    return Plot(axes.figure, axes)


def draw_retrieval(question, question_vector, names, vectors, answer, k=3):
    """Draw how a question (d,) finds the k <= 4 nearest of n named passages (n, d), from which a model answers."""
    question, answer, *names = check_texts("question, answer, names", [question, answer, *names])
    question_vector, vectors = check_numbers("question_vector", question_vector), check_numbers("vectors", vectors)
    if question_vector.ndim != 1 or vectors.shape != (len(names), question_vector.size):
        found = f"{question_vector.shape}, {vectors.shape}"
        raise ValueError(f"question_vector, vectors: found shapes {found}, expected (d,), ({len(names)}, d).")
    check_count("k", k, 1, min(4, len(names)))
    cosines = vectors @ question_vector / np.linalg.norm(vectors, axis=1) / np.linalg.norm(question_vector)
    nearest = np.argsort(-cosines, kind="stable")[:k]
    sources = ", ".join(names[place] for place in nearest)
    title = f"The {k} nearest of {len(names)} passages go into the prompt, and name the source"
    with _canvas(title, f"{question} Nearest: {sources}. {answer}", 335) as axes:
        for x, label in ((125, "question"), (410, "its vector"), (709, "nearest passages: cosine")):
            _text(axes, x, 12, label)
        vector = f"{_numbers(question_vector[:2].round(2))} …\n{question_vector.size} numbers"
        _chain(axes, 95, 250, (410, 200, vector, _BLUE), (709, 278, "", _GREEN), height=130)
        _box(axes, 125, 95, 250, 130, question, _ORANGE)
        for row, place in enumerate(nearest):
            text = f"{names[place]}: {cosines[place]:.2f}"
            _box(axes, 709, 30 + 130 / k * (row + 0.5), 278, 130 / k, text, _GREEN)
        _arrow(axes, (709, 160), (709, 215))
        _arrow(axes, (125, 160), (125, 188), (640, 188), (640, 215))
        _box(axes, 709, 275, 278, 120, f"prompt: {k} passages, then the question", _PINK)
        _arrow(axes, (570, 275), (510, 275))
        _text(axes, 540, 250, "model")
        _box(axes, 255, 260, 510, 90, answer, _ORANGE)
        _box(axes, 255, 320, 510, 30, f"from: {sources}", _GREEN)
    return Plot(axes.figure, axes)


def draw_adapter(m, n, rank):
    """Draw a frozen matrix W (m, n) beside the B (m, rank) and A (rank, n) of an adapter, to scale."""
    check_count("m", m)
    check_count("n", n)
    check_count("rank", rank, 1, min(m, n))
    frozen, learned = m * n, rank * (m + n)
    height, width, thin = (max(4, side * 170 / max(m, n)) for side in (m, n, rank))
    title = f"{frozen:,} numbers stay frozen, and {learned:,} learn: {learned / (frozen + learned):.1%} of all"
    drawn = f"x goes through W, {m} × {n}, and beside it through A, {rank} × {n}, and B, {m} × {rank}; both are added"
    with _canvas(title, drawn, 400) as axes:
        _text(axes, 15, 85, "x")
        _chain(axes, 85, 30, (250, width, "", INK), height=height)
        _chain(axes, 85, 250 + width / 2, (770, 40, "+", _GREEN))
        _text(axes, 262 + width / 2, 70, f"W: {m:,} × {n:,}, frozen", ha="left")
        _arrow(axes, (75, 85), (75, 280), (250 - width / 2, 280))
        _box(axes, 250, 280, width, thin, "", _ORANGE)
        _text(axes, 250, 298 + thin / 2, f"A: {rank:,} × {n:,}, learns")
        _chain(axes, 280, 250 + width / 2, (560, thin, "", _ORANGE), height=height)
        _text(axes, 560, 298 + height / 2, f"B: {m:,} × {rank:,}, learns")
        _arrow(axes, (560 + thin / 2, 280), (770, 280), (770, 105))
        _text(axes, 780, 190, "· α / r", ha="left")
        _arrow(axes, (790, 85), (825, 85))
        _text(axes, 838, 85, "y")
    return Plot(axes.figure, axes)


@contextmanager
def _canvas(title, drawn, height):
    """Give axes of 850 × `height` pixels, y downwards; the rest is as in `course_utils.plotting`."""
    with new_figure(title, drawn, (_WIDTH / 100, height / 100 + 0.5)) as figure:
        axes = figure.subplots()
        axes.set(xlim=(-2, _WIDTH + 2), ylim=(height + 2, -2), aspect="equal")
        axes.axis("off")
        yield axes


def _text(axes, x, y, text, colour=INK, ha="center"):
    axes.text(x, y, text, color=colour, fontsize=12, va="center", ha=ha)


def _box(axes, x, y, width, height, text, colour):
    """Draw a box around (x, y) in a light tint, with a text that is wrapped, and cut where it does not fit."""
    from matplotlib.patches import Rectangle

    tint = [0.45 * int(colour[i : i + 2], 16) / 255 + 0.55 for i in (1, 3, 5)]
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=tint, edgecolor=colour, linewidth=1.5))
    columns, most = max(3, int(width / _LETTER)), int((height - 4) / _LINE)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, columns)]
    if len(lines) > most:
        lines[most - 1 :] = [lines[most - 1][: columns - 2] + "…"]
    _text(axes, x, y, "\n".join(lines), "#222222")


def _arrow(axes, *points):
    """Draw lines from point to point, with a head at the last."""
    style = {"color": INK, "linewidth": 1.5}
    axes.plot(*zip(*points[:-1], strict=True), **style)
    axes.annotate("", points[-1], points[-2], arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **style})


def _chain(axes, y, x, *boxes, height=40):
    """Draw boxes (middle, width, text, colour) side by side, and arrows from x to the first and on to each next."""
    for middle, width, text, colour in boxes:
        _arrow(axes, (x, y), (middle - width / 2, y))
        _box(axes, middle, y, width, height, text, colour)
        x = middle + width / 2


def _numbers(numbers):
    """Write numbers as short texts, with the signs of print."""
    return " ".join(f"{number:.3g}".replace("-", "−").replace("inf", "∞") for number in np.atleast_1d(numbers))
