"""Speak texts, add noise to them, write down what was said, and count the wrong words.

eSpeak NG, a small synthesiser, speaks; Whisper tiny.en, a recogniser with its real weights, writes. Wherever samples
are meant, they are float32, one channel, about -1 to 1, 16,000 a second (`SAMPLE_RATE`).
"""

import _ctypes
import contextlib
import csv
import ctypes
import importlib
import importlib.resources
import importlib.util
import os
import re
import tempfile
import threading
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.checks import check_array, check_count, check_path, check_seed, check_texts, is_number
from course_utils.runtime import THREADS
from course_utils.weights import WEIGHTS, WHISPER, verified_bytes

__all__ = [
    "SAMPLE_RATE",
    "Clip",
    "Recogniser",
    "Segment",
    "SpeechError",
    "SpokenSentence",
    "Transcript",
    "WordErrors",
    "add_noise",
    "join_sentences",
    "load_recogniser",
    "load_spoken_sentences",
    "load_wav",
    "normalise_text",
    "resample",
    "speak",
    "verified_whisper_files",
    "voices",
    "word_errors",
]

SAMPLE_RATE = 16_000  # samples a second, what Whisper was trained on
LONGEST_TEXT = 2_000  # characters of one text
LONGEST_SPEECH = 300  # seconds of one text; eSpeak NG 1.52 does not come to an end on some strings of dots

PACKAGES = {  # what is imported: what is installed
    "espeakng_loader": "espeakng-loader==0.2.4",
    "faster_whisper": "faster-whisper==1.2.1",
    "jiwer": "jiwer==4.0.0",
    "num2words": "num2words==0.5.14",
    "scipy": "scipy==1.17.1",
}
SPEECH_SOURCE = "spoken by eSpeak NG (package espeakng-loader 0.2.4)"
SPEECH_LICENCE = "the course's own sentences, CC BY 4.0; eSpeak NG itself is under GPL-3.0-or-later"

_LONGEST_DATA_PATH = 150  # eSpeak NG keeps the path of its data in 160 bytes
_LOCK = threading.Lock()  # the library has one state for the whole process


class SpeechError(RuntimeError):
    """A package that speech needs is missing, or the synthesiser did not do its work."""


@dataclass(frozen=True)
class SpokenSentence:
    """One of the course's sentences to be spoken: numbers are written in words, so that the text is what is said."""

    topic: str
    text: str


@dataclass(frozen=True)
class Clip:
    """Sentences spoken one after another: `samples` float32 (n,), `rate` in Hz, `text` all that is said."""

    samples: np.ndarray
    rate: int
    text: str
    sentences: tuple[str, ...]
    voice: str
    source: str
    licence: str

    @property
    def seconds(self):
        """Return how long the clip lasts."""
        return len(self.samples) / self.rate


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


@dataclass(frozen=True)
class WordErrors:
    """How a transcript differs from its reference: the fewest changes that turn one into the other."""

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def rate(self):
        """Return the word error rate: changes divided by words of the reference; above 1 when much was invented."""
        return (self.substitutions + self.deletions + self.insertions) / self.words


# Speaking


def voices():
    """Return the names of the synthesiser's voices, sorted, such as "en-gb" and "en-us".

    A voice may carry a variant after a plus sign: "en-gb+f1" is the first female one.

    Raises
    ------
    SpeechError
        When the package espeakng-loader is missing or its library cannot be used.
    """
    with _LOCK, _synthesiser() as (library, _):
        return tuple(sorted(_list_voices(library)))


