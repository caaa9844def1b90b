"""Draw the course's figures in one style.

Every figure has a title that says its finding, readable from the back of a room and without telling red from green.
Each function prints the title as text, shows the figure once, and returns a `Plot`. All words in a figure come from
the caller, or from keyword arguments with English defaults.
"""

import io
import textwrap
import unicodedata
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from course_utils.checks import check_array, check_classes, check_count, check_numbers, check_texts

__all__ = [
    "COLOURS",
    "Plot",
    "expected_calibration_error",
    "plot_attention",
    "plot_bars",
    "plot_confusion_matrix",
    "plot_images",
    "plot_learning_curves",
    "plot_lines",
    "plot_reliability",
]

# Okabe and Ito's palette, safe for the common kinds of colour blindness; its yellow is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPX"
_LINE_STYLES = ("-", "--", "-.", ":")
_SIZE = (8.5, 4.8)  # inches, at 100 dots an inch
_STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "lines.linewidth": 2,
    "lines.markersize": 6,
}


class Plot(NamedTuple):
    """A figure and its axes (one, or a tuple of them). As a cell's last line it shows nothing more."""

    figure: Any
    axes: Any

    def _ipython_display_(self):
        """Show nothing: the figure has been shown already."""


def plot_learning_curves(
    curves, title, x_label="epoch", y_label="loss", *, best_of=None, best_is="lowest", best_label="best", log_y=False
):
    """Draw one line per curve against the epoch, and mark the best epoch of one of them.

    Parameters
    ----------
    curves : dict
        Name to values (epochs count from 1), or name to a pair (x, values).
    title, x_label, y_label : str
        What the figure shows, and its axes with their units.
    best_of : str, optional
        Name of the curve whose best point is marked.
    best_is : {"lowest", "highest"}
        What is best.
    best_label : str
        Word beside the mark.
    log_y : bool
        Use a logarithmic vertical axis.

    Returns
    -------
    Plot

    Raises
    ------
    ValueError
        When a curve is empty, holds NaN or infinity, or differs in length from its x.
    """
    lines = {}
    for name, curve in _dictionary("curves", curves).items():
        if isinstance(curve, tuple) and len(curve) == 2 and np.iterable(curve[0]):
            lines[name] = curve
        else:
            lines[name] = (np.arange(1, check_array(f"curves[{name!r}]", curve).size + 1), curve)
    if best_of is not None and not (isinstance(best_of, str) and best_of in lines):
        raise ValueError(f"best_of: found {best_of!r}, expected one of {', '.join(map(repr, lines))}.")
    if best_is not in ("lowest", "highest"):
        raise ValueError(f"best_is: found {best_is!r}, expected 'lowest' or 'highest'.")
    lines = _check_lines("curves", lines, False, log_y)
    with _figure(title) as (figure, plot):
        axes = figure.subplots()
        _draw_lines(axes, lines, {}, False, log_y)
        if all((x == np.round(x)).all() for x, _ in lines.values()):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if best_of is not None:
            x, values = lines[best_of]
            best = int(np.argmin(values) if best_is == "lowest" else np.argmax(values))
            axes.plot(x[best], values[best], "*", markersize=18, color="black", label=f"{best_label}: {x[best]:g}")
            axes.axvline(x[best], color="black", linewidth=1, linestyle=":")
        axes.set(xlabel=x_label, ylabel=y_label)
        _legend(axes)
        plot.append(axes)
    return Plot(figure, axes)


