"""Settle the source document's claims with cells that ran, and run its broken code to show how it fails."""

import contextlib
import csv
import html
import importlib.resources
import io
import re
import sys
import sysconfig
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["BASES", "VERDICTS", "Settled", "claim", "expect_error", "load_claims", "read_box"]

VERDICTS = ("holds", "holds with a caveat", "does not hold")
BASES = ("measured", "cited")

# Symbol and colour of each outcome (Okabe and Ito's colour-blind safe palette); black reads well on all of them.
_MARKS = {
    "holds": ("✔", "#009E73"),
    "holds with a caveat": ("▲", "#E69F00"),
    "does not hold": ("✘", "#D55E00"),
    "error": ("✘", "#56B4E9"),
}
_MESSAGE_LINES, _MESSAGE_CHARACTERS = 5, 500


@dataclass(frozen=True)
class Settled:
    """A claim and what became of it. As a cell's last line it shows nothing: `claim` has shown its box."""

    id: str
    statement: str
    verdict: str
    basis: str
    evidence: str
    caveat: str | None
    source: str | None

    @property
    def caveat_label(self):
        """Return what the caveat is called: "Caveat" where the claim holds, "Instead" where it does not."""
        return "Caveat" if self.verdict == "holds with a caveat" else "Instead"

    def _ipython_display_(self):
        """Show nothing."""


def load_claims():
    """Return the claims that the course settles, as a dict from id to what the source document says (38 entries)."""
    text = importlib.resources.files("course_utils").joinpath("files", "claims.csv").read_text(encoding="utf-8")
    return {row["id"]: row["statement"] for row in csv.DictReader(text.splitlines())}


def claim(id, statement, *, check, measured, verdict, caveat=None, basis="measured", source=None):
    """Settle one claim of the source document: raise unless the evidence supports the verdict, then show a box.

    Parameters
    ----------
    id : str
        Id of the claim, one of `load_claims()`.
    statement : str
        What the document says.
    check : bool
        The condition that supports the verdict, computed from what was measured.
    measured : str
        What was found, with its numbers. A number that varies between machines follows a ≈ directly: "≈0.935 ".
    verdict : {"holds", "holds with a caveat", "does not hold"}
        The outcome.
    caveat : str, optional
        Needed with "holds with a caveat"; with "does not hold" it says what is true instead.
    basis : {"measured", "cited"}
        Whether the evidence was measured here or rests on a primary source.
    source : str, optional
        Reference; needed when `basis` is "cited".

    Returns
    -------
    Settled
        The same, for chapter 8's ledger.

    Raises
    ------
    AssertionError
        When `check` is false.
    TypeError
        When `check` is not a bool, or a text is not a string.
    ValueError
        When the id is unknown, a text that is needed is missing, or a ≈ has no number behind it.
    """
    if not isinstance(id, str) or id not in load_claims():
        raise ValueError(f"id: found {id!r}, expected one of {', '.join(load_claims())}.")
    if verdict not in VERDICTS:
        raise ValueError(f"verdict: found {verdict!r}, expected one of {VERDICTS}.")
    if basis not in BASES:
        raise ValueError(f"basis: found {basis!r}, expected one of {BASES}.")
    if not isinstance(check, bool | np.bool_):
        raise TypeError(f"check: found {type(check).__name__}, expected a bool. Compare the measurement with a bound.")
    _require_text("statement", statement)
    _require_text("measured", measured)
    if verdict == "holds with a caveat" or caveat is not None:
        _require_text("caveat", caveat)
    if basis == "cited" or source is not None:
        _require_text("source", source)
    if verdict == "holds" and caveat is not None:
        raise ValueError("caveat: found one beside the verdict 'holds'. Use 'holds with a caveat', or drop it.")
    if not check:
        raise AssertionError(f"claim {id}: the check behind the verdict {verdict!r} is false. Found: {measured}")

    settled = Settled(id, statement, verdict, basis, measured, caveat, source)
    rows = [("The document says", statement), ("Measured here" if basis == "measured" else "Evidence", measured)]
    if caveat is not None:
        rows.append((settled.caveat_label, caveat))
    if source is not None:
        rows.append(("Source", source))
    _show(_Box(f"Claim {id}", verdict, f"{verdict} ({basis})", rows))
    return settled


