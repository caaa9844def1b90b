"""Settings that hold for all tests, those of the notebooks included."""

import os
import socket

import pytest
from hypothesis import settings

from authoring.store import execution_environment

os.environ.update(execution_environment())
settings.register_profile("course", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("course")


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
