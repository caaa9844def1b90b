"""Speak texts with eSpeak NG (package espeakng-loader, GPL-3.0-or-later), a small synthesiser."""

import _ctypes
import contextlib
import ctypes
import math
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.checks import check_count, check_texts
from course_utils.speech.samples import SAMPLE_RATE, SpeechError, import_package

__all__ = ["Clip", "join_sentences", "speak"]

LONGEST_TEXT = 2_000  # characters of one text
LONGEST_CLIP = 28  # seconds of sentences that are joined
LONGEST_SPEECH = 300  # seconds of one text; eSpeak NG 1.52 does not come to an end on some strings of dots
WORDS_PER_MINUTE = 150  # chosen on sentences that the speech sweep leaves out: experiments/results/speech_rate.csv
PAUSE = 0.3  # seconds of silence after each sentence
_LONGEST_DATA_PATH = 150  # eSpeak NG keeps the path of its data in 160 bytes
_LOCK = threading.Lock()  # the library has one state for the whole process


@dataclass(frozen=True)
class Clip:
    """Sentences spoken one after another: `samples` float32 (n,) at `SAMPLE_RATE`, `text` all that is said."""

    samples: np.ndarray
    text: str

    @property
    def seconds(self):
        """Return how long the clip lasts."""
        return len(self.samples) / SAMPLE_RATE


def speak(text, voice="en-gb", words_per_minute=WORDS_PER_MINUTE):
    """Speak one text; return float32 samples (n,) at `SAMPLE_RATE`, with the synthesiser's pause at the end.

    The same arguments give the same samples, on the same machine, whatever was spoken before. The text has at most
    2,000 characters; numbers and abbreviations are read as the synthesiser sees fit. The voice is such as "en-gb" or
    "en-us", optionally with a variant such as "+f1" (female) or "+m3" (male); variants with an echo (such as f2 and f3)
    may differ in small details from one process to the next. The rate is 80 to 450 words a minute.

    A ValueError says that the text is empty, has no letter or digit, or is too long, or names a voice, variant or rate
    that is none; a SpeechError that espeakng-loader is missing, or the synthesiser fails or does not come to an end.
    """
    if not isinstance(text, str) or not re.search(r"\w", text):
        raise ValueError(f"text: found {text!r}, expected a string with at least one letter or digit.")
    if len(text) > LONGEST_TEXT or "\0" in text:
        raise ValueError(f"text: found {len(text):,} characters, expected at most {LONGEST_TEXT:,}, none of them NUL.")
    check_count("words_per_minute", words_per_minute, 80, 450)
    from scipy.signal import resample_poly

    pieces = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, events):
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return int(sum(map(len, pieces)) > LONGEST_SPEECH * rate)  # 1 stops the synthesiser

    with _LOCK, _synthesiser() as (library, rate, data):
        identifier = _identifier(data, voice)
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
    shared = math.gcd(rate, SAMPLE_RATE)
    resampled = resample_poly(samples.astype(np.float32) / 32768, SAMPLE_RATE // shared, rate // shared)
    return resampled.astype(np.float32, copy=False)


def join_sentences(sentences, voice="en-gb", words_per_minute=WORDS_PER_MINUTE):
    """Speak sentences in turn and join them into clips of at most 28 seconds, as few as possible and equally long.

    Whisper always hears 30 seconds, filled up with silence, so a short clip costs its encoder as much as a long one.
    Returns a list of `Clip`; voice, rate and errors are those of `speak`. A ValueError says that there is no sentence,
    or one is too long.
    """
    sentences = check_texts("sentences", sentences)
    silence = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    spoken = [np.concatenate([speak(text, voice, words_per_minute), silence]) for text in sentences]
    seconds = [len(samples) / SAMPLE_RATE for samples in spoken]
    if max(seconds) > LONGEST_CLIP:
        worst = int(np.argmax(seconds))
        raise ValueError(f"sentences[{worst}]: lasts {seconds[worst]:.1f} s, more than {LONGEST_CLIP} s. Split it.")
    cuts = _cut_evenly(seconds, LONGEST_CLIP)
    return [Clip(np.concatenate(spoken[start:end]), " ".join(sentences[start:end])) for start, end in cuts]


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
    """Load eSpeak NG afresh, yield the library, its sample rate in Hz and its data, and unload it.

    A fresh copy, in 3 ms, because the library keeps the phase of its random-like wobble from one text to the next.
    """
    loader = import_package("espeakng_loader")
    try:
        library = ctypes.CDLL(loader.get_library_path())
        data = Path(loader.get_data_path())
    except (OSError, RuntimeError) as error:
        raise SpeechError(
            f"espeakng_loader: its library cannot be loaded ({error}). "
            "Run: pip install --force-reinstall -r requirements.txt"
        ) from error
    with contextlib.ExitStack() as stack:
        if len(os.fsencode(data)) > _LONGEST_DATA_PATH:
            short = Path(stack.enter_context(tempfile.TemporaryDirectory()), "data")
            short.symlink_to(data, target_is_directory=True)
            data = short
        rate = library.espeak_Initialize(2, 0, os.fsencode(data), 0x8000)  # hand samples over; do not exit on errors
        if rate <= 0:
            raise SpeechError(f"espeakng_loader: the synthesiser does not start with the data in {data} (code {rate}).")
        try:
            yield library, rate, data
        finally:
            library.espeak_Terminate()
            unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
            unload(library._handle)


def _list_voices(data):
    """Return {language code: the voice that speaks it best}; each voice's file says which it speaks, and how well."""
    best = {}
    for file in (path for path in (data / "lang").rglob("*") if path.is_file()):
        name = file.relative_to(data / "lang").as_posix()
        for code, place in re.findall(r"^language\s+(\S+)(?: +(\d+))?", file.read_text("utf-8"), re.MULTILINE):
            best[code] = min(best.get(code, (256, "")), (int(place or 5), name))
    return {code: name for code, (_, name) in best.items()}


def _identifier(data, voice):
    """Return what eSpeak NG calls a voice such as "en-gb+f1"; it would itself ignore an unknown name."""
    known = _list_voices(data)
    language, plus, variant = voice.partition("+") if isinstance(voice, str) else (None, "", "")
    if language not in known:
        raise ValueError(f"voice: found {voice!r}, expected a voice such as 'en-gb', 'en-us' or 'en-gb+f1'.")
    variants = sorted(file.name for file in (data / "voices" / "!v").iterdir())
    if plus and variant not in variants:
        raise ValueError(f"voice: found the variant {variant!r}, expected one of {', '.join(variants)}.")
    return known[language] + plus + variant
