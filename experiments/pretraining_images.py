"""Measure what pretraining on photographs is worth on digits: accuracy, seconds and FLOPs against the number of labels.

python experiments/pretraining_images.py [--seeds 3] [--only fast|slow]

Writes experiments/results/pretraining_images.csv, one row an evaluation, and goes on where an earlier run stopped. The
methods are those of chapter 2, which defines them again, by hand, in its cells. Settings are chosen on 400 validation
digits with a seed of their own (100); accuracies are on the 1,000 test digits.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from course_utils.data import load_digits
from course_utils.pretrained import load_image_classifier
from course_utils.runtime import load_keras

keras = load_keras(threads=1)

RESULTS = Path(__file__).resolve().parent / "results" / "pretraining_images.csv"
COMMENTS = (
    "# command: python experiments/pretraining_images.py",
    "# seeds: 0 to 4 (fast methods), 0 to 2 (fine-tuned, from scratch); 100 chooses the settings",
    "# hardware: one core of a 2-core AMD EPYC (AVX-512) that other work shared; keras 3.15.1, tensorflow 2.21.0",
    "# data: 1,000 test digits; `seen` counts images put through training, `flops` all of it; CPU seconds, if measured",
)
COLUMNS = ("method", "task", "labels", "seed", "setting", "split", "seen", "flops", "seconds", "accuracy", "last")
FAST_SEEDS = range(5)
FAST_LABELS, SLOW_LABELS = (1, 3, 10, 30, 100, 300), (1, 10, 100)
SIDE, VALIDATION, CHOOSER = 64, 400, 100
CUT = "block6_add"  # 4 x 4 x 80 numbers; chosen by `layer_runs` on validation digits
LAYERS = ("stem_relu6", "block2_add", "block4_add", "block6_add", "block9_add", "block12_add", "block14_add", "pool")
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)


def forward_flops(model):
    """Return the floating-point operations of one image's forward pass: 2 for each multiply-add, all else left out."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += forward_flops(layer)
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            height, width = layer.output.shape[1:3]
            total += 2 * int(np.prod(layer.kernel.shape)) * height * width
    return total


