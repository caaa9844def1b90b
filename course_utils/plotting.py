"""Draw the course's figures in one style.

Every figure has a title that says its finding, readable from the back of a room and without telling red from green.
Its background is transparent and its writing mid-grey, so that one stored picture serves light and dark pages.
Each function prints the title as text, shows the figure once with alternative text, and returns a `Plot`. What a
figure is given is not checked here, but for the calibration error's: matplotlib refuses what it cannot draw.
"""

import io
import textwrap
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from course_utils.checks import check_classes, check_count, check_numbers

__all__ = [
    "COLOURS",
    "INK",
    "Plot",
    "expected_calibration_error",
    "new_figure",
    "plot_attention",
    "plot_bars",
    "plot_confusion_matrix",
    "plot_images",
    "plot_learning_curves",
    "plot_lines",
    "plot_reliability",
]

INK = "#7A7A7A"  # of what is written and of axes: a contrast of 4.3 with white, and of 4.1 with a dark page (#14181E)
# Okabe and Ito's palette, safe for the common kinds of colour blindness; its yellow is too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
_MARKERS = "osD^vPX"
_LINE_STYLES = ("-", "--", "-.", ":")
_SIZE = (8.5, 4.8)  # inches, at 100 dots an inch
_STYLE = {
    "figure.dpi": 100,
    "font.size": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.3,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "lines.linewidth": 2,
    "text.parse_math": False,  # a dollar sign in a name or token is one
}


class Plot(NamedTuple):
    """A figure and its axes (one, or a tuple of them). As a cell's last line it shows nothing more."""

    figure: Any
    axes: Any

    def _ipython_display_(self):
        """Show nothing: the figure has been shown already."""


def plot_learning_curves(curves, title, x_label="epoch", y_label="loss", *, log_y=False):
    """Draw one line per curve against the epoch.

    `curves` are values by name, whose epochs count from 1, or pairs (x, values).
    """
    lines = {
        name: curve if isinstance(curve, tuple) and np.ndim(curve[0]) == 1 else (range(1, len(curve) + 1), curve)
        for name, curve in curves.items()
    }
    with _line_figure(lines, title, x_label, y_label, log_y=log_y) as (figure, axes):
        if all(np.array_equal(x, np.round(x)) for x, _ in lines.values()):
            axes.xaxis.get_major_locator().set_params(integer=True)
    return Plot(figure, axes)


def plot_lines(lines, title, x_label, y_label, *, log_x=False, log_y=False, intervals=None):
    """Draw values against a size, each line with an optional band for its uncertainty.

    `lines` are pairs (x, values) by name. `intervals`, by the same names, are arrays (n, 2) with the low and the high
    end at each x (ends, not half-widths). `log_x` and `log_y` make an axis logarithmic.
    """
    with _line_figure(lines, title, x_label, y_label, log_x, log_y, intervals or {}) as (figure, axes):
        return Plot(figure, axes)


def plot_bars(names, values, title, y_label, *, intervals=None, value_format="{:.3g}"):
    """Draw one bar per name, horizontal where names are long or many, with its value at its end, or beside its name.

    `intervals` (n, 2) are the low and the high end of each value's uncertainty (ends, not half-widths); `value_format`
    says how a value is written, `y_label` what the values are, with their unit.
    """
    places, written = range(len(names)), [value_format.format(value) for value in values]
    horizontal = len(names) > 8 or max(map(len, names)) * len(names) > 60
    if horizontal:
        across, along, draw, columns, padding = "y", "x", "barh", 36, 6
        size = (_SIZE[0], min(8, max(2.5, 1.4 + 0.45 * len(names))))
    else:
        across, along, draw, columns, padding, size = "x", "y", "bar", 16, 4, _SIZE
    drawn = "Bars: " + ", ".join(map(" ".join, zip(names, written, strict=True)))
    with new_figure(title, drawn, size) as figure:
        axes = figure.subplots()
        errors = None if intervals is None else (np.transpose(intervals) - values) * [[-1], [1]]
        style = {"color": COLOURS[0], "ecolor": COLOURS[1], "capsize": 5, "error_kw": {"linewidth": 2}}
        bars = getattr(axes, draw)(places, values, **{along + "err": errors}, **style)
        wrapped = [_wrap(name, columns) for name in names]
        if intervals is None:
            axes.bar_label(bars, written, fontsize=_STYLE["font.size"], padding=padding)
        else:  # on the bar a number would hide an end of its interval
            between = ": " if horizontal else "\n"
            wrapped = [f"{name}{between}{value}" for name, value in zip(wrapped, written, strict=True)]
        axes.set(**{across + "ticks": places, across + "ticklabels": wrapped, along + "label": y_label})
        axes.grid(visible=False, axis=across)
        axes.margins(**{along: 0.12})
        axes.yaxis.set_inverted(horizontal)
    return Plot(figure, axes)


