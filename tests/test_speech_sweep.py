"""What the stored sweep over voices and noise holds, and that its script measures a clip as the lesson does."""

from collections import Counter
from importlib import import_module

import pytest

from course_utils.speech.recogniser import Segment, Transcript
from course_utils.speech.synthesiser import WORDS_PER_MINUTE
from course_utils.tables import read_comments, read_sweep


@pytest.fixture(scope="module")
def script():
    return import_module("speech_sweep")


def test_every_voice_and_every_noise_heard_every_clip_with_both_settings(script):
    rows = read_sweep("speech_sweep")
    found = Counter((row["voice"], row["noise"], row["snr_db"], row["safeguards"], row["clip"]) for row in rows)
    conditions = [(voice, "", "") for voice in script.VOICES]
    conditions += [("en-gb", noise, level) for noise in script.NOISES for level in script.LEVELS]
    clips = range(len(script.clip_sentences()[1]))
    assert found == Counter((*one, safeguards, clip) for one in conditions for safeguards in (0, 1) for clip in clips)
    assert all(row["temperature"] == 0 for row in rows if not row["safeguards"])
    assert any("python experiments/speech_sweep.py" in line for line in read_comments("speech_sweep"))


def test_clean_clips_have_few_word_errors(script):
    said = [" ".join(sentences) for sentences in script.clip_sentences()[1]]
    rows = read_sweep("speech_sweep", voice="en-gb", noise="", safeguards=1)
    changes, words = map(sum, zip(*(script.count_errors(said[row["clip"]], row["text"]) for row in rows), strict=True))
    assert changes / words < 0.15 and script.count_errors("the cat sat", "The hat sat down!") == (2, 3)


def test_the_speaking_rate_was_chosen_on_sentences_that_are_not_scored(script):
    for_rate, scored = script.clip_sentences()
    assert not {text for clip in for_rate for text in clip} & {text for clip in scored for text in clip}
    changes, words = Counter(), Counter()
    for row in read_sweep("speech_rate"):
        changes[row["words_per_minute"]] += row["changes"]
        words[row["words_per_minute"]] += row["words"]
    rates = {pace: 100 * changes[pace] / words[pace] for pace in script.RATES}
    assert WORDS_PER_MINUTE == max(pace for pace, rate in rates.items() if rate <= min(rates.values()) + 1)


def test_only_a_clip_that_passes_a_threshold_is_heard_again(script):
    class Recogniser:
        def __init__(self, *, compression, log_probability):
            self.plain = Segment("plain", 0.1, log_probability, compression, 0.0)

        def transcribe(self, samples, safeguards=True):
            piece = Segment("drawn", 0.1, -0.5, 1.456, 0.6) if safeguards else self.plain
            return Transcript(piece.text, (piece,))

    quiet = script.measure(Recogniser(compression=1.2, log_probability=-0.3), None)
    assert quiet == {0: [1.2, 0.0, "plain"], 1: [1.2, 0.0, "plain"]}
    for signs in ({"compression": 2.5, "log_probability": -0.3}, {"compression": 1.0, "log_probability": -1.1}):
        assert script.measure(Recogniser(**signs), None)[1] == [1.46, 0.6, "drawn"]
