"""Compare chapter 3's NumPy network with Keras: speed at batch 32, where Keras catches up, and the share of the peak.

    python benchmarks/numpy_network.py [--repeats 7] [--threads 2] [--no-grid] [--notebook FILE.ipynb]

The NumPy code is taken out of the notebook, so it is the code that a learner reads. Both train the same layers from the
same weights with Adam on the same batches, in float32, turn by turn in one process. Keras may use all threads; NumPy is
timed with one, as in the chapter, and with all. A ratio is a form's seconds divided by those of NumPy: the median over
the repeats, each of which times all forms. Compiling is not counted. The peak is the best of NumPy's and TensorFlow's
products of two large square matrices. "CPU" is the processor time of all threads together; other programs that run at
the same time disturb it less than wall time.
"""

import argparse
import time
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from course_utils.data import load_digits
from course_utils.notebooks import load_definitions
from course_utils.runtime import THREADS, load_keras, progress

NAMES = ["Adam", "build_layers", "cross_entropy", "forward", "train_epoch"]
BATCHES, WIDTHS = (8, 32, 128, 512), (32, 128, 512, 2048)
LEAST_RATIO = 3
SMALL = 2e8  # operations an update, below which a second thread cannot help NumPy
FORMS = {
    "Keras, the document's form": {},
    "Keras without the accuracy metric": {"metrics": None},
    "Keras, 125 updates a call": {"steps_per_execution": 125},
}


def flat(layers):
    """List the arrays of [(weights, bias), ...]."""
    return [array for pair in layers for array in pair]


def flops_per_update(sizes, batch):
    """Count a multiplication and an addition as two: forward, both products backward, no gradient of the pixels."""
    products = [d_in * d_out for d_in, d_out in zip(sizes[:-1], sizes[1:], strict=True)]
    return 2 * batch * (3 * sum(products) - products[0])


def build_keras(layers, steps_per_execution=1, metrics=("accuracy",)):
    """Build the same network in Keras, with the same weights."""
    keras = load_keras()
    hidden = [keras.layers.Dense(len(bias), activation="relu") for _, bias in layers[:-1]]
    last = keras.layers.Dense(len(layers[-1][1]), activation="softmax")
    network = keras.Sequential([keras.Input((len(layers[0][0]),)), *hidden, last])
    network.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=list(metrics) if metrics else None,
        steps_per_execution=steps_per_execution,
    )
    network.set_weights(flat(layers))
    return network


def seconds(function):
    """Return how long a call takes, and how much processor time all threads take together."""
    start, cpu_start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - cpu_start


def matrix_product_peak(size=2048, repeats=7):
    """Return (NumPy's, TensorFlow's) GFLOP/s for a float32 product of two square matrices: the best of the repeats."""
    load_keras()
    import tensorflow as tf

    one, other = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    tensors = tf.constant(one), tf.constant(other)
    numpy_seconds, tensorflow_seconds = [], []
    for _ in range(repeats):
        numpy_seconds.append(seconds(lambda: one @ other)[0])
        tensorflow_seconds.append(seconds(lambda: tf.matmul(*tensors).numpy())[0])
    return tuple(2 * size**3 / min(found) / 1e9 for found in (numpy_seconds, tensorflow_seconds))


def compare(lesson, sizes, batch, updates, repeats, forms, numpy_threads, digits):
    """Time epochs of `updates` batches turn by turn; return {form: array (repeats, 2)}, wall and CPU seconds."""
    images = digits.train_images.reshape(-1, 784)
    rows = np.arange(batch * updates) % len(images)
    inputs, labels, order = images[rows], digits.train_labels[rows], np.arange(len(rows))

    def train(layers, optimizer, threads):
        with threadpool_limits(threads):
            lesson.train_epoch(layers, optimizer, inputs, labels, order, batch)

    def build_layers():
        return lesson.build_layers(np.random.default_rng(0), sizes)

    calls, losses = {}, {}
    for number in sorted(numpy_threads):
        layers = build_layers()
        call = partial(train, layers, lesson.Adam(flat(layers)), number)
        call()  # warms up
        calls[numpy_name(number)] = call
        losses[numpy_name(number)] = lesson.cross_entropy(lesson.forward(layers, inputs[:512])[-1], labels[:512])
    for name, options in forms.items():
        network = build_keras(build_layers(), **options)
        calls[name] = partial(network.fit, inputs, labels, batch_size=batch, shuffle=False, verbose=0)
        calls[name]()  # compiles
        losses[name] = np.ravel(network.evaluate(inputs[:512], labels[:512], verbose=0))[0]
    if max(losses.values()) - min(losses.values()) > 0.1 + 0.1 * min(losses.values()):
        raise RuntimeError(f"After one epoch the losses are {losses}: not the same training.")
    times = [[seconds(call) for call in calls.values()] for _ in range(repeats)]
    return dict(zip(calls, np.array(times).transpose(1, 0, 2), strict=True))


