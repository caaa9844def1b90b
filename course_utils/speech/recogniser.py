"""Write down what was said, with Whisper tiny.en and its real weights."""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.runtime import THREADS, waiting
from course_utils.speech.samples import SAMPLE_RATE, check_samples, import_package
from course_utils.weights import WEIGHTS, WHISPER, verified_bytes

__all__ = ["Recogniser", "Segment", "Transcript", "load_recogniser"]


_THRESHOLDS = ("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold")


@dataclass(frozen=True)
class Segment:
    """A piece of a transcript, with three signs of trouble, and how it was chosen.

    `no_speech_probability` is Whisper's own belief that nobody speaks (0 to 1); `mean_log_probability` is the mean of
    the natural logarithm of each token's probability (0 is certain); `compression_ratio` is the text's length divided
    by its length after zlib: far above 2 when words are repeated again and again. `temperature` is 0 where the
    likeliest tokens were taken, and above 0 where they were drawn.
    """

    text: str
    no_speech_probability: float
    mean_log_probability: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True)
class Transcript:
    """What the recogniser wrote for some samples, whole and in pieces."""

    text: str
    segments: tuple[Segment, ...]


@waiting("Loading the speech recogniser")
def load_recogniser(threads=THREADS):
    """Load Whisper tiny.en for the processor, in 8-bit integers, after its files' checksums were verified.

    `threads` is how many one transcription takes. A missing file or a wrong checksum raises `WeightsError`, which names
    the file and both checksums; a missing package faster-whisper `SpeechError`.
    """
    contents = {Path(WEIGHTS[name].path).name: verified_bytes(name) for name in WHISPER}
    faster_whisper = import_package("faster_whisper")
    importlib.import_module("ctranslate2").set_random_seed(0)  # for the model that is loaded next
    model = faster_whisper.WhisperModel(
        "whisper-tiny.en", device="cpu", compute_type="int8", cpu_threads=threads, files=contents
    )
    weights = WEIGHTS[WHISPER[0]]
    return Recogniser(model, "Whisper tiny.en", weights.source, weights.licence)


class Recogniser:
    """Write down English speech with a `faster_whisper.WhisperModel`, an English model on the processor.

    `name`, `source` and `licence` say what the weights are, where they come from, and what they may be used for.
    """

    def __init__(self, model, name, source, licence):
        self.model, self.name, self.source, self.licence = model, name, source, licence

    def __repr__(self):
        return f"Recogniser({self.name})"

    def features(self, samples):
        """Return the log-mel spectrogram that the network sees, before it is filled up to 30 s.

        Its shape is (80, n // 160 + 1), float32: 80 bands of pitch, 100 columns a second. Errors are those of
        `transcribe`.
        """
        return self.model.feature_extractor(_check_speech(samples)).astype(np.float32)

    def transcribe(self, samples, safeguards=True, skip_silence=False):
        """Write down what is said, with the library's default settings or without their safeguards, as `Transcript`.

        Samples (n,) are at `SAMPLE_RATE` (see `load_wav`), at least 0.1 s; longer than 30 s is done in pieces of 30 s.
        A ValueError says that they are too short, not finite, not floats or not one row. The transcript is empty when
        nothing is left.

        With `safeguards`, text that goes round in circles (compression ratio above 2.4) or is improbable (mean
        log-probability below -1) is written anew from drawn tokens, at a temperature of 0.2, 0.4, …, 1, and improbable
        text is left out where nobody seems to speak (probability above 0.6). Without, the likeliest text stands (beam
        of 5 both ways). Drawn tokens depend on the processor, and on what was drawn since the recogniser was loaded:
        the same samples in the same order give the same text on the same machine.

        `skip_silence` first drops what a voice activity detector takes for no speech (Silero, a small network that
        comes with faster-whisper).
        """
        plain = dict(temperature=0.0, **dict.fromkeys(_THRESHOLDS))
        found, _ = self.model.transcribe(
            _check_speech(samples), language="en", vad_filter=skip_silence, **({} if safeguards else plain)
        )
        segments = tuple(
            Segment(
                piece.text.strip(), piece.no_speech_prob, piece.avg_logprob, piece.compression_ratio, piece.temperature
            )
            for piece in found
        )
        return Transcript(" ".join(segment.text for segment in segments).strip(), segments)


def _check_speech(samples):
    samples = check_samples("samples", samples)
    if len(samples) < SAMPLE_RATE // 10:
        raise ValueError(f"samples: found {len(samples)}, expected at least {SAMPLE_RATE // 10} (0.1 s).")
    return samples
