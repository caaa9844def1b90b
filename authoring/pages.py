"""Cut a chapter's notebook into the pages of the site (opening, parts, end), and lead links to the right one."""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

__all__ = ["Page", "cut", "heading_anchor", "relink"]

_HEADING = re.compile(r"^(#{1,4}) (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\(|href=\")((?:[\w./-]*/)?)(0\d_\w+)?(\.ipynb|\.html)?#((?:[^()\s\"]|\([^()\s\"]*\))+)")


@dataclass
class Page:
    """A page of a chapter: its name (a file without its ending), and the notebook's cells that it shows."""

    name: str
    cells: list

    @cached_property
    def anchors(self):
        """The anchors of its headings."""
        sources = (cell.source for cell in self.cells if cell.cell_type == "markdown")
        return {heading_anchor(text) for source in sources for _, text in _HEADING.findall(_FENCED.sub("", source))}


def heading_anchor(heading):
    """Return the anchor of a heading, the same that JupyterLab gives it: spaces become hyphens."""
    return heading.replace(" ", "-")


def cut(stem, cells):
    """Return the pages of a chapter, at least one: the opening, named like the chapter, its parts, and its end.

    A part begins with `# Part 2 · …`; the end with another heading of the first level behind the parts, or with
    `## Key points`.
    """
    pages = [Page(stem, [])]
    for cell in cells:
        heading = re.match(r"(#+) (.+)", cell.source) if cell.cell_type == "markdown" else None
        part = heading and re.match(r"# (Part \d+[^·(]*)", heading[0])
        if part:
            pages.append(Page("-".join([stem, *re.findall(r"\w+", part[1].lower())]), []))
        elif heading and len(pages) > 1 and pages[-1].name != f"{stem}-end":
            if len(heading[1]) == 1 or heading[2] == "Key points":
                pages.append(Page(f"{stem}-end", []))
        pages[-1].cells.append(cell)
    return pages


def relink(text, here, pages):
    """Return a text whose links to places of chapters lead to the page that has the place.

    Parameters
    ----------
    text : str
        Markdown, or HTML.
    here : str or None
        The stem of the chapter that the text is a part of.
    pages : dict
        Stem of each chapter to its pages.
    """

    def led(link):
        start, folder, stem, ending, anchor = link.groups()
        if "solutions/" in folder or not (stem or here) or (stem and stem not in pages):
            return link[0]
        for page in pages[stem or here]:
            if unquote(anchor) in page.anchors:
                return f"{start}{folder}{page.name}{ending or '.ipynb'}#{anchor}"
        return link[0]

    return _LINK.sub(led, text)