def plot_images(images, captions, title, *, columns=5, correct=None):
    """Draw a grid of images, each with its caption below.

    Images are (height, width) or (height, width, 3), uint8 or floats in [0, 1], and may differ in size; without any a
    ValueError is raised. `columns` stand in a row. With `correct`, truth values, right captions are blue after a ✓ and
    wrong ones orange after a ✗. The axes of the `Plot` are a tuple, one per image.
    """
    if not np.iterable(images) or len(images) == 0:
        raise ValueError(f"images: found {images!r}, expected a list of at least one picture.")
    images = [np.asarray(image) for image in images]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    cell = min(2.6, _SIZE[0] / columns)
    font = 12 if columns <= 4 else 11
    colours = [INK] * len(images)
    if correct is not None:
        captions = [("✓ " if right else "✗ ") + text for right, text in zip(correct, captions, strict=True)]
        colours = [COLOURS[0 if right else 1] for right in correct]
    drawn = "Images: " + "; ".join(captions)
    captions = [_wrap(text, max(6, int(cell * 72 / (0.55 * font)))) for text in captions]
    shape = max(image.shape[0] / image.shape[1] for image in images)
    lines = max(text.count("\n") + 1 for text in captions)
    height = 0.7 + rows * (cell * min(shape, 1.5) + lines * font * 1.3 / 72 + 0.15)
    with new_figure(title, drawn, (max(cell * columns, 5), min(height, 8))) as figure:
        for place, (image, caption, colour) in enumerate(zip(images, captions, colours, strict=True), 1):
            axes = figure.add_subplot(rows, columns, place)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_xlabel(caption, fontsize=font, color=colour)
    return Plot(figure, tuple(figure.axes))


def plot_confusion_matrix(true_labels, predicted_labels, class_names, title):
    """Draw how often each true class was given each predicted class; the colour shows the errors only.

    Labels are integers (n,), places in `class_names`.
    """
    classes = len(class_names)
    pairs = np.multiply(true_labels, classes) + predicted_labels
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    errors = np.where(np.eye(classes, dtype=bool), 0, counts)
    side = min(7, max(4, 1.8 + 0.42 * classes))
    drawn = f"Confusion matrix of {classes} classes, {errors.sum():,} errors in {counts.sum():,}"
    with new_figure(title, drawn, (side + 1, side)) as figure:
        axes = figure.subplots()
        axes.imshow(np.ma.masked_equal(errors, 0), cmap="Oranges", vmin=0, vmax=max(1, errors.max()) * 1.4)
        font = 12 if classes <= 12 else max(6, 150 // classes)
        for row, column in zip(*np.nonzero(counts), strict=True):
            style = {} if row == column else {"color": "black", "weight": "bold"}
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=font, **style)
        places = np.arange(classes)
        tilt = {"rotation": 45, "ha": "right"} if max(map(len, class_names)) > 3 else {}
        axes.set_xticks(places, class_names, rotation_mode="anchor", **tilt)
        axes.set_yticks(places, class_names)
        axes.set_xticks(places[:-1] + 0.5, minor=True)
        axes.set_yticks(places[:-1] + 0.5, minor=True)
        axes.grid(False)
        axes.grid(which="minor")
        axes.tick_params(which="both", length=0)
        axes.set(xlabel="predicted class", ylabel="true class")
    return Plot(figure, axes)


