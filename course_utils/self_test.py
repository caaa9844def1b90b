"""Ask the questions of the self-test, check the answers on this machine, and explain what was wrong; the glossary."""

import json
from dataclasses import dataclass

from course_utils.data import read_file, read_table

__all__ = [
    "Question",
    "Term",
    "check_answers",
    "load_glossary",
    "load_questions",
    "show_chapter_questions",
    "show_glossary",
    "show_questions",
]


@dataclass(frozen=True)
class Question:
    """A question about a chapter's section: options by letter, the right letter, and why each is right or wrong."""

    number: int
    chapter: int
    section: str
    text: str
    options: dict[str, str]
    right: str
    reasons: dict[str, str]


@dataclass(frozen=True)
class Term:
    """A term of the glossary, with other names and the Chinese one, and the heading under which a chapter teaches it.

    `synonyms` is empty where there is no other common name.
    """

    term: str
    synonyms: str
    chinese: str
    definition: str
    notebook: str
    heading: str

    @property
    def link(self):
        """Return the link to the heading, as JupyterLab names it."""
        return f"{self.notebook}.ipynb#{self.heading.replace(' ', '-')}"


def load_glossary():
    """Return the terms of the glossary as a tuple of `Term`, in alphabetical order."""
    return tuple(Term(**row) for row in read_table("glossary.csv"))


def show_glossary():
    """Return the glossary as Markdown, a table with links to where each term is taught."""
    from IPython.display import Markdown

    lines = ["| term | also | Chinese | meaning | taught in |", "|---|---|---|---|---|"]
    for t in load_glossary():
        where = f"[{int(t.notebook[:2])}: {t.heading}]({t.link})"
        lines.append(f"| {t.term} | {t.synonyms} | {t.chinese} | {t.definition} | {where} |")
    return Markdown("\n".join(lines))


def load_questions(chapter=None):
    """Return the questions as a tuple of `Question`, numbered from 1.

    They are those that a chapter (int) asks at its own end, or all of them in the order of the chapters: the review in
    chapter 8.
    """
    asked = json.loads(read_file("self_test.json"))
    if chapter is None:
        asked.sort(key=lambda entry: entry["chapter"])
    else:
        asked = [entry for entry in asked if entry.get("asked_at_end_of") == chapter]
    return tuple(
        Question(
            number,
            entry["chapter"],
            entry["section"],
            entry["question"],
            {letter: option["text"] for letter, option in entry["options"].items()},
            entry["right"],
            {letter: option["why"] for letter, option in entry["options"].items()},
        )
        for number, entry in enumerate(asked, start=1)
    )


def show_chapter_questions(chapter):
    """Print the questions that a chapter (int) asks at its end, with their options."""
    _print(load_questions(chapter))


def show_questions(chapter):
    """Print what the review in chapter 8 asks about one chapter (int), with the options."""
    _print(question for question in load_questions() if question.chapter == chapter)


def _print(questions):
    for question in questions:
        print(f"{question.number}. {question.text}")
        print(*(f"   {letter}) {option}" for letter, option in question.options.items()), sep="\n")


def check_answers(answers, chapter=None):
    """Print for each wrong answer why it is wrong and where its matter is taught, then the score by chapter.

    `answers` is {1: "b", 2: "c"}: a question's number and the letter chosen. Questions may be left out, or have `...`.
    `chapter` is the one at whose end the questions stand; without it they are the review in chapter 8.

    Returns {chapter: (right answers, questions answered)}. A ValueError says that `answers` is no dict, or that there
    is no such question or option.
    """
    if not isinstance(answers, dict):
        raise ValueError(f'answers: found {type(answers).__name__}, expected a dict such as {{1: "b", 2: "c"}}.')
    questions, score = {question.number: question for question in load_questions(chapter)}, {}
    for number, letter in answers.items():
        if number not in questions:
            raise ValueError(f"answers: found the question {number!r}, expected 1 to {len(questions)}.")
        if letter is ...:
            continue
        question, letter = questions[number], str(letter).lower()
        if letter not in question.options:
            letters = ", ".join(question.options)
            raise ValueError(f"answers: found {letter!r} for question {number}, expected one of {letters}.")
        right, asked = score.get(question.chapter, (0, 0))
        score[question.chapter] = right + (letter == question.right), asked + 1
        if letter != question.right:
            print(f"{number}. Not {letter}: {question.reasons[letter]}")
            print(f"   Right is {question.right}: {question.reasons[question.right]}")
            print(f"   Taught in chapter {question.chapter}, section {question.section}.")
    for chapter, (right, asked) in sorted(score.items()):
        print(f"chapter {chapter}: {right} of {asked} right")
    if not score:
        print(f"No answer yet. There are {len(questions)} questions.")
    return score
