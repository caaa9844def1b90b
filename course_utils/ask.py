"""Answer questions from a folder of a person's own text files, in a terminal or in a notebook's cell.

A sentence encoder finds the passages nearest to a question, and a small language model answers from them. Nothing is
written to the folder, and nothing leaves the machine.
"""

import contextlib
import html
import os
import shutil
import sys
import textwrap

import numpy as np

from course_utils.answer_scores import ABSTAINING_ANSWER
from course_utils.checks import check_classes, check_texts
from course_utils.networks.pretrained import load_language_model, load_sentence_encoder
from course_utils.runtime import progress
from course_utils.text_files import is_foreign, printable, read_passages

__all__ = ["Texts", "ask_box", "ask_in_terminal", "find_nearest", "is_silent"]

SHOWN = 3  # passages that are shown
READ = 1  # of these, so many go to the model: it answers worse from more, see experiments/passages_read.py and its CSV
LONGEST_QUESTION = 300  # characters
LONGEST_ANSWER = 64  # tokens
NEAR = 0.25  # and only what is as similar as this, chosen by experiments/question_similarity.py
PROMPT = (
    "Text:\n{text}\n\nQuestion: {question}\n"
    f"Answer from the text in a few words. If the text does not say, write: {ABSTAINING_ANSWER}"
)


def find_nearest(question_vector, passage_vectors, k):
    """Return the places of the k passage vectors (n, d) nearest to a question's (d,), the nearest first.

    All have length 1, so that a product is a similarity: the cosine of the angle.
    """
    return np.argsort(-(passage_vectors @ question_vector), kind="stable")[:k]


def is_silent(answer):
    """Say whether the model answered that the text does not say, as `PROMPT` asks it to."""
    return answer.strip().startswith(ABSTAINING_ANSWER[:-1])


class Texts:
    """The passages of a folder, their vectors, and the two models that answer from them.

    `defend` turns the text of a passage into what the model reads of it; `retrieve` finds passages as `find_nearest`
    does. Both may be a learner's own. `notes` are sentences on files that were not read.
    """

    def __init__(self, folder, defend=None, retrieve=None):
        self.defend, self.retrieve = defend, retrieve or find_nearest
        self.passages, self.notes = read_passages(folder)
        self.encoder, self.model = load_sentence_encoder(), load_language_model(adapter="course")
        texts = [passage.text for passage in self.passages]
        parts = [texts[start : start + 32] for start in range(0, len(texts), 32)]
        self.vectors = np.concatenate([self.encoder.encode(part) for part in progress(parts, "reading")])

    def ask(self, question):
        """Return ([(passage, similarity)], an iterator over the pieces of the answer, or None: it is not in the texts).

        A question that is empty, too long or mostly no English raises ValueError, as does what a learner's function
        returned if it cannot be used.
        """
        question = _check_question(question)
        (vector,) = self.encoder.encode([question])
        places = self.retrieve(vector, self.vectors, min(SHOWN, len(self.passages)))
        places = check_classes("what retrieve returned", places, len(self.passages))[:SHOWN]
        similarities = self.vectors[places] @ vector
        found = [(self.passages[place], float(value)) for place, value in zip(places, similarities, strict=True)]
        texts = [passage.text for passage, similarity in found[:READ] if similarity >= NEAR]
        if self.defend is not None and texts:
            texts = check_texts("what defend returned", [self.defend(text) for text in texts])
        text = "\n\n".join(filter(str.strip, texts))
        if not text:
            return found, None
        prompt = PROMPT.format(text=text, question=question)
        return found, self.model.chat([{"role": "user", "content": prompt}], max_new_tokens=LONGEST_ANSWER)


def _check_question(question):
    question = printable(" ".join(question.split()))
    if not question:
        raise ValueError("The question is empty. Write one in English.")
    if len(question) > LONGEST_QUESTION:
        raise ValueError(f"The question has {len(question):,} characters, the most is {LONGEST_QUESTION}. Shorten it.")
    if is_foreign(question):
        raise ValueError("The question is mostly no English, and the models read English only. Write it in English.")
    return question


# Showing

