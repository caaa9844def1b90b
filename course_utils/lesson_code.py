"""Take functions and classes out of a stored notebook, so that tests and benchmarks run the code a learner reads."""

import ast
import copy
from types import SimpleNamespace

from course_utils.checks import check_path, check_texts
from course_utils.notebooks import NOTEBOOKS, read_notebook

__all__ = ["load_definitions"]


def load_definitions(notebook, names, given=None):
    """Return the named functions and classes of a notebook, without running the notebook.

    Only the definitions themselves, the definitions that they use and the imports that these use are executed. A
    definition that needs anything else, such as a variable of a cell, must find it in `given`, or fails with a
    NameError.

    Parameters
    ----------
    notebook : str or Path
        The stem of a chapter in `notebooks/`, such as "03_core_algorithms", or the path of an .ipynb file.
    names : sequence of str
        What to take.
    given : dict, optional
        Names that the cells take from elsewhere, such as {"torch": torch}, and their values.

    Returns
    -------
    types.SimpleNamespace
        One attribute for each of `names`.

    Raises
    ------
    course_utils.notebooks.NotebookError
        When there is no such notebook.
    ValueError
        When an argument is of another kind, or a name is not defined in the notebook, or is defined in two ways.
    """
    path = check_path("notebook", notebook)
    if isinstance(notebook, str) and "." not in notebook:
        path = NOTEBOOKS / f"{notebook}.ipynb"
    names = check_texts("names", names)
    if given is not None and not isinstance(given, dict):
        raise ValueError(f"given: found {type(given).__name__}, expected a dict of names and their values.")
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
