"""Count the words that a transcript has wrong, in a form in which words can be compared."""

import re
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
    def rate(self):
        """Return the word error rate: changes divided by words of the reference; above 1 when much was invented."""
        return (self.substitutions + self.deletions + self.insertions) / self.words


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
    result = import_package("jiwer").process_words(references, transcripts)
    return WordErrors(
        result.substitutions, result.deletions, result.insertions, sum(len(text.split()) for text in references)
    )


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
    in_words = import_package("num2words").num2words

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
