"""Count the words that a transcript has wrong, in a form in which words can be compared."""

import functools
from dataclasses import dataclass

from course_utils.checks import check_texts
from course_utils.speech.samples import import_package

__all__ = ["WordErrors", "normalise_text", "word_errors"]


@dataclass(frozen=True)
class WordErrors:
    """How a transcript differs from its reference: the fewest changes that turn one into the other."""

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def changes(self):
        """Return how many words must be substituted, deleted or inserted."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self):
        """Return the word error rate: changes divided by words of the reference; above 1 when much was invented."""
        return self.changes / self.words


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


def word_errors(reference, transcript):
    """Count the words that a transcript got wrong, after `normalise_text` on both; return `WordErrors`.

    What was said and what was written are texts, or sequences of equally many; then errors and words of all pairs are
    summed. A ValueError says that lengths differ, there is no pair, or a reference has no word; a SpeechError that a
    package is missing.
    """
    references = check_texts("reference", [reference] if isinstance(reference, str) else reference)
    transcripts = check_texts("transcript", [transcript] if isinstance(transcript, str) else transcript)
    if len(references) != len(transcripts):
        raise ValueError(
            f"transcript: found {len(transcripts)} for {len(references)} references, expected one for each."
        )
    references, transcripts = [list(map(normalise_text, texts)) for texts in (references, transcripts)]
    for place, text in enumerate(references):
        if not any(map(str.isalnum, text)):
            raise ValueError(f"reference: number {place} has no word, so it has no word error rate.")
    result = import_package("jiwer").process_words(references, transcripts)
    return WordErrors(
        result.substitutions, result.deletions, result.insertions, sum(len(text.split()) for text in references)
    )
