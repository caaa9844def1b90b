"""The chat model's stored translations: all are there; what is scored neither chose the wording nor is an example."""

from importlib import import_module

import numpy as np
import pytest
from sacrebleu import sentence_chrf

from course_utils.data import load_phrases
from course_utils.tables import read_comments, read_sweep

FRENCH = dict(zip(load_phrases().english, load_phrases().french, strict=True))


@pytest.fixture(scope="module")
def script():
    return import_module("chat_translation")


def stored(**wanted):
    return {row["english"]: row for row in read_sweep("chat_translation", **wanted)}


def test_the_head_says_how_the_text_was_made(script):
    head = "\n".join(read_comments("chat_translation"))
    assert "# command: python experiments/chat_translation.py" in head and "# hardware: " in head
    assert all(repr(wording) in head for wording in script.WORDINGS.values())


def test_each_way_has_the_same_sentences_and_one_wording(script):
    (wording,) = {row["wording"] for row in read_sweep("chat_translation", part="score")}
    for way in ("none", "five", "exchanged"):
        assert [*stored(part="score", examples=way)] == [english for english, _ in script.SCORED]
    for way in ("none", "five"):
        assert [*stored(part="unlike", examples=way, wording=wording)] == [*script.UNLIKE]
    count = len(script.WORDINGS) * 2 * len(script.OTHERS) + 3 * len(script.SCORED) + 2 * len(script.UNLIKE)
    assert len(script.SCORED) == 48 and len(read_sweep("chat_translation")) == count


def test_the_wording_is_the_best_on_sentences_that_are_not_scored(script):
    def quality(wording):
        rows = read_sweep("chat_translation", part="choose", wording=wording)
        return np.mean([sentence_chrf(row["answer"], [FRENCH[row["english"]]]).score for row in rows])

    (wording,) = {row["wording"] for row in read_sweep("chat_translation", part="score")}
    assert wording == max(script.WORDINGS, key=quality)
    groups = [{english for english, _ in pairs} for pairs in (script.SCORED, script.OTHERS, script.EXAMPLES)]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 48 + 16 + 5


def test_the_examples_come_first_right_or_exchanged(script):
    english, _ = script.SCORED[0]
    right, exchanged = (script.conversation("short", way, english) for way in ("five", "exchanged"))
    assert script.conversation("short", "none", english) == [right[-1]]
    assert right[-1] == {"role": "user", "content": f"Translate into French: {english}"}
    for asked, told, other in zip(right[:-1:2], right[1::2], exchanged[1::2], strict=True):
        assert told["content"] == FRENCH[asked["content"].removeprefix("Translate into French: ")] != other["content"]
    assert sorted(turn["content"] for turn in right) == sorted(turn["content"] for turn in exchanged)


def test_a_run_that_was_cut_off_asks_only_for_the_rest(script, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "NAME", tmp_path / "cut.csv")
    asked = []

    class Model:
        class tokenizer:
            encode_chat = staticmethod(lambda messages: messages[-1]["content"])

    def answers_of(model, prompts, new):
        asked.extend(prompts)
        return [(prompt.upper(), 0.5) for prompt in prompts]

    monkeypatch.setattr(script, "answers_of", answers_of)
    sentences = [english for english, _ in script.SCORED]
    script.translate(Model, "score", "short", "none", sentences[:20])
    found = script.translate(Model, "score", "short", "none", sentences)
    assert len(asked) == len(set(asked)) == 48 and [*found] == sentences
    assert found[sentences[30]] == f"Translate into French: {sentences[30]}".upper()