def choose_labelled(labels, per_class, seed):
    """Return the positions of `per_class` training digits of each class, drawn without replacement."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(np.flatnonzero(labels == digit))[:per_class] for digit in range(10)])


def as_photographs(images):
    """Turn digits (n, 28, 28) in [0, 1] into what EfficientNet-Lite0 takes: (n, 64, 64, 3), scaled as in training."""
    large = keras.ops.image.resize(images[..., None] * 255, (SIDE, SIDE), interpolation="bilinear")
    return np.repeat((np.asarray(large) - 127) / 128, 3, axis=-1)


def small_body(pretrained=True, momentum=0.9, cut=CUT):
    """Build EfficientNet-Lite0 for images of 64 x 64 up to one of its layers, whose output is flattened."""
    model = load_image_classifier().model
    body = keras.Model(model.input, keras.layers.Flatten(name="numbers")(model.get_layer(cut).output))

    def copy(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = momentum  # short trainings need running means that follow quickly
        return type(layer).from_config(config)

    small = keras.models.clone_model(body, input_tensors=keras.Input((SIDE, SIDE, 3)), clone_function=copy)
    if pretrained:
        small.set_weights(body.get_weights())
    return small


def build(name):
    """Build and compile one of the networks."""
    layers = keras.layers
    if name == "dense":
        parts = [keras.Input((28, 28)), layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(128, "relu")]
    elif name == "convolutional":
        parts = [keras.Input((28, 28)), layers.Reshape((28, 28, 1))]
        for channels in (16, 32):
            parts += [layers.Conv2D(channels, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
        parts += [layers.Flatten()]
    else:
        body = small_body(pretrained=name == "fine-tuned")
        if name == "fine-tuned":  # few digits give poor means: keep those of the photographs
            for layer in body.layers:
                layer.trainable = not isinstance(layer, layers.BatchNormalization)
        parts = [keras.Input((SIDE, SIDE, 3)), body]
    model = keras.Sequential([*parts, layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", jit_compile=False)
    return model


def restart(model, start, head):
    """Give the model fresh weights, or those of `start` and `head`, and its optimiser a fresh memory."""
    if start is None:
        model.set_weights(keras.models.clone_model(model).get_weights())
    else:
        model.set_weights(start)
        model.layers[-1].set_weights(head)
    if model.optimizer.built:
        for variable in model.optimizer.variables:
            if variable is not model.optimizer.learning_rate:
                variable.assign(keras.ops.zeros_like(variable))


class Results:
    """The CSV, opened for going on."""

    def __init__(self):
        if not RESULTS.exists():
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text("\n".join([*COMMENTS, ",".join(COLUMNS)]) + "\n", encoding="utf-8")
        lines = [line for line in RESULTS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        self.rows = list(csv.DictReader(lines))

    def has(self, method, task, labels, seed, setting=None):
        wanted = (method, task, str(labels), str(seed))
        return any(
            tuple(row[c] for c in COLUMNS[:4]) == wanted
            and row["last"] == "1"
            and (setting is None or row["setting"] == str(setting))
            for row in self.rows
        )

    def add(self, *values):
        row = dict(zip(COLUMNS, map(str, values), strict=True))
        self.rows.append(row)
        with RESULTS.open("a", encoding="utf-8", newline="") as opened:
            csv.DictWriter(opened, COLUMNS, lineterminator="\n").writerow(row)
        if values[-1]:
            print(*values, flush=True)

    def spent(self, method, task, labels, seed, setting):
        """Return the FLOPs and the seconds of a finished run."""
        wanted = (method, task, str(labels), str(seed), str(setting))
        row = next(row for row in self.rows if tuple(row[c] for c in COLUMNS[:5]) == wanted and row["last"] == "1")
        return int(row["flops"]), float(row["seconds"])

    def best_setting(self, method, task, labels):
        """Return the setting with the highest validation accuracy."""
        rows = [
            row
            for row in self.rows
            if row["split"] == "validation"
            and (row["method"], row["task"], row["labels"]) == (method, task, str(labels))
            and row["last"] == "1"
        ]
        return float(max(rows, key=lambda row: float(row["accuracy"]))["setting"])


def linear_runs(results, method, task, features, cost, data):
    """Fit a linear head (logistic regression) on fixed features, for all sizes and seeds."""
    from sklearn.linear_model import LogisticRegression

    if all(results.has(method, task, labels, seed) for labels in FAST_LABELS for seed in FAST_SEEDS):
        return
    (x, y), (x_validation, y_validation), (x_test, y_test) = data
    x, x_validation, x_test = (features(part) for part in (x, x_validation, x_test))

    def run(labels, seed, strength, x_score, y_score, split):
        rows = choose_labelled(y, labels, seed)
        start = time.process_time()
        head = LogisticRegression(C=strength, max_iter=500).fit(x[rows], y[rows])
        seconds = time.process_time() - start
        steps = int(head.n_iter_.max())
        flops = len(rows) * cost[0] + steps * 3 * 2 * len(rows) * x.shape[1] * 10
        accuracy = head.score(x_score, y_score)
        results.add(
            method, task, labels, seed, strength, split, len(rows), flops,
            round(len(rows) * cost[1] + seconds, 3), round(accuracy, 4), 1,
        )  # fmt: skip

    for labels in FAST_LABELS:
        for strength in STRENGTHS:
            if not results.has(method, task, labels, CHOOSER, strength):
                run(labels, CHOOSER, strength, x_validation, y_validation, "validation")
        for seed in FAST_SEEDS:
            if not results.has(method, task, labels, seed):
                run(labels, seed, results.best_setting(method, task, labels), x_test, y_test, "test")


def layer_runs(results, data):
    """Score a linear head on each layer's output, with 10 labels of each class, on the validation digits."""
    from sklearn.linear_model import LogisticRegression

    (x, y), (x_validation, y_validation), _ = data
    for layer in LAYERS:
        if results.has("layer", layer, 10, CHOOSER + 2, STRENGTHS[-1]):
            continue
        body = small_body(cut=layer)
        found = predict(body, x_validation)
        flops = forward_flops(body)
        for seed in range(CHOOSER, CHOOSER + 3):
            rows = choose_labelled(y, 10, seed)
            features = predict(body, x[rows])
            for strength in STRENGTHS:
                head = LogisticRegression(C=strength, max_iter=500).fit(features, y[rows])
                accuracy = head.score(found, y_validation)
                results.add("layer", layer, 10, seed, strength, "validation", 100, flops, "", round(accuracy, 4), 1)


def predict(model, images):
    """Return the model's outputs in batches of 100."""
    return np.concatenate([model.predict_on_batch(images[i : i + 100]) for i in range(0, len(images), 100)])


