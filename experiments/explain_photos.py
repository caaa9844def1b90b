"""Compare explanations of the photograph classifier: with each other, with a shuffled network, and by hiding places.

    python experiments/explain_photos.py [FILE ...]

Every map has 7 × 7 places of 32 × 32 pixels, signed (what speaks for the answer and what against it) or absolute (sizes
alone), and explains the probability of the network's first answer on each photograph that shows an ImageNet class.
Four files are written, or those that are named: photo_agreement, photo_shuffles, photo_deletion, and
photo_completeness (what the integrated gradients of all pixels add up to, over what they should).
"""

import argparse
import platform
from itertools import combinations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from course_utils.data import load_photos
from course_utils.networks.pretrained import load_image_classifier
from course_utils.runtime import load_keras
from course_utils.tables import RESULTS, append_rows, start_sweep

STEPS = 64  # of the path of integrated gradients
SHUFFLES = {"last layer": range(5), "all layers": range(5)}  # what is shuffled, and by which seeds
HIDDEN = (0, 3, 7, 14, 21, 28, 38, 49)  # places hidden in the deletion test
FILLS = ("grey", "mean colour", "blur")
OTHER_FILL = dict(zip(FILLS, (*FILLS[1:], FILLS[0]), strict=True))  # occlusion by one fill is judged by another
RANDOM_ORDERS = 20
METHODS = ("gradient", "integrated gradients", "Grad-CAM", "occlusion")
FILES = {
    "photo_agreement": ("photo", "first", "second", "form", "correlation"),
    "photo_shuffles": ("photo", "shuffled", "seed", "method", "form", "correlation"),
    "photo_deletion": ("photo", "fill", "order", "area"),
    "photo_completeness": ("photo", "steps", "share"),
}


def tiles(values):
    """Sum a map (224, 224) over 7 × 7 squares of 32 pixels."""
    return values.reshape(7, 32, 7, 32).sum(axis=(1, 3))


def fill_with(x, fill):
    """Return what hides the places of a scaled photograph x (224, 224, 3), as a picture of its shape."""
    if fill == "blur":
        return gaussian_filter(x, (16, 16, 0))
    return np.zeros_like(x) if fill == "grey" else np.broadcast_to(x.mean(axis=(0, 1)), x.shape)


def hide(x, filling, places):
    """Return x with some of its 49 places taken from another picture."""
    hidden = np.zeros(49, bool)
    hidden[list(places)] = True
    return np.where(np.kron(hidden.reshape(7, 7), np.ones((32, 32), bool))[..., None], filling, x)


