"""Fetching: nothing half done under a file's name, whole checksums, one error."""

import hashlib
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest

from course_utils import weights
from course_utils.notebooks import ROOT
from course_utils.weights import WeightsError

WHOLE = b"weights " * 50_000


class Half(BaseHTTPRequestHandler):
    """Announce the whole file, send half of it, then say so and stay silent."""

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(WHOLE)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(WHOLE[: len(WHOLE) // 2])
        self.wfile.flush()
        self.server.sent.set()
        self.server.done.wait()

    def log_message(self, *arguments):
        pass


def fetch_whole(url, name="file.bin"):
    checksum = hashlib.sha256(WHOLE).hexdigest()
    return weights.fetch("Weights", f"{url}/{name}", "models", checksum, "small", "Do without.", WeightsError)


@pytest.fixture
def slow_server():
    server = HTTPServer(("127.0.0.1", 0), Half)
    server.sent, server.done, server.url = Event(), Event(), f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.done.set()
    server.shutdown()
    server.server_close()


def test_a_fetch_that_is_killed_leaves_no_file_under_the_final_name(slow_server, tmp_path):
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    call = f"fetch('Weights', '{slow_server.url}/file.bin', 'models', '0' * 64, 'small', '', RuntimeError)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"from course_utils.weights import fetch; {call}"], env=environment
    )
    assert slow_server.sent.wait(300)
    process.kill()
    process.wait()
    assert not (tmp_path / "models" / "file.bin").exists()


def test_a_fetch_that_breaks_off_leaves_nothing(slow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "READ_SECONDS", 0.5)
    with pytest.raises(WeightsError, match="Weights: its file .*could not be fetched .*Do without"):
        fetch_whole(slow_server.url)
    assert list((tmp_path / "models").iterdir()) == []
