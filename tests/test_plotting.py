"""Figures: what is drawn equals what was given, the words are the caller's, and bad input is named."""

import base64
import io
import os

import matplotlib
import numpy as np
import pytest
from PIL import Image

matplotlib.use("Agg")

from course_utils import plotting  # noqa: E402

TITLE = "Wider is better, at $1 and $2"
NAMES = [f"class {i}" for i in range(4)]
GREY = np.linspace(0, 1, 12).reshape(3, 4)
PHOTO = np.arange(36, dtype=np.uint8).reshape(4, 3, 3)


@pytest.fixture(scope="module")
def predictions():
    """Probabilities of 500 examples over 4 classes, and labels drawn so that the confidence is too high."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([0.3] * 4, 500)
    labels = np.array([generator.choice(4, p=(row + 0.25) / 2) for row in probabilities])
    return probabilities, labels


def draw_each(title):
    """Call every plot function once, with small valid input."""
    probabilities = np.eye(4)[[0, 1, 2, 3, 0]] * 0.6 + 0.1
    labels = [0, 1, 2, 3, 1]
    yield plotting.plot_learning_curves({"training": [3.0, 2.0, 1.0]}, title)
    yield plotting.plot_lines({"error": ([1, 10, 100], [3.0, 2.0, 1.0])}, title, "size", "error")
    yield plotting.plot_bars(["a", "b"], [1, 2], title, "score")
    yield plotting.plot_images([GREY, PHOTO], ["grey", "colour"], title)
    yield plotting.plot_confusion_matrix([0, 1, 2], [0, 1, 1], NAMES, title)
    yield plotting.plot_reliability(probabilities, labels, title)
    yield plotting.plot_attention([[0.2, 0.8]], ["a", "b"], ["c"], title)


# --- every figure ---------------------------------------------------------------------------------------------------


def test_every_figure_prints_and_carries_its_title(capsys):
    plots = list(draw_each(TITLE))
    assert len(plots) == sum(name.startswith("plot_") for name in plotting.__all__)
    assert capsys.readouterr().out == f"Figure: {TITLE}\n" * len(plots)
    for plot in plots:
        assert plot.figure.get_suptitle() == TITLE
        width, height = plot.figure.get_size_inches()
        assert width <= 9 and height <= 8 and plot.figure.dpi == 100


def test_every_figure_is_closed_and_leaves_the_settings_alone():
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    list(draw_each(TITLE))
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_every_figure_can_be_saved_and_is_small(tmp_path):
    for number, plot in enumerate(draw_each("≈ 中 été " * 20)):
        path = tmp_path / f"été {number}.png"
        with np.errstate(all="ignore"), pytest.warns(UserWarning, match="Glyph"):  # the default font has no 中
            plot.figure.savefig(path)
        assert 0 < path.stat().st_size < 150_000


def test_long_titles_are_wrapped_also_without_spaces():
    for title in ("a long word " * 20, "longtitle" * 30):
        figure = plotting.plot_bars(["a"], [1], title, "y").figure
        assert figure.get_suptitle().count("\n") >= 1
        assert "".join(figure.get_suptitle().split()) == "".join(title.split())


def test_an_error_leaves_no_figure_open():
    from matplotlib import pyplot

    with pytest.raises((ValueError, KeyError, IndexError)):
        plotting.plot_bars(["a"], [1], "t", "y", value_format="{missing}")
    assert pyplot.get_fignums() == []


def test_a_notebook_shows_each_figure_once_with_alternative_text(monkeypatch):
    nbclient, nbconvert = pytest.importorskip("nbclient"), pytest.importorskip("nbconvert")
    import nbformat

    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(plotting.__file__)))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    bars = r"plotting.plot_bars(['a\na', 'b'], [1, 2], 'B is twice A', 'value')"
    photograph = "plotting.plot_images([np.zeros((9, 9, 3))], ['night'], 'All is black')"
    own = "with plotting.new_figure('Own', 'Dots') as figure:\n    figure.subplots()"
    book = nbformat.v4.new_notebook()
    sources = ["import numpy as np\nfrom matplotlib import pyplot\nfrom course_utils import plotting", bars]
    book.cells = [nbformat.v4.new_code_cell(source) for source in [*sources, f"plot = {bars}", photograph, own]]
    nbclient.NotebookClient(book, timeout=120).execute()
    book, _ = nbconvert.preprocessors.CoalesceStreamsPreprocessor().preprocess(book, {})  # a slow kernel sends two
    expected = [
        ("Figure: B is twice A", "image/png", "B is twice A. Bars: a a 1, b 2."),
        ("Figure: B is twice A", "image/png", "B is twice A. Bars: a a 1, b 2."),
        ("Figure: All is black", "image/png", "All is black. Images: night."),
        ("Figure: Own", "image/png", "Own. Dots."),
    ]
    page, _ = nbconvert.HTMLExporter(template_name="classic").from_notebook_node(book)
    for cell, (title, kind, alt) in zip(book.cells[1:], expected, strict=True):
        assert [output.output_type for output in cell.outputs] == ["stream", "display_data"]
        assert cell.outputs[0].text.strip() == title
        assert kind in cell.outputs[1].data and cell.outputs[1].metadata == {kind: {"alt": alt}}
        assert f'alt="{alt}"' in page
        stored = Image.open(io.BytesIO(base64.b64decode(cell.outputs[1].data[kind])))
        assert stored.convert("RGBA").getpixel((0, 0))[3] == 0  # a dark page shows through


@pytest.mark.parametrize("page", ["#FFFFFF", "#14181E", "#111111"])  # light, the site's dark, JupyterLab's dark
def test_writing_reads_on_light_and_dark_pages(page):
    lighter, darker = sorted((_luminance(page), _luminance(plotting.INK)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) > 4


def _luminance(colour):
    """Relative luminance, as WCAG 2.1 defines it."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


