"""Tests of chapter 3: its sittings run alone, its formula sheet is true, and its NumPy code equals the libraries."""

import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.notebooks import NOTEBOOKS, load_definitions, read_notebook
from course_utils.runtime import load_keras, load_torch, load_transformers

CHAPTER = "03_core_algorithms"


@pytest.fixture(scope="module")
def cells():
    return read_notebook(NOTEBOOKS / f"{CHAPTER}.ipynb").cells


def sitting(cells, number):
    """Return the cells from the heading of one sitting to the heading of the next."""
    starts = [place for place, cell in enumerate(cells) if re.match(r"# Sitting \d", cell.source)] + [len(cells)]
    return cells[starts[number - 1] : starts[number]]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_sitting_uses_no_name_of_another(cells, number):
    code = "\n\n".join(cell.source for cell in sitting(cells, number) if cell.cell_type == "code")
    assert "def " in code
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F821",
        "--output-format",
        "concise",
        "-",
    ]
    lint = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout


def formula_rows(cells):
    """Return the rows of the formula sheet: name, formula, symbols and shapes, function, section."""
    sheets = [cell.source for cell in cells if cell.source.startswith("## Formula sheet")]
    lines = [line for sheet in sheets for line in sheet.split("\n") if line.startswith("|")]
    rows = [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]
    return [row for row in rows if row[0] != "name" and not set(row[0]) <= set("-|: ")]


def test_each_formula_names_its_symbols_and_the_code_beside_it(cells):
    rows = formula_rows(cells)
    assert len(rows) >= 40
    lines = [line for cell in cells for line in cell.source.split("\n")]
    headings = {line.lstrip("# ").replace(" ", "-") for line in lines if line.startswith("#")}
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[3])}
    assert len(vars(load_definitions(CHAPTER, sorted(named)))) >= 40
    for row in rows:
        assert len(row) == 5, row
        name, formula, symbols, function, section = row
        assert name and symbols and "$" in formula, row
        assert function, row
        links = re.findall(r"\[(\d\.\d+)\]\(#([^ ]+)\)(?:, |$)", section)
        assert links and all(anchor in headings and anchor.startswith(number) for number, anchor in links), row


@pytest.fixture(scope="module")
def lesson():
    """Return functions and classes of the chapter, as a learner reads them."""
    names = """softmax cross_entropy forward backward numerical_gradient relative_error SGD Adam he_normal
        glorot_uniform conv2d depthwise_conv2d max_pool receptive_field softmax_last mask_bias keys_and_values
        multi_head_attention relative_bucket rms_norm token_losses beam_search
        gaussian_kl bernoulli_log_likelihood reparameterise bound_terms recognised until_end""".split()
    return load_definitions(CHAPTER, names)


def random_arrays(seed, *shapes, dtype=np.float64):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape).astype(dtype) for shape in shapes]


sizes = st.integers(1, 6)
seeds = st.integers(0, 2**31)
few = settings(max_examples=15, deadline=None)


@few
@given(seed=seeds, rows=sizes, widths=st.lists(st.integers(2, 6), min_size=2, max_size=5))
def test_backward_equals_central_differences(lesson, seed, rows, widths):
    generator = np.random.default_rng(seed)
    layers = [(generator.normal(size=s), generator.normal(size=s[1])) for s in pairwise(widths)]
    inputs, labels = generator.normal(size=(rows, widths[0])), generator.integers(0, widths[-1], rows)
    outputs = lesson.forward(layers, inputs)
    assume(
        min((np.abs(inside).min() for inside in sums_before_relu(layers, inputs)), default=1) > 1e-3
    )  # no corner near
    for number, (weights, bias) in enumerate(layers):

        def loss_at(w, b, number=number):
            changed = [*layers[:number], (w, b), *layers[number + 1 :]]
            return lesson.cross_entropy(lesson.forward(changed, inputs)[-1], labels)

        d_weights, d_bias = lesson.backward(layers, outputs, labels)[number]
        numerical = (central(lambda w: loss_at(w, bias), weights), central(lambda b: loss_at(weights, b), bias))
        for own, expected in zip((d_weights, d_bias), numerical, strict=True):
            assert np.abs(own - expected).max() < 1e-6 * max(1, np.abs(expected).max())


def sums_before_relu(layers, inputs):
    """Yield what enters each relu, computed without the lesson's code."""
    for weights, bias in layers[:-1]:
        sums = inputs @ weights + bias
        yield sums
        inputs = np.where(sums > 0, sums, 0)


def central(function, point, step=1e-5):
    """Return central differences, computed without the lesson's code."""
    gradient = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


def test_central_differences_equal_a_derivative_in_closed_form(lesson):
    [point] = random_arrays(0, (3, 2))
    assert np.abs(lesson.numerical_gradient(lambda x: np.sin(x).sum(), point) - np.cos(point)).max() < 1e-9
    assert lesson.relative_error(np.ones(3), np.ones(3)) == 0 and lesson.relative_error(np.ones(3), -np.ones(3)) == 1


