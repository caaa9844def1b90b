"""Say of an answer in words, by rules, whether it says what is accepted, and whether it abstains."""

import re
import unicodedata

from course_utils.data import read_file

__all__ = ["abstains", "says", "text_does_not_say"]

# "The text does not say", "It isn't mentioned", "There is no information about that", "I don't know" and their like.
_ABSTAINING = re.compile(
    r"\b(?:does|do|did)(?: not|n't) (?:really |actually |explicitly |directly )?"
    r"(?:say|state|mention|tell|specify|give|provide|contain|include|indicate|reveal|answer|know|have)\b"
    r"|\b(?:is|are|was|were)(?: not|n't) (?:explicitly |directly |clearly )?"
    r"(?:said|stated|mentioned|given|specified|provided|known|told|indicated|in (?:the|this|my) \w+|available|there)\b"
    r"|^(?:not|nowhere) (?:said|stated|mentioned|given|specified|provided|known|in (?:the|this) \w+)"
    r"|\b(?:says|gives|has|have|contains|provides|is|find) (?:no|nothing|no such)"
    r" ?(?:about|on|answer|information|mention|details?)?\b"
    r"|\bno (?:information|answer|mention|details?)\b|\bunknown\b|\bleaves (?:it|this|that) open\b"
    r"|\b(?:cannot|can't|can not|could not|couldn't) (?:say|tell|answer|know|find|be (?:answered|found|determined))\b"
)

_WORD = re.compile(r"[^\W_]+(?:'(?!s\b)[^\W_]+)?")  # with its apostrophe: "don't", but not the one of "Ann's"


def _words(text):
    """Return the words of a text in lower case, each between two spaces; digits are joined over a comma."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
    return f" {' '.join(_WORD.findall(plain))} "


# how people and models say, in English, that they do not know or that there is no answer
_PHRASES = [_words(phrase) for phrase in read_file("abstaining.txt").splitlines()]


def says(answer, accepted):
    """Say whether an answer (str) holds one of the accepted texts as whole words, in capitals or not."""
    words = _words(answer)
    return any(_words(text) in words for text in accepted)


def abstains(answer):
    """Say whether an answer (str) is empty, or holds one of the phrases by which people say that they do not know."""
    words = _words(answer)
    return not words.strip() or any(phrase in words for phrase in _PHRASES)


def text_does_not_say(answer):
    """Say whether an answer (str) from a text says that it is not there: "The text does not say." and its like.

    `abstains` is for answers without a text; a text may itself say that something is not available, or depends.
    """
    return bool(_ABSTAINING.search(" ".join(answer.lower().replace("’", "'").split())))