# --- curves and lines -----------------------------------------------------------------------------------------------


def test_learning_curves_draw_the_values():
    curves = {"training": [3, 2, 1], "validation": ([2, 4, 6], np.array([3.0, 2.5, 2.6]))}
    axes = plotting.plot_learning_curves(curves, "t").axes
    training, validation = axes.get_lines()
    np.testing.assert_array_equal(training.get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(validation.get_xydata(), [[2, 3], [4, 2.5], [6, 2.6]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]


def test_curves_differ_without_colour():
    axes = plotting.plot_learning_curves({str(i): [i, i + 1] for i in range(4)}, "t").axes
    assert len({(line.get_linestyle(), line.get_marker()) for line in axes.get_lines()}) == 4


def test_lines_draw_values_and_intervals():
    x, values, ends = [10, 100, 1000], [0.3, 0.2, 0.1], np.array([[0.2, 0.4], [0.1, 0.3], [0.05, 0.2]])
    axes = plotting.plot_lines(
        {"a": (x, values)}, "t", "images", "error (share)", log_x=True, log_y=True, intervals={"a": ends}
    ).axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), np.column_stack([x, values]))
    corners = {tuple(corner) for corner in axes.collections[0].get_paths()[0].vertices}
    assert {(x[i], ends[i, j]) for i in range(3) for j in range(2)} <= corners
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("images", "error (share)")
    assert axes.xaxis.get_major_formatter()(1000) == "1,000"


# --- bars -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "horizontal"), [(["a", "b", "c"], False), (["a name that is long " * 2] * 3, True)])
def test_bars_draw_values_and_intervals(names, horizontal):
    values, ends = np.array([1.5, -2, 3]), np.array([[1, 2], [-3, -1.5], [3, 4]])
    axes = plotting.plot_bars(names, values, "t", "score", intervals=ends).axes
    lengths = [bar.get_width() if horizontal else bar.get_height() for bar in axes.patches]
    np.testing.assert_array_equal(lengths, values)
    segments = axes.collections[0].get_segments()
    np.testing.assert_allclose([segment[:, 0 if horizontal else 1] for segment in segments], ends)
    names_drawn = [text.get_text() for text in (axes.get_yticklabels() if horizontal else axes.get_xticklabels())]
    assert [name.split()[-1] for name in names_drawn] == ["1.5", "-2", "3"] and not axes.texts
    assert (axes.get_xlabel() if horizontal else axes.get_ylabel()) == "score"


