"""Write down what was said, with Whisper tiny.en and its real weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.checks import check_count, check_path
from course_utils.runtime import THREADS
from course_utils.speech.samples import SAMPLE_RATE, check_samples, import_package
from course_utils.weights import WEIGHTS, WHISPER, verified_bytes

__all__ = ["Recogniser", "Segment", "Transcript", "load_recogniser", "verified_whisper_files"]


@dataclass(frozen=True)
class Segment:
    """A piece of a transcript, from `start` to `end` in seconds, with three signs of trouble.

    `no_speech_probability` is Whisper's own belief that nobody speaks (0 to 1); `mean_log_probability` is the mean of
    the natural logarithm of each token's probability (0 is certain); `compression_ratio` is the text's length divided
    by its length after zlib: far above 2 when words are repeated again and again.
    """

    text: str
    start: float
    end: float
    no_speech_probability: float
    mean_log_probability: float
    compression_ratio: float


@dataclass(frozen=True)
class Transcript:
    """What the recogniser wrote for some samples: `seconds` is the audio's length, `segments` its pieces."""

    text: str
    seconds: float
    segments: tuple[Segment, ...]


def verified_whisper_files(path=None):
    """Read the files of Whisper tiny.en and check the SHA-256 of each, before anything interprets them.

    Parameters
    ----------
    path : str or Path, optional
        A folder with a copy of the files, instead of the installed package.

    Returns
    -------
    dict
        The contents (bytes) under the files' names: what was checked is what is loaded.

    Raises
    ------
    WeightsError
        When the package or a file is missing, or a checksum is wrong; the message names the file and both checksums.
    """
    path = None if path is None else check_path("path", path)
    return {Path(WEIGHTS[name].path).name: verified_bytes(name, path) for name in WHISPER}


def load_recogniser(path=None, threads=THREADS, precision="int8"):
    """Load Whisper tiny.en for the processor, after its files' checksums were verified.

    Parameters
    ----------
    path
        As in `verified_whisper_files`.
    threads : int
        How many threads one transcription takes, from 1 to 64.
    precision : {"int8", "float32"}
        How the weights are kept and multiplied. With 8-bit integers it takes about half the time.

    Returns
    -------
    Recogniser

    Raises
    ------
    ValueError
        When the threads or the precision are none of these.
    WeightsError
        As in `verified_whisper_files`.
    SpeechError
        When the package faster-whisper is missing.
    """
    check_count("threads", threads, most=64)
    if precision not in ("int8", "float32"):
        raise ValueError(f"precision: found {precision!r}, expected 'int8' or 'float32'.")
    contents = verified_whisper_files(path)
    faster_whisper = import_package("faster_whisper")
    model = faster_whisper.WhisperModel(
        "whisper-tiny.en", device="cpu", compute_type=precision, cpu_threads=threads, files=contents
    )
    weights = WEIGHTS[WHISPER[0]]
    return Recogniser(model, "Whisper tiny.en", weights.source, weights.licence)


class Recogniser:
    """Write down English speech.

    Parameters
    ----------
    model : faster_whisper.WhisperModel
        An English model on the processor.
    name, source, licence : str
        What the weights are, where they come from, and what they may be used for.
    """

    def __init__(self, model, name, source, licence):
        self.model, self.name, self.source, self.licence = model, name, source, licence

    def __repr__(self):
        return f"Recogniser({self.name})"

    def features(self, samples, rate=SAMPLE_RATE):
        """Return the log-mel spectrogram that the network sees, before it is filled up to 30 s.

        Its shape is (80, n // 160 + 1), float32: 80 bands of pitch, 100 columns a second.

        Errors are those of `transcribe`.
        """
        return self.model.feature_extractor(self._checked(samples, rate)).astype(np.float32)

    def transcribe(self, samples, rate=SAMPLE_RATE, *, beam_size=5, skip_silence=False):
        """Write down what is said, whatever the network believes about it: nothing unlikely is left out.

        The most likely tokens are taken (no sampling), so the same samples give the same text on the same machine.

        Parameters
        ----------
        samples : array (n,)
            At least 0.1 s; longer than 30 s is done in pieces of 30 s.
        rate : int
            Must be `SAMPLE_RATE`; see `resample`.
        beam_size : int
            Hypotheses kept while searching, from 1 (greedy) to 16.
        skip_silence : bool
            First drop what a voice activity detector takes for no speech (Silero, a small network that comes with
            faster-whisper).

        Returns
        -------
        Transcript
            Empty when `skip_silence` left nothing.

        Raises
        ------
        ValueError
            When samples are too short, not finite, not floats, not one row, or the rate or beam size is wrong.
        """
        samples = self._checked(samples, rate)
        check_count("beam_size", beam_size, most=16)
        found, _ = self.model.transcribe(
            samples,
            language="en",
            beam_size=beam_size,
            temperature=0.0,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=True,
            vad_filter=skip_silence,
        )
        segments = tuple(
            Segment(
                piece.text.strip(),
                float(piece.start),
                float(piece.end),
                float(piece.no_speech_prob),
                float(piece.avg_logprob),
                float(piece.compression_ratio),
            )
            for piece in found
        )
        text = " ".join(segment.text for segment in segments).strip()
        return Transcript(text, len(samples) / SAMPLE_RATE, segments)

    @staticmethod
    def _checked(samples, rate):
        if rate != SAMPLE_RATE:
            raise ValueError(f"rate: found {rate!r}, expected {SAMPLE_RATE:,}. Call resample(samples, rate) first.")
        samples = check_samples("samples", samples)
        if len(samples) < SAMPLE_RATE // 10:
            raise ValueError(f"samples: found {len(samples)}, expected at least {SAMPLE_RATE // 10} (0.1 s).")
        return samples