def plot_lines(lines, title, x_label, y_label, *, log_x=False, log_y=False, intervals=None):
    """Draw values against a size, each line with an optional band for its uncertainty.

    Parameters
    ----------
    lines : dict
        Name to a pair (x, values).
    title, x_label, y_label : str
        What the figure shows, and its axes with their units.
    log_x, log_y : bool
        Use logarithmic axes; all numbers on them must be positive.
    intervals : dict, optional
        Name to an array `(n, 2)` with the low and the high end at each x (ends, not half-widths).

    Returns
    -------
    Plot

    Raises
    ------
    ValueError
        When numbers are missing, NaN or infinite, lengths differ, or an interval does not hold its value.
    """
    lines = _check_lines("lines", _dictionary("lines", lines), log_x, log_y)
    intervals = {} if intervals is None else _dictionary("intervals", intervals)
    if not set(intervals) <= set(lines):
        raise ValueError(f"intervals: found {sorted(set(intervals) - set(lines))}, expected only names of lines.")
    intervals = {name: _check_intervals(f"intervals[{name!r}]", intervals[name], lines[name][1]) for name in intervals}
    if log_y and any((band <= 0).any() for band in intervals.values()):
        raise ValueError("intervals: found an end that is not positive, which a logarithmic axis cannot show.")
    with _figure(title) as (figure, plot):
        axes = figure.subplots()
        _draw_lines(axes, lines, intervals, log_x, log_y)
        axes.set(xlabel=x_label, ylabel=y_label)
        _legend(axes)
        plot.append(axes)
    return Plot(figure, axes)


def plot_bars(names, values, title, y_label, *, intervals=None, x_label="", value_format="{:.3g}"):
    """Draw one bar per name, horizontal where names are long or many, with its value at its end.

    Parameters
    ----------
    names : sequence of str
        What the bars stand for.
    values : array (n,)
        Lengths of the bars.
    title, y_label : str
        What the figure shows, and the axis of values with its unit.
    intervals : array (n, 2), optional
        Low and high end of each value's uncertainty (ends, not half-widths).
    x_label : str
        The axis of names.
    value_format : str
        How a value is written.

    Returns
    -------
    Plot

    Raises
    ------
    ValueError
        When numbers are missing, NaN or infinite, lengths differ, or an interval does not hold its value.
    """
    values = _numbers("values", values)
    names = check_texts("names", names, len(values))
    if intervals is not None:
        intervals = _check_intervals("intervals", intervals, values)
    horizontal = len(names) > 8 or max(map(_width, names)) * len(names) > 60
    size = (_SIZE[0], min(8, max(2.5, 1.4 + 0.45 * len(names)))) if horizontal else _SIZE
    with _figure(title, size) as (figure, plot):
        axes = figure.subplots()
        places = np.arange(len(names))
        errors = None if intervals is None else np.stack([values - intervals[:, 0], intervals[:, 1] - values])
        bars = axes.barh if horizontal else axes.bar
        style = {"color": COLOURS[0], "ecolor": "black", "capsize": 5, "error_kw": {"linewidth": 1.5}}
        bars(places, values, **{"xerr" if horizontal else "yerr": errors}, **style)
        names_axis, values_axis = (axes.yaxis, axes.xaxis) if horizontal else (axes.xaxis, axes.yaxis)
        names_axis.set_ticks(places, [_wrap(name, 36 if horizontal else 16) for name in names])
        _plain(names_axis.get_ticklabels())
        names_axis.grid(False)
        names_axis.set_label_text(x_label)
        values_axis.set_label_text(y_label)
        ends = values if intervals is None else np.where(values < 0, intervals[:, 0], intervals[:, 1])
        for place, value, end in zip(places, values, ends, strict=True):
            sign = -1 if value < 0 else 1
            axes.annotate(
                value_format.format(value),
                (end, place) if horizontal else (place, end),
                (6 * sign, 0) if horizontal else (0, 4 * sign),
                textcoords="offset points",
                ha=("left" if sign > 0 else "right") if horizontal else "center",
                va="center" if horizontal else ("bottom" if sign > 0 else "top"),
            )
        axes.margins(**{"x" if horizontal else "y": 0.12})
        if horizontal:
            axes.invert_yaxis()
        plot.append(axes)
    return Plot(figure, axes)