def speak(text, voice="en-gb", words_per_minute=150):
    """Speak one text. The same arguments give the same samples, on the same machine, whatever was spoken before.

    Parameters
    ----------
    text : str
        What to say, at most 2,000 characters. Numbers and abbreviations are read as the synthesiser sees fit.
    voice : str
        One of `voices()`, optionally with a variant such as "+f1" (female) or "+m3" (male).
        Variants with an echo (such as f2 and f3) may differ in small details from one process to the next.
    words_per_minute : int
        From 80 to 450.

    Returns
    -------
    float32 array (n,)
        Samples at `SAMPLE_RATE`, with the pause that the synthesiser leaves at the end.

    Raises
    ------
    ValueError
        When the text is empty, has no letter or digit, or is too long; when the voice or its variant is unknown;
        when the speed is out of range.
    SpeechError
        When espeakng-loader is missing, or the synthesiser fails or does not come to an end.
    """
    if not isinstance(text, str) or not re.search(r"\w", text):
        raise ValueError(f"text: found {text!r}, expected a string with at least one letter or digit.")
    if len(text) > LONGEST_TEXT or "\0" in text:
        raise ValueError(f"text: found {len(text):,} characters, expected at most {LONGEST_TEXT:,}, none of them NUL.")
    if not isinstance(words_per_minute, int) or not 80 <= words_per_minute <= 450:
        raise ValueError(f"words_per_minute: found {words_per_minute!r}, expected an integer from 80 to 450.")
    pieces = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, events):
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return int(sum(map(len, pieces)) > LONGEST_SPEECH * rate)  # 1 stops the synthesiser

    with _LOCK, _synthesiser() as (library, rate):
        identifier = _identifier(library, voice)
        library.espeak_SetSynthCallback(collect)
        code = library.espeak_SetVoiceByName(identifier.encode())
        code = code or library.espeak_SetParameter(1, words_per_minute, 0)
        utterance = text.encode("utf-8") + b"\0"
        code = code or library.espeak_Synth(utterance, ctypes.c_size_t(len(utterance)), 0, 1, 0, 0x1001, None, None)
        code = code or library.espeak_Synchronize()
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if code or not samples.any() or len(samples) > LONGEST_SPEECH * rate:
        raise SpeechError(
            f"text: the synthesiser could not speak {text[:60]!r} with the voice {voice} "
            f"(code {code}, {len(samples) / rate:.0f} s of sound). Try another text or voice."
        )
    return resample(samples.astype(np.float32) / 32768, rate)


def join_sentences(sentences, voice="en-gb", *, pause=0.3, longest=28.0, words_per_minute=150):
    """Speak sentences and join them into clips of at most `longest` seconds, as few as possible and equally long.

    Whisper always hears 30 seconds, filled up with silence, so a short clip costs its encoder as much as a long one.

    Parameters
    ----------
    sentences : sequence of str
        In the order in which they are spoken.
    voice, words_per_minute
        As in `speak`.
    pause : float
        Seconds of silence added after each sentence.
    longest : float
        Seconds, at most 30.

    Returns
    -------
    list of Clip

    Raises
    ------
    ValueError
        When there is no sentence, one is longer than `longest`, or an argument is out of range.
    SpeechError
        As in `speak`.
    """
    sentences = check_texts("sentences", sentences)
    if not is_number(pause) or not 0 <= pause <= 5:
        raise ValueError(f"pause: found {pause!r}, expected 0 to 5 seconds.")
    if not is_number(longest) or not 1 <= longest <= 30:
        raise ValueError(f"longest: found {longest!r}, expected 1 to 30 seconds.")
    silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
    spoken = [np.concatenate([speak(text, voice, words_per_minute), silence]) for text in sentences]
    seconds = [len(samples) / SAMPLE_RATE for samples in spoken]
    if max(seconds) > longest:
        worst = int(np.argmax(seconds))
        raise ValueError(
            f"sentences[{worst}]: lasts {seconds[worst]:.1f} s, longer than longest={longest} s. Split it."
        )
    clips = []
    for start, end in _cut_evenly(seconds, longest):
        parts = tuple(sentences[start:end])
        samples = np.concatenate(spoken[start:end])
        clips.append(Clip(samples, SAMPLE_RATE, " ".join(parts), parts, voice, SPEECH_SOURCE, SPEECH_LICENCE))
    return clips


