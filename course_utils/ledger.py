"""Gather what became of each claim of the source document out of the stored chapters."""

from dataclasses import dataclass

from course_utils.checks import check_path
from course_utils.evidence import Settled, load_claims, read_box
from course_utils.notebooks import NOTEBOOKS, NotebookError, list_notebooks, read_notebook

__all__ = ["Entry", "read_ledger"]


@dataclass(frozen=True)
class Entry:
    """A settled claim, the stem of the notebook that settles it, and a link to the heading above its cell."""

    settled: Settled
    notebook: str
    link: str


def read_ledger(settled_here=(), folder=NOTEBOOKS):
    """Return what the stored chapters say of each claim, in the order of the claims.

    Parameters
    ----------
    settled_here : sequence of Settled
        What the running notebook settles itself; the stored boxes of these claims are not read.
    folder : str or Path
        Where the chapters are.

    Returns
    -------
    list of Entry
        One for each claim that is settled; claims that no chapter settles are missing.

    Raises
    ------
    NotebookError
        When there is no chapter.
    ValueError
        When `settled_here` or `folder` is something else, or a claim is settled twice, is unknown, says something else
        than the list of claims, or its box is damaged.
    """
    if not isinstance(settled_here, list | tuple) or not all(isinstance(one, Settled) for one in settled_here):
        raise ValueError(f"settled_here: found {settled_here!r}, expected a list of what `claim` returned.")
    claims, found, folder = load_claims(), {}, check_path("folder", folder)
    chapters = [path for path in list_notebooks(folder) if path.parent == folder]
    if not chapters:
        raise NotebookError(f"folder: found no chapter in {folder}, expected 01_background.ipynb and others.")
    own = {settled.id for settled in settled_here}
    for path in chapters:
        heading = ""
        for cell in read_notebook(path).cells:
            if cell.cell_type == "markdown":
                headings = [line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#")]
                heading = headings[-1] if headings else heading
            for output in cell.get("outputs", []):
                settled = read_box(output.get("data", {}).get("text/plain", ""))
                if settled is not None and settled.id not in own:
                    _add(found, settled, path.stem, heading, claims)
    last = chapters[-1].stem
    for settled in settled_here:
        _add(found, settled, last, "", claims)
    return [found[id] for id in claims if id in found]


def _add(found, settled, notebook, heading, claims):
    if settled.id in found:
        raise ValueError(f"claim {settled.id}: settled in {found[settled.id].notebook} and again in {notebook}.")
    if claims.get(settled.id) != settled.statement:
        raise ValueError(
            f"claim {settled.id}: {notebook} says {settled.statement!r}, the list {claims.get(settled.id)!r}. "
            "Use the list's words, and execute the notebook again."
        )
    anchor = "#" + heading.replace(" ", "-") if heading else ""
    found[settled.id] = Entry(settled, notebook, f"{notebook}.ipynb{anchor}")
