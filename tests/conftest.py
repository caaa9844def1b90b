"""Settings that hold for all tests, those of the notebooks included."""

import os
import socket

import pytest
from hypothesis import settings

from authoring.store import execution_environment

os.environ.update(execution_environment())
settings.register_profile("course", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("course")

LONGEST = [
    "notebooks/07_trends_and_challenges.ipynb",
    "notebooks/03_core_algorithms.ipynb",
    "notebooks/05_applications.ipynb",
    "notebooks/04_best_practice.ipynb",
    "notebooks/06_tools_and_resources.ipynb",
    "tests/test_install_check.py",
    "tests/networks/test_language_model.py",
    "tests/test_progress.py",
    "tests/networks/test_workers.py",
    "tests/authoring/test_store.py",
    "notebooks/solutions/06_tools_and_resources.ipynb",
    "tests/test_chapter_exercises.py",
    "notebooks/02_core_concepts.ipynb",
    "notebooks/01_background.ipynb",
    "notebooks/08_faq.ipynb",
    "tests/networks/test_image_classifier.py",
    "tests/networks/test_translator.py",
    "tests/test_ask.py",
    "tests/networks/test_adapter.py",
    "notebooks/solutions/07_trends_and_challenges.ipynb",
]


def pytest_configure(config):
    config.option.loadscopereorder = False  # pytest-xdist would put the files with the most tests first


def pytest_collection_modifyitems(items):
    """Start the longest files first, the longest of all at the front: one that starts last would run alone."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def connect_here(self, address):
        local = (
            not isinstance(address, tuple)
            or str(address[0]) in ("localhost", "::1")
            or str(address[0]).startswith("127.")
        )
        if not local:
            raise OSError(f"no network in tests: refused a connection to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