def _cut_evenly(seconds, longest):
    """Cut a list of lengths into the fewest runs of at most `longest`; of those, make the shortest run the longest."""
    best = {0: (0, 0.0, ())}  # sentences so far: (number of clips, minus the shortest clip, cuts)
    for end in range(1, len(seconds) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            length = sum(seconds[start:end])
            if length > longest:
                break
            clips, minus_shortest, cuts = best[start]
            options.append((clips + 1, max(minus_shortest, -length) if clips else -length, (*cuts, (start, end))))
        best[end] = min(options)
    return best[len(seconds)][2]


@contextlib.contextmanager
def _synthesiser():
    """Load eSpeak NG afresh, yield the library and its sample rate in Hz, and unload it.

    A fresh copy, in 3 ms, because the library keeps the phase of its random-like wobble from one text to the next.
    """
    loader = _import("espeakng_loader")
    try:
        library = ctypes.CDLL(loader.get_library_path())
        data = loader.get_data_path()
    except (OSError, RuntimeError) as error:
        raise SpeechError(
            f"espeakng_loader: its library cannot be loaded ({error}). "
            f"Run: pip install --force-reinstall {PACKAGES['espeakng_loader']}"
        ) from error
    with contextlib.ExitStack() as stack:
        if len(os.fsencode(data)) > _LONGEST_DATA_PATH:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            short = os.path.join(folder, "data")
            os.symlink(data, short, target_is_directory=True)
            data = short
        rate = library.espeak_Initialize(2, 0, os.fsencode(data), 0x8000)  # hand samples over; do not exit on errors
        if rate <= 0:
            raise SpeechError(f"espeakng_loader: the synthesiser does not start with the data in {data} (code {rate}).")
        try:
            yield library, rate
        finally:
            library.espeak_Terminate()
            unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
            unload(library._handle)


class _Voice(ctypes.Structure):
    """espeak_VOICE of eSpeak NG's speak_lib.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


def _list_voices(library, specification=None):
    """Return {language code: identifier of the voice that speaks it best}, or {variant: identifier}."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    listed = library.espeak_ListVoices(specification)
    best, place = {}, 0
    while listed[place]:
        voice, address = listed[place].contents, listed[place].contents.languages
        identifier = voice.identifier.decode().replace(os.sep, "/")
        while address and (priority := ctypes.string_at(address, 1)[0]):  # a byte, a code, a zero; a zero ends the list
            code = ctypes.string_at(address + 1)
            name = identifier.split("/")[-1] if specification else code.decode()
            best[name] = min(best.get(name, (256, "")), (priority, identifier))
            address += len(code) + 2
        place += 1
    return {name: identifier for name, (_, identifier) in best.items()}


def _identifier(library, voice):
    """Return what eSpeak NG calls a voice such as "en-gb+f1"; it would itself ignore an unknown name."""
    known = _list_voices(library)
    language, plus, variant = voice.partition("+") if isinstance(voice, str) else (None, "", "")
    if language not in known:
        raise ValueError(f"voice: found {voice!r}, expected one of voices(), such as 'en-gb', 'en-us' or 'en-gb+f1'.")
    if not plus:
        return known[language]
    wanted = _Voice(languages=ctypes.cast(ctypes.c_char_p(b"variant"), ctypes.c_void_p).value)
    variants = _list_voices(library, ctypes.byref(wanted))
    if variant not in variants:
        raise ValueError(f"voice: found the variant {variant!r}, expected one of {', '.join(sorted(variants))}.")
    return f"{known[language]}+{variant}"


# Samples


def resample(samples, rate):
    """Bring samples to `SAMPLE_RATE`, through a low-pass filter where the rate falls.

    Parameters
    ----------
    samples : array (n,)
        One channel.
    rate : int
        Samples a second, from 4,000 to 192,000.

    Returns
    -------
    float32 array (about n * SAMPLE_RATE / rate,)

    Raises
    ------
    ValueError
        When the samples are empty, not finite or not one row, or the rate is out of range.
    """
    samples = _check_samples("samples", samples)
    if not isinstance(rate, int | np.integer) or not 4_000 <= rate <= 192_000:
        raise ValueError(f"rate: found {rate!r}, expected an integer from 4,000 to 192,000 samples a second.")
    if rate == SAMPLE_RATE:
        return samples
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    _import("scipy")
    signal = importlib.import_module("scipy.signal")
    return signal.resample_poly(samples, SAMPLE_RATE // divisor, int(rate) // divisor).astype(np.float32)


def add_noise(samples, snr_db, seed=0, noise=None):
    """Add noise at a signal-to-noise ratio that holds exactly over the whole of the samples.

    The ratio compares mean squares, in decibels: 20 dB is noise with a hundredth of the speech's power, 0 dB with the
    same power.

    Parameters
    ----------
    samples : array (n,)
        Speech, not silent.
    snr_db : float
        Decibels from -60 to 120, or infinity for no noise.
    seed : int
        For white noise: Gaussian, each sample on its own.
    noise : array (m,), optional
        Another sound to add instead, repeated or cut to n samples.

    Returns
    -------
    float32 array (n,)
        May go beyond -1 to 1; the recogniser does not mind.

    Raises
    ------
    ValueError
        When the ratio is not such a number, or speech or noise is silent, empty, not finite or not one row.
    """
    samples = _check_samples("samples", samples)
    if not is_number(snr_db) or not (-60 <= snr_db <= 120 or snr_db == np.inf):
        raise ValueError(f"snr_db: found {snr_db!r}, expected -60 to 120 decibels, or infinity for no noise.")
    if noise is None:
        noise = np.random.default_rng(check_seed(seed)).standard_normal(len(samples))
    else:
        noise = np.resize(_check_samples("noise", noise), len(samples)).astype(np.float64)
    powers = [np.mean(np.square(part, dtype=np.float64)) for part in (samples, noise)]
    for name, power in zip(("samples", "noise"), powers, strict=True):
        if power == 0:
            raise ValueError(f"{name}: found silence, for which there is no signal-to-noise ratio.")
    if snr_db == np.inf:
        return samples.copy()
    scale = np.sqrt(powers[0] / powers[1] / 10 ** (snr_db / 10))
    return (samples + scale * noise).astype(np.float32)


def load_wav(path):
    """Load a .wav file of whole-number samples, mix its channels and bring it to `SAMPLE_RATE`.

    Returns
    -------
    float32 array (n,)

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not a .wav file of 8, 16, 24 or 32 bits, or holds no sample.
    """
    path = check_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}.")
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"path: {path.name} is no .wav file that Python's wave module can read ({error}). "
            "Save it as WAV, 16-bit PCM."
        ) from error
    values = np.frombuffer(content[: len(content) // (width * channels) * width * channels], np.uint8)
    values = values.reshape(-1, width)
    if width == 1:
        samples = (values[:, 0].astype(np.float32) - 128) / 128
    else:
        padded = np.zeros((len(values), 4), np.uint8)
        padded[:, 4 - width :] = values  # little-endian: the most significant byte is the last
        samples = padded.view("<i4")[:, 0].astype(np.float32) / 2**31
    return resample(samples.reshape(-1, channels).mean(axis=1), rate)


def _check_samples(name, samples):
    """Return samples as a float32 array (n,), or raise an error that names the argument."""
    array = check_array(name, samples)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{name}: found shape {array.shape}, expected one row of samples, shape (n,). Mix channels first."
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"{name}: found {array.dtype}, expected floats, about -1 to 1. Divide 16-bit samples by 32768."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: found NaN or infinity at {int(np.argmin(np.isfinite(array)))}, expected numbers.")
    return array.astype(np.float32, copy=False)


# Writing down


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
    faster_whisper = _import("faster_whisper")
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
        samples = _check_samples("samples", samples)
        if len(samples) < SAMPLE_RATE // 10:
            raise ValueError(f"samples: found {len(samples)}, expected at least {SAMPLE_RATE // 10} (0.1 s).")
        return samples


# Counting wrong words

_ONE_FORM = {"mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "ok": "okay"}
_ONE_FORM |= {"meter": "metre", "meters": "metres", "kilometer": "kilometre", "kilometers": "kilometres"}
_ONE_FORM |= {"liter": "litre", "liters": "litres", "gray": "grey", "color": "colour", "colors": "colours"}
_ONE_FORM |= {"neighbor": "neighbour", "neighbors": "neighbours", "center": "centre", "theater": "theatre"}
_UNITS = {"m": "metres", "km": "kilometres", "kg": "kilograms", "g": "grams", "l": "litres"}
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_YEAR = re.compile(r"(?<![\d.,:£$€])(1[1-9]|20)(\d\d)(?![\d:]|[.,]\d|%)")
_DECIMAL = re.compile(r"\d+(?:\.\d+)?")
_CURRENCY = {"£": ("pounds", "pence"), "$": ("dollars", "cents"), "€": ("euros", "cents")}


def normalise_text(text):
    """Bring a text into the form in which words are compared; use it for the reference and for the transcript alike.

    Lower case; no punctuation, hyphens become spaces; numbers in words ("9:30" becomes "nine thirty", "1894" "eighteen
    ninety four", "£3.20" "three pounds twenty pence", "12%" "twelve percent"); "and" inside a number is dropped; Mr and
    Dr, and units after a number, are written out. Of words with a British and an American spelling, only a handful of
    frequent ones are made equal.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Words between single spaces; empty when there are none.

    Raises
    ------
    ValueError
        When `text` is not a string.
    SpeechError
        When the text has digits and the package num2words is missing.
    """
    if not isinstance(text, str):
        raise ValueError(f"text: found {type(text).__name__}, expected a string.")
    text = text.lower().replace("’", "'").replace("per cent", "percent").replace("%", " percent ")
    text = re.sub(r"(?<=\d) ?(m|km|kg|g|l)\b(?!')", lambda match: f" {_UNITS[match[1]]}", text)
    if re.search(r"\d", text):
        text = _digits_to_words(text)
    text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    words = [_ONE_FORM.get(word, word) for word in re.sub(r"[\W_]+", " ", text).split()]
    return " ".join(_without_and(words))


def word_errors(reference, transcript):
    """Count the words that a transcript got wrong, after `normalise_text` on both.

    Parameters
    ----------
    reference, transcript : str, or sequences of str of equal length
        What was said, and what was written. In a sequence, errors and words of all pairs are summed.

    Returns
    -------
    WordErrors

    Raises
    ------
    ValueError
        When lengths differ, there is no pair, or a reference has no word.
    SpeechError
        When the package jiwer is missing.
    """
    references = check_texts("reference", [reference] if isinstance(reference, str) else reference)
    transcripts = check_texts("transcript", [transcript] if isinstance(transcript, str) else transcript)
    if len(references) != len(transcripts):
        raise ValueError(
            f"transcript: found {len(transcripts)} for {len(references)} references, expected one for each."
        )
    references, transcripts = [list(map(normalise_text, texts)) for texts in (references, transcripts)]
    if not all(references):
        raise ValueError(f"reference: number {references.index('')} has no word, so it has no word error rate.")
    result = _import("jiwer").process_words(references, transcripts)
    return WordErrors(
        result.substitutions, result.deletions, result.insertions, sum(len(text.split()) for text in references)
    )


def load_spoken_sentences():
    """Load the course's 40 sentences for speech, six or so for each topic; CC BY 4.0.

    Returns
    -------
    tuple of SpokenSentence
    """
    file = importlib.resources.files("course_utils") / "files" / "spoken_sentences.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(SpokenSentence(row["topic"], row["text"]) for row in csv.DictReader(lines))


_NUMBER_WORDS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety".split()
)


def _without_and(words):
    """Drop the "and" of "two hundred and five", and of "three pounds and twenty pence"."""
    before = {"hundred", "thousand", "million", "pound", "pounds", "dollar", "dollars", "euro", "euros"}
    kept = []
    for place, word in enumerate(words):
        inside = 0 < place < len(words) - 1 and words[place - 1] in before and words[place + 1] in _NUMBER_WORDS
        if word != "and" or not inside:
            kept.append(word)
    return kept


def _digits_to_words(text):
    """Write the numbers of a lower-case text in words."""
    in_words = _import("num2words").num2words

    def money(match):
        large, small = _CURRENCY[match[1]]
        cents = f" {in_words(int(match[3]))} {small} " if match[3] and int(match[3]) else " "
        return f" {in_words(int(match[2].replace(',', '')))} {large}{cents}"

    def decade(match):
        tens = in_words(int(match[2]) * 10) if int(match[2]) else "hundred"
        return f" {in_words(int(match[1]))} {tens.removesuffix('y')}{'ies' if tens.endswith('y') else 's'} "

    def year(match):
        century, rest = int(match[1]), int(match[2])
        if century == 20 and rest < 10:
            return in_words(2000 + rest)
        if rest == 0:
            return f"{in_words(century)} hundred"
        return f"{in_words(century)} {'o ' if rest < 10 else ''}{in_words(rest)}"

    def clock(match):
        minutes = int(match[2])
        return f"{match[1]} " + ("" if minutes == 0 else f"o {minutes}" if minutes < 10 else str(minutes))

    text = re.sub(r"([£$€])(\d+(?:,\d{3})*)(?:\.(\d\d))?(?![\d.]\d)", money, text)
    text = re.sub(r"\b\d{1,3}(?:,\d{3})+(?![\d.,]\d)", lambda match: in_words(int(match[0].replace(",", ""))), text)
    text = re.sub(r"\b(1[1-9]|20)(\d)0s\b", decade, text)
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", clock, text)
    text = _ORDINAL.sub(lambda match: " " + in_words(int(match[1]), to="ordinal") + " ", text)
    text = _YEAR.sub(lambda match: f" {year(match)} ", text)
    return _DECIMAL.sub(lambda match: " " + in_words(float(match[0]) if "." in match[0] else int(match[0])) + " ", text)


def _import(name):
    """Import a package that speech needs, or raise the error that says how to get it."""
    if importlib.util.find_spec(name) is None:
        raise SpeechError(f"{name}: the package is not installed. Run: pip install {PACKAGES[name]}")
    return importlib.import_module(name)