def read_box(text):
    """Return the `Settled` that a stored box shows as plain text; None where the text is not a claim's box.

    Raises ValueError when the text begins like a box and is damaged.
    """
    if not text.startswith("Claim "):
        return None
    heading = re.match(r"Claim (\S+): . (.+) \((\w+)\)$", text.split("\n")[0])
    rows = dict(line.split(": ", 1) for line in re.split(r"\n  (?! )", text)[1:] if ": " in line)
    evidence = rows.get("Measured here", rows.get("Evidence"))
    if not heading or heading[2] not in VERDICTS or heading[3] not in BASES or not evidence:
        raise ValueError(f"text: found a claim's box that cannot be read: {text[:200]!r}. Execute its notebook again.")
    return Settled(
        heading[1],
        rows.get("The document says", ""),
        heading[2],
        heading[3],
        evidence,
        rows.get("Caveat", rows.get("Instead")),
        rows.get("Source"),
    )


def expect_error(error_type, snippet, namespace=None):
    """Run code that is known to fail, show the error's type and message in a box, and return the exception.

    What the snippet prints or warns about is not shown. End the cell with `;` or assign the result, or the notebook
    also displays the returned exception, with this machine's paths in it.

    Parameters
    ----------
    error_type : type
        The exception that must be raised (a subclass counts).
    snippet : str
        Source text.
    namespace : dict, optional
        Variables that the snippet sees and changes; a fresh and empty one if left out.

    Returns
    -------
    Exception
        What was raised, without its traceback (which would keep the snippet's models in memory).

    Raises
    ------
    AssertionError
        When nothing was raised, or an exception of another type.
    TypeError
        When an argument has the wrong type.
    """
    if not (isinstance(error_type, type) and issubclass(error_type, Exception)):
        raise TypeError(f"error_type: found {error_type!r}, expected an exception class such as NameError.")
    _require_text("snippet", snippet)
    if namespace is not None and not isinstance(namespace, dict):
        raise TypeError(f"namespace: found {type(namespace).__name__}, expected a dict of variables.")
    error = _run(snippet, {"__name__": "snippet"} if namespace is None else namespace)
    if error is None:
        raise AssertionError(f"snippet: expected {error_type.__name__}, but it ran without an error.")
    if not isinstance(error, error_type):
        found = f"{type(error).__name__}: {_shorten(str(error))}"
        raise AssertionError(f"snippet: expected {error_type.__name__}, but it raised {found}") from error
    rows = [("Message", _shorten(str(error)))]
    number, lines = _failing_line(error), snippet.split("\n")
    if number and number <= len(lines):
        rows.insert(0, (f"Line {number}", lines[number - 1].strip()))
    _show(_Box("Running this code fails", "error", type(error).__name__, rows))
    return error.with_traceback(None)


class _Box:
    """What a notebook shows as HTML, and everything else as plain text. Lines are never wrapped: widths may vary."""

    def __init__(self, heading, kind, outcome, rows):
        self.heading, self.outcome, self.rows = heading, outcome, rows
        self.symbol, self.colour = _MARKS[kind]

    def __repr__(self):
        lines = [f"{self.heading}: {self.symbol} {self.outcome}"]
        for label, text in self.rows:
            lines.append(f"  {label}: " + text.replace("\n", "\n    "))
        return "\n".join(lines)

    def _repr_html_(self):
        badge = f"background:{self.colour};color:#000;padding:1px 8px;border-radius:3px;white-space:nowrap"
        lines = [
            f'<div style="border:1px solid {self.colour};border-left-width:8px;padding:6px 12px;margin:4px 0;'
            'max-width:60em;line-height:1.45">',
            f'<div><b>{html.escape(self.heading)}</b> <span style="{badge}">{self.symbol} '
            f"{html.escape(self.outcome)}</span></div>",
        ]
        for label, text in self.rows:
            body = html.escape(text).replace("\n", "<br>")
            lines.append(f"<div><b>{html.escape(label)}:</b> {body}</div>")
        return "\n".join([*lines, "</div>"])


def _show(box):
    from IPython.display import display

    display(box)


def _require_text(name, text):
    if not isinstance(text, str):
        raise TypeError(f"{name}: found {type(text).__name__}, expected a string that says it.")
    if not text.strip():
        raise ValueError(f"{name}: found an empty string, expected a text.")
    if name != "snippet" and re.search(r"≈(?![^\s<|])", text):
        raise ValueError(f"{name}: found a ≈ with no number directly behind it in {text!r}. Write it as ≈0.935.")


def _run(snippet, namespace):
    """Run the snippet quietly and return the exception that it raised, or None."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True):
        try:
            exec(compile(snippet, "<snippet>", "exec", dont_inherit=True), namespace)
        except Exception as error:  # returned to the caller, who decides whether it is the expected one
            return error
    return None


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