def expected_calibration_error(probabilities, labels, bins=10):
    """Return how far confidence and accuracy are apart, on average over the examples: 0 is perfect, 1 the most.

    An example's confidence is its largest probability. Examples are put in bins of equal width by confidence, and the
    gap between mean confidence and accuracy in each bin is weighted by the bin's share of the examples. Guo, Pleiss,
    Sun and Weinberger (2017), On Calibration of Modern Neural Networks, ICML, arXiv:1706.04599.

    `probabilities` are (n, classes), each row sums to 1; `labels` (n,) are the true classes. A ValueError says that
    they are empty, do not match, or are none. A bin holds its upper edge.
    """
    counts, confidence, accuracy = _calibration(probabilities, labels, bins)
    return float(np.nansum(counts * np.abs(accuracy - confidence)) / counts.sum())


def plot_reliability(probabilities, labels, title, bins=10):
    """Draw accuracy against confidence, bin by bin, over the number of examples in each bin.

    Arguments and errors are those of `expected_calibration_error`. The axes of the `Plot` are the diagram and the
    counts.
    """
    counts, confidence, accuracy = _calibration(probabilities, labels, bins)
    filled = counts > 0
    confidence, accuracy = confidence[filled], accuracy[filled]
    with new_figure(title, "Lines of accuracy against confidence: perfect calibration, model", (7.5, 5.5)) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], "--", color=INK, label="perfect calibration")
        top.plot(confidence, accuracy, "o-", color=COLOURS[0], label="model")
        top.vlines(confidence, confidence, accuracy, color=COLOURS[1], linewidth=2, label="gap")
        top.set(ylabel="accuracy", xlim=(0, 1.03), ylim=(-0.03, 1.03))
        top.legend()
        edges = np.linspace(0, 1, bins + 1)
        bars = bottom.bar(edges[:-1], counts, width=1 / bins, align="edge", color=COLOURS[5], edgecolor="white")
        bottom.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize=11)
        bottom.set(xlabel="confidence (largest probability)", ylabel="examples")
        bottom.margins(y=0.3)
    return Plot(figure, (top, bottom))


def plot_attention(weights, source_tokens, target_tokens, title, *, x_label="source token", y_label="target token"):
    """Draw how much each target token (a row) attends to each source token (a column).

    Weights are (targets, sources), in [0, 1].
    """
    weights = np.asarray(weights)
    source, target = ([token.replace("\n", "\\n") for token in tokens] for tokens in (source_tokens, target_tokens))
    height = min(7, max(3.5, 2.2 + 0.32 * len(target)))
    width = min(9, max(5.5, 3 + 0.42 * len(source)))
    drawn = f"Weights of {y_label} by {x_label}; columns: {' '.join(source)}; rows: {' '.join(target)}"
    with new_figure(title, drawn, (width, height)) as figure:
        axes = figure.subplots()
        picture = axes.imshow(weights, cmap="viridis", vmin=0, vmax=weights.max() or 1, aspect="auto")
        font = 12 if max(weights.shape) <= 16 else 9
        axes.set_xticks(range(len(source)), source, rotation=60, ha="right", rotation_mode="anchor", fontsize=font)
        axes.set_yticks(range(len(target)), target, fontsize=font)
        axes.grid(False)
        axes.set(xlabel=x_label, ylabel=y_label)
        figure.colorbar(picture, ax=axes, label="attention weight")
    return Plot(figure, axes)


