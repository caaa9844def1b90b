"""Score by rule what a language model answered: is it right, does it abstain, does it keep the given form?"""

import json
import re

from course_utils.calculator import calculate, read_request
from course_utils.checks import check_texts
from course_utils.verdicts import text_does_not_say

__all__ = ["ABSTAINING_ANSWER", "holds_answer", "holds_words", "normalise", "score_answer"]

ABSTAINING_ANSWER = "The text does not say."
LONGEST_SENTENCE = 12  # words of a sentence around an answer, its own not counted
LONGEST_ABSTENTION = 30  # words
TOLERANCE = 1e-6  # of a calculated value

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBERS = {word: str(number) for number, word in enumerate(ONES)} | {
    word: str(10 * number) for number, word in enumerate(TENS, 2)
}
ORDINALS = dict(first="1st", second="2nd", third="3rd", fourth="4th", fifth="5th", sixth="6th", seventh="7th")
ARTICLES = {"a", "an", "the"}
NEGATIONS = {"not", "no", "never", "nobody", "nothing", "neither", "t"}
WORD = re.compile(r"[^\W_]+(?:[.:/][^\W_]+)*")
COUNTED_WORD = re.compile(r"\w+(?:['’.,:/-]\w+)*")


def normalise(text):
    """Return a text's words for comparing: lower case, no articles and marks, numbers as digits ("1,340" is "1340")."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text.lower().replace("’", "'"))
    text = re.sub(r"(?:^|(?<=\s))-(?=\d)", "minus ", text)
    ones = "|".join(ONES[1:10])
    text = re.sub(rf"\b({'|'.join(TENS)})[- ]({ones})\b", lambda m: str(int(NUMBERS[m[1]]) + ONES.index(m[2])), text)
    text = re.sub(r"\b(\d[\d.]*) ?°(?: ?c)?", r"\1 degrees ", text).replace("€", " euros ").replace("%", " percent ")
    text = re.sub(r"(?<=\d)(?=(?:km|kg|g|cm|m|mm|h)\b)", " ", text)
    words = [NUMBERS.get(word, ORDINALS.get(word, word)) for word in WORD.findall(text.replace("'s", " s"))]
    return " ".join([word for word in words if word not in ARTICLES] or words)


def holds_answer(text, accept, others=()):
    """Say whether a text gives one of the accepted answers: alone, or in a sentence of at most 12 words more.

    The sentence stands on one line. It must neither hold one of the `others`, which are wrong, nor say no, unless the
    accepted answer does.
    """
    said = normalise(text)
    accepted = [normalise(answer) for answer in check_texts("accept", accept)]
    if said in accepted:
        return True
    held = [answer for answer in accepted if _holds(said, answer)]
    if not held or "\n" in text.strip() or text_does_not_say(text):
        return False
    rest = f" {said} "
    for answer in sorted(held, key=len, reverse=True):
        rest = rest.replace(f" {answer} ", "  ")
    words = rest.split()
    short = len(words) <= LONGEST_SENTENCE and not NEGATIONS & set(words)
    return short and not any(_holds(" ".join(words), normalise(other)) for other in others)


def holds_words(text, phrases):
    """Say whether a text holds one of the phrases as whole words, both normalised."""
    said = normalise(text)
    return any(_holds(said, normalise(phrase)) for phrase in phrases)


def _holds(said, phrase):
    return bool(phrase) and f" {phrase} " in f" {said} "


def score_answer(instruction, text):
    """Say whether a model's text is a right answer to an `Instruction`, by the rule that its `check` names.

    "answer": one of the accepted answers, see `holds_answer`. "abstain": the first sentence abstains, and the text has
    at most 30 words. "words 8": at most eight words, among them an accepted one. "request": a calculator's request of
    the same value. "talk": any words. The other checks are forms: the form is kept, and what stands in it is right.
    """
    text = text.strip()
    name, _, limit = instruction.check.partition(" ")
    if name not in CHECKS:
        raise ValueError(f"instruction: found the check {instruction.check!r}, expected one of {', '.join(CHECKS)}.")
    return bool(CHECKS[name](instruction, text, *([int(limit)] if limit else [])))


def _is_answer(instruction, text):
    return not text.startswith("{") and holds_answer(text, instruction.accept, instruction.others)


def _is_abstention(_instruction, text):
    first = re.split(r"(?<=[.!?])\s", text)[0]
    return text_does_not_say(first) and len(COUNTED_WORD.findall(text)) <= LONGEST_ABSTENTION


def _is_within(instruction, text, limit):
    if len(COUNTED_WORD.findall(text)) > limit or text_does_not_say(text):
        return False
    return holds_words(text, instruction.accept) and not holds_words(text, instruction.others)


def _is_request(instruction, text):
    try:
        return abs(calculate(read_request(text) or "") - float(instruction.accept[0])) < TOLERANCE
    except ValueError:  # no request, or none that the calculator can compute
        return False


def _is_inside(pattern):
    def check(instruction, text):
        found = re.fullmatch(pattern, text)
        return found and _is_answer(instruction, found[1])

    return check


def _items_are(instruction, items):
    """Compare three items with the accepted ones, in any order; an item may have a few more words."""
    wanted = [normalise(item) for item in instruction.accept]
    said = [normalise(item) for item in items]
    short = all(len(item.split()) <= LONGEST_SENTENCE for item in said)
    return len(said) == len(wanted) and short and all(sum(_holds(s, want) for s in said) == 1 for want in wanted)


def _is_list(pattern):
    def check(instruction, text):
        found = [re.fullmatch(pattern, line.strip()) for line in text.splitlines() if line.strip()]
        return all(found) and _items_are(instruction, [line[1] for line in found])

    return check


def _fields(instruction):
    """Return {key: accepted values} of accepted answers of the form "key: value"."""
    fields = {}
    for key, value in (answer.split(": ", 1) for answer in instruction.accept):
        fields.setdefault(key, []).append(value)
    return fields


def _fields_are(instruction, found):
    wanted = _fields(instruction)
    return set(found) == set(wanted) and all(holds_answer(str(found[key]), wanted[key]) for key in wanted)


def _is_json(instruction, text):
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and _fields_are(instruction, found)


def _is_row(instruction, text):
    found = re.fullmatch(r"\|([^|\n]+)\|([^|\n]+)\|", text)
    return found and _fields_are(instruction, dict(zip(_fields(instruction), found.groups(), strict=True)))


def _is_sheet(instruction, text):
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    return _fields_are(instruction, {key.strip(): value for key, _, value in lines})


CHECKS = {
    "answer": _is_answer,
    "abstain": _is_abstention,
    "words": _is_within,
    "request": _is_request,
    "talk": lambda _, text: normalise(text) and not text.startswith("{"),
    "choice": lambda asked, text: re.sub(r"[.!]$", "", text).lower() == asked.accept[0].lower(),  # yes or no, say
    "word": lambda asked, text: len(text.split()) == 1 and normalise(text) in map(normalise, asked.accept),
    "upper": lambda asked, text: text == text.upper() and _is_answer(asked, text),
    "digits": lambda asked, text: text.removesuffix(".") in asked.accept,
    "brackets": _is_inside(r"\[([^\[\]]+)\]"),
    "prefix": _is_inside(r"Answer: *([^\n]+)"),
    "dashes": _is_list(r"[-–*•]\s*(.+)"),
    "numbered": _is_list(r"\d[.)]\s*(.+)"),
    "commas": lambda asked, text: (
        "\n" not in text and _items_are(asked, re.split(r", (?:and )?", text.removesuffix(".")))
    ),
    "json": _is_json,
    "row": _is_row,
    "sheet": _is_sheet,
}
