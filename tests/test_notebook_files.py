"""Reading and writing the files of notebooks."""

import json

import pytest
from toy_notebooks import write

from course_utils import notebooks
from course_utils.notebooks import NotebookError


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"nbformat": 3}', b"\xff\xfe", b'{"nbformat": 4}', b'{"nbformat": 4, "cells": [1]}'],
)
def test_read_notebook_refuses_other_files(tmp_path, content):
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NotebookError, match=r"path: .*x\.ipynb"):
        notebooks.read_notebook(path)


def test_read_notebook_gives_the_same_ids_each_time(tmp_path):
    path = write(tmp_path / "x.ipynb", "1", "1")
    content = json.loads(path.read_text())
    del content["cells"][0]["id"]
    content["cells"][2]["id"] = content["cells"][1]["id"]
    path.write_text(json.dumps(content))
    ids = [cell.id for cell in notebooks.read_notebook(path).cells]
    assert len(set(ids)) == 3
    assert ids == [cell.id for cell in notebooks.read_notebook(path).cells]


def test_list_notebooks_wants_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder: "):
        notebooks.list_notebooks(tmp_path / "missing")