def _show(figure, alt):
    """Show a figure in the notebook with `alt` as its alternative text.

    A notebook stores it with 256 colours: photographs then take a fifth of the bytes.
    """
    from IPython.display import Image, display
    from matplotlib import pyplot
    from PIL import Image as Picture

    if "inline" in pyplot.get_backend():
        drawn, stored = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, bbox_inches="tight")
        Picture.open(drawn).quantize(256).save(stored, "png")
        one_line = " ".join(alt.split())  # a label may have two lines, a page's text has one
        display(Image(stored.getvalue(), alt=one_line))
    elif pyplot.get_backend().lower() != "agg":
        pyplot.show()


@contextmanager
def new_figure(title, drawn, size=_SIZE):
    """Give a new figure in the course's style; then add and print its title, its finding, and show it.

    `drawn` says in words what else is in the picture, for its alternative text; `size` is in inches of 100 dots.
    """
    from matplotlib import pyplot

    with pyplot.rc_context(_STYLE):
        figure = pyplot.figure(figsize=size, layout="constrained")
        try:
            yield figure
            heading = _wrap(title, int(size[0] * 9))
            figure.suptitle(heading, x=0.02, ha="left", fontsize=15)
            print(f"Figure: {title}")
            _show(figure, f"{title}. {drawn}.")
        finally:
            pyplot.close(figure)


@contextmanager
def _line_figure(lines, title, x_label, y_label, log_x=False, log_y=False, intervals=None):
    """Give a figure and its axes with the lines; then name the lines, and show it."""
    with new_figure(title, f"Lines of {y_label} against {x_label}: {', '.join(lines)}") as figure:
        axes = figure.subplots()
        for number, (name, (x, values)) in enumerate(lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            marker = _MARKERS[number % len(_MARKERS)] if len(x) <= 30 else ""
            style = _LINE_STYLES[number % len(_LINE_STYLES)]
            axes.plot(x, values, linestyle=style, marker=marker, color=colour, label=name)
            if intervals and name in intervals:
                axes.fill_between(x, *np.transpose(intervals[name]), color=colour, alpha=0.2, linewidth=0)
        if log_x:
            axes.set_xscale("log")
            _number_log_axis(axes.xaxis, [x for x, _ in lines.values()])
        if log_y:
            axes.set_yscale("log")
            _number_log_axis(axes.yaxis, [values for _, values in lines.values()])
        axes.set(xlabel=x_label, ylabel=y_label)
        yield figure, axes
        # Five or more names would cover lines.
        many = len(axes.get_legend_handles_labels()[1]) > 4
        axes.legend(**{"loc": "center left", "bbox_to_anchor": (1, 0.5)} if many else {})


def _number_log_axis(axis, numbers):
    """Write plain numbers on a logarithmic axis: at 1, 2, 3, 5, 10 … where it is short, else at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    numbers = np.concatenate(numbers)
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if numbers.max() < 200 * numbers.min() else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _wrap(text, columns):
    return "\n".join(textwrap.fill(line, columns) for line in text.split("\n"))


def _calibration(probabilities, labels, bins):
    """Return counts, mean confidence and accuracy of each bin (NaN where a bin is empty)."""
    check_count("bins", bins)
    probabilities = check_numbers("probabilities", probabilities)
    if probabilities.ndim != 2 or probabilities.size == 0:
        raise ValueError(f"probabilities: found shape {probabilities.shape}, expected (n, classes).")
    labels = check_classes("labels", labels, probabilities.shape[1])
    if len(labels) != len(probabilities):
        raise ValueError(f"labels: found {len(labels)}, expected {len(probabilities)}, one per row of probabilities.")
    if not (probabilities.min() >= 0 and np.abs(probabilities.sum(axis=1) - 1).max() <= 1e-3):  # also false for NaN
        raise ValueError("probabilities: found rows that do not sum to 1 or go below 0. Apply the softmax first.")
    confidence = np.minimum(probabilities.max(axis=1), 1)
    right = probabilities.argmax(axis=1) == labels
    place = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, bins) / counts
        accuracy = np.bincount(place, right, bins) / counts
    return counts, means, accuracy
