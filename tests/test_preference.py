"""Preference tuning: its loss, its batches, the pairs it learns from, and what its stored scores hold."""

import json
import math

import numpy as np
import prefer_language_model as script
import pytest
import score_preference as scoring
from test_adapter_training import small_model

from course_utils.answer_scores import score_answer
from course_utils.networks.language_model_files import to_transformers
from course_utils.networks.pretrained import ADAPTERS
from course_utils.questions import load_instructions
from course_utils.runtime import load_torch
from course_utils.tables import read_comments, read_sweep
from course_utils.weights import WEIGHTS

torch = load_torch()


def test_the_loss_is_that_of_the_paper_on_toy_numbers():
    log_p, before = torch.tensor([[-3.0, -9.0], [-5.0, -5.0]]), torch.tensor([[-5.0, -5.0], [-5.0, -5.0]])
    expected = [-math.log(1 / (1 + math.exp(-0.1 * (2 - -4)))), math.log(2)]
    assert script.preference_loss(log_p, before).tolist() == pytest.approx(expected)
    assert script.preference_loss(log_p, before, beta=1.0)[0] == pytest.approx(math.log1p(math.exp(-6)), rel=1e-4)


def test_two_answers_behind_one_prompt_are_as_likely_as_each_alone():
    model = small_model()
    reference, head = to_transformers(model), torch.from_numpy(model.head.copy())
    reference.config._attn_implementation = "eager"
    pairs = [([5, 6, 7], [8, 9], [10, 11, 12]), ([3, 4], [1, 2, 3, 4, 5], [9])]
    with torch.inference_mode():
        found = script.log_probabilities(reference, head, pairs).numpy()
    for row, (prompt, *answers) in zip(found, pairs, strict=True):
        for log_p, answer in zip(row, answers, strict=True):
            logits = model.logits(np.array(prompt + answer))[len(prompt) - 1 : -1].astype(float)
            logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            assert log_p == pytest.approx(logs[np.arange(len(answer)), answer].sum(), abs=1e-3)


def test_pairs_come_from_training_prompts_and_are_judged_rightly():
    pairs = script.load_pairs()
    prompts = {prompt.id: prompt for prompt in load_instructions("train")}
    assert len({pair["id"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        prompt = prompts[pair["id"]]
        assert score_answer(prompt, pair["chosen"]) and not score_answer(prompt, pair["rejected"])
        assert (pair["chosen"] == prompt.answer) or pair["chosen_by"] == "model"
        assert (pair["measure"] == "honest") == (prompt.kind == "abstain")
    counts = [sum(pair["measure"] in ("both", name) for pair in pairs) for name in script.FOLDERS]
    assert counts[0] == counts[1] >= 200


def test_no_pair_holds_a_held_out_text():
    texts = {prompt.text_id for part in ("seen forms", "new forms", "python") for prompt in load_instructions(part)}
    ids = {pair["id"] for pair in script.load_pairs()}
    assert not texts & {prompt.text_id for prompt in load_instructions("train") if prompt.id in ids}


def test_stored_shares_are_those_of_the_stored_answers_judged_anew():
    prompts = {prompt.id: prompt for part in scoring.PARTS for prompt in load_instructions(part)}
    answers = scoring.read_answers()
    for row in answers:
        if row["part"] != scoring.QUESTIONS and row["model"] in script.FOLDERS:
            forms = row["answer"], row["answer"].replace(" / ", "\n")  # stored in one line; a sum may divide
            assert row["right"] in [score_answer(prompts[row["id"]], form) for form in forms], row
    rows = [row for row in read_sweep("preference_scores") if row["measure"] != "loss"]
    assert {row["model"] for row in rows} == {"plain", "adapter", *script.FOLDERS}
    for row in rows:
        found = [
            answer[row["measure"]]
            for answer in answers
            if (answer["part"], answer["model"]) == (row["part"], row["model"])
            and row["kind"] in ("all", answer["kind"])
        ]
        assert len(found) == row["count"] and np.mean(found) == pytest.approx(row["value"], abs=1e-4)
        assert row["against"] == "" or row["low"] <= row["difference"] <= row["high"]
    assert "hardware" in "".join(read_comments("preference_scores"))


def test_the_card_says_how_the_adapter_was_made():
    measure, folder = "honest", script.ROOT / "models" / script.FOLDERS["honest"]
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["measure"] == measure and record["beta"] == script.BETA and record["pairs"] >= 200
    assert f"--measure {measure}`" in (folder / "README.md").read_text(encoding="utf-8")
    updates = read_sweep("smollm2_preferred_training", measure=measure, seed=record["seed"])
    assert len(updates) == record["updates"]
    assert record["loss_of_the_last_10_updates"] == pytest.approx(
        np.mean([row["loss"] for row in updates[-10:]]), abs=1e-3
    )


def test_the_adapters_of_lessons_are_in_the_table_of_weights():
    """So `load_language_model` opens none before its checksum holds."""
    assert set(ADAPTERS.values()) <= WEIGHTS.keys() and ADAPTERS["preferred"] == script.FOLDERS["honest"]