@few
@given(seed=seeds, rows=sizes, classes=st.integers(2, 8), scale=st.sampled_from([1, 30, 1000]))
def test_softmax_and_cross_entropy_equal_scipy(lesson, seed, rows, classes, scale):
    [logits] = random_arrays(seed, (rows, classes))
    logits *= scale
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    expected = scipy.special.log_softmax(logits, axis=1)
    assert np.allclose(lesson.softmax(logits), np.exp(expected), atol=1e-12)
    assert np.allclose(lesson.softmax_last(logits), np.exp(expected), atol=1e-12)
    assert np.isclose(lesson.cross_entropy(logits, labels), -expected[np.arange(rows), labels].mean())
    assert np.allclose(lesson.token_losses(logits[None], labels[None])[0], -expected[np.arange(rows), labels])


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"momentum": 0.875}])
def test_sgd_equals_keras_step_for_step(lesson, options):
    compare_optimizers(lesson.SGD, "SGD", options)


@pytest.mark.parametrize("options", [{}, {"beta_1": 0.5, "beta_2": 0.75}])
def test_adam_equals_keras_step_for_step(lesson, options):
    compare_optimizers(lesson.Adam, "Adam", options)


def compare_optimizers(own_class, name, options):
    keras = load_keras()
    start = random_arrays(1, (4, 3), (3,), dtype=np.float32)
    mine, theirs = [array.copy() for array in start], [keras.Variable(array) for array in start]
    own, library = own_class(mine, 1 / 8, **options), getattr(keras.optimizers, name)(1 / 8, **options)
    for seed in range(30):
        gradients = random_arrays(seed, (4, 3), (3,), dtype=np.float32)
        own.step(gradients)
        library.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], theirs)
        for array, variable in zip(mine, theirs, strict=True):
            assert np.abs(array - keras.ops.convert_to_numpy(variable)).max() < 2e-5
    assert all(array.dtype == np.float32 for array in mine)


def test_first_weights_have_the_variance_that_they_promise(lesson):
    generator = np.random.default_rng(0)
    assert lesson.he_normal(generator, 400, 300).var() == pytest.approx(2 / 400, rel=0.03)
    uniform = lesson.glorot_uniform(generator, 400, 300)
    assert uniform.var() == pytest.approx(2 / 700, rel=0.03) and np.abs(uniform).max() <= (6 / 700) ** 0.5


@few
@given(
    seed=seeds,
    shape=st.tuples(st.integers(1, 2), st.integers(5, 9), st.integers(5, 9), st.integers(1, 3)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
def test_convolutions_equal_keras(lesson, seed, shape, kernel, stride, padding):
    ops = load_keras().ops
    channels = shape[-1]
    images, table, deep = random_arrays(
        seed, shape, (kernel, kernel, channels, 2), (kernel, kernel, channels), dtype=np.float32
    )
    expected = ops.convert_to_numpy(ops.conv(images, table, stride, padding))
    found = lesson.conv2d(images, table, stride=stride, padding=padding)
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-4
    expected = ops.convert_to_numpy(ops.depthwise_conv(images, deep[..., None], stride, padding))
    assert np.abs(lesson.depthwise_conv2d(images, deep, stride, padding) - expected).max() < 1e-4
    pooled = ops.convert_to_numpy(ops.max_pool(images, 2))
    assert np.array_equal(lesson.max_pool(images, 2), pooled)


@few
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
def test_receptive_field_is_what_a_changed_pixel_reaches(lesson, layers):
    signal = np.eye(90)
    for kernel, stride in layers:
        starts = range(0, signal.shape[1] - kernel + 1, stride)
        signal = np.stack([signal[:, s : s + kernel].sum(axis=1) for s in starts], axis=1)
    reached = np.flatnonzero(signal[:, 0])
    assert reached[-1] - reached[0] + 1 == lesson.receptive_field(layers)


@few
@given(seed=seeds, heads=st.integers(1, 3), width=st.integers(1, 4), t=st.integers(1, 5))
def test_multi_head_attention_equals_keras(lesson, seed, heads, width, t):
    keras = load_keras()
    inner, d_model = heads * width, 5
    x, *arrays = random_arrays(seed, (2, t, d_model), *[(inner, d_model)] * 3, (d_model, inner), dtype=np.float32)
    weights = {f"a.{part}.weight": array for part, array in zip("qkvo", arrays, strict=True)}
    layer = keras.layers.MultiHeadAttention(heads, width, use_bias=False)
    layer.build(x.shape, x.shape)
    kernels = [weights[f"a.{part}.weight"].T.reshape(d_model, heads, width) for part in "qkv"]
    layer.set_weights([*kernels, weights["a.o.weight"].T.reshape(heads, width, d_model)])
    hidden = lesson.mask_bias(np.tri(t, dtype=bool))
    memory = lesson.keys_and_values(x, weights, "a", heads)
    found, _ = lesson.multi_head_attention(x, memory, weights, "a", heads, hidden, scale=width**-0.5)
    assert np.abs(found - keras.ops.convert_to_numpy(layer(x, x, use_causal_mask=True))).max() < 1e-4


@few
@given(seed=seeds, rows=sizes, width=st.integers(1, 9))
def test_rms_norm_equals_keras(lesson, seed, rows, width):
    keras = load_keras()
    x, scale = random_arrays(seed, (rows, width), (width,), dtype=np.float32)
    expected = keras.ops.rms_normalization(x, scale=scale, epsilon=1e-6)
    assert np.abs(lesson.rms_norm(x, scale) - keras.ops.convert_to_numpy(expected)).max() < 1e-4


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "longest"), [(32, 128), (8, 20), (16, 64)])
def test_position_buckets_equal_transformers(lesson, bidirectional, buckets, longest):
    torch, _ = load_torch(), load_transformers()
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = np.arange(-300, 301)
    expected = T5Attention._relative_position_bucket(torch.tensor(distance), bidirectional, buckets, longest).numpy()
    assert np.array_equal(lesson.relative_bucket(distance, bidirectional, buckets, longest), expected)