def plot_images(images, captions, title, *, columns=5, correct=None, marks=("✓ ", "✗ ")):
    """Draw a grid of images, each with its caption below.

    Parameters
    ----------
    images : sequence of arrays
        Each `(height, width)` or `(height, width, 3)`, uint8 or floats in [0, 1]. Sizes may differ.
    captions : sequence of str
        One per image; long ones are wrapped.
    title : str
        What the figure shows.
    columns : int
        Images in a row.
    correct : sequence of bool, optional
        Whether each caption is right: right ones are blue, wrong ones orange.
    marks : pair of str
        What goes before the caption of a right and of a wrong image.

    Returns
    -------
    Plot
        Its axes are a tuple, one per image.

    Raises
    ------
    ValueError
        When there is no image, a number of captions differs, or an image has another shape, type or range.
    """
    if not np.iterable(images):
        raise ValueError(f"images: found {images!r}, expected a sequence of images. For one image, write [image].")
    images = [_check_image(f"images[{i}]", image) for i, image in enumerate(images)]
    if not images:
        raise ValueError("images: found none, expected at least one image.")
    captions = check_texts("captions", captions, len(images))
    check_count("columns", columns)
    if correct is not None and (shape := check_array("correct", correct).shape) != (len(images),):
        raise ValueError(f"correct: found shape {shape}, expected ({len(images)},), one bool per image.")
    marks = check_texts("marks", marks, 2)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    cell = min(2.6, _SIZE[0] / columns)
    font = 12 if columns <= 4 else 11
    if correct is not None:
        captions = [marks[0 if right else 1] + text for right, text in zip(correct, captions, strict=True)]
    captions = [_wrap(text, max(6, int(cell * 72 / (0.55 * font)))) for text in captions]
    shape = max(image.shape[0] / image.shape[1] for image in images)
    lines = max(text.count("\n") + 1 for text in captions)
    height = 0.7 + rows * (cell * min(shape, 1.5) + lines * font * 1.3 / 72 + 0.15)
    photographs = any(image.ndim == 3 for image in images)
    with _figure(title, (max(cell * columns, 5), min(height, 8)), as_jpeg=photographs) as (figure, plot):
        for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
            axes = figure.add_subplot(rows, columns, number + 1)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            label = axes.set_xlabel(caption, fontsize=font)
            _plain([label])
            if correct is not None:
                label.set_color(COLOURS[0] if correct[number] else COLOURS[1])
            plot.append(axes)
    return Plot(figure, tuple(plot))


