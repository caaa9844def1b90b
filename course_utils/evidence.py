"""Settle the source document's claims by findings, and run its broken code to show how it fails."""

import contextlib
import html
import io
import math
import re
import sys
import sysconfig
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from course_utils.answers import show
from course_utils.checks import is_number
from course_utils.data import read_table
from course_utils.fitting import mean_interval, share_interval

__all__ = [
    "KINDS",
    "Finding",
    "Settled",
    "claim",
    "expect_error",
    "finding",
    "load_claims",
    "mean_finding",
    "own_claim",
    "read_box",
    "share_finding",
]

# Kind of verdict to its text (a divided one names where), its symbol, and its colour (Okabe and Ito's colour-blind safe
# palette; black reads well on all of them).
KINDS = {
    "holds": ("holds where we tested", "✔", "#009E73"),
    "divided": ("holds in part", "▲", "#E69F00"),
    "fails": ("does not hold where we tested", "✘", "#D55E00"),
    "undecided": ("not decided here", "?", "#CC79A7"),
    "cited": ("cited, not measured", "§", "#56B4E9"),
}
_LABELS = {True: "Speaks for it", False: "Speaks against it", None: "Undecided"}
_RELATIONS = {
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "==": lambda value, bound: value == bound,
    "within": lambda value, bound: bound[0] <= value <= bound[1],
}
_SIGNS = {">=": "≥", "<=": "≤", "==": "="}
_OTHER_ROWS = ("Tested on", "Read it as", "Source")
_ERROR_COLOUR = "#56B4E9"
_MESSAGE_LINES, _MESSAGE_CHARACTERS = 5, 500


@dataclass(frozen=True)
class Finding:
    """One thing that was measured, and whether it speaks for a claim (True), against it (False) or neither (None)."""

    where: str
    text: str
    supports: bool | None


@dataclass(frozen=True)
class Settled:
    """A claim and what became of it. As a cell's last line it shows nothing: `claim` has shown its box.

    `findings` are pairs of one of the labels "Speaks for it", "Speaks against it", "Undecided", and a text.
    """

    id: str
    statement: str
    kind: str
    verdict: str
    findings: tuple[tuple[str, str], ...]
    scope: str | None
    reading: str | None
    source: str | None

    @property
    def rows(self):
        """Return what its box shows below the statement, as pairs of a label and a text."""
        others = zip(_OTHER_ROWS, (self.scope, self.reading, self.source), strict=True)
        return [*self.findings, *((label, text) for label, text in others if text is not None)]

    @property
    def basis(self):
        """Return what the verdict rests on: "measured", "measured and cited", or "cited"."""
        if not self.findings:
            return "cited"
        return "measured" if self.source is None else "measured and cited"

    def _ipython_display_(self):
        """Show nothing."""


def load_claims():
    """Return the claims that the course settles, as a dict from id to what the source document says (38 entries)."""
    return {row["id"]: row["statement"] for row in read_table("claims.csv")}


def finding(text, value, relation, bound, *, where, interval=None, form="{:,.3g}", varies=False):
    """Hold a measured number against the bound beyond which it would speak against a claim; return a `Finding`.

    `text` says what the number is, such as "right answers more than the simplest rule has, in points", and `where` on
    what it was tried, in few words, such as "digits": a divided verdict names it. `value` is never a bool: count what
    agrees, or give the largest difference. It stands to `bound`, which was chosen before the measurement, in a
    `relation`: >, >=, <, <=, == or within (a pair of numbers). `interval` is where the value may lie by chance; one
    that holds the bound leaves the finding undecided. `form` writes the numbers; one that `varies` between machines is
    shown behind a ≈.

    A TypeError or ValueError names a number that is a bool or not finite, an interval that does not hold its value, or
    a text that is missing.
    """
    _require_text("text", text)
    _require_text("where", where)
    if relation not in _RELATIONS:
        raise ValueError(f"relation: found {relation!r}, expected one of {', '.join(_RELATIONS)}.")
    _require_number("value", value)
    bounds = bound if relation == "within" else (bound,)
    for end in bounds:
        _require_number("bound", end)
    holds = _RELATIONS[relation]
    supports = bool(holds(value, bound))
    sign = "≈" if varies else ""
    shown = sign + form.format(value)
    if interval is not None:
        low, high = interval
        if relation == "==" or not low <= value <= high:
            raise ValueError(
                f"interval: found {low} to {high} beside the value {value} and {relation!r}, expected one that holds "
                "the value, and an order."
            )
        ends = {bool(holds(end, bound)) for end in interval}
        crosses = relation == "within" and low < bounds[0] and high > bounds[1]
        supports = ends.pop() if len(ends) == 1 and not crosses else None
        shown += f" ({sign}{form.format(low)} to {sign}{form.format(high)})"
    shown += f", needed {_SIGNS.get(relation, relation)} " + " to ".join(map(form.format, bounds))
    return Finding(where, f"{where}: {text}: {shown}", supports)


