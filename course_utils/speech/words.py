"""Bring what was said and what was written into a form in which words can be compared."""

import functools

from course_utils.speech.samples import import_package

__all__ = ["normalise_text"]


@functools.cache
def _normaliser():
    return import_package("whisper_normalization").EnglishTextNormalizer()


def normalise_text(text):
    """Bring a text into the form in which words are compared; use it for the reference and for the transcript alike.

    By OpenAI's normaliser for English: lower case, no punctuation, numbers in digits ("seventeen" becomes "17"),
    American spelling, contractions in full ("won't" becomes "will not"), no "um" and nothing in brackets; words stand
    between single spaces. What is no string raises ValueError, a missing package SpeechError. Radford et al. (2023),
    appendix C; https://github.com/openai/whisper, whisper/normalizers/english.py.
    """
    if not isinstance(text, str):
        raise ValueError(f"text: found {type(text).__name__}, expected a string.")
    return _normaliser()(text).strip()