def numpy_name(threads):
    return f"NumPy, {threads} thread{'s' if threads > 1 else ''}"


def ratio(theirs, own):
    """Return the medians over the repeats of one form's seconds divided by another's: wall and CPU."""
    return np.median(theirs / own, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="how often each is timed (7; a third of it in the grid)")
    parser.add_argument("--threads", type=int, default=THREADS, help=f"threads for both ({THREADS})")
    parser.add_argument("--grid", action=argparse.BooleanOptionalAction, default=True, help="look for the crossing")
    parser.add_argument("--notebook", default="03_core_algorithms", help="chapter or file with the NumPy code")
    options = parser.parse_args()
    if options.repeats < 1 or options.threads < 1:
        parser.error(f"--repeats, --threads: found {options.repeats} and {options.threads}, expected at least 1")
    lesson, digits = load_definitions(options.notebook, NAMES), load_digits()
    load_keras(threads=options.threads)
    with threadpool_limits(options.threads):
        peaks = matrix_product_peak()
    print(
        f"{options.threads} threads; products of 2048 × 2048: NumPy {peaks[0]:.0f}, TensorFlow {peaks[1]:.0f} GFLOP/s"
    )
    report_document(lesson, digits, options.repeats, options.threads, max(peaks))
    if options.grid:
        report_grid(lesson, digits, max(3, options.repeats // 3), options.threads, max(peaks))


def report_document(lesson, digits, repeats, threads, peak):
    """Print the comparison at the document's sizes."""
    sizes, batch, updates = (784, 128, 128, 10), 32, 125
    found = compare(lesson, sizes, batch, updates, repeats, FORMS, {1, threads}, digits)
    work = flops_per_update(sizes, batch) * updates / 1e9
    print(f"\nthe document's network at batch {batch}, {repeats} repeats")
    print(f"{'form':36} {'ms an update':>12} {'ratio':>7} {'CPU ms':>7} {'ratio':>7} {'GFLOP/s':>8} {'of peak':>8}")
    for name, times in found.items():
        wall, cpu = np.median(times, axis=0)
        wall_ratio, cpu_ratio = ratio(times, found[numpy_name(1)])
        columns = f"{1000 * wall / updates:12.2f} {wall_ratio:6.1f}× {1000 * cpu / updates:7.2f} {cpu_ratio:6.1f}×"
        print(f"{name:36} {columns} {work / wall:8.1f} {work / wall / peak:8.0%}")
    first = ratio(found[next(iter(FORMS))], found[numpy_name(1)])[0]
    print("target", "met" if first >= LEAST_RATIO else "missed", f"(at least {LEAST_RATIO}×, found {first:.1f}×)")


def report_grid(lesson, digits, repeats, threads, peak):
    """Print the ratio to the faster of NumPy's forms over batch sizes and widths: below 1, Keras is faster."""
    form = {"Keras": {}}
    print("\nKeras's seconds / NumPy's (share of the peak: NumPy, Keras), 784-width-width-10")
    print(f"{'batch':>6}", *(f"{f'width {width}':>19}" for width in WIDTHS))
    for batch in progress(BATCHES, description="batch sizes"):
        cells = []
        for width in WIDTHS:
            sizes = (784, width, width, 10)
            flops = flops_per_update(sizes, batch)
            updates = int(np.clip(3e10 / flops, 5, 125))
            numpy_threads = {1} if flops < SMALL else {1, threads}
            found = compare(lesson, sizes, batch, updates, repeats, form, numpy_threads, digits)
            theirs = found.pop("Keras")
            own = min(found.values(), key=lambda times: np.median(times[:, 0]))
            shares = [flops * updates / np.median(times[:, 0]) / 1e9 / peak for times in (own, theirs)]
            cells.append(f"{ratio(theirs, own)[0]:6.2f}× ({shares[0]:3.0%}, {shares[1]:3.0%})")
        print(f"{batch:>6}", *(f"{cell:>19}" for cell in cells))


if __name__ == "__main__":
    main()
