"""The stored block sweep is complete, its differences are what its rows say, and its script runs end to end."""

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

from course_utils.tables import read_sweep


@pytest.fixture(scope="module")
def script():
    return import_module("block_sweep")


def test_every_planned_run_is_stored_with_the_rate_that_the_pilot_chose(script):
    rows = read_sweep("block_sweep")
    stored = {(row["part"], row["block"], row["rate"], row["seed"]) for row in rows}
    assert len(stored) == len(rows)
    planned = {part: script.planned(part, rows) for part in ("pilot", "seeds")}
    assert {(part, *run) for part, runs in planned.items() for run in runs} <= stored
    assert sum(row["part"] == "seeds" for row in rows) == len(planned["seeds"])
    assert script.PILOT_SEED not in script.SEEDS
    for row in rows:
        assert row["updates"] == script.UPDATES and 4 < row["test_loss"] < np.log(script.VOCABULARY)


def test_blocks_have_equal_sizes_but_for_biases_and_learned_positions(script):
    sizes = [sum(p.numel() for p in script.Decoder(block, 0).parameters()) for block in script.BLOCKS]
    assert max(abs(b - a) / a for a, b in pairwise(sizes)) < 0.02
    stored = {row["block"]: row["parameters"] for row in read_sweep("block_sweep")}
    assert stored == dict(zip(script.BLOCKS, sizes, strict=True))


@pytest.mark.parametrize("column", ["test_loss", "test_loss_beyond"])
def test_intervals_are_paired_and_students(script, column):
    from scipy.stats import ttest_rel

    rows = read_sweep("block_sweep", part="seeds")
    for step in script.MEASURED:
        one, other = (
            [row[column] for seed in script.SEEDS for row in rows if (row["block"], row["seed"]) == (block, seed)]
            for block in (step, script.before(step))
        )
        interval = ttest_rel(one, other).confidence_interval(0.95)
        mean, low, high = script.paired_difference(rows, step, column)
        assert (low, high) == pytest.approx((interval.low, interval.high))
        assert mean == pytest.approx(np.mean(one) - np.mean(other))


def test_rotary_positions_see_distances_only(script):
    queries, keys = script.torch.randn(2, 1, 1, 6, 32)
    script.torch.testing.assert_close(script.rotate(queries).norm(dim=-1), queries.norm(dim=-1))
    same = script.rotate(queries[:, :, :1].expand(1, 1, 6, 32)) @ script.rotate(keys[:, :, :1].expand(1, 1, 6, 32)).mT
    assert same[0, 0, 3, 1].item() == pytest.approx(same[0, 0, 5, 3].item(), abs=1e-4)


@pytest.mark.parametrize("block", ["GPT-2", "+ grouped queries"])
def test_no_token_sees_what_comes_later(script, block):
    model, ids = script.Decoder(block, 0), script.torch.arange(20).view(2, 10)
    changed = ids.clone()
    changed[:, 6] = 99
    moved = (model(ids) - model(changed)).abs().amax(dim=(0, 2))
    assert (moved[:6] < 1e-5).all() and (moved[6:] > 1e-4).all()


def test_a_tiny_run_learns_and_is_repeated_by_its_seed(script, monkeypatch):
    monkeypatch.setattr(script, "WARMUP", 2)
    text = script.torch.arange(2000) % 7
    first, again = (
        script.train_and_score("pilot", "+ SwiGLU", 3e-3, 0, (text, text[:400], text[400:800]), updates=20)
        for _ in range(2)
    )
    assert first[:6] == again[:6] == ["pilot", "+ SwiGLU", first[2], 3e-3, 0, 20]
    assert first[6:] == pytest.approx(again[6:], abs=1e-3) and first[7] < 4
