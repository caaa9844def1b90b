"""Write what on the site answers its reader, as HTML that reads well without scripts too: questions, and the ledger.

docs/site/course.js shows one question at a time and filters the ledger; without it all questions stand there with their
answers folded, and the whole ledger.
"""

import base64
import html
import io
import json
import re

from course_utils.evidence import KINDS

__all__ = [
    "bet_html",
    "ledger_html",
    "predictions_html",
    "questions_html",
    "read_asked",
    "read_outcomes",
    "thumbnail",
]

MARKS = {"Speaks for it": "✔", "Speaks against it": "✘", "Undecided": "?"}


def questions_html(name, questions, taught):
    """Return questions, for the script one at a time.

    Parameters
    ----------
    name : str
        Under which the browser keeps the answers.
    questions : iterable of Question
    taught : callable
        Gives the address of the section that teaches a question's matter.
    """
    lines = [f'<div class="quiz" data-name="{html.escape(name)}">']
    for number, question in enumerate(questions, start=1):
        where = f"chapter {question.chapter}, section {question.section}"
        lines += [
            f'<section class="question" data-right="{question.right}">',
            f"<p><b>{number}.</b> {_inline(question.text)}</p>",
            "<ol type='a'>",
            *(
                f'<li data-letter="{letter}" data-why="{html.escape(question.reasons[letter])}">{_inline(option)}</li>'
                for letter, option in question.options.items()
            ),
            "</ol>",
            f"<details><summary>Answer</summary><p>{question.right}) {_inline(question.reasons[question.right])}</p>"
            f'<p><a href="{taught(question)}">Taught in {where}</a></p></details>',
            "</section>",
        ]
    return "\n".join([*lines, "</div>"])


def ledger_html(entries, pictures):
    """Return the ledger as a table with a row a claim, which the script filters by verdict.

    Parameters
    ----------
    entries : list of Entry
    pictures : dict
        Id of a claim to the address of a small picture, its alternative text, and where it stands, if there is one.
    """
    counts = {kind: sum(entry.settled.kind == kind for entry in entries) for kind in KINDS}
    chips = [
        f'<button type="button" data-kind="{kind}" aria-pressed="false" style="--verdict: {colour}">{symbol} {text} '
        f"({counts[kind]})</button>"
        for kind, (text, symbol, colour) in KINDS.items()
        if counts[kind]
    ]
    chips.append('<button type="button" data-kind="all" aria-pressed="true">all</button>')
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("claim", "what became of it", "what it rests on"))
    lines = [
        f'<div class="ledger-filter" role="group" aria-label="Show one verdict alone" hidden>{" ".join(chips)}</div>',
        f'<div class="ledger"><table><thead><tr>{head}</tr></thead><tbody>',
    ]
    for entry in entries:
        settled = entry.settled
        _, symbol, colour = KINDS[settled.kind]
        link, picture = f"notebooks/{entry.link}".replace(".ipynb", ".html"), ""
        if settled.id in pictures:
            address, text, place = pictures[settled.id]
            picture = f'<a href="{place}"><img src="{address}" alt="{html.escape(text)}" loading="lazy"></a>'
        rows = "".join(f"<li>{MARKS.get(label, label + ':')} {html.escape(text)}</li>" for label, text in settled.rows)
        marks = [MARKS[label] for label, _ in settled.findings]
        tally = " · ".join(f"{marks.count(mark)} {mark}" for mark in MARKS.values() if mark in marks) or "sources only"
        lines.append(
            f'<tr data-kind="{settled.kind}" id="claim-{settled.id}"><td><b>{settled.id}</b> '
            f"{html.escape(settled.statement)}</td>"
            f'<td><span class="verdict" style="--verdict: {colour}">{symbol} {html.escape(settled.verdict)}</span>'
            f"{picture}</td>"
            f"<td><details><summary>{tally}</summary><ul>{rows}</ul></details>"
            f'<a href="{link}">Where it was settled: chapter {int(entry.notebook[:2])}</a></td></tr>'
        )
    return "\n".join([*lines, "</tbody></table></div>"])


def bet_html(entry):
    """Return a claim to bet on: its verdict and where it was settled are folded, and the script asks first."""
    settled, link = entry.settled, f"notebooks/{entry.link}".replace(".ipynb", ".html")
    options = " ".join(
        f'<button type="button" data-kind="{kind}">{text}</button>'
        for kind, (text, _, _) in KINDS.items()
        if kind in ("holds", "divided", "fails")
    )
    _, symbol, colour = KINDS[settled.kind]
    rows = "".join(f"<li>{MARKS.get(label, label + ':')} {html.escape(text)}</li>" for label, text in settled.rows)
    return (
        f'<div class="bet" data-kind="{settled.kind}"><p>The document says: <b>{html.escape(settled.statement)}</b> '
        f'What do you bet?</p><div class="options" hidden>{options}</div><details><summary>What became of it</summary>'
        f'<p class="reply" role="status"></p><p><span class="verdict" style="--verdict: {colour}">{symbol} '
        f'{html.escape(settled.verdict)}</span></p><ul>{rows}</ul><p><a href="{link}">Where it was settled</a> · '
        '<a href="ledger.html">the other claims</a></p></details></div>'
    )


def read_asked(source, printed):
    """Return what a stored cell asks, from its code and what it printed: [(name, question, choices), ...].

    `choices` is a list of str; an empty one asks for a range.
    """
    names, lines = re.findall(r'\bpredict\(\s*"([^"]+)"', source), printed.splitlines()
    quoted = r"""(['"])(.+?)\1(?= or ['"]| in place of the dots)"""  # of a choice with an apostrophe, too
    choices = [[choice for _, choice in re.findall(quoted, ask)] for ask in lines[1::2]]
    return list(zip(names, lines[::2], choices, strict=False))  # a cell may print more


def read_outcomes(printed):
    """Return the results that a stored cell printed: [(name of the prediction, result as text), ...]."""
    return re.findall(r"^≈ (.+?): (.+)\. No guess to compare with\.$", printed, re.MULTILINE)


def predictions_html(cell):
    """Return what the script needs of the predictions that a stored code cell asks for or settles; "" for none."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    asked = [("asked", name, "choices", json.dumps(choices)) for name, _, choices in read_asked(cell.source, printed)]
    found = [("outcome", name, "result", result) for name, result in read_outcomes(printed)]
    return "".join(
        f'<div class="{kind}" hidden data-name="{html.escape(name)}" data-{what}="{html.escape(value)}"></div>'
        for kind, name, what, value in (*asked, *found)
    )


def thumbnail(content, size=(280, 200)):
    """Return a picture (base64) made at most `size` pixels large, as the bytes of a PNG file."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        rgba = picture.convert("RGBA")
    rgba.thumbnail(size)
    rgba.quantize(64).save(written := io.BytesIO(), "PNG", optimize=True)
    return written.getvalue()


def _inline(text):
    """Return a question's text as HTML: code stands between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
