"""What several tests of the authors' tools need."""

import pytest
from toy_notebooks import CELLS, write

from authoring import store
from course_utils import lab


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Return the path of a notebook that was stored once; tests read it and change copies only."""
    lab.install_kernel_config()
    path = write(tmp_path_factory.mktemp("stored") / "Überblick 概要" / "01_toy.ipynb", *CELLS)
    store.store(path)
    return path
