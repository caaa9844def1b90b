"""What the stored sweep over voices and noise holds, and that its script measures a clip as the lesson does."""

import importlib.util

import numpy as np
import pytest

from course_utils.notebooks import ROOT
from course_utils.tables import read_comments, read_sweep


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("speech_sweep", ROOT / "experiments" / "speech_sweep.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_voice_and_every_noise_level_was_measured_on_the_same_sentences(script):
    rows = read_sweep("speech_sweep")
    words = {}
    for row in rows:
        key = row["voice"], row["noise"], row["snr_db"]
        words[key] = words.get(key, 0) + row["words"]
    expected = {(voice, "", "") for voice in script.VOICES}
    expected |= {("en-gb", noise, level) for noise in script.NOISES for level in script.LEVELS}
    assert set(words) == expected and len(set(words.values())) == 1
    assert any("python experiments/speech_sweep.py" in line for line in read_comments("speech_sweep"))


def test_measure_counts_what_the_recogniser_wrote_and_adds_the_noise_that_was_asked_for(script):
    class Heard:
        def __init__(self, text):
            self.text = text

    class Recogniser:
        def transcribe(self, samples):
            self.samples = samples
            return Heard("the hat sat down")

    class Clip:
        samples, text, seconds = np.sin(np.arange(16000, dtype=np.float32)), "the cat sat", 1.0

    recogniser, other = Recogniser(), np.ones(16000, np.float32)
    assert script.measure(recogniser, Clip, "", "", other) == [1.0, 3, 1, 0, 1]
    assert np.array_equal(recogniser.samples, Clip.samples)
    script.measure(recogniser, Clip, "second speaker", 0, other)
    assert not np.array_equal(recogniser.samples, Clip.samples)