def test_half_widths_are_refused_as_ends_of_an_interval():
    with pytest.raises(ValueError, match="must not contain negative values"):
        plotting.plot_bars(["a", "b"], [1, 2], "t", "y", intervals=[[0.1, 0.1], [0.2, 0.2]])


# --- images ---------------------------------------------------------------------------------------------------------


def test_images_are_drawn_unchanged_on_one_scale():
    dark = np.full((2, 2), 0.25, dtype=np.float32)
    plot = plotting.plot_images(
        [GREY, PHOTO, dark], ["one", "two", "three"], "t", columns=2, correct=[True, False, True]
    )
    for axes, image, limit in zip(plot.axes, (GREY, PHOTO, dark), (1, 255, 1), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image)
        assert axes.images[0].get_clim() == (0, limit)
    assert [axes.get_xlabel() for axes in plot.axes] == ["✓ one", "✗ two", "✓ three"]
    colours = [axes.xaxis.label.get_color() for axes in plot.axes]
    assert colours[0] == colours[2] != colours[1]


def test_captions_are_wrapped():
    plot = plotting.plot_images([GREY] * 5, ["a caption of many words"] * 5, "t")
    assert all("\n" in axes.get_xlabel() for axes in plot.axes)


# --- confusion matrix -----------------------------------------------------------------------------------------------


def test_confusion_matrix_agrees_with_scikit_learn():
    from sklearn.metrics import confusion_matrix

    generator = np.random.default_rng(1)
    true, predicted = generator.integers(0, 4, (2, 300))
    predicted[:200] = true[:200]
    axes = plotting.plot_confusion_matrix(true, predicted, NAMES, "t").axes
    drawn = np.zeros((4, 4), dtype=int)
    for text in axes.texts:
        column, row = text.get_position()
        drawn[row, column] = int(text.get_text().replace(",", ""))
    expected = confusion_matrix(true, predicted, labels=range(4))
    np.testing.assert_array_equal(drawn, expected)
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(axes.images[0].get_array(), expected)  # the colour shows the errors only
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES


def test_confusion_matrix_without_errors():
    axes = plotting.plot_confusion_matrix([0, 1], [0, 1], ["a", "b"], "t").axes
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1"]


# --- calibration ----------------------------------------------------------------------------------------------------


def slow_calibration_error(probabilities, labels, bins):
    """Compute the error from its definition, example by example, with bins that hold their upper edge."""
    total = 0.0
    for number in range(bins):
        inside = []
        for row, label in zip(probabilities.tolist(), labels.tolist(), strict=True):
            confidence = max(row)
            if number / bins < confidence <= (number + 1) / bins:
                inside.append((confidence, row.index(confidence) == label))
        if inside:
            gap = sum(right for _, right in inside) / len(inside) - sum(c for c, _ in inside) / len(inside)
            total += len(inside) / len(labels) * abs(gap)
    return total


@pytest.mark.parametrize("bins", [1, 3, 10, 15])
def test_calibration_error_agrees_with_its_definition(predictions, bins):
    found = plotting.expected_calibration_error(*predictions, bins=bins)
    assert found == pytest.approx(slow_calibration_error(*predictions, bins), abs=1e-12)
    assert 0 < found < 1


def test_calibration_error_of_known_cases():
    certain = np.eye(3)[[0, 1, 2, 0]]
    assert plotting.expected_calibration_error(certain, [0, 1, 2, 0]) == 0
    assert plotting.expected_calibration_error(certain, [1, 2, 0, 1]) == 1
    half = np.array([[0.75, 0.25]] * 4)
    assert plotting.expected_calibration_error(half, [0, 0, 0, 1]) == pytest.approx(0)
    assert plotting.expected_calibration_error(half, [0, 0, 1, 1]) == pytest.approx(0.25)
    assert plotting.expected_calibration_error(half.astype(np.float32), [1, 1, 1, 1]) == pytest.approx(0.75)