def test_a_wide_beam_finds_what_trying_everything_finds(lesson):
    generator = np.random.default_rng(0)
    tree = {}

    def following(tokens):
        if tokens not in tree:
            tree[tokens] = (
                dict(zip("abe", generator.dirichlet(np.ones(3)), strict=True)) if len(tokens) < 3 else {"e": 1.0}
            )
        return tree[tokens]

    def everything(tokens=(), score=0.0):
        for token, probability in following(tokens).items():
            longer = (score + np.log(probability), (*tokens, token))
            yield from [(longer[0] / len(longer[1]), longer[1])] if token == "e" else everything(longer[1], longer[0])

    best = max(everything())
    found = lesson.beam_search(following, 100, "e", 10)[0]
    assert found[1] == best[1] and np.isclose(found[0], best[0])
    assert found[0] >= lesson.beam_search(following, 1, "e", 10)[0][0] - 1e-12


@few
@given(seed=seeds, rows=sizes, width=sizes)
def test_divergence_and_likelihood_equal_tensorflow_and_scipy(lesson, seed, rows, width):
    load_keras()
    import tensorflow as tf

    mean, log_variance, logits = random_arrays(seed, *[(rows, width)] * 3)
    draws = np.random.default_rng(seed).normal(size=(20000, rows, width))
    z, deviation = mean + np.exp(log_variance / 2) * draws, np.exp(log_variance / 2)
    sampled = scipy.stats.norm.logpdf(z, mean, deviation) - scipy.stats.norm.logpdf(z)
    found = lesson.gaussian_kl(mean, log_variance).numpy()
    error = 6 * sampled.sum(axis=2).std(axis=0) / 20000**0.5 + 1e-9
    assert found.min() >= 0 and (np.abs(found - sampled.sum(axis=2).mean(axis=0)) < error).all()
    images = np.random.default_rng(seed).random((rows, width))
    expected = -tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits).numpy().sum(axis=1)
    assert np.abs(lesson.bernoulli_log_likelihood(images, logits).numpy() - expected).max() < 1e-9
    assert np.allclose(lesson.reparameterise(mean, log_variance, draws[0]), z[0])


def test_the_bound_lies_below_the_probability_of_an_image(lesson):
    """With a linear decoder and two pixels, ln p(x) is an integral that SciPy can take."""
    [matrix] = random_arrays(0, (1, 2))
    images = np.array([[0.0, 1.0], [1.0, 1.0]])

    def density(z, image):
        logits = z * matrix[0]
        return np.exp((image * logits - np.logaddexp(0, logits)).sum()) * scipy.stats.norm.pdf(z)

    exact = [np.log(scipy.integrate.quad(density, -9, 9, (image,))[0]) for image in images]
    ops = load_keras().ops
    noise = np.random.default_rng(0).normal(size=(4000, 1))
    for guess in (0.0, 0.7):  # an encoder that says N(guess, 1) for each image
        for image, value in zip(images, exact, strict=True):
            many = np.repeat(image[None], 4000, axis=0)
            reconstruction, divergence = lesson.bound_terms(
                lambda x, guess=guess: ops.concatenate(
                    [ops.full((len(x), 1), guess, "float64"), ops.zeros((len(x), 1), "float64")], 1
                ),
                lambda z: ops.matmul(z, ops.convert_to_tensor(matrix)),
                many,
                noise,
            )
            assert float(np.mean(reconstruction - divergence)) < value + 0.01


def test_evenness_is_scipys_entropy_and_ends_are_found(lesson):
    probabilities = np.random.default_rng(0).dirichlet(np.full(6, 0.1), 400)
    sure = probabilities.max(axis=1) >= 0.9
    counts = np.bincount(probabilities.argmax(axis=1)[sure], minlength=6)
    share, evenness = lesson.recognised(probabilities)
    assert share == sure.mean() and np.isclose(evenness, scipy.stats.entropy(counts) / np.log(6))
    assert lesson.recognised(np.full((3, 4), 0.25)) == (0, 0)
    tokens = np.array([[0, 5, 1, 7, 1], [0, 5, 6, 7, 8], [1, 1, 1, 1, 1]])
    assert lesson.until_end(tokens).tolist() == [[0, 5, 1, 0, 0], [0, 5, 6, 7, 8], [1, 0, 0, 0, 0]]