def plot_confusion_matrix(
    true_labels, predicted_labels, class_names, title, *, x_label="predicted class", y_label="true class"
):
    """Draw how often each true class was given each predicted class; the colour shows the errors only.

    Parameters
    ----------
    true_labels, predicted_labels : integer arrays (n,)
        Positions in `class_names`.
    class_names : sequence of str
        Names of the classes.
    title, x_label, y_label : str
        What the figure shows, and its axes.

    Returns
    -------
    Plot

    Raises
    ------
    ValueError
        When labels are empty, not integers, outside the classes, or differ in number.
    """
    class_names = check_texts("class_names", class_names)
    classes = len(class_names)
    true_labels = check_classes("true_labels", true_labels, classes)
    predicted_labels = check_classes("predicted_labels", predicted_labels, classes)
    if len(true_labels) != len(predicted_labels):
        raise ValueError(
            f"predicted_labels: found {len(predicted_labels)}, expected {len(true_labels)}, as many as true."
        )
    counts = np.bincount(true_labels * classes + predicted_labels, minlength=classes**2).reshape(classes, classes)
    errors = np.where(np.eye(classes, dtype=bool), 0, counts)
    side = min(7, max(4, 1.8 + 0.42 * classes))
    with _figure(title, (side + 1, side)) as (figure, plot):
        axes = figure.subplots()
        axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()) * 1.4)
        font = 12 if classes <= 12 else max(6, 150 // classes)
        for row, column in zip(*np.nonzero(counts), strict=True):
            weight = "normal" if row == column else "bold"
            colour = "#555555" if row == column else "black"
            number = f"{counts[row, column]:,}"
            axes.text(column, row, number, ha="center", va="center", fontsize=font, color=colour, weight=weight)
        places = np.arange(classes)
        tilt = 45 if max(map(_width, class_names)) > 3 else 0
        axes.set_xticks(places, class_names, rotation=tilt, ha="right" if tilt else "center", rotation_mode="anchor")
        axes.set_yticks(places, class_names)
        axes.set_xticks(places[:-1] + 0.5, minor=True)
        axes.set_yticks(places[:-1] + 0.5, minor=True)
        axes.grid(False)
        axes.grid(which="minor")
        axes.tick_params(which="both", length=0)
        _plain([*axes.get_xticklabels(), *axes.get_yticklabels()])
        axes.set(xlabel=x_label, ylabel=y_label)
        plot.append(axes)
    return Plot(figure, axes)


def expected_calibration_error(probabilities, labels, bins=10):
    """Return how far confidence and accuracy are apart, on average over the examples.

    An example's confidence is its largest probability. Examples are put in bins of equal width by confidence, and the
    gap between mean confidence and accuracy in each bin is weighted by the bin's share of the examples.

    Parameters
    ----------
    probabilities : array (n, classes)
        Each row sums to 1.
    labels : integer array (n,)
        True classes.
    bins : int
        Number of bins over [0, 1]; a bin holds its upper edge.

    Returns
    -------
    float
        0 for perfect calibration, at most 1.

    Raises
    ------
    ValueError
        When the arrays are empty, do not match, or the rows are not probabilities.

    Notes
    -----
    Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks, ICML, arXiv:1706.04599.
    """
    counts, confidence, accuracy = _calibration(probabilities, labels, bins)
    filled = counts > 0
    gaps = np.abs(accuracy[filled] - confidence[filled])
    return float((counts[filled] * gaps).sum() / counts.sum())


def plot_reliability(
    probabilities,
    labels,
    title,
    bins=10,
    *,
    x_label="confidence (largest probability)",
    y_label="accuracy",
    count_label="examples",
    perfect_label="perfect calibration",
    model_label="model",
):
    """Draw accuracy against confidence, bin by bin, over the number of examples in each bin.

    Parameters
    ----------
    probabilities, labels, bins
        As in `expected_calibration_error`.
    title, x_label, y_label, count_label, perfect_label, model_label : str
        What the figure shows, its axes and its lines.

    Returns
    -------
    Plot
        Its axes are a pair: the diagram, and the counts below it.

    Raises
    ------
    ValueError
        As `expected_calibration_error`.
    """
    counts, confidence, accuracy = _calibration(probabilities, labels, bins)
    filled = counts > 0
    with _figure(title, (7.5, 5.5)) as (figure, plot):
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], "--", color="black", label=perfect_label)
        top.plot(confidence[filled], accuracy[filled], "o-", color=COLOURS[0], label=model_label)
        top.vlines(confidence[filled], confidence[filled], accuracy[filled], color=COLOURS[1], linewidth=2)
        top.set(ylabel=y_label, xlim=(0, 1.03), ylim=(-0.03, 1.03))
        _legend(top)
        edges = np.linspace(0, 1, bins + 1)
        bars = bottom.bar(edges[:-1], counts, width=1 / bins, align="edge", color=COLOURS[5], edgecolor="white")
        bottom.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize=11)
        bottom.set(xlabel=x_label, ylabel=count_label)
        bottom.margins(y=0.3)
        plot += [top, bottom]
    return Plot(figure, tuple(plot))


