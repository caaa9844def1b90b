"""Say of an answer in words, by rules, whether it says what is accepted, and whether it abstains."""

import re
import unicodedata

__all__ = ["abstains", "says", "text_does_not_say"]

# how people and models say, in English, that they do not know or that there is no answer
PHRASES = """
do not know · don't know · did not know · not know · i am not sure · i'm not sure · not certain · i am not aware ·
i'm not aware · not familiar with · do not have · don't have · do not possess · have no information · have no way ·
no information · not enough information · no record · no reliable · not available · am unable · i'm unable ·
unable to · i cannot · i can't · i could not · i couldn't · cannot predict · can't predict · cannot be predicted ·
cannot be known · cannot know · cannot say · cannot tell · cannot answer · not possible · impossible to ·
difficult to predict · hard to predict · difficult to say · hard to say · not yet known · unknown · not known ·
nobody knows · no one knows · no way of knowing · has not happened · have not happened · has not been · yet to be ·
remains to be seen · does not exist · doesn't exist · do not exist · don't exist · never existed · no such ·
there is no · there's no · there was no · there are no · not a real · isn't a real · not an actual ·
please provide · provide more · more context · more information · could you tell me · can you tell me ·
tell me more · does not say · as an ai i · i'm not a helpful · i am not a helpful · i am designed to ·
i'm designed to · not equipped to · i'm sorry for · depends on
"""

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


_PHRASES = [_words(phrase) for phrase in PHRASES.split("·")]


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