def mean_finding(text, values, relation, bound, where, *, form="{:.1f}", varies=True):
    """Hold the mean of independent numbers (n,) against a bound, with its 95 % t interval; else as `finding`."""
    value, interval = mean_interval(values)
    return finding(text, value, relation, bound, where=where, interval=interval, form=form, varies=varies)


def share_finding(text, count, of, relation, bound, where, *, form="{:.0f}", varies=True):
    """Hold `count` of `of` examples, in percent, against a bound, with its exact 95 % interval; else as `finding`."""
    interval = [100 * end for end in share_interval(count, of)]
    return finding(text, 100 * count / of, relation, bound, where=where, interval=interval, form=form, varies=varies)


def claim(id, findings, *, scope=None, reading=None, instead=None, source=None):
    """Settle one claim of the source document by its findings, and show the verdict that follows in a box.

    All decided findings speak for it: it holds where we tested. All speak against it: it does not hold. Some do: it is
    divided, and the verdict names where it holds and where not. None is decided: it is not decided here. There are only
    sources: it is cited, not measured.

    `id` is one of `load_claims()`, `findings` may be empty where there is a `source` (references). `scope`, needed with
    findings, says which models, sizes and seeds were tried; `reading` what the findings mean and leave open, with a ≈
    directly before a number that varies between machines; `instead`, needed where the claim does not hold, what is
    true.

    Returns what it showed, for the ledger. A TypeError or ValueError names an unknown id, what is no finding, a text
    that is missing, or a ≈ without a number.
    """
    claims = load_claims()
    if id not in claims:
        raise ValueError(f"id: found {id!r}, expected one of {', '.join(claims)}.")
    texts = {"scope": scope, "reading": reading, "instead": instead, "source": source}
    return _settle(id, claims[id], findings, f"Claim {id}", "The document says", **texts)


def own_claim(statement, findings, *, scope=None, reading=None, instead=None, source=None):
    """Settle a claim that the document does not make; as `claim`, with the claim's own words (str) for the id."""
    _require_text("statement", statement)
    texts = {"scope": scope, "reading": reading, "instead": instead, "source": source}
    return _settle("own", statement, findings, "Your claim", "It is said", **texts)


def _settle(id, statement, findings, heading, label, **texts):
    """Return what became of a claim, and show it in a box."""
    findings = list(findings)
    for entry in findings:
        if not isinstance(entry, Finding):
            raise TypeError(f"findings: found {type(entry).__name__}, expected what `finding` returns.")
    kind, verdict = _decide(findings)
    needed = {"scope": bool(findings), "instead": kind == "fails", "source": not findings}
    for name, text in texts.items():
        if needed.get(name) or text is not None:
            _require_text(name, text)
    scope, reading, instead, source = (texts[name] for name in ("scope", "reading", "instead", "source"))
    if kind == "fails":
        reading = instead if reading is None else f"{instead} {reading}"
    shown = tuple((_LABELS[entry.supports], entry.text) for entry in findings)
    settled = Settled(id, statement, kind, verdict, shown, scope, reading, source)
    rows = [(label, settled.statement), *settled.rows]
    _show_box(heading, *KINDS[kind][1:], verdict, rows)
    return settled


def _decide(findings):
    """Return the kind of verdict that follows from findings, and its words."""
    held, failed = (list(dict.fromkeys(f.where for f in findings if f.supports is way)) for way in (True, False))
    if not findings:
        kind = "cited"
    elif held and failed:
        both = set(held) & set(failed)
        held, failed = [where for where in held if where not in both], [*failed]
        only = f"holds for {', '.join(held)}, not for" if held else "holds in part, not wholly, for"
        return "divided", f"{only} {', '.join(failed)}"
    else:
        kind = "holds" if held else "fails" if failed else "undecided"
    return kind, KINDS[kind][0]


def read_box(text):
    """Return the `Settled` that a stored box shows as plain text; None where the text is not a claim's box.

    Raises ValueError when the text begins like a box and is damaged.
    """
    if not text.startswith("Claim "):
        return None
    heading = re.match(r"Claim (\S+): (\S) (.+)$", text.split("\n")[0])
    rows = [line.split(": ", 1) for line in re.split(r"\n  (?! )", text)[1:] if ": " in line]
    others = dict(rows)
    kinds = [kind for kind, (_, symbol, _) in KINDS.items() if heading and symbol == heading[2]]
    findings = tuple((label, found) for label, found in rows if label in _LABELS.values())
    if not kinds or not (findings or "Source" in others):
        raise ValueError(f"text: found a claim's box that cannot be read: {text[:200]!r}. Execute its notebook again.")
    statement = others.get("The document says", "")
    last = map(others.get, _OTHER_ROWS)
    return Settled(heading[1], statement, kinds[0], heading[3], findings, *last)