def plot_attention(
    weights,
    source_tokens,
    target_tokens,
    title,
    *,
    x_label="source token",
    y_label="target token",
    colour_label="attention weight",
):
    """Draw how much each target token attends to each source token.

    Parameters
    ----------
    weights : array (targets, sources)
        Attention weights in [0, 1].
    source_tokens, target_tokens : sequence of str
        Names of the columns and of the rows.
    title, x_label, y_label, colour_label : str
        What the figure shows, its axes and its colour scale.

    Returns
    -------
    Plot

    Raises
    ------
    ValueError
        When the shape does not match the tokens, or a weight is outside [0, 1].
    """
    source_tokens = check_texts("source_tokens", source_tokens)
    target_tokens = check_texts("target_tokens", target_tokens)
    weights = _numbers("weights", weights, dimensions=2)
    if weights.shape != (len(target_tokens), len(source_tokens)):
        expected = (len(target_tokens), len(source_tokens))
        raise ValueError(f"weights: found shape {weights.shape}, expected {expected}: (target tokens, source tokens).")
    if weights.min() < -1e-6 or weights.max() > 1 + 1e-3:
        raise ValueError(f"weights: found {weights.min():g} to {weights.max():g}, expected [0, 1]. Apply the softmax.")
    height = min(7, max(3.5, 2.2 + 0.32 * len(target_tokens)))
    width = min(9, max(5.5, 3 + 0.42 * len(source_tokens)))
    with _figure(title, (width, height)) as (figure, plot):
        axes = figure.subplots()
        picture = axes.imshow(weights, cmap="viridis", vmin=0, vmax=weights.max() or 1, aspect="auto")
        font = 12 if max(weights.shape) <= 16 else 9
        source, target = ([token.replace("\n", "\\n") for token in t] for t in (source_tokens, target_tokens))
        axes.set_xticks(range(len(source)), source, rotation=60, ha="right", rotation_mode="anchor", fontsize=font)
        axes.set_yticks(range(len(target)), target, fontsize=font)
        _plain([*axes.get_xticklabels(), *axes.get_yticklabels()])
        axes.grid(False)
        axes.set(xlabel=x_label, ylabel=y_label)
        figure.colorbar(picture, ax=axes, label=colour_label)
        plot.append(axes)
    return Plot(figure, axes)


@contextmanager
def _figure(title, size=_SIZE, as_jpeg=False):
    """Give a new figure and a list for its axes; then add and print the title, show the figure and close it.

    With `as_jpeg` a notebook stores the figure as JPEG: photographs take a fifth of the bytes that PNG needs.
    """
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title: found {title!r}, expected a sentence that says what the figure shows.")
    from matplotlib import pyplot

    with pyplot.rc_context(_STYLE):
        figure = pyplot.figure(figsize=size, layout="constrained")
        axes = []
        try:
            yield figure, axes
            heading = figure.suptitle(_wrap(title, int(size[0] * 9)), x=0.02, ha="left", fontsize=15)
            _plain([heading])
            print(f"Figure: {title}")
            if as_jpeg and "inline" in pyplot.get_backend():
                _display_jpeg(figure)
            elif pyplot.get_backend().lower() != "agg":
                pyplot.show()
        finally:
            pyplot.close(figure)


def _display_jpeg(figure):
    """Put the figure into the notebook as JPEG."""
    from IPython.display import Image, display

    buffer = io.BytesIO()
    figure.savefig(buffer, format="jpeg", bbox_inches="tight", pil_kwargs={"quality": 88})
    display(Image(data=buffer.getvalue(), format="jpeg"))


def _draw_lines(axes, lines, intervals, log_x, log_y):
    for number, (name, (x, values)) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        marker = _MARKERS[number % len(_MARKERS)] if len(x) <= 30 else ""
        style = _LINE_STYLES[number % len(_LINE_STYLES)]
        axes.plot(x, values, linestyle=style, marker=marker, color=colour, label=name)
        if name in intervals:
            axes.fill_between(x, *intervals[name].T, color=colour, alpha=0.2, linewidth=0)
    if log_x:
        axes.set_xscale("log")
        _number_log_axis(axes.xaxis, [x for x, _ in lines.values()])
    if log_y:
        axes.set_yscale("log")
        _number_log_axis(axes.yaxis, [values for _, values in lines.values()])