def test_a_bin_holds_its_upper_edge():
    probabilities = [[0.5, 0.5], [0.9, 0.1]]  # the first is wrong, the second right
    assert plotting.expected_calibration_error(probabilities, [1, 0], bins=2) == pytest.approx((0.5 + 0.1) / 2)
    assert plotting.expected_calibration_error(probabilities, [1, 0], bins=1) == pytest.approx(0.7 - 0.5)


def test_reliability_diagram_agrees_with_scikit_learn(predictions):
    from sklearn.calibration import calibration_curve

    probabilities, labels = predictions
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    top, bottom = plotting.plot_reliability(probabilities, labels, "t").axes
    np.testing.assert_allclose(top.get_lines()[1].get_xydata(), np.column_stack([mean_confidence, accuracy]))
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    np.testing.assert_array_equal([bar.get_height() for bar in bottom.patches], counts)
    assert (top.get_ylabel(), bottom.get_ylabel()) == ("accuracy", "examples")


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "message"),
    [
        ([], [], 10, r"probabilities: found shape \(0,\)"),
        ([0.5, 0.5], [0, 1], 10, r"probabilities: found shape \(2,\), expected \(n, classes\)"),
        ([[0.5, np.nan]], [0], 10, "do not sum to 1"),
        ([[2.0, 3.0]], [0], 10, "do not sum to 1 or go below 0. Apply the softmax"),
        ([[1.5, -0.5]], [0], 10, "do not sum to 1 or go below 0"),
        ([[0.5, 0.5]], [2], 10, "labels: found 2 to 2, expected 0 to 1"),
        ([[0.5, 0.5]], [0, 1], 10, "labels: found 2, expected 1"),
        ([[0.5, 0.5]], [0.0], 10, "labels: found float64"),
        ([[0.5, 0.5]], [[0], [0, 1]], 10, "labels: found rows of different lengths"),
        ([[0.5, 0.5]], [0], 0, "bins: found 0"),
        ([[0.5, 0.5]], [0], True, "bins: found True"),
        ([[0.5, 0.5]], [0], 2.5, "bins: found 2.5"),
    ],
)
def test_calibration_names_bad_input(probabilities, labels, bins, message):
    with pytest.raises(ValueError, match=message):
        plotting.expected_calibration_error(probabilities, labels, bins)
    with pytest.raises(ValueError, match=message):
        plotting.plot_reliability(probabilities, labels, "t", bins)


# --- attention ------------------------------------------------------------------------------------------------------


def test_attention_draws_the_weights():
    weights = np.array([[0.2, 0.3, 0.5], [1, 0, 0]])
    plot = plotting.plot_attention(weights, ["▁Hello", "$x$", "</s>"], ["▁Bon", "\n"], "t")
    np.testing.assert_array_equal(plot.axes.images[0].get_array(), weights)
    assert [label.get_text() for label in plot.axes.get_xticklabels()] == ["▁Hello", "$x$", "</s>"]
    assert [label.get_text() for label in plot.axes.get_yticklabels()] == ["▁Bon", "\\n"]
    assert not any(label.get_parse_math() for label in plot.axes.get_xticklabels())
    assert (plot.axes.get_xlabel(), plot.axes.get_ylabel()) == ("source token", "target token")
    assert plot.figure.axes[1].get_ylabel() == "attention weight"


@pytest.mark.parametrize("count", [4, 5])
def test_five_names_stand_beside_the_lines_and_four_among_them(count):
    lines = {f"line {i}": ([1, 2, 3], [i, i + 1, i]) for i in range(count)}
    plot = plotting.plot_lines(lines, "Title", "x", "y")
    plot.figure.canvas.draw()
    inside = plot.axes.get_window_extent()
    assert (plot.axes.get_legend().get_window_extent().x0 >= inside.x1) == (count > 4)


@pytest.mark.parametrize("images", [5, None, [], np.zeros((0, 28, 28))])
def test_pictures_that_are_none_are_named(images):
    with pytest.raises(ValueError, match="images: found .*, expected a list of at least one picture"):
        plotting.plot_images(images, ["a"], "t")
