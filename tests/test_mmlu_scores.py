"""The table of MMLU scores: sourced, possible, and of the same models as the table of landmark models."""

import re

import numpy as np
import pytest

from course_utils.tables import load_landmark_models, load_mmlu_scores

SCORES = load_mmlu_scores()


def test_each_score_is_possible_and_has_a_source_that_cannot_change():
    assert len(SCORES) == 12 and SCORES.index.is_unique
    assert SCORES.mmlu.between(25, 100).all()  # a guess among four choices is right in 25 % of all cases
    assert all(re.fullmatch(r"https://github\.com/\S+/blob/[0-9a-f]{40}/\S+\.md", url) for url in SCORES.source_url)
    assert all(text.strip() for text in SCORES.source)


@pytest.mark.parametrize(
    "name, score",
    [("GPT-3 175B", 43.9), ("LLaMA-65B", 63.4), ("Llama 2 70B", 68.9), ("Llama 3.1 405B", 85.2), ("DeepSeek-V3", 87.1)],
)
def test_scores_that_everybody_can_look_up(name, score):
    assert SCORES.mmlu[name] == score


def test_models_that_are_landmarks_have_the_landmarks_sizes():
    models = load_landmark_models()
    both = [name for name in SCORES.index if name in models.names]
    assert len(both) == 5
    for name in both:
        (row,) = np.flatnonzero(models.names == name)
        assert SCORES.active_parameters[name] == models.active_parameters[row], name
        assert SCORES.training_tokens[name] == models.training_data[row], name


def test_hours_and_operations_fit_what_a_gpu_can_do():
    done = 6 * SCORES.active_parameters * SCORES.training_tokens / SCORES.gpu_hours / 3600  # FLOP a second
    assert done.notna().sum() == 7
    assert (done[done.notna()] > 50e12).all() and (done[done.notna()] < 500e12).all()
