"""Gather what became of each claim of the source document out of the stored chapters."""

from dataclasses import dataclass

from course_utils.evidence import Settled, load_claims, read_box
from course_utils.notebooks import NOTEBOOKS, read_notebook

__all__ = ["Entry", "read_ledger"]


@dataclass(frozen=True)
class Entry:
    """A settled claim, the stem of the notebook that settles it, and a link to the heading above its cell."""

    settled: Settled
    notebook: str
    link: str


def read_ledger(settled_here=()):
    """Return what the stored chapters say of each claim (list of `Entry`), in the order of the claims.

    `settled_here` is what the running notebook, the last chapter, settles itself: the stored boxes of these claims are
    not read. A ValueError names a box that is damaged, or of an unknown claim.
    """
    found, chapters, claims = [], sorted(NOTEBOOKS.glob("*.ipynb")), list(load_claims())
    here = {settled.id for settled in settled_here}
    for path in chapters:
        link = path.name
        for cell in read_notebook(path).cells:
            if cell.cell_type == "markdown":
                for line in cell.source.splitlines():
                    if line.startswith("#"):
                        link = f"{path.name}#{line.lstrip('# ').replace(' ', '-')}"
            for output in cell.get("outputs", []):
                settled = read_box(output.get("data", {}).get("text/plain", ""))
                if settled and settled.id not in here:
                    found.append(Entry(settled, path.stem, link))
    found += [Entry(settled, chapters[-1].stem, chapters[-1].name) for settled in settled_here]
    return sorted(found, key=lambda entry: claims.index(entry.settled.id))