LOADING = "Reading the texts and loading two models: ten to thirty seconds."
MARK = "The model's answer (may be wrong): "
FAR = f"Not in the texts, it seems: no passage is near enough (similarity {NEAR} or more) for the model to read."
SILENT = "The model gives no answer from this passage. Read it: it often misses one that stands there."
NOTES = 20  # sentences on files; a folder may hold thousands


def _describe(texts):
    """Return the sentences that come before the first question."""
    files = len({passage.file for passage in texts.passages})
    more = [f"And {len(texts.notes) - NOTES:,} more sentences like these."] if len(texts.notes) > NOTES else []
    return [
        *texts.notes[:NOTES],
        *more,
        f"Files: {files:,}. Passages: {len(texts.passages):,}. Ask about them in English.",
    ]


def _place(passage, similarity):
    return f"{passage.file}, line {passage.line} (similarity {similarity:.2f})"


def ask_in_terminal(folder):
    """Read questions from the keyboard, or one a line from a file, until they end; print passages and answers.

    Errors are those of `read_passages`.
    """
    width, keyboard = min(max(shutil.get_terminal_size().columns, 20), 100), sys.stdin.isatty()

    def say(text, indent=""):
        for line in text.splitlines():
            print(textwrap.fill(line, width - 1, initial_indent=indent, subsequent_indent=indent))

    say(LOADING)
    sys.stdout.flush()
    texts = Texts(folder)
    say("\n".join(_describe(texts)))
    with contextlib.suppress(ImportError):  # there is none on Windows, whose console edits by itself
        import readline  # noqa: F401  (lets the arrow keys edit a question)
    ends = "Ctrl-Z and Enter end" if os.name == "nt" else "Ctrl-D ends"
    while True:
        try:
            question = input(f"\nYour question ({ends}): " if keyboard else "")
        except EOFError:
            print()
            return 0
        if not keyboard:
            say(f"\nQuestion: {printable(question)}")
        try:
            found, pieces = texts.ask(question)
            for passage, similarity in found:
                say(_place(passage, similarity))
                say(passage.text, "    ")
            if pieces is None:
                say(FAR)
                continue
            print(MARK, end="", flush=True)
            answer, column = "", len(MARK)
            for piece in pieces:
                answer += piece
                if piece.startswith(" ") and column + len(piece) >= width:
                    piece, column = "\n" + piece[1:], 0
                column += len(piece)
                print(piece, end="", flush=True)
            print()
            if is_silent(answer):
                say(SILENT)
        except ValueError as error:
            say(str(error))
        except KeyboardInterrupt:
            if not keyboard:
                raise
            say("\nStopped. Ask another question.")


def ask_box(folder, defend=None, retrieve=None):
    """Return a box for a notebook's cell: a field and a button for questions, the model's answer, the passages.

    Arguments and errors are those of `Texts` and `read_passages`.
    """
    import ipywidgets

    print(LOADING, flush=True)
    texts = Texts(folder, defend, retrieve)
    field = ipywidgets.Text(description="Question:", continuous_update=False, layout=ipywidgets.Layout(width="75%"))
    button = ipywidgets.Button(description="Ask")
    answer, passages, trouble = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.Output()
    asked = []

    @trouble.capture(clear_output=True)
    def respond(_):
        if asked[-1:] == [field.value]:
            return  # Enter, or the step from the field to the button, has asked it already
        asked.append(field.value)
        button.disabled, passages.value, answer.value = True, "", "…"
        try:
            found, pieces = texts.ask(field.value)
            passages.value = "".join(_as_html(_place(*one), "\n" + one[0].text) for one in found)
            text = ""
            for piece in pieces or ():
                text += piece
                answer.value = _as_html(MARK, text)
            if pieces is None:
                answer.value = _as_html("", FAR)
            elif is_silent(text):
                answer.value = _as_html(MARK, f"{text}\n{SILENT}")
        except ValueError as error:
            answer.value = _as_html("", str(error))
        finally:
            button.disabled = False

    field.observe(respond, "value")
    button.on_click(respond)
    about = ipywidgets.HTML(_as_html("", "\n".join(_describe(texts))))
    return ipywidgets.VBox([about, ipywidgets.HBox([field, button]), answer, passages, trouble])


def _as_html(title, text):
    lines = "<br>".join(map(html.escape, text.splitlines()))
    return f'<p style="line-height: 1.4"><b>{html.escape(title)}</b> {lines}</p>'
