"""Tests of chapter 3: its parts run alone, its formula sheet leads somewhere, its functions equal the libraries'."""

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.networks.diffusion import draw_digits
from course_utils.networks.language_model import Config, LanguageModel, Layer, causal_mask, turns
from course_utils.notebooks import NOTEBOOKS, load_definitions, read_notebook
from course_utils.runtime import load_keras, load_torch
from course_utils.use import _exercises, _given

CHAPTER = "03_core_algorithms"
CELLS = read_notebook(NOTEBOOKS / f"{CHAPTER}.ipynb").cells
STARTS = [i for i, cell in enumerate(CELLS) if re.match(r"## 0 ·|# Part \d ·|## Formula sheet", cell.source)]
PARTS = {CELLS[a].source[:8]: CELLS[a:b] for a, b in zip(STARTS, [*STARTS[1:], len(CELLS)], strict=True)}
LESSON = SimpleNamespace(**_given(CHAPTER))
torch = load_torch()
F = torch.nn.functional
few, seeds, sizes = settings(max_examples=15, deadline=None), st.integers(0, 2**31), st.integers(1, 6)


def draw(seed, *shapes):
    return [np.random.default_rng(seed + i).normal(size=shape) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_uses_no_name_of_another(part):
    code = "\n\n".join(cell.source for cell in PARTS[part] if cell.cell_type == "code")
    command = [sys.executable, *"-m ruff check --isolated --select F821 --output-format concise -".split()]
    lint = subprocess.run(command, input=code, capture_output=True, text=True)
    assert "import" in code and lint.returncode == 0, lint.stdout


@pytest.mark.parametrize("part", [part for part in PARTS if part.startswith("# Part")])
def test_the_objectives_say_what_the_learner_writes(part):
    row = re.search(rf"^\| {part[-1]} · .*\| ([^|]*) \|$", CELLS[1].source, re.MULTILINE)[1]
    checks = "\n".join(cell.source for cell in PARTS[part] if "exercise-check" in cell.metadata.get("tags", []))
    assert re.findall(r"`(\w+)`", row) == [name for name in _exercises(CHAPTER) if f'"{name}"' in checks] != []


def test_each_formula_leads_to_its_section():
    (sheet,) = [cell.source for cell in CELLS if cell.source.startswith("## Formula sheet")]
    rows = re.findall(r"^\| (.+?) \| .*\$.+\$.* \| \[(\d\.\d+)\]\(#(\S+)\) \|$", sheet, re.MULTILINE)
    assert len(rows) >= 24 and len(rows) == sheet.count("\n|") - 2 == len({name for name, _, _ in rows})
    text = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
    anchors = {heading.replace(" ", "-") for heading in re.findall(r"^#+ (.+)", text, re.MULTILINE)}
    assert [row for row in rows if row[2] not in anchors or not row[2].startswith(f"{row[1]}-")] == []


@few
@given(seed=seeds, n=sizes, widths=st.lists(st.integers(2, 6), min_size=2, max_size=5), scale=st.sampled_from([1, 40]))
def test_backward_equals_torch(seed, n, widths, scale):
    layers = [draw(seed + i, pair, pair[1]) for i, pair in enumerate(zip(widths[:-1], widths[1:], strict=True))]
    x, labels = scale * draw(seed, (n, widths[0]))[0], np.random.default_rng(seed).integers(0, widths[-1], n)
    leaves = [torch.tensor(array, requires_grad=True) for layer in layers for array in layer]
    z = first = torch.tensor(x, requires_grad=True)
    for i in range(0, len(leaves), 2):
        z = (F.relu(z) if i else z) @ leaves[i] + leaves[i + 1]
    wanted = F.cross_entropy(z, torch.tensor(labels))
    wanted.backward()
    loss, pairs, dx = LESSON.backward(layers, x, labels)
    assert np.isclose(loss, wanted.item(), atol=1e-12)
    for found, leaf in zip([a for pair in pairs for a in pair] + [dx], [*leaves, first], strict=True):
        assert np.allclose(found, leaf.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize(("rate", "beta_1", "beta_2"), [(1 / 8, 7 / 8, 1023 / 1024), (0.001, 0.5, 0.75)])
def test_adam_step_equals_keras_step_for_step(rate, beta_1, beta_2):
    keras = load_keras()
    gradients, (w,), m, v = np.random.default_rng(0).normal(size=(30, 4, 3)), draw(1, (4, 3)), 0.0, 0.0
    variable, adam = keras.Variable(w, dtype="float64"), keras.optimizers.Adam(rate, beta_1, beta_2)
    for t, dw in enumerate(gradients, start=1):
        w, m, v = LESSON.adam_step(w, dw, m, v, t, rate, beta_1, beta_2)
        adam.apply([keras.ops.convert_to_tensor(dw)], [variable])
        assert np.abs(w - variable.numpy()).max() < 1e-4 * rate


@few
@given(seed=seeds, heads=sizes, n=sizes, m=sizes, d=sizes, scale=st.sampled_from([0, 1, 1e4]))
def test_attend_equals_torch(seed, heads, n, m, d, scale):
    queries, keys, values = draw(seed, (heads, n, d), (heads, m, d), (heads, m, d))
    mask = np.random.default_rng(seed).random((n, m)) < 0.5
    mask[np.arange(n), np.random.default_rng(seed).integers(0, m, n)] = True
    inputs = [torch.tensor(array) for array in (scale * queries, keys, values, mask)]
    wanted = F.scaled_dot_product_attention(*inputs[:3], attn_mask=inputs[3]).numpy()
    assert np.allclose(LESSON.attend(scale * queries, keys, values, mask), wanted, atol=1e-4)


@few
@given(seed=seeds, half=sizes, start=st.integers(0, 5000), shift=st.integers(0, 5000))
def test_rotate_turns_points_of_the_plane_so_that_only_the_distance_counts(seed, half, start, shift):
    queries, keys = draw(seed, (2, 3, 2 * half), (2, 3, 2 * half))
    positions = start + np.arange(3)
    turned = np.exp(1j * positions[:, None] * 500.0 ** (-np.arange(half) / half))
    wanted = (queries[..., :half] + 1j * queries[..., half:]) * turned
    found = LESSON.rotate(queries, positions, 500.0)
    assert np.allclose(found, np.concatenate([wanted.real, wanted.imag], axis=-1))
    there = LESSON.rotate(queries, positions + shift, 500.0) @ LESSON.rotate(keys, positions + shift, 500.0).mT
    assert np.allclose(there, found @ LESSON.rotate(keys, positions, 500.0).mT)


@few
@given(seed=seeds, groups=st.integers(1, 3), shared=st.integers(1, 3), n=sizes, start=st.integers(0, 500))
def test_block_equals_the_courses_model(seed, groups, shared, n, start):
    wide, narrow, d = 64 * groups * shared, 64 * groups, 5
    shapes = [(d,), (d, wide), (d, narrow), (d, narrow), (wide, d), (d,), (d, 7), (d, 7), (7, d)]
    layer, (x,) = Layer(*draw(seed, *shapes)), draw(seed + 99, (n, d))
    config = Config(9, d, 1, groups * shared, groups, 64, 7, 999, 100_000.0, 1e-5)
    model, positions = LanguageModel(config, None, [layer], None, None, None, "", "", ""), start + np.arange(n)
    wanted = model.block(x, layer, turns(positions[None], 64, 100_000.0), causal_mask(n, n)[None])
    assert np.allclose(LESSON.block(x, layer, positions, causal_mask(n, n)), wanted, rtol=1e-4, atol=1e-4)


@few
@given(seed=seeds, count=st.integers(1, 40), temperature=st.floats(0.1, 5), top_p=st.floats(0.01, 1))
def test_chances_keep_the_fewest_tokens_and_sum_to_1(seed, count, temperature, top_p):
    (logits,) = draw(seed, count)
    p = torch.softmax(torch.tensor(logits) / temperature, 0).numpy()
    found = LESSON.chances(logits, temperature, top_p)
    kept = found > 0
    assume(abs(p[kept].sum() - top_p) > 1e-9)
    assert np.isclose(found.sum(), 1) and np.allclose(found[kept], p[kept] / p[kept].sum())
    assert p[kept].sum() > top_p - 1e-9 > p[kept].sum() - p[kept].min() - 1e-9
    assert kept.all() or p[kept].min() > p[~kept].max()
    assert (LESSON.chances(logits, 0, top_p) == np.eye(count)[logits.argmax()]).all()


@few
@given(seed=seeds, pieces=st.lists(sizes, min_size=1, max_size=5))
def test_extend_cache_reads_a_text_in_pieces_as_in_one_pass(seed, pieces):
    n = sum(pieces)
    queries, keys, values = draw(seed, (2, n, 4), (2, n, 4), (2, n, 4))
    cache, read = {}, []
    for start, stop in zip(np.cumsum([0, *pieces[:-1]]), np.cumsum(pieces), strict=True):
        seen = LESSON.extend_cache(cache, keys[:, start:stop], values[:, start:stop])
        read.append(LESSON.attend(queries[:, start:stop], *seen))
    wanted = LESSON.attend(queries, keys, values, np.tri(n, dtype=bool))
    assert np.allclose(np.concatenate(read, axis=1), wanted) and np.array_equal(cache["keys"], keys)


@few
@given(seed=seeds, steps=sizes)
def test_step_back_draws_what_was_scored(seed, steps):
    network = SimpleNamespace(predict_on_batch=lambda inputs: np.sin(3 * inputs[0]))
    images = np.random.default_rng(seed).standard_normal((2, 28, 28, 1), dtype=np.float32)
    angles = np.linspace(np.pi / 2, 0, steps + 1, dtype=np.float32)
    for now, later in zip(angles[:-1], angles[1:], strict=True):
        images = LESSON.step_back(images, network.predict_on_batch([images]), now, later)
    assert np.allclose((images[..., 0] + 1) / 2, draw_digits(network, [1, 2], steps, seed), atol=1e-5)


def test_the_losses_of_a_texts_tokens_equal_torch():
    ids, logits = [2, 0, 5, 5], 300 * draw(4, (4, 6))[0]
    model = SimpleNamespace(encode=lambda text: ids, logits=lambda ids: logits)
    losses = load_definitions(CHAPTER, ["token_losses"], {"model": model}).token_losses("")
    assert np.allclose(losses, F.cross_entropy(torch.tensor(logits[:-1]), torch.tensor(ids[1:]), reduction="none"))
