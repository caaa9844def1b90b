"""Build, train and score small models of any size: dense networks for digits, and language models for characters.

Chapters and the sweeps in `experiments/` share these functions, so that a stored point can be computed again.
"""

import math

import numpy as np

from course_utils.checks import check_array, check_classes, check_count, check_seed
from course_utils.library_text import ALPHABET
from course_utils.memory import say_memory
from course_utils.runtime import load_torch, load_transformers

__all__ = [
    "CONTEXT",
    "INITIALISATIONS",
    "LANGUAGE_MODELS",
    "bits_per_character",
    "build_digit_network",
    "build_language_model",
    "count_parameters",
    "score_digit_network",
    "train_digit_network",
    "train_language_model",
]

CONTEXT = 32  # characters that a language model sees at once
LANGUAGE_BATCH = 8  # pieces of text in one update
DIGIT_BATCH = 64
INITIALISATIONS = ("he", "pytorch")
# width, layers, heads of each size, from about 10 thousand to 3 million parameters
LANGUAGE_MODELS = {
    "16 × 2": (16, 2, 2),
    "32 × 2": (32, 2, 2),
    "64 × 3": (64, 3, 4),
    "128 × 4": (128, 4, 4),
    "256 × 4": (256, 4, 4),
}


def count_parameters(model):
    """Return the number of parameters of a torch model; one that stands in two places counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


@say_memory("build the network", "Give a smaller width or depth.")
def build_digit_network(width, depth, seed=0, initialisation="pytorch"):
    """Build a dense network from 784 brightnesses to 10 logits: `depth` hidden layers of `width` ReLU neurons.

    A depth of 0 makes logistic regression. The seed chooses the first parameters. "pytorch" is the default of
    `torch.nn.Linear`: weights and biases uniform up to 1 / √n for n inputs. "he" takes the same random weights √6 times
    as large, which gives them the variance 2 / n of He and others (2015, arXiv:1502.01852), and biases of zero. Returns
    a `torch.nn.Sequential`; a number out of range or another initialisation raises ValueError.
    """
    torch = load_torch()
    if initialisation not in INITIALISATIONS:
        raise ValueError(f"initialisation: found {initialisation!r}, expected one of {', '.join(INITIALISATIONS)}.")
    sizes = [784, *[check_count("width", width)] * check_count("depth", depth, 0), 10]
    with torch.random.fork_rng():
        torch.manual_seed(check_seed(seed))
        layers = []
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    if initialisation == "he":
        with torch.no_grad():
            for layer in layers[::2]:
                layer.weight *= math.sqrt(6)
                layer.bias.zero_()
    return torch.nn.Sequential(*layers[:-1])


def train_digit_network(network, images, labels, updates, seed=0, learning_rate=0.001):
    """Train a network of `build_digit_network` in place with Adam, in batches of 64 drawn anew each epoch.

    Images are float32 (n, 784), labels integers (n,) from 0 to 9; what does not fit raises ValueError. `updates` counts
    the updates, however many epochs that makes; the seed chooses the order of the images. The learning rate falls to
    zero along a half cosine.
    """
    torch = load_torch()
    images, labels = _check_digits(images, labels)
    check_count("updates", updates)
    random = torch.Generator().manual_seed(check_seed(seed))
    optimiser = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(updates):
        if len(order) < min(DIGIT_BATCH, len(labels)):
            order = torch.randperm(len(labels), generator=random)
        batch, order = order[:DIGIT_BATCH], order[DIGIT_BATCH:]
        loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def score_digit_network(network, images, labels):
    """Return (share of wrong answers, mean cross-entropy in nats) of a network on images (n, 784).

    Images, labels and errors are those of `train_digit_network`.
    """
    torch = load_torch()
    images, labels = _check_digits(images, labels)
    with torch.inference_mode():
        logits = network(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    return float((logits.argmax(dim=1) != labels).double().mean()), float(loss)


@say_memory("build the model", "Give a smaller width or fewer layers.")
def build_language_model(width, layers, heads, seed=0):
    """Build a small GPT-2 that predicts the next character of `library_text.ALPHABET`.

    It has `width` numbers for each token, and `layers` blocks with `heads` attention heads each; no dropout; one table
    for input and output; it sees up to `CONTEXT` characters. The seed chooses the first weights, whose standard
    deviation is 0.5 / √width: GPT-2's own 0.02 is meant for a width of 768, and slows smaller ones down. A number out
    of range, or a width that is no multiple of the heads, raises ValueError.
    """
    torch, transformers = load_torch(), load_transformers()
    for name, value in (("width", width), ("layers", layers), ("heads", heads)):
        check_count(name, value)
    configuration = transformers.GPT2Config(
        vocab_size=len(ALPHABET),
        n_positions=CONTEXT,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=0.5 / math.sqrt(width),
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(check_seed(seed))
        return transformers.GPT2LMHeadModel(configuration)


def train_language_model(model, tokens, updates, seed=0, watch=None, every=50, stop_after=None, rate=0.256):
    """Train a model of `build_language_model` in place with AdamW on random pieces of a text.

    Each update takes 8 pieces of `CONTEXT` + 1 characters. The learning rate rises over 30 updates, and falls along a
    half cosine to a tenth; at its highest it is `rate` / width, since wider models need smaller steps (Yang and others,
    2022, arXiv:2203.03466): by default 0.016 for a width of 16, 0.001 for 256.

    `tokens` (n,) is what `library_text.encode_text` returns; where it is not longer than `CONTEXT`, or a number is out
    of range, ValueError says so. The seed chooses the pieces. `watch` gets the model after every `every` updates; pairs
    (update, what it returned) are returned in a list. With `stop_after`, training ends after so many updates on the way
    to `updates`: the beginning of a long training, exactly as it would be.
    """
    torch = load_torch()
    check_count("updates", updates)
    tokens = _check_text(model, tokens)
    random = torch.Generator().manual_seed(check_seed(seed))
    highest = rate / model.config.n_embd
    optimiser = torch.optim.AdamW(model.parameters(), highest, weight_decay=0.01, fused=True)
    places, seen = torch.arange(CONTEXT + 1), []
    for update in range(1, (stop_after or updates) + 1):
        fall = 0.55 + 0.45 * math.cos(math.pi * update / updates)
        optimiser.param_groups[0]["lr"] = highest * min(1, update / 30) * fall
        starts = torch.randint(len(tokens) - CONTEXT, (LANGUAGE_BATCH, 1), generator=random)
        pieces = tokens[starts + places]
        loss = _cross_entropy(model, pieces)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if watch is not None and update % every == 0:
            seen.append((update, watch(model)))
    return seen


def bits_per_character(model, tokens):
    """Return the mean cross-entropy of a language model on a text, in bits for each character.

    The text (n,) is cut into pieces of `CONTEXT` + 1 characters, each predicted from those before it in its piece; a
    text that is not longer than `CONTEXT`, or holds other tokens, raises ValueError.
    """
    torch = load_torch()
    tokens = _check_text(model, tokens)
    pieces = tokens[: len(tokens) // (CONTEXT + 1) * (CONTEXT + 1)].reshape(-1, CONTEXT + 1)
    with torch.inference_mode():
        total = sum(float(_cross_entropy(model, batch)) * len(batch) for batch in pieces.split(16))
    return total / len(pieces) / math.log(2)


def _check_digits(images, labels):
    """Return images (n, 784) and labels (n,) as tensors of float32 and int64."""
    torch, images = load_torch(), check_array("images", images)
    if images.dtype != np.float32 or images.ndim != 2 or images.shape[1] != 784:
        raise ValueError(
            f"images: found {images.dtype} of shape {images.shape}, expected float32 of shape (n, 784). "
            "Call images.reshape(-1, 784)."
        )
    labels = check_classes("labels", labels, 10)
    if len(labels) != len(images):
        raise ValueError(f"labels: found {len(labels)}, expected {len(images)}, one per image.")
    return torch.as_tensor(images), torch.as_tensor(labels)


def _check_text(model, tokens):
    """Return a text's tokens as an integer tensor (n,); it must be longer than what the model sees at once."""
    tokens = check_classes("tokens", tokens, model.config.vocab_size)
    if len(tokens) <= CONTEXT:
        raise ValueError(f"tokens: found {len(tokens)} of them, expected more than {CONTEXT}. Take a longer text.")
    return load_torch().as_tensor(tokens)


def _cross_entropy(model, pieces):
    """Return the mean cross-entropy in nats of predicting each character of pieces (n, length) but the first."""
    logits = model(input_ids=pieces[:, :-1], use_cache=False).logits
    return load_torch().nn.functional.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten())