def train_runs(results, method, task, data, sizes, seeds, rates, plan, tune_at=None):
    """Train a whole network with Adam and a rate that falls to zero, for all sizes and seeds.

    `plan` gives for each number of labels the steps and after how many of them to look at the test digits.
    """
    (x, y), (x_validation, y_validation), (x_test, y_test) = data
    wanted = [(n, s) for n in sizes for s in seeds if not results.has(method, task, n, s)]
    if not wanted:
        return
    model = build(method)
    start = model.get_weights() if method == "fine-tuned" else None
    step_flops = 3 * forward_flops(model)

    def fitted_head(images, classes, strength):
        """Fine-tuning starts from the head that fits the fixed features: a random one would spoil them first."""
        from sklearn.linear_model import LogisticRegression

        head = LogisticRegression(C=strength, max_iter=500).fit(predict(model.layers[0], images), classes)
        return [head.coef_.T, head.intercept_]

    def run(labels, seed, rate, x_score, y_score, split):
        keras.utils.set_random_seed(seed)
        if start is not None:
            model.set_weights(start)
        rows, random = choose_labelled(y, labels, seed), np.random.default_rng(seed)
        head, flops, seconds = None, 0, 0.0
        if start is not None:
            strength = results.best_setting("features", task, labels)
            head = fitted_head(x[rows], y[rows], strength)
            flops, seconds = results.spent("features", task, labels, seed, strength)
        steps, look = plan[labels]
        batch, seen, order = min(32, len(rows)), 0, []
        model.train_on_batch(x[rows[:batch]], y[rows[:batch]])  # compiles, and is undone
        restart(model, start, head)
        for step in range(1, steps + 1):
            begin = time.process_time()
            model.optimizer.learning_rate.assign(rate * (1 - (step - 1) / steps))
            if len(order) < batch:
                order = list(random.permutation(rows))
            picked, order = order[:batch], order[batch:]
            model.train_on_batch(x[picked], y[picked])
            seconds, seen = seconds + time.process_time() - begin, seen + batch
            if step == steps or (split == "test" and step % look == 0):
                accuracy = np.mean(predict(model, x_score).argmax(axis=1) == y_score)
                results.add(
                    method, task, labels, seed, rate, split, seen, flops + seen * step_flops,
                    round(seconds, 3), round(accuracy, 4), int(step == steps),
                )  # fmt: skip

    for labels in sizes:
        tune = tune_at if tune_at is not None else labels
        for rate in rates:
            if not results.has(method, task, tune, CHOOSER, rate):
                run(tune, CHOOSER, rate, x_validation, y_validation, "validation")
        for seed in seeds:
            if not results.has(method, task, labels, seed):
                run(labels, seed, results.best_setting(method, task, tune), x_test, y_test, "test")


def split(digits, prepare):
    """Return (images, labels) to draw from, for validation, and for testing, the images prepared."""
    x, y = digits.train_images, digits.train_labels
    parts = ((x[:-VALIDATION], y[:-VALIDATION]), (x[-VALIDATION:], y[-VALIDATION:]))
    parts = (*parts, (digits.test_images, digits.test_labels))
    return [(prepare(images), labels) for images, labels in parts]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the slow methods")
    parser.add_argument("--only", choices=("fast", "slow"))
    arguments = parser.parse_args()
    digits, results = load_digits(), Results()
    order = np.random.default_rng(0).permutation(784)

    def permuted(images):
        return images.reshape(len(images), -1)[:, order].reshape(images.shape)

    if arguments.only != "slow":
        layer_runs(results, split(digits, as_photographs))
        bodies = {"features": small_body(), "last features": small_body(cut="pool")}
        for task, change in (("digits", lambda images: images), ("permuted", permuted)):
            photographs = split(digits, lambda images, change=change: as_photographs(change(images)))
            for name, body in bodies.items():
                if task == "permuted" and name == "last features":
                    continue
                predict(body, photographs[1][0])
                begin = time.process_time()
                predict(body, photographs[1][0])
                cost = forward_flops(body), (time.process_time() - begin) / VALIDATION
                linear_runs(results, name, task, lambda images, body=body: predict(body, images), cost, photographs)
            pixels = split(digits, change)
            linear_runs(results, "pixels", task, lambda images: images.reshape(len(images), -1), (0, 0), pixels)
            plan = {n: (steps, 20) for n, steps in zip(FAST_LABELS, (60, 100, 200, 400, 800, 1200), strict=True)}
            if task == "digits":
                train_runs(results, "dense", task, pixels, FAST_LABELS, FAST_SEEDS, (1e-3, 3e-3), plan)
            sizes = FAST_LABELS if task == "digits" else FAST_LABELS[:4]
            train_runs(results, "convolutional", task, pixels, sizes, FAST_SEEDS, (1e-3, 3e-3), plan)
    if arguments.only != "fast":
        photographs = split(digits, as_photographs)
        for seed in range(arguments.seeds):
            plan = {1: (60, 60), 10: (100, 10), 100: (150, 15)}
            train_runs(results, "fine-tuned", "digits", photographs, SLOW_LABELS, [seed], (1e-4, 5e-4), plan, 10)
            plan = {1: (100, 100), 10: (300, 50), 100: (500, 50)}
            train_runs(results, "from scratch", "digits", photographs, SLOW_LABELS, [seed], (1e-3, 3e-3), plan, 10)


if __name__ == "__main__":
    main()