def _number_log_axis(axis, numbers):
    """Write plain numbers on a logarithmic axis: at 1, 2, 3, 5, 10 … where it is short, else at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    numbers = np.concatenate(numbers)
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if numbers.max() < 200 * numbers.min() else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend(axes):
    """Name the lines inside the axes, or to their right where five or more names would cover lines."""
    many = len(axes.get_legend_handles_labels()[1]) > 4
    legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5)) if many else axes.legend()
    _plain(legend.get_texts())


def _plain(texts):
    """Let a dollar sign in a name or token be one, instead of the start of a formula."""
    for text in texts:
        text.set_parse_math(False)


def _width(text):
    """Count columns: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _wrap(text, columns):
    wide = _width(text) / max(1, len(text))
    return "\n".join(textwrap.fill(line, max(2, int(columns / max(1, wide)))) for line in text.split("\n"))


def _dictionary(name, value):
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{name}: found {type(value).__name__}, expected a dict with at least one name: values.")
    if not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name}: found {list(value)} as names, expected strings.")
    return value


def _numbers(name, values, dimensions=1):
    """Return a float array with this many dimensions, not empty and without NaN or infinity."""
    array = check_numbers(name, values)
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"{name}: found shape {array.shape}, expected {dimensions} dimension(s), not empty.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: found {np.sum(~np.isfinite(array))} NaN or infinite values. Remove or explain them.")
    return array


def _check_lines(name, lines, log_x, log_y):
    checked = {}
    for key, pair in lines.items():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"{name}[{key!r}]: found {type(pair).__name__}, expected a pair (x, values).")
        x, values = _numbers(f"{name}[{key!r}] x", pair[0]), _numbers(f"{name}[{key!r}]", pair[1])
        if len(x) != len(values):
            raise ValueError(f"{name}[{key!r}]: found {len(x)} x and {len(values)} values, expected as many of both.")
        if (log_x and x.min() <= 0) or (log_y and values.min() <= 0):
            raise ValueError(f"{name}[{key!r}]: found a number that is not positive, expected none on a log axis.")
        checked[key] = (x, values)
    return checked


def _check_intervals(name, intervals, values):
    intervals = _numbers(name, intervals, dimensions=2)
    if intervals.shape != (len(values), 2):
        raise ValueError(f"{name}: found shape {intervals.shape}, expected ({len(values)}, 2): low and high ends.")
    if (intervals[:, 0] > values).any() or (intervals[:, 1] < values).any():
        raise ValueError(
            f"{name}: found an interval without its value inside. Give low and high ends, not half-widths."
        )
    return intervals


def _check_image(name, image):
    array = check_array(name, image)
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ValueError(f"{name}: found shape {array.shape}, expected (height, width) or (height, width, 3).")
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name}: found {array.dtype}, expected uint8 or floats in [0, 1].")
    if not (array.min() >= 0 and array.max() <= 1):  # also false for NaN
        raise ValueError(f"{name}: found {array.min():g} to {array.max():g}, expected [0, 1]. Divide by 255?")
    return array


def _calibration(probabilities, labels, bins):
    """Return counts, mean confidence and accuracy of each bin (NaN where a bin is empty)."""
    check_count("bins", bins)
    probabilities = _numbers("probabilities", probabilities, dimensions=2)
    labels = check_classes("labels", labels, probabilities.shape[1])
    if len(labels) != len(probabilities):
        raise ValueError(f"labels: found {len(labels)}, expected {len(probabilities)}, one per row of probabilities.")
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("probabilities: found rows that do not sum to 1 or go below 0. Apply the softmax first.")
    confidence = np.minimum(probabilities.max(axis=1), 1)
    right = probabilities.argmax(axis=1) == labels
    place = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, bins) / counts
        accuracy = np.bincount(place, right, bins) / counts
    return counts, means, accuracy