def expect_error(error_type, snippet, namespace=None):
    """Run code (a text) that is known to fail, show the error's type and message in a box, and return the exception.

    It comes without its traceback, which would keep the snippet's models in memory; where nothing was raised, or no
    `error_type`, AssertionError says so. The snippet sees and changes the variables in `namespace`, fresh ones if left
    out; what it prints or warns about is not shown. End the cell with `;` or assign the result, or the notebook also
    displays the returned exception, with this machine's paths in it.
    """
    error = None
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True):
        try:
            variables = {"__name__": "snippet"} if namespace is None else namespace
            exec(compile(snippet, "<snippet>", "exec", dont_inherit=True), variables)
        except Exception as raised:  # what was expected is shown, anything else is raised below
            error = raised
    if error is None:
        raise AssertionError(f"snippet: expected {error_type.__name__}, but it ran without an error.")
    if not isinstance(error, error_type):
        found = f"{type(error).__name__}: {_shorten(str(error))}"
        raise AssertionError(f"snippet: expected {error_type.__name__}, but it raised {found}") from error
    rows = [("Message", _shorten(str(error)))]
    number, lines = _failing_line(error), snippet.split("\n")
    if number and number <= len(lines):
        rows.insert(0, (f"Line {number}", lines[number - 1].strip()))
    _show_box("Running this code fails", "✘", _ERROR_COLOUR, type(error).__name__, rows)
    return error.with_traceback(None)


def _show_box(heading, symbol, colour, outcome, rows):
    """Show rows, pairs of a label and a text, as a box in notebooks; as plain text lines are never wrapped."""
    badge = f"background:{colour};color:#000;padding:1px 8px;border-radius:3px"
    text = [f"{heading}: {symbol} {outcome}"]
    lines = [
        f'<div style="border:1px solid {colour};border-left-width:8px;padding:6px 12px;margin:4px 0;'
        'max-width:60em;line-height:1.45">',
        f'<div><b>{html.escape(heading)}</b> <span style="{badge}">{symbol} {html.escape(outcome)}</span></div>',
    ]
    for label, row in rows:
        text.append(f"  {label}: " + row.replace("\n", "\n    "))
        lines.append(f"<div><b>{html.escape(label)}:</b> {html.escape(row).replace(chr(10), '<br>')}</div>")
    show("\n".join(text), html="\n".join([*lines, "</div>"]))


def _require_text(name, text):
    if not isinstance(text, str):
        raise TypeError(f"{name}: found {type(text).__name__}, expected a string that says it.")
    if not text.strip():
        raise ValueError(f"{name}: found an empty string, expected a text.")
    if re.search(r"≈(?![^\s<|])", text):
        raise ValueError(f"{name}: found a ≈ with no number directly behind it in {text!r}. Write it as ≈0.935.")


def _require_number(name, value):
    if not is_number(value) or not math.isfinite(value):
        raise TypeError(f"{name}: found {value!r}, expected a finite number. Measure how much, or count how many.")


def _failing_line(error):
    """Return the number of the snippet's line that failed, or None."""
    if isinstance(error, SyntaxError) and error.filename == "<snippet>":
        return error.lineno
    numbers = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<snippet>"]
    return numbers[-1] if numbers else None


def _shorten(message):
    """Cut a message to its first lines, and take this machine's folders and addresses out of it."""
    folders = {sysconfig.get_path("purelib"): "site-packages", sysconfig.get_path("stdlib"): "lib"}
    folders |= {sys.prefix: "…", str(Path.cwd()): ".", tempfile.gettempdir(): "…", str(Path.home()): "~"}
    for folder in sorted(folders, key=len, reverse=True):
        if folder != Path(folder).anchor:
            message = message.replace(folder, folders[folder])
    message = re.sub(r"\x1b\[[0-9;]*m", "", message)  # colours of a terminal
    message = re.sub(r"[^\s\"'()]*site-packages", "site-packages", message)
    message = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", message)
    lines = message.strip().splitlines()
    short = "\n".join(lines[:_MESSAGE_LINES])
    cut = len(lines) > _MESSAGE_LINES or len(short) > _MESSAGE_CHARACTERS
    return short[:_MESSAGE_CHARACTERS].rstrip() + (" …" if cut else "") or "(no message)"
