"""Find the notebooks of the course, read them, and take the code of a lesson out of one."""

import ast
import contextlib
import copy
import hashlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

__all__ = [
    "NOTEBOOKS",
    "NotebookError",
    "ROOT",
    "code_cells",
    "list_notebooks",
    "load_definitions",
    "naming_file",
    "notebook_bytes",
    "read_notebook",
    "shown",
    "write_file",
]

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"


class NotebookError(RuntimeError):
    """Report a notebook that cannot be executed, stored or copied; the message names the notebook and the cell."""


def list_notebooks(folder=NOTEBOOKS):
    """Return the paths of the chapters in `folder`, in order, and then of the solutions.

    A FileNotFoundError says that there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: {folder} is not a folder. Name the folder that holds the notebooks.")
    return sorted(folder.glob("*.ipynb")) + sorted((folder / "solutions").glob("*.ipynb"))


def read_notebook(path):
    """Return the notebook at `path` in format 4.5, with an id for each cell that depends only on the cells.

    A NotebookError says that the file is missing, is no notebook, or has an older format than 4.
    """
    import nbformat

    path = Path(path)
    try:
        notebook = nbformat.reader.reads(path.read_text(encoding="utf-8"))
        if notebook.nbformat != 4:
            raise ValueError(f"its format is {notebook.nbformat}")
        notebook.nbformat_minor = 5
        _complete_ids(notebook)
        nbformat.validate(notebook)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise NotebookError(
            f"path: cannot read {shown(path)} as a notebook of format 4 ({reason}). Check the path, or save it "
            "again in JupyterLab."
        ) from error
    return notebook


def _complete_ids(notebook):
    """Give an id to each cell that lacks one or repeats one, made from its source and its place."""
    seen = set()
    for index, cell in enumerate(notebook.cells):
        if cell.get("id") is None or cell.id in seen:
            cell.id = hashlib.sha256(f"{index}\n{cell.source}".encode()).hexdigest()[:8]
        seen.add(cell.id)


def notebook_bytes(notebook):
    """Return a notebook as the bytes of its file."""
    import nbformat

    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


@contextlib.contextmanager
def naming_file(path):
    """Name the file at `path` in a NotebookError, in place of an OSError that names none when a disk is full."""
    try:
        yield
    except OSError as error:
        raise NotebookError(
            f"cannot write {Path(path).absolute()}: {error.strerror}. Free some disk space, or make its folder "
            "writable, then try again."
        ) from error


def write_file(path, content):
    """Write `content` in one step: the file at `path` is the old one or the new one, never a part."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def shown(path):
    """Return `path` as people see it: relative to the project where it lies inside."""
    path = Path(path).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def code_cells(notebook):
    """Return the code cells of a notebook as pairs of their place among all cells and the cell."""
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def load_definitions(notebook, names, given=None):
    """Return the named functions and classes of a notebook, as attributes of a namespace, without running the notebook.

    `notebook` is the stem of a chapter, such as "03_core_algorithms", or the path of an .ipynb file. Only the
    definitions themselves, the definitions that they use and the imports that these use are executed. What else they
    need, such as a variable of a cell, stands in `given`, or they fail with a NameError.

    A NotebookError says that there is no such notebook, a ValueError that a name is not defined in it, or in two ways.
    """
    path = NOTEBOOKS / f"{notebook}.ipynb" if isinstance(notebook, str) and "." not in notebook else Path(notebook)
    definitions, imports = {}, {}
    for cell in read_notebook(path).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                if ast.dump(definitions.setdefault(node.name, node)) != ast.dump(node):
                    raise ValueError(f"names: {node.name!r} is defined in two ways in {path}. Rename one of them.")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    one = copy.copy(node)
                    one.names = [alias]
                    imports[alias.asname or alias.name.split(".")[0]] = one
    if missing := [name for name in names if name not in definitions]:
        raise ValueError(f"names: {missing} not found in {path}. It defines {sorted(definitions)}.")

    needed, pending = set(), list(names)
    while pending:
        name = pending.pop()
        if name in definitions and name not in needed:
            pending += [node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)]
        needed.add(name)
    body = [node for name, node in imports.items() if name in needed]
    body += [node for name, node in definitions.items() if name in needed]  # in reading order
    namespace = {**(given or {}), "__name__": f"definitions of {path}"}
    exec(compile(ast.Module(body, type_ignores=[]), str(path), "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in names})


if __name__ == "__main__":  # the first edition's `python -m course_utils.notebooks prepare`
    from course_utils.__main__ import main

    sys.exit(main(sys.argv[1:]))