class Explainer:
    """The classifier of photographs, and four methods that say why."""

    def __init__(self, classifier):
        keras = load_keras(threads=1)
        import tensorflow as tf

        self.tf, self.model = tf, classifier.model
        layers = self.model.layers
        last = max(i for i, layer in enumerate(layers) if len(layer.output.shape) == 4)
        self.body, self.head = keras.Model(self.model.input, layers[last].output), keras.Sequential(layers[last + 1 :])
        self.gradient = tf.function(
            self._gradient, input_signature=[tf.TensorSpec([None, 224, 224, 3]), tf.TensorSpec([], tf.int32)]
        )

    def _gradient(self, pictures, k):
        with self.tf.GradientTape() as tape:
            tape.watch(pictures)
            value = self.model(pictures, training=False)[:, k]
        return tape.gradient(value, pictures)

    def probabilities(self, pictures, k):
        """Return the probability of class k for pictures (n, 224, 224, 3), (n,)."""
        parts = np.split(pictures, range(8, len(pictures), 8))
        return np.concatenate([self.model.predict_on_batch(part)[:, k] for part in parts])

    def maps(self, x, k, methods=METHODS):
        """Return {(method, form): 7 × 7 map} of a scaled photograph x (224, 224, 3) and a class k."""
        found = {}
        for method in methods:
            if method == "Grad-CAM":
                signed = self.grad_cam(x, k)
                found[method, "signed"], found[method, "absolute"] = signed, np.abs(signed)
            elif method == "occlusion":
                signed = self.occlusion(x, k, "grey")
                found[method, "signed"], found[method, "absolute"] = signed, np.abs(signed)
            else:
                shares = self.pixels(x, k, method)
                found[method, "signed"] = tiles(shares.sum(axis=-1))
                found[method, "absolute"] = tiles(np.abs(shares).sum(axis=-1))
        return found

    def pixels(self, x, k, method, steps=STEPS):
        """Return each pixel's gradient, or its integrated gradient from grey (224, 224, 3)."""
        if method == "gradient":
            return self.gradient(self.tf.constant(x[None]), k).numpy()[0]
        path = ((np.arange(steps, dtype=np.float32) + 0.5) / steps)[:, None, None, None] * x
        parts = [self.gradient(self.tf.constant(part), k).numpy() for part in np.split(path, steps // 4)]
        return x * np.concatenate(parts).mean(axis=0)

    def grad_cam(self, x, k):
        """Return the feature maps weighted by their mean gradients, (7, 7)."""
        maps = self.tf.constant(self.body.predict_on_batch(x[None]))
        with self.tf.GradientTape() as tape:
            tape.watch(maps)
            value = self.head(maps, training=False)[0, k]
        weights = self.tf.reduce_mean(tape.gradient(value, maps), axis=(1, 2), keepdims=True)
        return (weights * maps).numpy().sum(axis=-1)[0]

    def occlusion(self, x, k, fill):
        """Return by how much the probability falls when each place is hidden, (7, 7)."""
        filling = fill_with(x, fill)
        values = self.probabilities(np.stack([x, *(hide(x, filling, [place]) for place in range(49))]), k)
        return (values[0] - values[1:]).reshape(7, 7)

    def area(self, x, k, filling, order):
        """Return the mean probability while places are hidden in an order, from none to all (trapezoid rule)."""
        values = self.probabilities(np.stack([hide(x, filling, order[:count]) for count in HIDDEN]), k)
        return float(np.trapezoid(values, HIDDEN) / 49)


def shuffle(layers, random):
    """Permute the numbers of each weight table of these layers."""
    for layer in layers:
        tables = layer.get_weights()
        layer.set_weights([random.permutation(w.ravel()).reshape(w.shape) if w.ndim > 1 else w for w in tables])


def rank_correlation(first, second):
    """Return Spearman's correlation of two maps."""
    return float(spearmanr(first.ravel(), second.ravel())[0])


def orders_of(explainer, x, k, maps, fill):
    """Return {name: order of the 49 places, the most important first} for the deletion test with a fill."""
    chosen = {
        "gradient, absolute": maps["gradient", "absolute"],
        "gradient, signed": maps["gradient", "signed"],
        "integrated gradients, absolute": maps["integrated gradients", "absolute"],
        "integrated gradients, signed": maps["integrated gradients", "signed"],
        "Grad-CAM, signed": maps["Grad-CAM", "signed"],
        "occlusion by another fill": explainer.occlusion(x, k, OTHER_FILL[fill]),
        "occlusion by the same fill": explainer.occlusion(x, k, fill),
    }
    orders = {name: np.argsort(-values.ravel(), kind="stable") for name, values in chosen.items()}
    return orders | {"the middle first": np.argsort(np.hypot(*(np.indices((7, 7)) - 3)).ravel(), kind="stable")}


def compare_methods(explainer, pictures, answers, maps):
    """Yield the rank correlations between the maps of two methods."""
    for name in pictures:
        for a, b in combinations(METHODS, 2):
            for form in ("signed", "absolute"):
                yield name, a, b, form, f"{rank_correlation(maps[name][a, form], maps[name][b, form]):.4f}"
    yield from multiply(explainer, pictures, answers, maps)


def multiply(explainer, pictures, answers, maps):
    """Yield the correlation of the gradient, multiplied by picture minus grey, with integrated gradients."""
    for name, x in pictures.items():
        values = tiles((x * explainer.pixels(x, answers[name], "gradient")).sum(axis=-1))  # grey is 0 in x
        found = rank_correlation(values, maps[name]["integrated gradients", "signed"])
        yield name, "gradient", "integrated gradients", "signed, times picture", f"{found:.4f}"


def delete_places(explainer, pictures, answers, maps):
    """Yield the areas under the deletion curves of all orders and fills."""
    for name, x in pictures.items():
        for fill in FILLS:
            filling, random = fill_with(x, fill), np.random.default_rng(0)
            for order_name, order in orders_of(explainer, x, answers[name], maps[name], fill).items():
                yield name, fill, order_name, f"{explainer.area(x, answers[name], filling, order):.5f}"
            drawn = [explainer.area(x, answers[name], filling, random.permutation(49)) for _ in range(RANDOM_ORDERS)]
            yield name, fill, "random", f"{np.mean(drawn):.5f}"


def shuffle_weights(explainer, pictures, answers, maps):
    """Yield the rank correlations with the maps of a shuffled network, and of another photograph as a control."""
    layers = explainer.model.layers
    kept = [layer.get_weights() for layer in layers]
    for what, seeds in SHUFFLES.items():
        for seed in seeds:
            shuffle(layers[-2:] if what == "last layer" else layers, np.random.default_rng(seed))
            for name, x in pictures.items():
                after = explainer.maps(x, answers[name])
                for key, values in after.items():
                    yield name, what, seed, *key, f"{rank_correlation(maps[name][key], values):.4f}"
            for layer, weights in zip(layers, kept, strict=True):
                layer.set_weights(weights)
    for name, other in zip(pictures, [*list(pictures)[1:], next(iter(pictures))], strict=True):
        for key, values in maps[name].items():
            yield name, "another photograph", 0, *key, f"{rank_correlation(values, maps[other][key]):.4f}"
    yield from add_noise(explainer, pictures, answers, maps)


def add_noise(explainer, pictures, answers, maps):
    """Yield the rank correlations with the maps of the same photograph, each number moved by 1 of 255: a ceiling."""
    for name, x in pictures.items():
        noise = np.random.default_rng(0).choice(np.float32([-1, 1]), x.shape) / 128  # in the scale of x
        for key, values in explainer.maps(x + noise, answers[name]).items():
            yield name, "noise of 1 of 255", 0, *key, f"{rank_correlation(values, maps[name][key]):.4f}"


def add_up(explainer, pictures, answers, maps):
    """Yield how complete the integrated gradients are."""
    for name, x in pictures.items():
        after, before = explainer.probabilities(np.stack([x, np.zeros_like(x)]), answers[name])
        for steps in (8, 32, 128):
            total = explainer.pixels(x, answers[name], "integrated gradients", steps).sum(dtype=float)
            yield name, steps, f"{total / (after - before):.4f}"


MEASURES = dict(zip(FILES, (compare_methods, shuffle_weights, delete_places, add_up), strict=True))


def main():
    """Measure anew what is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="*", help=f"some of {', '.join(FILES)}; all when left out")
    chosen = parser.parse_args().file or [*FILES]
    comments = [
        "# command: python experiments/explain_photos.py",
        f"# hardware: 2 CPU cores ({platform.machine()}) that other work shared",
        f"# seeds: shuffles {len(SHUFFLES['last layer'])}, random orders {RANDOM_ORDERS} for each photograph and fill; "
        f"integrated gradients: {STEPS} steps from grey",
        "# model: EfficientNet-Lite0; the answer explained is its first on the unchanged photograph",
    ]
    classifier = load_image_classifier()
    photos = {name: photo.image for name, photo in load_photos().items() if photo.imagenet_classes}
    pictures = dict(zip(photos, classifier.preprocess([*photos.values()]), strict=True))
    explainer = Explainer(classifier)
    answers = {name: int(classifier.model.predict_on_batch(x[None]).argmax()) for name, x in pictures.items()}
    maps = {name: explainer.maps(x, answers[name]) for name, x in pictures.items()}
    for name in chosen:
        (RESULTS / f"{name}.csv").unlink(missing_ok=True)
        start_sweep(name, comments, FILES[name])
        for row in MEASURES[name](explainer, pictures, answers, maps):
            append_rows(name, [row])


if __name__ == "__main__":
    main()
