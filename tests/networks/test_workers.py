"""Several workers train as one does, a failure is told clearly, and no worker survives, whatever happens."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from course_utils.networks import workers
from course_utils.networks.workers import Training, WorkerError, run_trainings

ENDLESS = Training(updates=1_000_000)


def running_workers():
    """Return the worker processes that these tests started: another run on this machine may have its own."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "course_utils.networks.workers" in (process.info["cmdline"] or []):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                if process.environ().get("COURSE_TEST_RUN") == str(os.getpid()):
                    found.append(process)
    return found


@pytest.fixture(autouse=True)
def none_survives(monkeypatch):
    monkeypatch.setenv("COURSE_TEST_RUN", str(os.getpid()))
    yield
    deadline = time.monotonic() + 10  # one that was just killed may take a moment to be gone
    while running_workers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running_workers() == []


def test_two_workers_have_the_losses_of_one():
    trainings = Training(updates=12), Training(width=32, batch=16, updates=3)
    two = run_trainings(2, trainings)
    assert [found["parameters"] for found in two] == [118_282, 26_506]
    for shared, training in zip(two, trainings, strict=True):
        assert len(shared["losses"]) == training.updates
        assert np.allclose(shared["alone"]["losses"], shared["losses"], atol=1e-5)
        assert min(shared["alone"]["update_ms"], shared["alone"]["gradient_ms"]) > 0
        assert min(shared["update_ms"], shared["gradient_ms"], shared["exchange_ms"]) > 0
    assert two[0]["losses"][-1] < two[0]["losses"][0]


@pytest.mark.parametrize(
    ("workers", "trainings", "message"),
    [
        (0, [Training()], "workers: found 0"),
        (5, [Training()], "workers: found 5, expected a whole number from 1 to 4"),
        (2.0, [Training()], "workers: found 2.0"),
        (2, [Training(), Training(batch=63)], "batch: found 63, which 2 workers cannot share"),
        (1, [Training(updates=1)], "updates: found 1, expected a whole number of at least 2"),
    ],
)
def test_wrong_arguments_start_nothing(workers, trainings, message, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(ValueError, match=message):
        run_trainings(workers, trainings)


def test_workers_that_take_too_long_are_ended():
    start = time.monotonic()
    with pytest.raises(WorkerError, match="took longer than 1 s"):
        run_trainings(2, [ENDLESS], seconds=1)
    assert time.monotonic() - start < 20


def test_one_worker_that_fails_ends_the_others(monkeypatch):
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, command, **options):
            started.append(command)
            failing = [sys.executable, "-c", "raise SystemExit('no memory left')"]
            super().__init__(failing if len(started) == 2 else command, **options)

    monkeypatch.setattr(workers.subprocess, "Popen", Popen)
    with pytest.raises(WorkerError, match="(?s)worker 1 ended with status 1.*no memory left"):
        run_trainings(2, [ENDLESS])
    assert len(started) == 2


def test_a_program_that_cannot_be_started_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(workers.sys, "executable", str(shutil.which("sh")) + "-that-is-not-there")
    with pytest.raises(FileNotFoundError):
        run_trainings(1, [Training()])


@contextlib.contextmanager
def endless_run(training=False):
    """Start a process that runs two workers without end, and yield it once both are there, or train together."""
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
    code += "from course_utils.networks.workers import *; run_trainings(2, [Training(updates=1_000_000)])"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: len(running_workers()) == 2)
        if training:
            wait_for(lambda: all(talks(worker) for worker in running_workers()), seconds=90)
        yield process
    finally:
        process.kill()
        process.communicate()


def talks(worker):
    return any(connection.status == psutil.CONN_ESTABLISHED for connection in worker.net_connections())


def wait_for(condition, seconds=30):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_ends_the_workers():
    with endless_run() as process:
        process.send_signal(signal.SIGINT)
        _, written = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in written


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("stopped", [False, True])
def test_a_worker_that_is_killed_ends_the_others(stopped):
    with endless_run() as process:
        victim, other = running_workers()
        if stopped:
            other.suspend()  # as one that hangs
        victim.kill()
        _, written = process.communicate(timeout=30)
    assert b"WorkerError: worker" in written and b"ended with status" in written


def test_workers_end_when_the_notebook_is_killed():
    with endless_run(training=True) as process:
        process.kill()
        wait_for(lambda: not running_workers())
