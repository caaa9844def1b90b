"""The adapter's training goes on where it was stopped, and its stored scores hold what the card says."""

import argparse
from importlib import import_module

import numpy as np
import pytest

from course_utils.networks.adapter import add_adapter
from course_utils.networks.language_model import Config, LanguageModel, Layer
from course_utils.networks.language_model_files import to_transformers
from course_utils.runtime import load_torch
from course_utils.tables import read_comments, read_sweep

SIZES = dict(vocabulary=64, d_model=16, layers=2, heads=2, key_value_heads=1, d_head=8, d_hidden=24, context=64)


def small_model():
    """Return a model of two layers with random weights: it only has to learn by heart."""
    random = np.random.default_rng(0)

    def draw(*shape):
        return random.normal(0, 0.2, shape).astype(np.float32)

    def layer():
        ones = np.ones(16, np.float32)
        queries = draw(16, 16), draw(16, 8), draw(16, 8), draw(16, 16)
        return Layer(ones, *queries, ones, draw(16, 24), draw(16, 24), draw(24, 16))

    embedding = draw(64, 16)
    config = Config(**SIZES, theta=10_000.0, epsilon=1e-5)
    layers = [layer(), layer()]
    return LanguageModel(config, embedding, layers, np.ones(16, np.float32), embedding.T, None, "small", "", "")


def examples():
    random = np.random.default_rng(1)
    return [(random.integers(1, 64, 12).tolist(), 6) for _ in range(30)]


def tune(script, folder, epochs=3):
    options = argparse.Namespace(rate=0.02, epochs=epochs, rank=4, work=folder, output=folder, dtype="float32")
    reference = to_transformers(small_model())
    added = script.add_layers(reference, options.rank, 2.0)
    return added, options, *script.train(reference, added, examples(), options), reference


def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_happened(monkeypatch, tmp_path):
    script = import_module("tune_language_model")
    whole = tune(script, tmp_path / "whole")
    assert np.mean(whole[2][-3:]) < np.mean(whole[2][:3])
    calls, loss_of = [], script.loss_of

    def stops(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss_of(*arguments)

    monkeypatch.setattr(script, "loss_of", stops)
    monkeypatch.setattr(script, "SAVE_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        tune(script, tmp_path / "cut")
    again = tune(script, tmp_path / "cut")
    assert np.allclose(again[2], whole[2], atol=1e-6) and len(calls) == 5 + len(whole[2]) - 4
    for place, low in whole[0].items():
        assert np.allclose(low.b.detach(), again[0][place].b.detach(), atol=1e-6)


def test_what_is_stored_computes_like_what_was_trained(monkeypatch, tmp_path):
    script = import_module("tune_language_model")
    monkeypatch.setattr(script, "start_sweep", lambda *_: None)
    monkeypatch.setattr(script, "append_rows", lambda *_: None)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    added, options, losses, seconds, reference = tune(script, tmp_path)
    script.export(added, options, losses, seconds, examples())
    content = (tmp_path / "adapter_model.safetensors").read_bytes()
    adapted, ids = add_adapter(small_model(), tmp_path, content, "tuned"), [examples()[0][0]]
    with load_torch().inference_mode():
        expected = reference(input_ids=load_torch().tensor(ids)).logits.numpy()
    assert np.abs(adapted.logits(np.array(ids)) - expected).max() < 0.02 * np.abs(expected).max()  # float16
    assert np.abs(small_model().logits(np.array(ids)) - expected).max() > 0.1


def test_only_the_tokens_of_the_answer_count():
    ids, labels = import_module("tune_language_model").make_batch([([5, 6, 7, 8], 2), ([9, 9, 3], 1)])
    assert ids.tolist() == [[5, 6, 7, 8], [9, 9, 3, 0]]
    assert labels.tolist() == [[-100, -100, 7, 8], [-100, 9, 3, -100]]


def test_each_epoch_sees_each_pair_once():
    script = import_module("tune_language_model")
    batches = script.batches_of(examples(), 2)
    assert sorted(np.concatenate(batches).tolist()) == sorted(2 * list(range(30)))


def test_the_difference_is_paired_and_resamples_groups():
    difference = import_module("score_adapter").difference
    plain, tuned = np.array([0, 0, 1, 1]), np.array([1, 1, 1, 1])
    mean, low, high = difference(plain, tuned, ["a", "a", "b", "b"])
    assert (mean, low, high) == (0.5, 0.0, 1.0)
    assert difference(plain, plain, [1, 2, 3, 4]) == (0.0, 0.0, 0.0)


def test_the_stored_scores_speak_of_enough_prompts_and_of_each_kind_apart():
    rows = {row["part"]: row for row in read_sweep("adapter_scores")}
    assert sum(rows[f"{part}: all"]["count"] for part in ("seen forms", "new forms", "python")) >= 200
    assert {"new forms: answer", "new forms: abstain", "new forms: calculator"} <= rows.keys()
    assert all(row["low"] <= row["difference"] <= row["high"] for row in rows.values())
    assert "hardware" in "".join(read_comments("adapter_scores"))
    answers = read_sweep("adapter_answers", part="new forms", model="adapter")
    assert np.mean([row["right"] for row in answers]) == pytest.approx(rows["new forms: all"]["adapter"], abs=1e-4)
