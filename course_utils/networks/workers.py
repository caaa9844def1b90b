"""Train the document's network on several worker processes at once, and never leave one of them running.

Each worker is a process of its own (`python -m course_utils.networks.workers`), with a part of every batch;
TensorFlow's MultiWorkerMirroredStrategy adds up their gradients. They talk over this machine's own addresses only.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from course_utils.checks import check_count
from course_utils.notebooks import ROOT
from course_utils.runtime import waiting

__all__ = ["Training", "WorkerError", "run_trainings"]

MOST = 4  # workers; each needs about half a gigabyte
SECONDS = 120


class WorkerError(RuntimeError):
    """A worker ended with an error, or did not end in time; the message holds the last lines that it wrote."""


class Training(NamedTuple):
    """What to train: neurons of a hidden layer, digits in an update (over all workers), and number of updates."""

    width: int = 128
    batch: int = 64
    updates: int = 40


def run_trainings(workers, trainings, seconds=SECONDS):
    """Train on so many workers (1 to 4) at the same time, and return what the first one measured.

    The network is the document's (784 inputs, two hidden layers, 10 classes), on the course's digits, from the same
    first weights however many workers there are. The same processes do all `trainings` (at least one `Training`), as
    their start is what takes longest. However this function is left, no worker goes on running.

    Returns a dict for each training: `losses` (of each update), `update_ms` (median of an update), `gradient_ms` (of it
    without the exchange between workers, measured on its own), `exchange_ms` (adding up numbers as many as the
    parameters, on its own), `parameters`; and `alone`, a dict of the same things: beforehand the first worker does each
    training by itself, while the others wait. A ValueError names an argument that is out of range; a `WorkerError`
    says that a worker failed, or that they took longer than `seconds` in all.
    """
    check_count("workers", workers, most=MOST)
    for training in trainings:
        if check_count("batch", training.batch) % workers:
            raise ValueError(f"batch: found {training.batch}, which {workers} workers cannot share equally.")
        check_count("updates", training.updates, 2)  # the first one compiles
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    with contextlib.ExitStack() as stack:
        folder, processes = Path(stack.enter_context(tempfile.TemporaryDirectory())), []
        for index in range(workers):
            process = stack.enter_context(_start_worker(index, addresses, trainings, folder))
            stack.callback(process.kill)
            processes.append(process)
        _wait_for(processes, folder, seconds)
        return json.loads((folder / "0.json").read_text(encoding="utf-8"))


def _start_worker(index, addresses, trainings, folder):
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    name, output = "course_utils.networks.workers", folder / f"{index}.json"
    with open(folder / f"{index}.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", name, json.dumps(trainings), str(output)],
            env={**os.environ, "TF_CONFIG": json.dumps(cluster), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,  # is never written to: it closes when we die, and then the worker ends
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,  # an interrupt of the notebook reaches us, and we end the workers
        )


@waiting("Training on worker processes")
def _wait_for(processes, folder, seconds):
    """Return when all processes have ended well; otherwise raise `WorkerError`."""
    ends = time.monotonic() + seconds
    while None in (statuses := [process.poll() for process in processes]) or any(statuses):
        for number, status in enumerate(statuses):
            if status:
                raise WorkerError(f"worker {number} ended with status {status}. {_last_lines(folder, number)}")
        if time.monotonic() > ends:
            raise WorkerError(f"worker 0 took longer than {seconds} s. {_last_lines(folder, 0)}")
        time.sleep(0.02)


def _free_ports(count):
    """Return so many ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


def _last_lines(folder, number, count=8):
    lines = (folder / f"{number}.log").read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    return "\n".join(["It wrote last:", *lines])


def _work(trainings, output):
    """Be one worker: train with the others, and let the first write what it measured."""
    threading.Thread(target=_end_with_the_notebook, daemon=True).start()
    from course_utils.data import load_digits
    from course_utils.runtime import load_keras

    load_keras(threads=1)
    import tensorflow as tf

    strategy, digits = tf.distribute.MultiWorkerMirroredStrategy(), load_digits()
    index = strategy.cluster_resolver.task_id
    alone = [_train(tf.distribute.get_strategy(), 0, digits, training) for training in trainings if index == 0]
    found = [_train(strategy, index, digits, training) for training in trainings]
    if index == 0:
        both = [{**one, "alone": by_itself} for one, by_itself in zip(found, alone, strict=True)]
        Path(output).write_text(json.dumps(both), encoding="utf-8")


def _end_with_the_notebook():
    os.read(0, 1)  # returns when the process that started us is gone
    os._exit(1)


def _train(strategy, index, digits, training):
    """Train one network as worker `index`, and return what `run_trainings` promises, but `alone`."""
    import numpy as np
    import tensorflow as tf

    count = strategy.num_replicas_in_sync
    images, labels = digits.train_images.reshape(-1, 784), digits.train_labels.astype(np.int32)
    random, sizes = np.random.default_rng(0), (784, training.width, training.width, 10)
    with strategy.scope():
        weights = []
        for n, m in zip(sizes[:-1], sizes[1:], strict=True):
            limit = np.sqrt(6 / (n + m))
            weights += [tf.Variable(random.uniform(-limit, limit, (n, m)).astype(np.float32)), tf.Variable(tf.zeros(m))]

    def gradients_of(x, y):
        with tf.GradientTape() as tape:
            h = tf.nn.relu(x @ weights[0] + weights[1])
            logits = tf.nn.relu(h @ weights[2] + weights[3]) @ weights[4] + weights[5]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_sum(losses) / training.batch
        return loss, tape.gradient(loss, weights)

    def update(x, y):
        loss, gradients = gradients_of(x, y)
        gradients = tf.distribute.get_replica_context().all_reduce("sum", gradients)
        for variable, gradient in zip(weights, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)
        return loss

    @tf.function
    def train(x, y):
        return strategy.reduce("sum", strategy.run(update, (x, y)), axis=None)

    @tf.function
    def compute_only(x, y):
        return strategy.run(lambda x, y: gradients_of(x, y)[1], (x, y))

    @tf.function
    def exchange_only():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("sum", [v * 1.0 for v in weights]))

    share, losses, spent = training.batch // count, [], {"update_ms": [], "gradient_ms": [], "exchange_ms": []}
    order = random.permutation(len(images))
    for number in range(training.updates):
        rows = np.take(order, range(number * training.batch, (number + 1) * training.batch), mode="wrap")
        mine = rows[index * share : (index + 1) * share]
        x, y = tf.constant(images[mine]), tf.constant(labels[mine])
        for name, call in (
            ("update_ms", lambda: train(x, y)),
            ("gradient_ms", lambda: compute_only(x, y)),
            ("exchange_ms", exchange_only),
        ):
            start = time.perf_counter()
            result = call()
            if name == "update_ms":
                losses.append(float(result))
            spent[name].append(1000 * (time.perf_counter() - start))
    found = {name: float(np.median(values[1:])) for name, values in spent.items()}
    return found | {"losses": losses, "parameters": sum(int(np.prod(variable.shape)) for variable in weights)}


if __name__ == "__main__":
    _work([Training(*values) for values in json.loads(sys.argv[1])], sys.argv[2])
