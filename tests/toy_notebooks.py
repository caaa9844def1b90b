"""Notebooks of a few cells that need no heavy package, for tests of what stores, checks and copies notebooks."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

LESSON = "# Toy\n\n5 minutes\n\n## Objectives\n\n## Claims settled\n\n## Key points\n\n## References"
CELLS = (
    "import os\nimport random",
    "x = random.random()\nprint('a sum:', 1 + 1)\nprint(f'accuracy  ≈{x:.3f}   | all')\nprint('≈', x, 'seconds')",
    "from IPython.display import HTML\nHTML(f'<td>≈{random.random():.3f}</td><td>3</td>')",
    "from PIL import Image\nprint('noise')\nalt = dict.fromkeys(('image/png', 'image/jpeg'), {'alt': 'dots'})\n"
    "display(Image.frombytes('L', (4, 4), os.urandom(16)), metadata=alt)",
    "os.write(2, b'a log line of a C library\\n')\nos.environ['COURSE_PROGRESS'], os.path.basename(os.getcwd())",
)


def write(path, *sources, title=LESSON):
    """Write a notebook of one title cell and one code cell for each source, not executed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell(title), *(new_code_cell(source) for source in sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def write_stored(path):
    """Write a notebook as `authoring.store` leaves it, with outputs and marks of its own, without running it."""
    notebook = nbformat.read(write(path, *CELLS), as_version=4)
    for number, cell in enumerate(notebook.cells[1:], 1):
        cell.update(execution_count=number, outputs=[nbformat.v4.new_output("stream", text="printed\n")])
        cell.metadata.course = {"source_sha256": "0"}
    nbformat.write(notebook, path)
    return path
